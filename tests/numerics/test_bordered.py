"""A border must not change what Newton's method promises: exact tangent, named failures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import ufl
from dolfinx import fem
from dolfinx.mesh import create_unit_interval, exterior_facet_indices
from mpi4py import MPI
from petsc4py import PETSc

from heart.core.errors import (
    HeartError,
    LinearSolveError,
    NonlinearSolveError,
    OutOfMemoryError,
    ParameterError,
    ScenarioError,
)
from heart.numerics.bordered import (
    Border,
    BorderedSolver,
    BorderedSystem,
    FormFunctional,
)
from heart.numerics.elimination import Elimination
from heart.numerics.newton import NonlinearSystem
from heart.numerics.profiles import Profile, load

DEGREE = {"quadrature_degree": 4}


def profile(**options: Any) -> Profile:
    """Return the direct profile with options changed for the test."""
    return Profile("test", "test", load("mechanics/direct").petsc | options)


class MeanAndSquare:
    """The source z₀ has to give the mean, and z₁ = z₀²/100 beside it acts nowhere."""

    scale = np.array([2.0, 0.5])

    def __init__(self, mean: float) -> None:
        self.mean = mean

    def residual(self, unknowns: np.ndarray, values: np.ndarray) -> np.ndarray:
        return np.array([values[0] - self.mean, unknowns[1] - 0.01 * unknowns[0] ** 2])

    def slopes(self, unknowns: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        assert len(values) == 1
        return np.array([[0.0, 0.0], [-0.02 * unknowns[0], 1.0]]), np.array([[1.0], [0.0]])


def bar(mean: float = 0.3, law: Any = None) -> BorderedSystem:
    """Return −(k(u) u')' = z₀ on (0, 1), u = 0.1 at the ends, with a prescribed mean of u."""
    mesh = create_unit_interval(MPI.COMM_SELF, 16)
    space = fem.functionspace(mesh, ("Lagrange", 1))
    u, v, source = fem.Function(space), ufl.TestFunction(space), fem.Constant(mesh, 0.0)
    x = ufl.dx(domain=mesh, metadata=DEGREE)
    stiffness = (law or (lambda w: 1 + w**2))(u)
    residual = stiffness * ufl.grad(u)[0] * ufl.grad(v)[0] * x - source * v * x
    mesh.topology.create_connectivity(0, 1)
    ends = fem.locate_dofs_topological(space, 0, exterior_facet_indices(mesh.topology))
    values = fem.Function(space)
    values.x.array[ends] = 0.1
    inner = NonlinearSystem([residual], u, [fem.dirichletbc(values, ends)])
    amount = FormFunctional(mesh.comm, u * x, ufl.derivative(u * x, u, v))
    return BorderedSystem(inner, [Border(source, -v * x)], [amount], MeanAndSquare(mean))


def test_the_border_keeps_newton_quadratic() -> None:
    """All blocks of the tangent are exact: the true residual falls as a square, to the target."""
    system = bar(1.0)
    outcome = BorderedSolver(system, profile(snes_rtol=1e-13)).solve()
    assert outcome.reason.startswith("CONVERGED_FNORM")
    assert system.measures()[0] == pytest.approx(1.0, abs=1e-11)
    assert system.small[1] == pytest.approx(0.01 * system.small[0] ** 2, rel=1e-11)
    scaled = np.array(outcome.residuals) / outcome.residuals[0]
    late = [k for k in range(len(scaled) - 1) if 1e-7 < scaled[k] < 0.1]
    assert late
    assert all(scaled[k + 1] < 3.0 * scaled[k] ** 1.8 for k in late)
    assert outcome.linear_iterations == outcome.iterations


def test_tangent_is_the_derivative_of_the_whole_residual() -> None:
    """Columns, rows and the small block against finite differences."""
    system, rng = bar(), np.random.default_rng(4)
    x, d, ours = (system.vector.duplicate() for _ in range(3))
    x.array[:] = rng.uniform(0.1, 0.4, x.getLocalSize())
    d.array[:] = rng.uniform(-1.0, 1.0, x.getLocalSize())
    for condition in system.inner.conditions:
        rows = condition.dof_indices()[0]
        x.array[rows], d.array[rows] = 0.1, 0.0
    system.tangent(x, system.matrix)
    system.matrix.mult(d, ours)
    up, down, h = x.duplicate(), x.duplicate(), 1e-6
    system.residual(x + h * d, up)
    system.residual(x - h * d, down)
    np.testing.assert_allclose(ours.array, (up.array - down.array) / (2 * h), atol=1e-8)


def test_values_come_back_with_the_small_unknowns() -> None:
    """A step controller puts the last good state back: the pressure belongs to it."""
    system = bar()
    solver = BorderedSolver(system, profile())
    rest = system.values()
    solver.solve()
    assert system.small[0] > 1.0
    first = system.small.copy()
    system.set_values(rest)
    assert system.small.tolist() == [0.0, 0.0]
    solver.solve()
    np.testing.assert_allclose(system.small, first, rtol=1e-9)


def test_lagged_factorisation_still_arrives() -> None:
    """With the preconditioner of an older tangent the Krylov method does the rest."""
    system = bar(1.0)
    outcome = BorderedSolver(system, profile(snes_lag_preconditioner=3)).solve()
    assert system.measures()[0] == pytest.approx(1.0, abs=1e-9)
    assert outcome.linear_iterations > outcome.iterations


def test_an_iterative_profile_acts_on_the_whole() -> None:
    """Krylov options act on the bordered system, preconditioner options on the large block."""
    options = load("mechanics/direct").petsc | {
        "ksp_type": "fgmres", "ksp_rtol": 1e-8, "pc_type": "jacobi",
    }  # fmt: skip
    del options["pc_factor_mat_solver_type"]
    system = bar(1.0)
    BorderedSolver(system, Profile("test", "test", options)).solve()
    assert system.measures()[0] == pytest.approx(1.0, abs=1e-9)


def test_failures_are_errors_with_the_reason() -> None:
    """Too few iterations, a singular block and an unknown option, each by its own error."""
    with pytest.raises(NonlinearSolveError, match="profile test stopped with DIVERGED_MAX_IT"):
        BorderedSolver(bar(1.0), profile(snes_max_it=1)).solve()
    with pytest.raises(LinearSolveError, match="test"):
        BorderedSolver(bar(1.0, lambda w: 0.0 * w), profile()).solve()
    with pytest.raises(ScenarioError, match="pc_factor_no_such"):
        BorderedSolver(bar(1.0), profile(pc_factor_no_such=1)).solve()


@pytest.mark.parametrize(
    ("code", "expected"), [(55, OutOfMemoryError), (76, LinearSolveError)], ids=["memory", "other"]
)
def test_a_factorisation_that_breaks_off_is_named_and_the_solver_goes_on(
    monkeypatch: pytest.MonkeyPatch, code: int, expected: type[HeartError]
) -> None:
    """PETSc loses the name of an error in a callback; the next try must find nothing locked."""

    def broken(_self: Any, _system: Any) -> int:
        raise PETSc.Error(code)

    system = bar(1.0)
    solver = BorderedSolver(system, profile())
    rest = system.values()
    with monkeypatch.context() as patch:
        patch.setattr(Elimination, "_factorised", broken)
        with pytest.raises(expected, match="profile test"):
            solver.solve()
    system.set_values(rest)
    solver.solve()
    assert system.measures()[0] == pytest.approx(1.0, abs=1e-9)


def test_more_borders_than_equations_are_refused() -> None:
    """An unknown without an equation would make the small block singular."""
    system = bar()
    source = fem.Constant(system.inner.state.function_space.mesh, 0.0)
    form = ufl.TestFunction(system.inner.state.function_space) * ufl.dx(metadata=DEGREE)
    with pytest.raises(ParameterError, match="3 borders with 2"):
        BorderedSystem(system.inner, [Border(source, form)] * 3, [], MeanAndSquare(1.0))
