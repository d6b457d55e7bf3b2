"""What `heart verify` promises: numbers beside references, a verdict that follows from them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from heart.cli.app import app
from heart.core.errors import GateError, UsageError
from heart.core.progress import Telemetry, silent
from heart.study.verification import benchmark as rows
from heart.study.verification import eikonal, fibres, mesh_ranking, report
from heart.study.verification.benchmark import Benchmark, Check, Gate
from heart.study.verification.nominal import Nominal
from heart.study.verification.registry import REGISTRY
from heart.study.verification.shapes import ball, box

NAMES = (
    "eikonal", "fibres", "ecg_sphere", "example_mesh", "example_physiology", "demo",
    "mesh_ranking",
    "manufactured_ep", "niederer2011", "single_cells", "electro_agreement",
    "material_points", "manufactured_mechanics", "land2015", "elastodynamics",
)  # fmt: skip


def verify(*words: str) -> tuple[BaseException | None, str]:
    """Return how `heart verify` ended and what it printed."""
    ended = CliRunner().invoke(app, ["verify", *words])
    return ended.exception, ended.stdout


def made_of(*checks: Check) -> Benchmark:
    """Return a benchmark that always gives these rows."""

    def run(telemetry: Telemetry) -> list[Check]:
        telemetry.say("made up")
        return list(checks)

    return Benchmark("made_up", "Made up", 1.0, run, ("a note",))


GOOD = rows.near("good", 1.001, 1.0, 0.01, "ms", "assumed", relative=True)
BAD = rows.between("bad", 1.2, 0.0, 1.0, "mm", "assumed")


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_can_be_listed_and_documented(name: str, repo_root: Path) -> None:
    """A benchmark that is only in the code is not offered; its table is in the documentation."""
    one = REGISTRY[name]
    assert one.name == name
    assert one.title
    assert 0.0 < one.seconds < 3600.0
    assert callable(one.run)
    assert all(note.endswith(".") for note in one.notes)
    listing = verify("--list")[1]
    assert f"{name} " in listing
    assert one.title in listing
    assert f"{name}.md" in (repo_root / "docs/verification/README.md").read_text(encoding="utf-8")


def test_registry_holds_nothing_else() -> None:
    """The list above is the list of the command."""
    assert tuple(sorted(REGISTRY)) == tuple(sorted(NAMES))


@pytest.mark.parametrize("part", [eikonal._order, eikonal._slab, eikonal._bent_path])
def test_quick_eikonal_parts_meet_their_gates(part: Callable[[], list[Check]]) -> None:
    """Order, bound and bent path are gates of every release, so they run with the tests."""
    for check in part():
        assert check.passed, check


def test_twenty_millimetres_in_every_direction() -> None:
    """Second order is below 1 % in all directions, first order in all but along the fibre."""
    checks = eikonal._twenty_millimetres()
    assert [check.name for check in checks if not check.passed] == []
    free = [check for check in checks if check.gate is None]
    assert {"along the fibre" in check.name for check in free} == {True}
    assert max(check.error or 0.0 for check in free) < 0.03


def test_eikonal_head_wave_meets_its_gate() -> None:
    """Moved nodes make every triangle of the sheet different: a wrong edge would show."""
    (check,) = eikonal._head_wave()
    assert check.passed, check


def test_fibres_meet_their_gates() -> None:
    """The whole benchmark takes seconds."""
    checks = fibres.run(silent())
    assert len([check for check in checks if check.gate is not None]) == 6
    assert [check for check in checks if not check.passed] == []


def test_gate_follows_from_the_numbers() -> None:
    """A verdict cannot be set apart from the number; NaN passes nothing."""
    assert GOOD.passed
    assert not BAD.passed
    assert not rows.near("nan", math.nan, 1.0, 0.5, "1", "assumed").passed
    assert not rows.between("nan", math.nan, None, 1.0, "1", "assumed").passed
    assert rows.shown("shown", math.nan, "1", "assumed").passed
    assert rows.zero("zero", -1e-9, 1e-8, "1", "assumed").passed
    assert not rows.near("far", 1.02, 1.0, 0.01, "ms", "assumed", relative=True).passed
    assert Gate(0.0, None).holds(0.0)
    assert not Gate(None, None).holds(None)


def test_missed_gate_is_code_60_and_the_table_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Schedulers look at the code, people at the number that missed."""
    monkeypatch.setitem(REGISTRY, "made_up", made_of(GOOD, BAD))
    error, shown = verify("made_up")
    assert isinstance(error, GateError)
    assert error.exit_code == 60
    assert "1 of 2 gates not met" in error.line()
    assert "made_up: bad" in error.line()
    assert "NOT MET" in shown
    assert "0.1 %" in shown
    assert "1.2 mm" in shown


def test_json_and_markdown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are written also when a gate is missed, and say which commit made them."""
    monkeypatch.setitem(
        REGISTRY, "made_up", made_of(GOOD, BAD, rows.shown("x", math.inf, "1", "a"))
    )
    error, _ = verify(
        "made_up", "--json", str(tmp_path / "out.json"), "--markdown", str(tmp_path / "pages")
    )
    assert isinstance(error, GateError)
    record = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    (found,) = record["benchmarks"]
    assert record["passed"] is False
    assert "commit" in record["provenance"]
    assert [check["passed"] for check in found["checks"]] == [True, False, True]
    assert found["checks"][0]["error"] == pytest.approx(0.001)
    assert found["checks"][1]["gate"] == {"low": 0.0, "high": 1.0, "on": "value"}
    assert found["checks"][2]["ours"] is None
    page = (tmp_path / "pages" / "made_up.md").read_text(encoding="utf-8")
    assert "1 of 2 gates met" in page
    assert "commit" in page
    assert page.count("\n| ") == 4


def test_unknown_name_is_a_usage_error() -> None:
    """A misspelt name must not look like a passed benchmark."""
    error, _ = verify("eikonel")
    assert isinstance(error, UsageError)
    assert error.exit_code == 2
    assert "did you mean 'eikonal'?" in error.line()
    assert isinstance(verify()[0], UsageError)


def test_gates_read_as_words() -> None:
    """Columns on a pipe are for people too."""
    table = report.plain(report.Outcome(made_of(), (GOOD, BAD), 1.0, "2000-01-01"))
    assert "error ≤ 1 %" in table
    assert "0 to 1 mm" in table


def test_rank_correlation_of_two_meshes() -> None:
    """Leads are paired by place: order and names of the two meshes do not matter."""

    def screened(places: list[float], utility: list[float]) -> Nominal:
        paced = np.arange(9.0 * len(places)).reshape(len(places), 9)
        named = dict.fromkeys(mesh_ranking.SHOWN, 1.0)
        points = np.outer(places, [1.0, 0.0, 0.0])
        beat = np.zeros(4)
        return Nominal(
            None, beat, beat, named, named, ("x",) * len(places), points, np.array(utility), paced
        )

    coarse = screened([30.0, 20.0, 10.0, 0.0], [4.0, 3.0, 2.0, 1.0])
    same = {
        check.name: check
        for check in mesh_ranking.compared(coarse, screened([0.4, 9.7, 20.0], [1.1, 2.1, 3.1]))
    }
    assert same["rank correlation of the leads (Spearman)"].ours == pytest.approx(1.0)
    assert same["leads paired one to one"].passed
    assert same["largest distance of a pair"].ours == pytest.approx(0.4)
    assert same["rank at 1.5 mm of the best lead at 1.0 mm"].ours == 2
    turned = mesh_ranking.compared(coarse, screened([0.0, 10.0, 20.0], [3.0, 2.0, 1.0]))
    assert not all(check.passed for check in turned)
    doubled = mesh_ranking.compared(coarse, screened([0.0, 1.0, 10.0], [1.0, 2.0, 3.0]))
    assert not {c.name: c for c in doubled}["leads paired one to one"].passed


def test_shapes_are_whole() -> None:
    """A benchmark on a broken mesh verifies nothing: volumes are those of box and ball."""
    from heart.numerics import tetrahedra

    points, cells = box((3.0, 2.0, 1.0), 0.25, 0.2, np.random.default_rng(1))
    volumes = tetrahedra.volumes(points, cells)
    assert volumes.min() > 0.0
    assert volumes.sum() == pytest.approx(6.0)
    points, cells = ball(2.0, 8)
    assert tetrahedra.volumes(points, cells).sum() == pytest.approx(4 / 3 * np.pi * 8.0, rel=0.02)
    assert np.linalg.norm(points, axis=1).max() == pytest.approx(2.0)
