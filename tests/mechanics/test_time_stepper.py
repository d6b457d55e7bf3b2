"""The stepper of time on a problem that fails on purpose: it must arrive, on its grid."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from heart.core.errors import NonFiniteError, NonlinearSolveError, ParameterError
from heart.mechanics.time_stepper import Limits, TimeStepper
from heart.numerics.newton import NonlinearOutcome
from heart.numerics.profiles import Profile
from heart.numerics.step_controller import Worst

USUAL, ROBUST = (Profile(name, "test", {}) for name in ("usual", "robust"))


class Clock:
    """Its state is the time; a trial fails where `fails` says so."""

    def __init__(self, fails: Callable[[float, float, str], bool]) -> None:
        self.time, self.fails, self.tried, self.ratio, self.moved = 0.0, fails, 0.0, 1.0, 0.0
        self.predicted: list[bool] = []

    def trial(self, step: float, profile: Profile, *, predict: bool = True) -> NonlinearOutcome:
        self.tried = step
        self.predicted.append(predict)
        if self.fails(self.time, step, profile.name):
            raise NonlinearSolveError("no convergence")
        return NonlinearOutcome(3, 3, (1.0, 0.0), "CONVERGED")

    def accept(self) -> None:
        self.time += self.tried

    def worst(self) -> Worst:
        return Worst(self.ratio, 7, (1.0, 2.0, 3.0))

    def jump(self) -> float:
        return self.moved


def test_a_smooth_run_stays_on_the_grid() -> None:
    """Equal steps, and a shorter last one where the end is between two points."""
    clock, seen = Clock(lambda *_: False), []
    steps = TimeStepper(clock, [USUAL]).run(10.5, 2.0, [lambda step: seen.append(step.time)])
    np.testing.assert_allclose(seen, [2, 4, 6, 8, 10, 10.5])
    assert all(step.on_grid and step.failures == 0 for step in steps)


def test_steps_that_fail_are_halved_and_grow_back() -> None:
    """Between 3 and 4 ms only steps of a quarter work: all grid points are still reached."""
    clock = Clock(lambda time, step, _: 3.0 <= time < 4.0 and step > 0.26)
    steps = TimeStepper(clock, [USUAL]).run(6.0, 1.0)
    np.testing.assert_allclose([step.time for step in steps if step.on_grid], [1, 2, 3, 4, 5, 6])
    np.testing.assert_allclose(sum(step.size for step in steps), 6.0)
    assert max(step.failures for step in steps) == 2
    assert steps[-1].size == pytest.approx(1.0)
    # After a failure the prediction is not trusted.
    assert clock.predicted[3:6] == [True, False, False]


def test_the_ladder_comes_before_a_shorter_step() -> None:
    """A failure brings the robust profile at the same step; the next step has the usual one."""
    clock = Clock(lambda time, _step, name: 1.0 <= time < 2.0 and name == "usual")
    steps = TimeStepper(clock, [USUAL, ROBUST]).run(3.0, 1.0)
    assert [step.profile for step in steps] == ["usual", "robust", "usual"]
    assert [step.size for step in steps] == [1.0, 1.0, 1.0]


def test_the_end_is_one_line_with_cause_and_time() -> None:
    """At the floor the user reads why, when and what to do; the last good state stays."""
    clock = Clock(lambda time, *_: time >= 2.0)
    with pytest.raises(NonlinearSolveError, match=r"stopped at 2 ms.*no convergence") as caught:
        TimeStepper(clock, [USUAL], Limits(cuts=3)).run(5.0, 1.0)
    assert "\n" not in caught.value.line()
    assert clock.time == 2.0


@pytest.mark.parametrize(
    ("ratio", "moved", "words"),
    [(0.02, 0.0, "squeezed"), (float("nan"), 0.0, "not finite"), (1.0, 3.0, "jumped")],
)
def test_bad_results_are_failures(ratio: float, moved: float, words: str) -> None:
    """A solver that reports success is not believed when a cell is inverted or the body jumps."""
    clock = Clock(lambda *_: False)
    clock.ratio, clock.moved = ratio, moved
    with pytest.raises(NonlinearSolveError, match=words):
        TimeStepper(clock, [USUAL], Limits(cuts=1)).run(1.0, 1.0)
    assert clock.time == 0.0


def test_other_errors_are_not_hidden() -> None:
    """Only failures of a solve are tried again; an observer's error ends the run."""
    clock = Clock(lambda *_: False)

    def broken(_step: object) -> None:
        raise NonFiniteError("probe")

    with pytest.raises(NonFiniteError, match="probe"):
        TimeStepper(clock, [USUAL]).run(2.0, 1.0, [broken])
    with pytest.raises(ParameterError, match="profile"):
        TimeStepper(clock, [])
    with pytest.raises(ParameterError, match="time step"):
        TimeStepper(clock, [USUAL]).run(1.0, 0.0)
