"""A fast surface in a monodomain: it conducts along its faces, and at the speed asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from heart.electro.ionic.registry import cell_model
from heart.electro.tissue import scheme as schemes
from heart.electro.tissue.sheet import (
    TOLERANCE,
    block,
    flat_faces,
    on_sheet,
    surface_speed,
    tune_sheet,
    with_sheet,
)
from heart.numerics import tetrahedra

EDGE = 1.5
MUSCLE = (0.16, 0.12)


@pytest.fixture(scope="module")
def made() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points, cells and the fast face of a block."""
    points, cells = block(EDGE)
    return points, cells, flat_faces(points, cells)


def test_block_has_the_edges_of_the_heart_and_one_flat_face(made) -> None:
    """The speed on it stands for that on the heart's mesh, so its elements have to be as large."""
    points, cells, faces = made
    ends = points[tetrahedra.edges(cells)]
    assert np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1).mean() == pytest.approx(EDGE)
    area = np.linalg.norm(tetrahedra.face_normals(points, faces), axis=1).sum()
    assert area == pytest.approx(24.0 * 4.0 * EDGE**2, rel=0.25)
    assert (tetrahedra.volumes(points, cells) > 0.0).all()
    sides = np.linalg.norm(points[faces[:, 0]] - points[faces[:, 1]], axis=1)
    assert sides.mean() == pytest.approx(EDGE, rel=0.1)


def test_each_face_has_its_cell(made) -> None:
    """One cell for each face of the surface, found by its corners in any order."""
    _, cells, faces = made
    rows, face = on_sheet(cells, faces[:, [2, 0, 1]])
    assert sorted(face) == list(range(len(faces)))
    for row, number in zip(rows, face, strict=True):
        assert set(faces[number]) <= set(cells[row])


def test_surface_joins_its_own_nodes_only(made) -> None:
    """Stiffness between a node of the surface and one below it must not change at all."""
    points, cells, faces = made
    slow = np.tile(np.diag([0.2, 0.2, 0.1]), (len(cells), 1, 1))
    fast = with_sheet(slow, points, cells, faces, np.full(len(faces), 3.0))
    gradient = tetrahedra.shape_gradients(points, cells)
    change = np.einsum("mai,mij,mbj->mab", gradient, fast - slow, gradient)
    surface = np.zeros(len(points), bool)
    surface[np.unique(faces)] = True
    rows, _ = on_sheet(cells, faces)
    below = ~surface[cells]
    single = np.bincount(rows, minlength=len(cells)) == 1
    assert np.abs(change[single][below[single]]).max() < 1e-12
    assert np.abs(change[rows]).max() > 0.0
    untouched = np.setdiff1d(np.arange(len(cells)), rows)
    assert np.abs(change[untouched]).max() == 0.0


def test_slow_surface_leaves_the_muscle_as_it_is(made) -> None:
    """Where the endocardium is as slow as muscle there is no fast surface."""
    points, cells, faces = made
    muscle = np.tile(np.diag([0.2, 0.2, 0.1]), (len(cells), 1, 1))
    np.testing.assert_array_equal(
        with_sheet(muscle, points, cells, faces, np.full(len(faces), 0.05)), muscle
    )


def test_tuned_surface_has_the_speed_asked_for() -> None:
    """And a better conducting one is faster: what the search relies on."""
    scheme = replace(schemes.load("lumped"), dt=0.1, tolerance=1e-4)
    cell = cell_model("mitchell_schaeffer")
    along, speed = tune_sheet(cell, scheme, EDGE, 1.2, MUSCLE)
    assert speed == pytest.approx(1.2, rel=TOLERANCE.value)
    assert along > MUSCLE[0]
    assert surface_speed(cell, scheme, EDGE, along, MUSCLE, 1.2) == pytest.approx(speed)
    assert surface_speed(cell, scheme, EDGE, 2.0 * along, MUSCLE, 1.2) > 1.2 * speed
