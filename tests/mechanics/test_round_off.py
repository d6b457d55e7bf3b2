"""Newton's method ends at round-off, however stiff the muscle: no solved step counts as failed."""

from __future__ import annotations

import numpy as np
import pytest
import ufl
from dolfinx.mesh import create_box
from mpi4py import MPI

from heart.core.errors import NonlinearSolveError
from heart.mechanics.axes import Axes
from heart.mechanics.compressibility import Penalty
from heart.mechanics.loads import Fixed, FollowerPressure
from heart.mechanics.materials.guccione import Guccione
from heart.mechanics.model import MechanicsModel
from heart.mechanics.space import Element, MechanicsSpace, marked
from heart.mechanics.static import StaticProblem
from heart.numerics.profiles import Profile, load

DIRECT = load("mechanics/direct")
AXES = Axes(*(ufl.as_vector(row) for row in np.eye(3).tolist()))
HELD, PULLED, SIDE = 1, 2, 10.0
TO_THE_END = Profile(
    "to the end",
    "test",
    DIRECT.petsc
    | {"snes_linesearch_type": "basic", "snes_atol": 1e-50, "snes_rtol": 1e-50, "snes_max_it": 4},
)


def cube(bulk: float) -> StaticProblem:
    """A cube of muscle of 1 cm, held on one side and pulled with 50 Pa on the other."""
    mesh = create_box(MPI.COMM_SELF, [[0, 0, 0], [SIDE] * 3], [2, 2, 2])
    tags = marked(
        mesh, {HELD: lambda x: np.isclose(x[0], 0.0), PULLED: lambda x: np.isclose(x[0], SIDE)}
    )
    space = MechanicsSpace(mesh, tags, Element.P2)
    model = MechanicsModel(Guccione(2.0, 8.0, 2.0, 4.0), Penalty(bulk))
    return StaticProblem(model, space, AXES, [Fixed(HELD), FollowerPressure(PULLED, -0.05)])


def residual(problem: StaticProblem) -> float:
    """Return the norm of the residual at the present state."""
    system = problem.system
    state, out = system.vector.duplicate(), system.vector.duplicate()
    state.array[:] = problem.values()
    system.residual(state, out)
    return float(out.norm())


@pytest.mark.parametrize("bulk", [1e2, 1e3, 4e5])
def test_a_step_ends_where_newton_stalls(bulk: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """At 4e5 kPa the residual stalls above the profile's tolerance, which stopped the run."""
    problem = cube(bulk)
    problem.apply(0.05)
    problem.solve(DIRECT)
    problem.apply(0.1)
    outcome = problem.solve(DIRECT)
    assert outcome.reason.startswith("CONVERGED")
    ended, bound = problem.values(), problem.system.round_off()
    monkeypatch.setattr(problem.system, "round_off", lambda: 0.0)
    with pytest.raises(NonlinearSolveError, match="DIVERGED_MAX_IT"):
        problem.solve(TO_THE_END)
    stalled = residual(problem)
    assert 2.0 * stalled < bound < 50.0 * stalled
    gone_on = problem.values()
    assert np.abs(gone_on - ended).max() < 1e-6 * np.abs(gone_on).max()
    if bulk < 1e4:
        assert bound < float(DIRECT.petsc["snes_atol"])
        assert outcome.residuals[-1] < float(DIRECT.petsc["snes_atol"])


def test_without_the_bound_a_stiff_step_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound is what ends the iteration: nothing else in this problem makes it converge."""
    problem = cube(4e5)
    monkeypatch.setattr(problem.system, "round_off", lambda: 0.0)
    problem.apply(0.05)
    with pytest.raises(NonlinearSolveError, match="e-09"):
        problem.solve(DIRECT)
