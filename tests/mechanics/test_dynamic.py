"""Motion of small cubes: order in time, energy, momentum, and the static limit."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import ufl
from dolfinx import fem
from dolfinx.mesh import CellType, create_box
from mpi4py import MPI

from heart.core.errors import ParameterError
from heart.mechanics.axes import Axes
from heart.mechanics.compressibility import Penalty
from heart.mechanics.dynamic import DynamicProblem, Pressure
from heart.mechanics.generalised_alpha import BACKWARD_EULER, BENCHMARK, TRAPEZOIDAL, Scheme
from heart.mechanics.loads import Direction, Fixed, FollowerPressure, Robin
from heart.mechanics.materials.neo_hookean import NeoHookean
from heart.mechanics.model import MechanicsModel
from heart.mechanics.space import Element, MechanicsSpace, marked
from heart.mechanics.static import StaticProblem
from heart.mechanics.viscosity import KelvinVoigt
from heart.numerics.newton import compiled
from heart.numerics.profiles import load

DIRECT = load("mechanics/direct")
AXES = Axes(*(ufl.as_vector(row) for row in np.eye(3).tolist()))
SIDE, MU, KAPPA = 10.0, 15.0, 100.0
LEFT, RIGHT = 1, 2


@pytest.fixture(scope="module")
def space() -> MechanicsSpace:
    mesh = create_box(MPI.COMM_SELF, [[0, 0, 0], [SIDE] * 3], [1, 1, 1], CellType.tetrahedron)
    tags = marked(
        mesh,
        {LEFT: lambda x: np.isclose(x[0], 0.0), RIGHT: lambda x: np.isclose(x[0], SIDE)},
    )
    return MechanicsSpace(mesh, tags, Element.P2)


def model(**options: Any) -> MechanicsModel:
    return MechanicsModel(NeoHookean(MU), Penalty(KAPPA), **options)


def swing(space: MechanicsSpace, scheme: Scheme = BENCHMARK, **options: Any) -> DynamicProblem:
    """Return a cube on its face that starts to shear."""
    problem = DynamicProblem(
        model(density=1.0, **options), space, AXES, [Fixed(LEFT)], scheme=scheme
    )
    problem.start(lambda x: 0.0 * x, lambda x: np.stack([0.0 * x[0], 0.06 * x[0], 0.02 * x[0]]))
    return problem


def march(problem: DynamicProblem, until: float, count: int) -> None:
    for _ in range(count):
        problem.trial(until / count, DIRECT)
        problem.accept()


class Energy:
    """Kinetic and stored energy of the present state in mm mN."""

    def __init__(self, problem: DynamicProblem) -> None:
        F = ufl.Identity(3) + ufl.grad(problem.u)
        energy = problem.model.energy(F.T * F, AXES)
        volume = problem.space.volume
        self.forms = [
            compiled(0.5 * ufl.inner(problem.velocity, problem.velocity) * volume),
            compiled(energy * volume),
        ]

    def total(self) -> float:
        return sum(float(fem.assemble_scalar(form)) for form in self.forms)


@pytest.mark.parametrize("scheme", [BENCHMARK, TRAPEZOIDAL], ids=["benchmark", "trapezoidal"])
def test_order_two_in_time(space: MechanicsSpace, scheme: Scheme) -> None:
    """Halving the step quarters the error of a large oscillation."""
    ends = []
    for count in (16, 32, 64):
        problem = swing(space, scheme)
        march(problem, 3.0, count)
        ends.append(np.array(problem.present.x.array))
    first, second = (np.linalg.norm(a - b) for a, b in itertools.pairwise(ends))
    assert np.linalg.norm(ends[-1]) > 1.0
    assert np.log2(first / second) == pytest.approx(2.0, abs=0.25)


def test_energy_is_kept_without_viscosity(space: MechanicsSpace) -> None:
    """The trapezoidal rule keeps the energy of an oscillation within a small band."""
    problem = swing(space, TRAPEZOIDAL)
    energy = Energy(problem)
    start, seen = energy.total(), []
    for _ in range(30):
        march(problem, 0.5, 1)
        seen.append(energy.total())
    np.testing.assert_allclose(seen, start, rtol=5e-3)


def test_viscosity_only_takes_energy(space: MechanicsSpace) -> None:
    """Each step loses energy, and over the run most of it."""
    problem = swing(space, TRAPEZOIDAL, viscosity=KelvinVoigt(20.0))
    energy = Energy(problem)
    seen = [energy.total()]
    for _ in range(20):
        march(problem, 1.0, 1)
        seen.append(energy.total())
    assert np.all(np.diff(seen) < 1e-6 * seen[0])
    assert seen[-1] < 0.5 * seen[0]


def test_a_free_body_keeps_its_momentum(space: MechanicsSpace) -> None:
    """Nothing holds it: the mean velocity stays while it drifts and vibrates, and u = v t."""
    problem = DynamicProblem(model(density=1.0), space, AXES, [])
    drift = np.array([0.03, -0.02, 0.01])
    problem.start(
        lambda x: 0.0 * x,
        lambda x: drift[:, None] + 0.01 * np.stack([x[1] - 5, x[0] - 5, 0 * x[0]]),
    )
    march(problem, 10.0, 10)
    for function, expected in ((problem.velocity, drift), (problem.present, 10.0 * drift)):
        mean = [
            fem.assemble_scalar(compiled(function[axis] * space.volume)) / SIDE**3
            for axis in range(3)
        ]
        np.testing.assert_allclose(mean, expected, atol=1e-8)


def test_a_load_gives_the_acceleration_of_its_mass(space: MechanicsSpace) -> None:
    """Units: 0.02 kPa on 100 mm² push 2000 mg by 0.001 mm/ms², so 0.05 mm in 10 ms."""
    problem = DynamicProblem(model(density=2.0), space, AXES, [FollowerPressure(RIGHT, 0.02)])
    march(problem, 10.0, 20)
    mean = fem.assemble_scalar(compiled(problem.present[0] * space.volume)) / SIDE**3
    # The scheme starts at rest without the acceleration of a load that is there at once.
    assert mean == pytest.approx(-0.05, rel=0.06)


def test_quasi_static_steps_end_at_the_static_state(space: MechanicsSpace) -> None:
    """Springs and dampers under a pressure that stays: after the dampers the state is static."""
    held = [
        Robin(LEFT, 2.0, 10.0, Direction.FULL),
        Robin(RIGHT, 0.5, 10.0, Direction.NORMAL),
    ]
    slow = DynamicProblem(
        model(), space, AXES, [*held, Pressure(RIGHT, lambda time: 3.0 * min(time / 20.0, 1.0))]
    )
    march(slow, 20.0, 4)
    early = np.array(slow.present.x.array)
    march(slow, 2000.0, 20)
    still = StaticProblem(model(), space, AXES, [*held, FollowerPressure(RIGHT, 3.0)])
    still.set_values(slow.present.x.array)
    assert still.solve(DIRECT).iterations <= 1
    expected = still.values()
    np.testing.assert_allclose(slow.present.x.array, expected, atol=1e-6)
    assert np.abs(early - expected).max() > 0.1


def test_a_failed_trial_leaves_the_state(space: MechanicsSpace) -> None:
    """A step is only taken when it is accepted: trials of other lengths change nothing."""
    problem = swing(space)
    march(problem, 2.0, 2)
    before = [np.array(f.x.array) for f in (problem.present, problem.velocity)]
    problem.trial(5.0, DIRECT)
    assert problem.time == 2.0
    for function, old in zip((problem.present, problem.velocity), before, strict=True):
        np.testing.assert_array_equal(function.x.array, old)
    problem.trial(1.0, DIRECT)
    problem.accept()
    other = swing(space)
    march(other, 3.0, 3)
    np.testing.assert_allclose(problem.present.x.array, other.present.x.array, atol=1e-7)


def test_what_cannot_be_is_refused(space: MechanicsSpace) -> None:
    """No inertia and nothing that holds; a moved face; a body without mass set in motion."""
    with pytest.raises(ParameterError, match="nothing holds"):
        DynamicProblem(model(), space, AXES, [])
    with pytest.raises(ParameterError, match="prescribed displacement"):
        DynamicProblem(model(), space, AXES, [Fixed(LEFT, displacement=lambda x: x)])
    still = DynamicProblem(model(), space, AXES, [Fixed(LEFT)])
    assert still.scheme is BACKWARD_EULER
    with pytest.raises(ParameterError, match="density"):
        still.start(lambda x: x, lambda x: x)
    with pytest.raises(ParameterError, match="pressure unknown"):
        DynamicProblem(MechanicsModel(NeoHookean(MU)), space, AXES, [Fixed(LEFT)])


def test_the_end_of_a_step_is_watched_before_it_is_accepted(space: MechanicsSpace) -> None:
    """Balanced at 30 % of the volume, it ends beyond, turned inside out: from there every later
    step, however short, has a residual that is no number.
    """
    problem = swing(space)
    problem.trial(1.0, DIRECT)
    assert problem.worst().ratio == pytest.approx(1.0, abs=0.1)
    squeezed = fem.Function(problem.space.space)
    squeezed.interpolate(lambda x: np.stack([-0.7 * x[0], 0.0 * x[0], 0.0 * x[0]]))
    problem.system.set_values(squeezed.x.array)
    end = 1.0 - 0.7 / (1.0 - BENCHMARK.alpha_f)
    assert problem.worst().ratio == pytest.approx(end, abs=1e-6)
    np.testing.assert_allclose(problem.system.values(), squeezed.x.array)
    problem.accept()
    assert problem.worst().ratio == pytest.approx(0.3)
