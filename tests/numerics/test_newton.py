"""A failed nonlinear solve must never look like a result."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import ufl
from dolfinx import fem
from dolfinx.mesh import create_unit_interval, exterior_facet_indices
from mpi4py import MPI

from heart.core.errors import (
    LinearSolveError,
    NonFiniteError,
    NonlinearSolveError,
    ParameterError,
    ScenarioError,
)
from heart.numerics.newton import NewtonSolver, NonlinearSystem
from heart.numerics.profiles import Profile, load

DEGREE = {"quadrature_degree": 4}


def profile(**options: Any) -> Profile:
    """Return the direct profile with options changed for the test."""
    return Profile("test", "test", load("mechanics/direct").petsc | options)


def bar(source: float = 1.0, end: float = 0.0, law: Any = None) -> NonlinearSystem:
    """Return −(k(u) u')' = source on (0, 1), u = 0 at the left and `end` at the right."""
    mesh = create_unit_interval(MPI.COMM_SELF, 16)
    space = fem.functionspace(mesh, ("Lagrange", 1))
    u, v = fem.Function(space), ufl.TestFunction(space)
    x = ufl.dx(domain=mesh, metadata=DEGREE)
    flux = (law or (lambda w: 1 + w**2))(u) * ufl.grad(u)[0]
    residual = flux * ufl.grad(v)[0] * x - source * v * x
    mesh.topology.create_connectivity(0, 1)
    ends = fem.locate_dofs_topological(space, 0, exterior_facet_indices(mesh.topology))
    places = space.tabulate_dof_coordinates()[ends, 0]
    values = fem.Function(space)
    values.x.array[ends[places > 0.5]] = end
    return NonlinearSystem([residual], u, [fem.dirichletbc(values, ends)])


def test_converges_quadratically_and_says_so() -> None:
    """Exact tangent: each residual is about the square of the one before."""
    outcome = NewtonSolver(bar(4.0), profile(snes_rtol=1e-13)).solve()
    assert outcome.reason.startswith("CONVERGED_FNORM")
    assert len(outcome.residuals) == outcome.iterations + 1
    scaled = np.array(outcome.residuals) / outcome.residuals[0]
    late = [k for k in range(len(scaled) - 1) if 1e-7 < scaled[k] < 0.1]
    assert late
    assert all(scaled[k + 1] < 3.0 * scaled[k] ** 1.8 for k in late)


def test_the_history_is_that_of_the_last_solve() -> None:
    """What is told about a failed step must not begin with the residuals of the one before."""
    solver = NewtonSolver(bar(4.0), profile())
    solver.solve()
    again = solver.solve()
    assert len(again.residuals) == again.iterations + 1


def test_prescribed_values_are_met_in_one_step_of_a_linear_problem() -> None:
    """Lifting: unknowns beside the boundary move with it, in the first step already."""
    system = bar(0.0, end=2.0, law=lambda _w: 1.0)
    outcome = NewtonSolver(system, profile()).solve()
    assert outcome.iterations == 1
    places = system.state.function_space.tabulate_dof_coordinates()[:, 0]
    np.testing.assert_allclose(system.state.x.array, 2.0 * places, atol=1e-12)


def test_solves_again_after_the_values_change() -> None:
    """Matrix and vectors are used again: the second solve starts where the first ended."""
    system = bar(1.0)
    solver = NewtonSolver(system, profile())
    first = solver.solve()
    again = solver.solve()
    assert first.iterations > 0
    assert again.iterations == 0


def test_divergence_is_an_error_with_the_reason() -> None:
    """Too few iterations: profile, reason and residuals are in the line."""
    with pytest.raises(NonlinearSolveError, match="profile test stopped with DIVERGED_MAX_IT"):
        NewtonSolver(bar(4.0), profile(snes_max_it=1)).solve()


def test_nan_is_an_error_of_its_own() -> None:
    """A logarithm of a negative number is not a converged solution."""
    with pytest.raises(NonFiniteError, match=r"NANORINF|not finite"):
        NewtonSolver(bar(1.0, law=lambda w: ufl.ln(w - 1.0)), profile()).solve()


def test_a_failed_linear_solve_is_told_apart() -> None:
    """Krylov iterations that do not converge call for a direct solver, not for smaller steps."""
    weak = profile(ksp_type="gmres", ksp_max_it=1, ksp_rtol=1e-12, pc_type="none")
    weak.petsc.pop("pc_factor_mat_solver_type")
    with pytest.raises(LinearSolveError, match="linear solve DIVERGED_MAX_IT"):
        NewtonSolver(bar(4.0), weak).solve()


def test_unknown_option_is_named() -> None:
    """A typing error in solvers/ must not be ignored, as PETSc does."""
    with pytest.raises(ScenarioError, match="snes_rtoll"):
        NewtonSolver(bar(), profile(snes_rtoll=1e-9)).solve()


def test_a_form_without_quadrature_degree_is_refused() -> None:
    """Automatic degrees of exponential laws cost 190 times the assembly: never by oversight."""
    mesh = create_unit_interval(MPI.COMM_SELF, 2)
    space = fem.functionspace(mesh, ("Lagrange", 1))
    u, v = fem.Function(space), ufl.TestFunction(space)
    with pytest.raises(ParameterError, match="quadrature degree"):
        NonlinearSystem([ufl.exp(u) * v * ufl.dx(domain=mesh)], u)
