"""The page of a mechanics run: its words follow the numbers, its pictures hold the body."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from heart.anatomy.curved import second_order
from heart.anatomy.idealised import slab
from heart.report.mechanics_figures import Shown, scale, title
from heart.report.mechanics_page import explanation, headline, page
from heart.report.mechanics_report import write_report
from heart.study.mechanics.result import FollowedPoint, MechanicsResult, Moment, Traces

NONE = np.zeros(0)


@pytest.fixture(scope="module")
def result() -> MechanicsResult:
    """A beam stretched by a tenth, made without a solver."""
    mesh = slab((4.0, 1.0, 1.0), 1.0)
    nodes, cells = second_order(mesh.points, np.asarray(mesh.cells), lambda places: places)
    moved = np.zeros_like(nodes)
    moved[:, 0] = 0.1 * nodes[:, 0]
    count = len(cells)
    fields = {
        "fibre_stretch": np.full(count, 1.1),
        "fibre_strain": np.full(count, 0.105),
        "volume_ratio": np.ones(count),
    }
    traces = Traces(
        at=np.array([0.0, 1.0]), pressures={"x_high": np.array([0.0, -0.2])}, volumes={},
        tension=np.zeros(2), places=np.array([[[4.0, 0.5, 0.5], [4.4, 0.5, 0.5]]]),
        least_ratio=np.ones(2), iterations=np.array([0, 4]), failures=np.array([0, 1]),
    )  # fmt: skip
    scenario = {
        "material": [{"law": "holzapfel_ogden"}], "elements": {"kind": "p2_p1"},
        "dynamics": {"kind": "static"}, "output": {"interactive": False},
    }  # fmt: skip
    return MechanicsResult(
        name="pulled", title="A pulled <beam>", scenario=scenario, mesh=mesh, nodes=nodes,
        cells=cells, fibre=np.tile([1.0, 0.0, 0.0], (count, 1)), heart=None, quality={},
        probes=(FollowedPoint("tip", np.array([4.0, 0.5, 0.5])),),
        moments=(Moment("pulled", 1.0, moved, NONE, fields),), traces=traces,
        steps={"unknowns": 100.0, "edge": 1.2}, assumptions=("None.",), timings={"run": 1.0},
        provenance={},
    )  # fmt: skip


def test_squeezed_cells_are_told_beside_the_answer(result: MechanicsResult) -> None:
    """An ejection fraction from cells that lost their volume must not look like a sound one."""
    assert not any("caution" in text for text in explanation(result))
    squeezed = replace(result.traces, least_ratio=np.array([1.0, 0.36]))
    told = explanation(replace(result, traces=squeezed))
    assert any("squeezed to 36 % of its own" in text for text in told)


def test_words_follow_the_numbers(result: MechanicsResult) -> None:
    """What a reader takes away first has to be what was computed."""
    assert headline(result) == "The body moves by up to 0.4 mm"
    assert title(result, result.moments[0]) == "pulled: x high -0.2 kPa"
    shown = page(result, {}, [])
    names = {one["name"]: one["value"] for one in shown["kpis"]}
    assert names["Fibre stretch"] == "1.100"
    assert names["Largest displacement"] == "0.4 mm"
    assert scale(result).low == pytest.approx(0.9)


def test_drawn_cells_fill_the_body_that_moved(result: MechanicsResult) -> None:
    """Ten-node cells are drawn as eight: same volume, closed surface, place after the motion."""
    shown = Shown(result)
    surface = shown.surface(result.moments[0].displacement)
    assert surface.is_manifold
    assert surface.volume == pytest.approx(4.4, rel=1e-6)
    corners = (result.nodes)[shown.cells]
    edges = corners[:, 1:] - corners[:, :1]
    volumes = np.abs(np.linalg.det(edges)) / 6.0
    assert volumes.sum() == pytest.approx(4.0)


def test_page_is_whole_and_offline(result: MechanicsResult, tmp_path: Path) -> None:
    """Pictures inside, nothing fetched, titles of users escaped."""
    text = write_report(result, tmp_path).read_text(encoding="utf-8")
    assert "A pulled &lt;beam&gt;" in text
    assert "data:image/png;base64," in text
    assert 'src="http' not in text
    assert (tmp_path / "figures" / "deformation.png").stat().st_size > 10_000
