"""All anatomy and ECG solves go through P1Space: order of nodes, boundary values and signs."""

import numpy as np
import pytest

from heart.anatomy.idealised import slab
from heart.core.errors import MPIEnvironmentError
from heart.numerics import tetrahedra
from heart.numerics.geodesic import DirichletSolver
from heart.numerics.p1 import P1Space


@pytest.fixture(scope="module")
def box():
    mesh = slab((4.0, 3.0, 2.0), 0.5)
    return mesh, P1Space(mesh.points, mesh.cells)


def test_vector_round_trip(box):
    """Global arrays keep their order through dolfinx's renumbering."""
    mesh, space = box
    values = np.arange(len(mesh.points), dtype=float)
    assert np.array_equal(space.gather(space.vector(values)), values)


@pytest.mark.parametrize("profile", ["elliptic_gamg", "elliptic_near"])
def test_linear_field_is_solved_exactly(box, profile):
    """P1 holds linear fields: Laplace between two faces gives x / length to solver accuracy."""
    mesh, space = box
    x = mesh.points[:, 0]
    nodes = np.flatnonzero((x < 1e-9) | (x > 4.0 - 1e-9))
    solver = DirichletSolver(space, space.stiffness(), nodes, x[nodes] / 4.0, profile)
    assert np.abs(solver.solve() - x / 4.0).max() < 1e-7


def test_anisotropic_conductivity_per_cell(box):
    """A tensor per cell multiplies the energy of a linear field by its own component."""
    mesh, space = box
    tensors = np.tile(np.diag([2.0, 3.0, 5.0]), (len(mesh.cells), 1, 1))
    matrix = space.stiffness(tensors)
    for axis, factor in enumerate((2.0, 3.0, 5.0)):
        u = space.vector(mesh.points[:, axis])
        product = u.duplicate()
        matrix.mult(u, product)
        assert product.dot(u) == pytest.approx(factor * 24.0)


def test_mass_sums_to_the_volume(box):
    """∫ 1 is the volume, 4 × 3 × 2."""
    mesh, space = box
    one = space.vector(np.ones(len(mesh.points)))
    product = one.duplicate()
    space.mass().mult(one, product)
    assert product.sum() == pytest.approx(24.0)


def test_divergence_load_matches_the_stiffness(box):
    """∫ ∇u·∇v is K u: the load of a gradient gives the field back."""
    mesh, space = box
    u = mesh.points[:, 1] * 2.0 - mesh.points[:, 2]
    gradient = tetrahedra.cell_gradients(mesh.points, mesh.cells, u)
    load = space.divergence_load(gradient)
    product = load.duplicate()
    space.stiffness().mult(space.vector(u), product)
    assert np.abs(space.gather(load) - space.gather(product)).max() < 1e-12


def test_neumann_solution_has_zero_mean(box):
    """A pure Neumann problem is fixed by its mean; the gradient comes back."""
    mesh, space = box
    gradient = np.tile([1.0, 0.0, 0.0], (len(mesh.cells), 1))
    load = space.divergence_load(gradient)
    (field,) = space.solve_neumann(space.stiffness(), [load])
    x = mesh.points[:, 0]
    assert abs(field.mean()) < 1e-9
    assert np.abs(field - (x - x.mean())).max() < 1e-6


def test_more_ranks_than_cells_is_an_error():
    """Two ranks cannot share one cell."""

    class Two:
        size, rank = 2, 0

    with pytest.raises(MPIEnvironmentError, match="2 ranks"):
        P1Space(np.eye(4, 3), np.array([[0, 1, 2, 3]]), Two())
