"""Thickening, twist and paths against motions with closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from heart.core.errors import MeshInputError, ParameterError
from heart.observe.twist import Twist
from heart.observe.wall_motion import Landmark, PlaneMotion, WallThickness
from tests.tubes import (
    HEIGHT,
    INNER,
    INSIDE,
    OUTER,
    OUTSIDE,
    TOP,
    UP,
    Tube,
    about_axis,
    rotation,
    tube,
)

PER_MM = np.radians(1.0)


@pytest.fixture(scope="module")
def wall() -> Tube:
    return tube()


@pytest.fixture(scope="module")
def twist(wall: Tube) -> Twist:
    return Twist(wall.points, UP, levels=4)


@pytest.fixture(scope="module")
def thickness(wall: Tube) -> WallThickness:
    return WallThickness(wall.points, wall.u, (INSIDE,), (OUTSIDE,), wall.quadrants)


def inflated(x: np.ndarray, a: float = 30.0, along: float = 1.1) -> np.ndarray:
    radius = np.hypot(x[:, 0], x[:, 1])
    now = np.sqrt(radius**2 / along + a)
    return np.column_stack([x[:, 0] * now / radius, x[:, 1] * now / radius, along * x[:, 2]])


def test_thickness_of_the_tube(thickness: WallThickness) -> None:
    """Twice the volume over the areas: exact for the polygonal tube, the apothem's share of 3."""
    expected = (OUTER - INNER) * np.cos(np.pi / 16)
    assert sorted(thickness.reference) == [0, 1, 2, 3]
    for value in thickness.reference.values():
        assert value == pytest.approx(expected, rel=1e-12)


def test_thickening_under_an_affine_motion_is_exact(wall: Tube, thickness: WallThickness) -> None:
    """Radial growth by 20 % on any mesh, whatever the axial stretch: + 20 %."""
    wall.move(lambda x: x * [1.2, 1.2, 0.7])
    for value in thickness.thickening().values():
        assert value == pytest.approx(0.2, rel=1e-9)


def test_an_incompressible_tube_gets_thinner(wall: Tube, thickness: WallThickness) -> None:
    """r² = R²/λ + a: thickness √(10²/λ + a) − √(7²/λ + a), within the mesh's 0.5 %."""
    wall.move(inflated)
    now = np.sqrt(OUTER**2 / 1.1 + 30.0) - np.sqrt(INNER**2 / 1.1 + 30.0)
    for value in thickness.thickening().values():
        assert value == pytest.approx(now / 3.0 - 1.0, abs=0.005)


def test_thickness_does_not_see_sliding(wall: Tube, thickness: WallThickness) -> None:
    """Layers that slide tilt every radial line (stretch > 1) and leave the wall as thick."""
    wall.move(lambda x: about_axis(0.05 * (np.hypot(x[:, 0], x[:, 1]) - INNER), x))
    for value in thickness.thickening().values():
        assert abs(value) < 0.003


def test_labels_without_a_surface_are_refused(wall: Tube) -> None:
    """A segment made of inner layers only has no outer area: said, not divided by half of it."""
    middle = wall.points.cell_means(wall.points.place)
    labels = (np.hypot(middle[:, 0], middle[:, 1]) > 8.4).astype(int)
    with pytest.raises(MeshInputError, match="no inner or outer surface"):
        WallThickness(wall.points, wall.u, (INSIDE,), (INSIDE,), labels)


@pytest.mark.parametrize("levels", [2, 4])
def test_torsion_of_a_cylinder(wall: Tube, levels: int) -> None:
    """Turn by 1° per mm; seen from the apex (below) a left-handed turn about +z is positive."""
    twist = Twist(wall.points, UP, levels=levels)
    wall.move(lambda x: about_axis(PER_MM * x[:, 2], x))
    found = twist.observe()
    assert found.torsion == pytest.approx(1.0, rel=2e-3)
    assert found.twist == pytest.approx(found.height[-1] - found.height[0], rel=2e-3)
    assert found.height[-1] - found.height[0] == pytest.approx(HEIGHT * (1 - 1 / levels), rel=0.01)
    assert found.shear == pytest.approx(np.sqrt((49 + 100) / 2), rel=0.02)
    assert (np.degrees(found.angle) < 0.0).all()


def test_an_apex_that_turns_counter_clockwise_seen_from_below_is_positive(
    wall: Tube, twist: Twist
) -> None:
    """The sign of echocardiography: apex +, base −, twist +."""
    share = 2.0 / HEIGHT
    wall.move(lambda x: about_axis(np.radians(-6.0) * (1.0 - share * x[:, 2]), x))
    found = twist.observe()
    assert np.degrees(found.angle[0]) == pytest.approx(4.5, abs=0.05)
    assert np.degrees(found.angle[-1]) == pytest.approx(-4.5, abs=0.05)
    assert found.twist == pytest.approx(9.0, abs=0.05)


@pytest.mark.parametrize("axis", [[0, 0, 1], [1, 0.5, 0], [0.3, -0.2, 1]])
def test_a_rigid_motion_is_no_twist(wall: Tube, twist: Twist, axis: list[float]) -> None:
    """Swinging and tilting do not twist; a turn about the axis is a rotation of every slice."""
    Q = rotation(axis, -0.4)
    wall.move(lambda x: x @ Q.T + [4.0, 5.0, 6.0])
    found = twist.observe()
    assert found.twist == pytest.approx(0.0, abs=1e-9)
    if axis == [0, 0, 1]:
        np.testing.assert_allclose(found.angle, 0.4, rtol=1e-10)


def test_contraction_without_turn_has_no_rotation(wall: Tube, twist: Twist) -> None:
    """Narrowing, also into an ellipse, is not taken for a turn."""
    wall.move(lambda x: x * [0.7, 0.9, 0.85])
    np.testing.assert_allclose(twist.observe().angle, 0.0, atol=1e-3)


def test_paths_of_base_and_landmarks(wall: Tube) -> None:
    """The base's mean displacement, positive towards the apex; a vertex found by its place."""
    base = PlaneMotion(wall.space, wall.u, TOP)
    corner = Landmark(wall.space, wall.u, np.array([OUTER + 0.2, 0.1, -0.1]))
    wall.move(lambda x: x * [1.1, 1.0, 0.75] + [0.0, 0.5, 0.0])
    np.testing.assert_allclose(base.displacement(), [0.0, 0.5, -3.0], atol=1e-12)
    assert base.descent(UP) == pytest.approx(3.0)
    np.testing.assert_allclose(corner.place, [OUTER, 0.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(corner.displacement(), [1.0, 0.5, 0.0], atol=1e-12)


def test_more_slices_than_points_are_refused(wall: Tube) -> None:
    """An empty slice has no rotation."""
    none = np.zeros(len(wall.points.cells), bool)
    with pytest.raises(MeshInputError, match="no cell"):
        Twist(wall.points, UP, within=none)
    with pytest.raises(ParameterError, match="slices"):
        Twist(wall.points, UP, levels=1)
