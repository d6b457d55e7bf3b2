"""Strains against deformations whose strains are known."""

from __future__ import annotations

import numpy as np
import pytest

from heart.core.errors import MeshInputError
from heart.observe.strain import Component, Measure, Strains, local_directions
from heart.observe.wall_segments import (
    Directions,
    axial_directions,
    cell_segments,
    heart_directions,
)
from tests.tubes import UP, Tube, rotation, tube

STRETCH = np.array([1.1, 1.2, 0.8])


@pytest.fixture(scope="module")
def wall() -> Tube:
    return tube()


@pytest.fixture(scope="module")
def strains(wall: Tube) -> Strains:
    return Strains(wall.points, wall.directions)


def test_points_carry_the_volume(wall: Tube) -> None:
    """Weights are volumes: they sum to that of the polygonal tube, so means are integrals."""
    area = 0.5 * 16 * np.sin(2 * np.pi / 16) * (10.0**2 - 7.0**2)
    assert wall.points.volume.sum() == pytest.approx(12.0 * area, rel=1e-12)


def test_a_homogeneous_stretch_is_exact(wall: Tube, strains: Strains) -> None:
    """Stretches along the coordinate axes seen in every direction: a·C a, nothing else."""
    wall.move(lambda x: x * STRETCH)
    strains.observe()
    for one in Component:
        axis = getattr(wall.directions, one.value)
        square = (axis**2 * STRETCH**2).sum(axis=1)
        np.testing.assert_allclose(strains.per_cell(one), 0.5 * (square - 1.0), rtol=1e-10)
        found = strains.per_cell(one, Measure.ENGINEERING)
        np.testing.assert_allclose(found, np.sqrt(square) - 1.0, rtol=1e-10)
    assert strains.overall(Component.LONGITUDINAL) == pytest.approx(-0.2)


def test_a_rigid_motion_strains_nothing(wall: Tube, strains: Strains) -> None:
    """A heart that swings is not deformed, however far: 2 rad here."""
    Q = rotation([1.0, 2.0, 3.0], 2.0)
    wall.move(lambda x: x @ Q.T + [5.0, -3.0, 2.0])
    strains.observe()
    for one in Component:
        np.testing.assert_allclose(strains.at_points(one), 0.0, atol=1e-12)


def test_strain_from_end_diastole_on(wall: Tube, strains: Strains) -> None:
    """Images measure from a state that is loaded: lengths are compared with those of then."""
    wall.move(lambda x: x * [1.25, 1.25, 1.25])
    fresh = Strains(wall.points, wall.directions)
    fresh.set_reference()
    wall.move(lambda x: x * [1.0, 1.0, 1.0])
    fresh.observe()
    assert fresh.overall(Component.CIRCUMFERENTIAL) == pytest.approx(-0.2)
    strains.observe()
    assert strains.overall(Component.CIRCUMFERENTIAL) == pytest.approx(0.0, abs=1e-12)


def test_segment_means_weigh_by_volume(wall: Tube, strains: Strains) -> None:
    """A field that differs between segments: each gets its own integral over its own volume."""
    wall.move(lambda x: x * [1.0, 1.0, 1.0] + np.outer(0.01 * x[:, 2] ** 2, UP))
    strains.observe()
    labels = wall.quadrants
    found = strains.by_segment(Component.LONGITUDINAL, labels, Measure.ENGINEERING)
    assert sorted(found) == [0, 1, 2, 3]
    for value in found.values():
        assert value == pytest.approx(0.12, rel=1e-10)
    values, sizes = strains.at_points(Component.RADIAL), wall.points.volume
    ours = strains.by_segment(Component.RADIAL, labels, Measure.GREEN_LAGRANGE)
    for k in range(4):
        mine = labels == k
        expected = (values * sizes)[mine].sum() / sizes[mine].sum()
        assert ours[k] == pytest.approx(expected, abs=1e-14)


def test_cross_fibre_lies_in_the_wall() -> None:
    """Across the fibre, but not through the wall, which thickens when the fibres shorten."""
    outward = np.array([[1.0, 0.0, 0.0], [0.0, 2.0, 1.0]])
    helix = np.array([[0.0, np.cos(1.0), np.sin(1.0)], [1.0, 0.0, 0.0]])
    found = axial_directions(outward, UP, helix)
    for other in (found.fibre, found.radial):
        np.testing.assert_allclose((found.cross_fibre * other).sum(axis=1), 0.0, atol=1e-14)
    np.testing.assert_allclose(np.linalg.norm(found.cross_fibre, axis=1), 1.0)
    with pytest.raises(MeshInputError, match="long axis"):
        axial_directions(np.array([[0.0, 0.0, 2.0]]), UP)


def test_directions_and_segments_of_a_ventricle() -> None:
    """Those of the coordinates agree with the exact ones of an ellipsoid; 17 segments, all wall."""
    from heart.anatomy import coordinates
    from heart.anatomy.frames import ventricular_fields
    from heart.anatomy.idealised import lv_ellipsoid, lv_ellipsoid_transmural

    mesh = lv_ellipsoid(2.5)
    fields = ventricular_fields(mesh)
    where = coordinates.compute(mesh, fields)
    middle = mesh.points[mesh.cells].mean(axis=1)
    depth = lv_ellipsoid_transmural(middle)
    outward = middle / np.column_stack([7 + 3 * depth, 7 + 3 * depth, 17 + 3 * depth]) ** 2
    exact = axial_directions(outward, UP)
    ours = heart_directions(mesh, where, exact.fibre, fields)
    away = middle[:, 2] > -14.0
    for name, least in (("radial", 0.97), ("circumferential", 0.97), ("longitudinal", 0.95)):
        cosine = np.abs((getattr(ours, name) * getattr(exact, name)).sum(axis=1))[away]
        assert cosine.mean() > least, name
    labels = cell_segments(where, mesh.cells)
    assert set(labels) == set(range(1, 18))


def test_rows_of_another_mesh_are_refused(wall: Tube) -> None:
    """Directions of a finer mesh would be read from the wrong cells without a word."""
    few = Directions(*(np.zeros((3, 3)),) * 5)
    with pytest.raises(MeshInputError, match="3 rows"):
        local_directions(wall.points, few)
