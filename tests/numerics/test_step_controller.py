"""The walk to the full load must end there when there is a way, and say why when there is none."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from heart.core.errors import LinearSolveError, NonFiniteError, NonlinearSolveError, ParameterError
from heart.numerics.newton import NonlinearOutcome
from heart.numerics.profiles import Profile
from heart.numerics.step_controller import Policy, StepController, Worst

LADDER = tuple(Profile(name, "test", {}) for name in ("usual", "careful", "last"))


@dataclass
class Scalar:
    """x = λ³ reached by a solver that only manages steps up to `reach(λ)`."""

    reach: float = 1.0
    late: tuple[str, ...] = ("usual", "careful", "last")
    squeezed_from: float = np.inf
    error: type[Exception] = NonlinearSolveError
    iterations: int = 4
    x: float = 0.0
    load: float = 0.0
    tried: list[tuple[float, str]] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)

    def apply(self, fraction: float) -> None:
        self.load = fraction

    def solve(self, profile: Profile) -> NonlinearOutcome:
        self.tried.append((self.load, profile.name))
        self.starts.append(self.x)
        far = abs(self.load - np.cbrt(self.x)) > self.reach + 1e-12
        if far or (self.load > 0.5 and profile.name not in self.late):
            self.x = np.nan
            raise self.error("no")
        self.x = self.load**3
        return NonlinearOutcome(self.iterations, 4, (1.0, 0.0), "CONVERGED")

    def values(self) -> np.ndarray:
        return np.array([self.x])

    def set_values(self, values: np.ndarray) -> None:
        self.x = float(values[0])

    def worst(self) -> Worst:
        return Worst(0.01 if self.x > self.squeezed_from else 0.9, 7, (1.0, 2.0, 3.0))

    def jump(self, before: np.ndarray) -> float:
        return float(abs(self.x - before[0]))


def run(problem: Scalar, **policy: float) -> StepController:
    options = {"first": 1.0, "largest": 1.0, "predict": False, "largest_jump": 5.0} | policy
    controller = StepController(problem, LADDER, Policy(**options))
    controller.run()
    return controller


@pytest.mark.parametrize("error", [NonlinearSolveError, LinearSolveError, NonFiniteError])
def test_finishes_where_the_full_step_fails(error: type[Exception]) -> None:
    """The full load in one go fails; halving finds steps that work, and they lead to the end."""
    problem = Scalar(reach=0.3, error=error)
    controller = run(problem)
    assert problem.x == 1.0
    assert [load for load, _ in problem.tried][:3] == [1.0, 0.5, 0.25]
    assert controller.steps[0].failures == 2
    assert controller.steps[-1].fraction == 1.0


def test_every_try_starts_from_the_last_good_state() -> None:
    """What a failed solve leaves behind (NaN here) never reaches the next try."""
    problem = Scalar(reach=0.3)
    run(problem)
    assert np.isfinite(problem.starts).all()


def test_steps_grow_when_they_are_easy_and_not_when_they_are_hard() -> None:
    """Few iterations: half as much again each time, up to the largest; many: smaller steps."""
    easy = run(Scalar(), first=0.1, largest=0.25)
    np.testing.assert_allclose([s.size for s in easy.steps][:4], [0.1, 0.15, 0.225, 0.25])
    hard = run(Scalar(iterations=20), first=0.2, largest=0.25)
    sizes = [s.size for s in hard.steps]
    np.testing.assert_allclose(sizes[:3], [0.2, 0.14, 0.098])


def test_another_solver_is_tried_after_repeated_failures() -> None:
    """Past half the load only the second profile works: smaller steps alone would never do."""
    careful = ("careful", "last")
    with pytest.raises(NonlinearSolveError):
        StepController(Scalar(late=careful), LADDER[:1], Policy(first=1.0, largest=1.0)).run()
    problem = Scalar(late=careful)
    controller = run(problem)
    assert problem.x == 1.0
    assert controller.steps[-1].profile == "careful"


def test_prediction_is_a_straight_line_and_only_after_success() -> None:
    """The start of the third step extrapolates the first two accepted states."""
    problem = Scalar()
    run(problem, first=0.1, largest=0.1, predict=True)
    assert problem.starts[0] == 0.0
    assert problem.starts[2] == pytest.approx(0.2**3 + (0.2**3 - 0.1**3))


def test_a_squeezed_cell_is_a_failure_although_the_solver_converged() -> None:
    """J ≤ 0.05 is not a heart; the floor names cell, place and load, and keeps the good state."""
    problem = Scalar(squeezed_from=0.3)
    with pytest.raises(NonlinearSolveError, match=r"stopped at 66\.\d+ % of the load.*cell 7 at"):
        run(problem)
    assert problem.x < 0.3
    assert problem.load**3 == pytest.approx(problem.x)


def test_a_jump_is_a_failure() -> None:
    """A snap to a far branch is refused: the branch that is followed is the near one."""
    problem = Scalar()
    controller = run(problem, largest_jump=0.3)
    assert problem.x == 1.0
    assert np.diff([s.fraction**3 for s in controller.steps]).max() <= 0.3


def test_unloads_and_goes_on() -> None:
    """A second call goes on from where the first ended, also downwards."""
    problem = Scalar()
    controller = StepController(problem, LADDER, Policy())
    controller.run(0.5)
    controller.run(0.2)
    assert problem.x == pytest.approx(0.2**3)
    assert controller.run(0.2) == []


def test_an_empty_ladder_and_odd_policies_are_refused() -> None:
    """Nothing to solve with, or a step of 0, is said before the first solve."""
    with pytest.raises(ParameterError, match="no solver profile"):
        StepController(Scalar(), ())
    with pytest.raises(ParameterError, match="first step"):
        Policy(first=0.0)
