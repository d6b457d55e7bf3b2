"""The page of an experiment answers in words, shows what there is, and leaves out what is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from heart.anatomy.heart_mesh import HeartMesh
from heart.anatomy.idealised import slab
from heart.observe.ecg import Ecg
from heart.report import electro_figures, electro_report
from heart.report.electro_page import headline, page
from heart.study.electro.result import Branch, ElectroResult, Probe, Pulse


@pytest.fixture(scope="module")
def mesh() -> HeartMesh:
    return slab((8.0, 4.0, 1.0), 1.0)


def branch(mesh: HeartMesh, name: str = "run", coupling: float | None = None) -> Branch:
    """A wave of 0.5 mm/ms along x, twice when it is a re-entry."""
    arrival = mesh.points[:, 0] / 0.5
    again = coupling is not None and coupling < 200.0
    activation = np.stack([arrival, arrival + 300.0]) if again else arrival[None]
    times = np.arange(0.0, 400.0, 1.0)
    return Branch(
        name=name, coupling=coupling, pulses=(Pulse("edge", 0.0, True),), ended=400.0,
        reason="quiescent", activation=activation, repolarisation=activation + 250.0,
        speed=np.full(len(mesh.cells), 0.5), times=times,
        traces=np.zeros((1, len(times))), electrograms=np.zeros((0, len(times))),
        ecg=Ecg(times, np.zeros((12, len(times)))), frames=(), captured=again or None,
        sustained=300.0, reentry=again,
    )  # fmt: skip


@pytest.fixture(scope="module")
def result(mesh: HeartMesh) -> ElectroResult:
    return ElectroResult(
        name="strip", title="A strip", engine="monodomain", scenario={"output": {}}, mesh=mesh,
        fibre=np.tile([1.0, 0.0, 0.0], (len(mesh.cells), 1)), heart=None, quality={},
        models=("tt2006_epi",), model_of_node=np.zeros(len(mesh.points), int),
        conducting=np.ones(len(mesh.cells), bool),
        probes=(Probe("end", len(mesh.points) - 1, mesh.points[-1]),), electrodes={},
        branches=(branch(mesh),), prepacing={}, tuning={},
        steps={"dt": 0.02, "degree": 1.0, "unknowns": 90.0, "edge": 1.2},
        assumptions=("Something <assumed>.",), timings={"run": 3.0}, provenance={"ranks": 1},
    )  # fmt: skip


def test_headline_is_the_answer(result: ElectroResult, mesh: HeartMesh) -> None:
    """A reader learns the result from the first line, whichever question it was."""
    assert headline(result) == ("Activation takes 16 ms; action potentials last 250 ± 0 ms (APD90)")
    tested = [branch(mesh, f"s2_{c:.0f}", c) for c in (240.0, 190.0, 160.0)]
    assert headline(replace(result, branches=tuple(tested))) == (
        "Re-entry follows a last stimulus after 160 to 190 ms: 2 of 3 coupling intervals"
    )
    assert headline(replace(result, branches=(tested[0], tested[0]))) == (
        "No coupling interval of 2 induces re-entry"
    )
    silent = replace(
        result.branches[0],
        activation=np.full((1, len(mesh.points)), np.nan),
        repolarisation=np.full((1, len(mesh.points)), np.nan),
    )
    assert headline(replace(result, branches=(silent,))) == "No node was activated"


def test_page_shows_branches_only_where_there_are_several(
    result: ElectroResult, mesh: HeartMesh
) -> None:
    """A table of one row says nothing."""
    assert page(result, {}, [])["branches"] == []
    several = replace(result, branches=(branch(mesh, "a", 240.0), branch(mesh, "b", 190.0)))
    rows = page(several, {}, [])["branches"]
    assert [row["reentry"] for row in rows] == ["no", "yes"]
    assert {kpi["name"] for kpi in page(result, {}, [])["kpis"]} >= {"Total activation", "APD90"}


def test_bands_stay_readable() -> None:
    """A run of two seconds must not have two hundred isochrones."""
    scale = electro_figures.Scale.of("t", np.array([0.0, 2000.0]), "Spectral", 10.0)
    assert scale.count <= 25
    assert (scale.low, scale.high) == (0.0, 2080.0) or scale.high >= 2000.0
    flat = electro_figures.Scale.of("t", np.array([3.0, np.nan]), "viridis")
    assert flat.high > flat.low


def test_report_is_one_page_without_network(result: ElectroResult, tmp_path: Path) -> None:
    """Figures inside, text escaped, nothing fetched from elsewhere."""
    pytest.importorskip("pyvista")
    target = electro_report.write_report(
        replace(result, scenario={"output": {"interactive": False}}), tmp_path
    )
    text = target.read_text(encoding="utf-8")
    assert "Activation takes 16 ms" in text
    assert "Something &lt;assumed&gt;." in text
    assert "data:image/png;base64," in text
    assert "http://" not in text.replace("http://www.w3.org", "")
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert names == {"activation.png", "duration.png", "ecg.png", "traces.png"}
