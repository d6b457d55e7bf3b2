"""The generated torso: a valid mesh of plausible size with the heart where it belongs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from heart.anatomy import idealised
from heart.anatomy.heart_mesh import HeartMesh
from heart.core.errors import MeshInputError, NonPhysicalError, ParameterError
from heart.numerics import tetrahedra
from heart.observe.conductivity import Conductivities
from heart.observe.embedding import embed
from heart.observe.skin import Skin
from heart.observe.torso import Grid, Placement, Torso, from_mesh, generate, graded_lines
from heart.observe.torso_shape import TorsoShape
from heart.observe.torso_tissue import blood_fractions, muscle_fractions, winding_numbers

GRID = Grid(fine=8.0, coarse=45.0, growth=1.5)


@pytest.fixture(scope="module")
def heart() -> HeartMesh:
    """Return a coarse biventricular heart far from the origin, as scanners put it."""
    mesh = idealised.biv_ellipsoid(5.0)
    return replace(mesh, points=mesh.points + np.array([-30.0, 55.0, 1200.0]))


@pytest.fixture(scope="module")
def torso(heart: HeartMesh) -> Torso:
    return generate(heart, grid=GRID)


def test_mesh_is_valid_and_holds_the_heart(heart: HeartMesh, torso: Torso) -> None:
    """No inverted or flat cell, and every heart node lies inside, clear of the skin."""
    ratios = tetrahedra.radius_ratios(torso.points, torso.cells)
    assert tetrahedra.volumes(torso.points, torso.cells).min() > 0.0
    assert ratios.min() > 0.03
    assert embed(torso.points, torso.cells, heart.points).inside.all()
    contact = Skin.of(torso.points, torso.cells).project(heart.points)
    distance = np.linalg.norm(contact.positions - heart.points, axis=1)
    assert 20.0 < distance.min() < 40.0


def test_volume_follows_weight() -> None:
    """The trunk holds about half of the body's mass; twice the mass is twice the area."""
    light, heavy = TorsoShape(weight=5e7), TorsoShape(weight=1e8)
    ratio = np.divide(heavy.half_axes(300.0), light.half_axes(300.0))
    np.testing.assert_allclose(ratio, np.sqrt(2.0))
    breadth, depth = TorsoShape().half_axes(TorsoShape().fourth_space)
    assert 150.0 < breadth < 190.0
    assert 100.0 < depth < 135.0


def test_tissue_volumes(heart: HeartMesh, torso: Torso) -> None:
    """Muscle and blood keep their volume although the torso mesh does not follow the heart."""
    volume = tetrahedra.volumes(torso.points, torso.cells)
    muscle = muscle_fractions(torso.points, torso.cells, heart) @ volume
    blood = blood_fractions(torso.points, torso.cells, heart) @ volume
    wall = tetrahedra.volumes(heart.points, heart.cells).sum()
    assert muscle == pytest.approx(wall, rel=0.04)
    assert 0.3 * wall < blood < 2.0 * wall
    chosen = Conductivities()
    assert torso.conductivity.min() == pytest.approx(chosen.torso)
    assert chosen.muscle < torso.conductivity.max() <= chosen.blood + 1e-12


def test_winding_number_of_an_open_sphere() -> None:
    """A cavity that is open at its valve still has an inside."""
    mesh = idealised.lv_ellipsoid(3.0, short=25.0, long=60.0, wall=9.0, base=20.0)
    corners = mesh.points[mesh.facets_of(2)]
    targets = np.array([[0.0, 0.0, -20.0], [5.0, 5.0, 10.0], [29.0, 0.0, 0.0], [0.0, 0.0, 60.0]])
    found = np.abs(winding_numbers(corners, targets))
    assert (found[:2] > 0.7).all()
    assert (found[2:] < 0.35).all()


def test_electrodes_lie_on_the_skin(torso: Torso) -> None:
    """Electrodes by rule sit on the skin of the mesh they were made for."""
    contact = Skin.of(torso.points, torso.cells).project(torso.electrodes.positions)
    assert np.linalg.norm(contact.positions - torso.electrodes.positions, axis=1).max() < 8.0


def test_same_input_same_torso(heart: HeartMesh, torso: Torso) -> None:
    """No mesh generator, no chance: bitwise the same."""
    again = generate(heart, grid=GRID)
    np.testing.assert_array_equal(again.points, torso.points)
    np.testing.assert_array_equal(again.conductivity, torso.conductivity)


def test_placement_moves_the_torso_not_the_heart(heart: HeartMesh, torso: Torso) -> None:
    """An ensemble varies the placement; the heart's frame is the scanner's and stays."""
    lower = generate(heart, placement=Placement(rise=20.0), grid=GRID)
    shift = lower.electrodes.positions - torso.electrodes.positions
    np.testing.assert_allclose(shift[:, 2], -20.0, atol=1e-9)
    turned = generate(heart, placement=Placement(rotation=(0.0, 0.0, 0.2)), grid=GRID)
    arms = [t.electrodes.positions[1] - t.electrodes.positions[0] for t in (torso, turned)]
    angle = np.arctan2(arms[1][1], arms[1][0]) - np.arctan2(arms[0][1], arms[0][0])
    assert angle == pytest.approx(-0.2, abs=1e-9)
    assert embed(turned.points, turned.cells, heart.points).inside.all()


def test_lungs_take_room_from_the_torso_only(heart: HeartMesh, torso: Torso) -> None:
    """Assumed lungs: some litres, poor conductors, and no change to muscle and blood."""
    chosen = Conductivities()
    with_lungs = generate(heart, grid=GRID, lungs=True)
    changed = with_lungs.conductivity != torso.conductivity
    volume = tetrahedra.volumes(torso.points, torso.cells)
    assert 1.5e6 < volume[changed].sum() < 6e6
    assert with_lungs.conductivity.min() == pytest.approx(chosen.lung)
    left = torso.points[torso.cells[changed]].mean(axis=1)[:, 0] < heart.points[:, 0].mean()
    assert 0.2 < volume[changed][left].sum() / volume[changed].sum() < 0.6


def test_heart_in_another_unit_or_too_large(heart: HeartMesh) -> None:
    """A heart in metres or in inches cannot sit in a torso; the message says so."""
    with pytest.raises(NonPhysicalError, match="does not fit"):
        generate(replace(heart, points=heart.points * 3.0), grid=GRID)


@pytest.mark.parametrize(
    ("name", "value"), [("height", 1.72), ("weight", 75.0), ("exponent", 1.0), ("sex", "unknown")]
)
def test_implausible_shape(name: str, value: float | str) -> None:
    """Metres for millimetres and kilograms for milligrams are refused, not used."""
    with pytest.raises(ParameterError, match=name):
        TorsoShape(**{name: value})


def test_given_mesh_equals_generated(heart: HeartMesh, torso: Torso) -> None:
    """A torso mesh of the user goes through the same tissue rule."""
    given = from_mesh(torso.points, torso.cells[:, [0, 2, 1, 3]], torso.electrodes, heart)
    np.testing.assert_allclose(given.conductivity, torso.conductivity)
    with pytest.raises(MeshInputError, match="conductivity"):
        from_mesh(torso.points, torso.cells, torso.electrodes, heart, conductivity=np.ones(3))


def test_embedding_is_exact_for_linear_fields(torso: Torso) -> None:
    """Barycentric interpolation carries a linear field over without error."""
    low, high = torso.points.min(axis=0), torso.points.max(axis=0)
    targets = np.random.default_rng(0).uniform(low - 20.0, high + 20.0, (3000, 3))
    where = embed(torso.points, torso.cells, targets)
    assert 0.2 < where.inside.mean() < 0.95
    slope = np.array([[1.0, -2.0, 0.5], [0.0, 0.3, 3.0]])
    found = where.interpolate(slope @ torso.points.T)[:, where.inside]
    np.testing.assert_allclose(found, slope @ targets[where.inside].T, rtol=1e-9, atol=1e-6)


def test_graded_lines_are_fine_near_and_coarse_far() -> None:
    """Lines end where they must, hold the centre, and never jump by more than the growth."""
    grid = Grid(fine=5.0, coarse=30.0, growth=1.3)
    lines, centre = graded_lines(-170.0, 170.0, (-90.0, 20.0), grid, 0.0)
    assert (lines[0], lines[centre], lines[-1]) == (-170.0, 0.0, 170.0)
    steps = np.diff(lines)
    near = (lines[:-1] >= -90.0 - 1e-9) & (lines[1:] <= 20.0 + 1e-9)
    assert steps[near].max() <= 5.0 + 1e-9
    assert steps.max() > 15.0
    assert (np.abs(np.log(steps[1:] / steps[:-1])) < np.log(1.45)).all()
