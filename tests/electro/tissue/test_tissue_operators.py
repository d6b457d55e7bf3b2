"""Every tissue run stands on these products: numbering, row sums, scar, and the two precisions."""

import numpy as np
import pytest

from heart.anatomy.idealised import slab
from heart.core.errors import MeshInputError, ParameterError
from heart.electro.tissue.operators import assemble
from heart.electro.tissue.space import TissueSpace
from heart.numerics.p1 import P1Space

SIZE = (3.0, 2.0, 1.5)
SIGMA = np.diag([2.0, 3.0, 5.0])


def made(degree=1, scar=False, single=False):
    mesh = slab(SIZE, 0.5)
    space = TissueSpace(mesh.points, mesh.cells, degree)
    conducting = np.ones(len(mesh.cells), bool)
    if scar:
        centre = mesh.points[mesh.cells].mean(axis=1)
        conducting = ~((centre[:, 0] > 1.0) & (centre[:, 1] > 0.5))
    tensors = np.tile(SIGMA, (len(mesh.cells), 1, 1))
    return space, assemble(space, tensors, conducting, single=single)


@pytest.mark.parametrize("degree", [1, 2])
def test_energy_of_linear_fields(degree):
    """∫ ∇x·σ∇x is σ times the volume for both degrees: numbering, tensors and quadrature agree."""
    space, operators = made(degree)
    mass, stiffness = operators.matrices()
    assert mass.sum() == pytest.approx(np.prod(SIZE))
    for axis in range(3):
        x = space.points[:, axis]
        assert x @ (stiffness @ x) == pytest.approx(SIGMA[axis, axis] * np.prod(SIZE))


def test_degree_two_holds_quadratic_fields():
    """Edge midpoints are where `points` says: the energy of x² is exact only then."""
    space, operators = made(2)
    _, stiffness = operators.matrices()
    x = space.points[:, 0] ** 2
    expected = SIGMA[0, 0] * 4.0 * SIZE[0] ** 3 / 3.0 * SIZE[1] * SIZE[2]
    assert x @ (stiffness @ x) == pytest.approx(expected)


def test_product_is_that_of_an_assembled_matrix():
    """Slices of eight rows without a diagonal give what PETSc's matrix gives."""
    space, operators = made()
    values = np.random.default_rng(0).standard_normal(space.nodes)
    out = operators.vector()
    zero = np.zeros_like(operators.lumped)
    operators.apply(operators.stiffness, zero, operators.vector(values), out)
    other = P1Space(space.points, space.cells)
    matrix = other.stiffness(np.tile(SIGMA, (len(space.cells), 1, 1)))
    x = other.vector(values)
    y = x.duplicate()
    matrix.mult(x, y)
    assert np.abs(operators.gather(out) - other.gather(y)).max() < 1e-12
    operators.apply(operators.mass, operators.lumped, operators.vector(values), out)
    other.mass().mult(x, y)
    assert np.abs(operators.gather(out) - other.gather(y)).max() < 1e-13


def test_constant_is_untouched_in_single_precision():
    """A resting tissue at −85 mV must not diffuse against itself, not even by rounding."""
    _, operators = made(single=True)
    out = operators.vector()
    resting = operators.vector(np.full(operators.space.nodes, -85.23))
    operators.apply(operators.stiffness, np.zeros_like(operators.lumped), resting, out)
    assert np.array_equal(out[: operators.rows], np.zeros(operators.rows))


def test_nodes_of_scar_alone_are_no_unknowns():
    """They would need a cell, a mass and a value that nobody can give."""
    space, operators = made(scar=True)
    gathered = operators.gather(np.ones(operators.rows))
    points = space.points
    inside = (points[:, 0] > 1.01) & (points[:, 1] > 0.51)
    assert np.isnan(gathered[inside]).all()
    assert (gathered[~inside] == 1.0).all()
    assert operators.lumped[: operators.rows].sum() == pytest.approx(
        np.prod(SIZE) - 2.0 * 1.5 * SIZE[2]
    )


def test_rate_bounds_the_spectrum():
    """An explicit step is stable only if the bound is one, and useful only if it is near."""
    _, operators = made()
    mass, stiffness = (matrix.toarray() for matrix in operators.matrices())
    exact = np.linalg.eigvals(stiffness / mass.sum(axis=1)[:, None]).real.max()
    assert exact <= operators.stiffest_rate() <= 3.0 * exact


def test_bad_tissue_is_named():
    """A negative conductivity names its cell; an inverted cell and a dead tissue are refused."""
    mesh = slab(SIZE, 0.5)
    space = TissueSpace(mesh.points, mesh.cells)
    tensors = np.tile(SIGMA, (len(mesh.cells), 1, 1))
    tensors[7, 0, 0] = -1.0
    with pytest.raises(ParameterError, match="cell 7"):
        assemble(space, tensors)
    with pytest.raises(MeshInputError, match="no cell"):
        assemble(space, tensors, np.zeros(len(mesh.cells), bool))
    cells = mesh.cells.copy()
    cells[3] = cells[3][[1, 0, 2, 3]]
    with pytest.raises(MeshInputError, match="cell 3 has volume"):
        TissueSpace(mesh.points, cells)
    with pytest.raises(ParameterError, match="degree 3"):
        TissueSpace(mesh.points, mesh.cells, 3)
