"""Stresses of the whole model, and projections that keep what they must."""

from __future__ import annotations

import numpy as np
import pytest
import ufl
from dolfinx import fem

from heart.mechanics.active import ActiveStress
from heart.mechanics.axes import Axes
from heart.mechanics.compressibility import Penalty
from heart.mechanics.materials.neo_hookean import NeoHookean
from heart.mechanics.model import MechanicsModel
from heart.observe.projection import CellProjection, NodalProjection
from heart.observe.stress import Stresses, von_mises
from tests.tubes import Tube, rotation, tube

MU, KAPPA, TENSION = 12.0, 300.0, 5.0


@pytest.fixture(scope="module")
def wall() -> Tube:
    return tube(1, 8, 2)


@pytest.fixture(scope="module")
def tension(wall: Tube) -> fem.Constant:
    return fem.Constant(wall.space.mesh, 0.0)


@pytest.fixture(scope="module")
def stresses(wall: Tube, tension: fem.Constant) -> Stresses:
    model = MechanicsModel(NeoHookean(MU), Penalty(KAPPA), ActiveStress(tension))
    axes = Axes(*(ufl.as_vector(row) for row in np.eye(3).tolist()))
    return Stresses(wall.points, model, axes, wall.u, None)


def test_a_homogeneous_stretch_has_the_closed_form(
    wall: Tube, tension: fem.Constant, stresses: Stresses
) -> None:
    """σ = µ J^(−5/3) dev b + κ/2 (J − 1/J) 1 + Ta Ff₀⊗Ff₀/J, at every point."""
    F = np.array([[1.1, 0.2, 0.0], [0.0, 0.9, 0.1], [0.05, 0.0, 1.05]])
    wall.move(lambda x: x @ F.T)
    tension.value = TENSION
    J, b = np.linalg.det(F), F @ F.T
    deviator = b - np.trace(b) / 3.0 * np.eye(3)
    expected = MU * J ** (-5 / 3) * deviator + 0.5 * KAPPA * (J - 1 / J) * np.eye(3)
    f = F[:, 0]
    expected += TENSION * np.outer(f, f) / J
    found = stresses.cauchy()
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), rtol=1e-9, atol=1e-9)
    along = f / np.linalg.norm(f)
    np.testing.assert_allclose(stresses.fibre(), along @ expected @ along, rtol=1e-9)
    S = J * np.linalg.inv(F) @ expected @ np.linalg.inv(F).T
    pulled = stresses.second_piola_kirchhoff()
    np.testing.assert_allclose(pulled, np.broadcast_to(S, pulled.shape), rtol=1e-9, atol=1e-9)


def test_a_rigid_motion_stresses_nothing(
    wall: Tube, tension: fem.Constant, stresses: Stresses
) -> None:
    """Turned and moved: no passive stress; active tension turns with the fibre."""
    Q = rotation([1.0, 1.0, 0.2], 1.3)
    wall.move(lambda x: x @ Q.T + [1.0, 2.0, 3.0])
    tension.value = 0.0
    np.testing.assert_allclose(stresses.cauchy(), 0.0, atol=1e-10)
    tension.value = TENSION
    np.testing.assert_allclose(stresses.fibre(), TENSION, rtol=1e-10)
    turned = TENSION * np.outer(Q[:, 0], Q[:, 0])
    found = stresses.cauchy()
    np.testing.assert_allclose(found, np.broadcast_to(turned, found.shape), atol=1e-9)


def test_von_mises_of_known_states() -> None:
    """Uniaxial: σ; pure shear: √3 τ; pressure: nothing."""
    uniaxial, shear = np.diag([7.0, 0.0, 0.0]), np.zeros((3, 3))
    shear[0, 1] = shear[1, 0] = 2.0
    found = von_mises(np.stack([uniaxial, shear, -4.0 * np.eye(3)]))
    np.testing.assert_allclose(found, [7.0, 2.0 * np.sqrt(3.0), 0.0], atol=1e-12)


def linear(place: np.ndarray) -> np.ndarray:
    """Return a linear field of tensors (…, 3, 3)."""
    slope = np.random.default_rng(2).normal(size=(3, 3, 3))
    return np.einsum("...k,kij->...ij", place, slope) + np.arange(9.0).reshape(3, 3)


def test_projections_of_a_linear_field_are_exact(wall: Tube) -> None:
    """Both projections return a field of their own space as it is, at corners and at points."""
    values = linear(wall.points.place)
    cells = CellProjection(wall.points)
    coefficients = cells.project(values)
    np.testing.assert_allclose(cells.at_points(coefficients), values, rtol=1e-10)
    mesh = wall.space.mesh
    corners = mesh.geometry.x[mesh.geometry.dofmaps[0]]
    np.testing.assert_allclose(coefficients, linear(corners), rtol=1e-9)
    nodes = NodalProjection(wall.points)
    places = nodes.space.tabulate_dof_coordinates()
    np.testing.assert_allclose(nodes.project(values), linear(places), rtol=1e-8)


def test_projections_keep_integrals(wall: Tube, tension: fem.Constant, stresses: Stresses) -> None:
    """What is carried is not changed by how it is shown: in each cell, and in the wall."""
    wall.move(lambda x: x * (1.0 + 0.02 * x[:, 2:] + 0.01 * np.sin(x[:, :1])))
    tension.value = TENSION
    values, points = stresses.cauchy(), wall.points
    for degree in (0, 1, 2):
        cells = CellProjection(points, degree)
        back = cells.at_points(cells.project(values))
        np.testing.assert_allclose(points.cell_means(back), points.cell_means(values), rtol=1e-10)
    nodes = NodalProjection(points)
    field = fem.Function(nodes.space)
    total = points.integral(values)
    for i, j in ((0, 0), (0, 1), (2, 2)):
        field.x.array[:] = nodes.project(values)[:, i, j]
        found = fem.assemble_scalar(fem.form(field * wall.space.volume))
        assert found == pytest.approx(total[i, j], rel=1e-10)


def test_projection_is_the_nearest_field(wall: Tube) -> None:
    """What is left over is orthogonal to the space: no other linear field comes closer."""
    values = np.sin(wall.points.place[..., 0] * wall.points.place[..., 2])
    cells = CellProjection(wall.points)
    rest = values - cells.at_points(cells.project(values))
    for other in (np.ones_like(rest), *np.moveaxis(wall.points.place, -1, 0)):
        inner = wall.points.cell_means(rest * other)
        np.testing.assert_allclose(inner, 0.0, atol=1e-11)
