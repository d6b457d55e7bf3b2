"""Energy that goes in is found again, and what is squeezed is seen."""

from __future__ import annotations

import numpy as np
import pytest
import ufl
from dolfinx import fem
from dolfinx.mesh import CellType, create_box
from mpi4py import MPI

from heart.core.errors import ParameterError
from heart.mechanics.active import ActiveStress
from heart.mechanics.axes import Axes
from heart.mechanics.compressibility import Penalty
from heart.mechanics.dynamic import Drive, DynamicProblem, Pressure
from heart.mechanics.energy_budget import EnergyBudget
from heart.mechanics.generalised_alpha import BENCHMARK
from heart.mechanics.loads import Direction, Robin
from heart.mechanics.materials.neo_hookean import NeoHookean
from heart.mechanics.model import MechanicsModel
from heart.mechanics.space import Element, MechanicsSpace, marked
from heart.mechanics.viscosity import KelvinVoigt
from heart.mechanics.watch import Watch
from heart.numerics.profiles import load

DIRECT = load("mechanics/direct")
AXES = Axes(*(ufl.as_vector(row) for row in np.eye(3).tolist()))


@pytest.fixture(scope="module")
def space() -> MechanicsSpace:
    mesh = create_box(MPI.COMM_SELF, [[0, 0, 0], [10, 10, 10]], [1, 1, 1], CellType.tetrahedron)
    tags = marked(mesh, {1: lambda x: np.isclose(x[0], 0), 2: lambda x: np.isclose(x[0], 10)})
    return MechanicsSpace(mesh, tags, Element.P2)


def gap(space: MechanicsSpace, count: int) -> tuple[float, EnergyBudget]:
    """Return the largest gap over the work of a beat of 40 ms in so many steps."""
    tension = fem.Constant(space.mesh, 0.0)
    model = MechanicsModel(
        NeoHookean(15.0), Penalty(100.0), ActiveStress(tension), KelvinVoigt(20.0), 1.0
    )
    beat = lambda time: 4.0 * np.sin(np.pi * time / 40.0) ** 2  # noqa: E731
    loads = [
        Pressure(2, lambda time: 0.5 * beat(time)),
        Robin(1, 1.0, 2.0, Direction.FULL),
        Robin(2, 0.5, 1.0, Direction.NORMAL),
    ]
    problem = DynamicProblem(model, space, AXES, loads, [Drive(tension, beat)], BENCHMARK)
    budget = EnergyBudget(problem)
    for _ in range(count):
        problem.trial(40.0 / count, DIRECT)
        problem.accept()
        budget.update()
    gaps = [abs(one.gap) for one in budget.history]
    work = max(abs(one.pressure_work) + abs(one.active_work) for one in budget.history)
    return max(gaps) / work, budget


def test_the_balance_closes_with_the_step(space: MechanicsSpace) -> None:
    """A beat by pressure and tension against springs, dampers and viscosity."""
    coarse, _ = gap(space, 20)
    fine, budget = gap(space, 40)
    assert fine < 0.03
    assert fine < 0.7 * coarse
    losses = [one.lost for one in budget.history]
    assert np.all(np.diff(losses) >= 0.0)
    assert budget.history[-1].springs >= 0.0


def test_without_mass_there_is_no_budget(space: MechanicsSpace) -> None:
    """Nothing is summed that would leave a part out silently."""
    model = MechanicsModel(NeoHookean(15.0), Penalty(100.0))
    still = DynamicProblem(model, space, AXES, [Robin(1, 1.0, direction=Direction.FULL)])
    with pytest.raises(ParameterError, match="without inertia"):
        EnergyBudget(still)


def test_the_watch_sees_squeezing_and_jumps(space: MechanicsSpace) -> None:
    """Half the thickness is a ratio of a half; a shift of 5 mm is a share of the diagonal."""
    function = fem.Function(space.space)
    watch = Watch(space, function)
    before = np.array(function.x.array)
    function.interpolate(lambda x: np.stack([-0.5 * x[0], 0.0 * x[1], 0.0 * x[2]]))
    assert watch.worst().ratio == pytest.approx(0.5)
    assert watch.jump(before, function.x.array) == pytest.approx(5.0 / np.sqrt(300.0))
    function.x.array[:] = np.nan
    assert np.isnan(watch.worst().ratio)
