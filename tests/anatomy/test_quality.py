"""The quality report is what a reader trusts a mesh by: its numbers must be the true ones."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from heart.anatomy.heart_mesh import Boundary, HeartMesh
from heart.anatomy.idealised import lv_ellipsoid
from heart.anatomy.quality import cavity_volume, measure, wall_thickness
from heart.core.errors import MeshingError

SHORT, LONG, WALL, BASE = 22.0, 50.0, 9.0, 10.0


@pytest.fixture(scope="module")
def ventricle() -> HeartMesh:
    return lv_ellipsoid(2.5, short=SHORT, long=LONG, wall=WALL, base=BASE)


def cap(short: float, long: float, base: float) -> float:
    """Volume of an ellipsoid below the height `base`."""
    z = base / long
    return np.pi * short**2 * long * ((z - z**3 / 3) + 2 / 3)


def test_volumes_of_an_ellipsoid(ventricle: HeartMesh):
    """Cavity and wall agree with the formula within what flat facets lose."""
    report = measure(ventricle)
    inner = cap(SHORT, LONG, BASE)
    assert report.lv_cavity_volume == pytest.approx(inner, rel=0.02)
    assert report.wall_volume == pytest.approx(
        cap(SHORT + WALL, LONG + WALL, BASE) - inner, rel=0.02
    )
    assert report.rv_cavity_volume is None


def test_given_lids_are_used(ventricle: HeartMesh):
    """A lid that bulges by a known cone adds its volume: the cavity ends where the labels end."""
    rim = np.intersect1d(ventricle.nodes_of(Boundary.LV_ENDO), ventricle.nodes_of(Boundary.BASE))
    ring = ventricle.points[rim]
    ring = ring[np.argsort(np.arctan2(ring[:, 1], ring[:, 0]))]
    apex = np.tile(ring.mean(axis=0) + np.array([0, 0, 6.0]), (len(ring), 1))
    lid = np.stack([ring, np.roll(ring, -1, axis=0), apex], axis=1)
    area = 0.5 * np.cross(ring, np.roll(ring, -1, axis=0))[:, 2].sum()
    flat = cavity_volume(ventricle, Boundary.LV_ENDO)
    assert cavity_volume(ventricle, Boundary.LV_ENDO, lid) - flat == pytest.approx(
        area * 6.0 / 3.0, rel=0.01
    )


def test_thickness_of_the_wall(ventricle: HeartMesh):
    """Wall thickness by segment is that of the shape, to a tenth of a millimetre."""
    height = ventricle.points[:, 2]
    segments = np.where(height > -10, 1, 7)
    segments[ventricle.points[:, 0] < 0] = 0
    found = wall_thickness(ventricle, segments)
    assert set(found) == {1, 7}
    assert found[1] == pytest.approx(WALL, abs=0.3)


def test_report_is_plain_data(ventricle: HeartMesh):
    """JSON in the run directory, lines on the terminal."""
    report = measure(ventricle, np.ones(len(ventricle.points), int))
    data = json.loads(json.dumps(report.as_dict()))
    assert data["nodes"] == len(ventricle.points)
    assert list(data["wall_thickness"]) == ["1"]
    assert any("LV cavity" in line for line in report.lines())


def test_flat_cells_are_refused(ventricle: HeartMesh):
    """A mesh that no solver can use is an error with the place, before anything is solved."""
    points = ventricle.points.copy()
    a, b, c, d = ventricle.cells[100]
    middle = points[[a, b, c]].mean(axis=0)
    points[d] = middle + 1e-4 * (points[d] - middle)
    flat = replace(ventricle, points=ventricle.points, cells=ventricle.cells[100:101])
    object.__setattr__(flat, "points", points)
    with pytest.raises(MeshingError, match=r"radius ratio of 0\.000"):
        measure(flat)
