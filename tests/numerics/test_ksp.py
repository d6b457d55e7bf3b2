"""A failed linear solve must never look like a result."""

import numpy as np
import pytest
from petsc4py import PETSc

from heart.core.errors import LinearSolveError, NonFiniteError, ScenarioError
from heart.numerics.ksp import LinearSolver
from heart.numerics.profiles import Profile


def matrix(diagonal):
    """Return a diagonal PETSc matrix."""
    result = PETSc.Mat().createAIJ([len(diagonal)] * 2, nnz=1, comm=PETSc.COMM_SELF)
    for row, value in enumerate(diagonal):
        result[row, row] = value
    result.assemble()
    return result


def profile(**options):
    """Return a profile made for the test."""
    return Profile(
        name="test", purpose="test", petsc={"ksp_type": "cg", "pc_type": "none"} | options
    )


def test_outcome_says_what_happened():
    """Iterations, residual and PETSc's reason by name."""
    a = matrix([1.0, 2.0, 4.0])
    b, x = a.createVecRight(), a.createVecRight()
    b.set(1.0)
    outcome = LinearSolver(a, profile(ksp_rtol=1e-12)).solve(b, x)
    assert x.array == pytest.approx([1.0, 0.5, 0.25])
    assert 1 <= outcome.iterations <= 4
    assert outcome.reason.startswith("CONVERGED")


def test_divergence_is_an_error_with_the_reason():
    """Too few iterations: the profile's name and the reason are in the line."""
    a = matrix(np.linspace(1.0, 1e6, 50))
    b, x = a.createVecRight(), a.createVecRight()
    b.set(1.0)
    with pytest.raises(LinearSolveError, match="profile test stopped with DIVERGED"):
        LinearSolver(a, profile(ksp_max_it=2, ksp_rtol=1e-14)).solve(b, x)


def test_nan_is_refused_before_the_solve():
    """NaN in, NaN out would pass silently through PETSc."""
    a = matrix([1.0, 1.0])
    b, x = a.createVecRight(), a.createVecRight()
    b.set(np.nan)
    with pytest.raises(NonFiniteError):
        LinearSolver(a, profile()).solve(b, x)


def test_unknown_option_is_named():
    """A typing error in solvers/ must not be ignored, as PETSc does."""
    with pytest.raises(ScenarioError, match="ksp_rtoll"):
        LinearSolver(matrix([1.0]), profile(ksp_rtoll=1e-9))
