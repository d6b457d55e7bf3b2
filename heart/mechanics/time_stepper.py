"""Advances a problem in time on a grid of steps, and halves a step that fails.

A step fails as in the control of loads: the solver says so, a cell is squeezed, the body jumps. The
problem still holds its last good state then. The same step is tried with the next profile of the
ladder, which may only lack a new tangent; then half of it. Steps grow back to the grid, so that
results are at equal times whatever happened between. At the floor the run ends with one line that
names cause, time and the worst cell.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from heart.core.errors import (
    HeartError,
    LinearSolveError,
    NonFiniteError,
    NonlinearSolveError,
    ParameterError,
)
from heart.core.parameters import Parameter
from heart.numerics.newton import NonlinearOutcome
from heart.numerics.profiles import Profile
from heart.numerics.step_controller import RATIO, Worst

LOG = logging.getLogger(__name__)

STEP = Parameter(1.0, "ms", 1e-4, 100.0, "Arostica2025", "time step of the benchmark")
JUMP = Parameter(0.25, "1", 0.001, 10.0, "assumed", "largest motion in a step, in body sizes")
CUTS = Parameter(8.0, "1", 0.0, 30.0, "assumed", "halvings of a step: 1/256 is the floor")
ROUND_OFF = 1e-9


class Advancing(Protocol):
    """A problem with a present state that can try a step and take it."""

    time: float

    def trial(self, step: float, profile: Profile, *, predict: bool = True) -> NonlinearOutcome:
        """Solve a step in ms from the present state, or raise."""

    def accept(self) -> None:
        """Take the state of the last trial."""

    def worst(self) -> Worst:
        """Return the cell that is squeezed most in the last trial."""

    def jump(self) -> float:
        """Return how far the last trial moved the body, in sizes of the body."""


@dataclass(frozen=True)
class Limits:
    """When a step counts as failed, and how often it may be halved."""

    least_ratio: float = RATIO.value
    largest_jump: float = JUMP.value
    cuts: int = int(CUTS.value)

    def __post_init__(self) -> None:
        RATIO.check(self.least_ratio, name="least volume ratio")
        JUMP.check(self.largest_jump, name="largest jump")
        CUTS.check(self.cuts, name="halvings of a step")


@dataclass(frozen=True)
class TimeStep:
    """A step that was accepted: its end and length in ms, and whether the end is on the grid."""

    time: float
    size: float
    on_grid: bool
    iterations: int
    profile: str
    failures: int
    least_ratio: float


class TimeStepper:
    """Walks a problem through time.

    Parameters
    ----------
    problem
        Left in its last good state.
    ladder
        Profiles from the usual to the most robust.
    limits
        When a step counts as failed.
    """

    def __init__(
        self, problem: Advancing, ladder: Sequence[Profile], limits: Limits | None = None
    ) -> None:
        if not ladder:
            raise ParameterError("no solver profile given", expected="at least one")
        self.problem, self.ladder = problem, tuple(ladder)
        self.limits = Limits() if limits is None else limits
        self.steps: list[TimeStep] = []

    def run(
        self,
        until: float,
        step: float = STEP.value,
        accepted: Sequence[Callable[[TimeStep], None]] = (),
    ) -> list[TimeStep]:
        """Advance to the time `until` in ms on a grid of `step`. Collective.

        Parameters
        ----------
        until, step
            ms; the last step is shorter where `until` is not on the grid.
        accepted
            Called after each accepted step, also those between points of the grid.

        Raises
        ------
        NonlinearSolveError
            The floor was reached; the problem holds its last good state.
        """
        STEP.check(step, name="time step")
        begin, first = self.problem.time, len(self.steps)
        count = int(np.ceil((until - begin) / step * (1.0 - ROUND_OFF)))
        for number in range(1, count + 1):
            self._reach(min(begin + number * step, until), step, accepted)
        return self.steps[first:]

    def _reach(
        self, goal: float, step: float, accepted: Sequence[Callable[[TimeStep], None]]
    ) -> None:
        """Advance to a point of the grid, in one step or in many."""
        size, failures, rung, floor = step, 0, 0, step * 0.5**self.limits.cuts
        while goal - self.problem.time > ROUND_OFF * step:
            left = goal - self.problem.time
            part = left if left < 1.01 * size else size
            profile = self.ladder[rung]
            try:
                outcome = self._attempt(part, profile, failures == 0)
            except (NonlinearSolveError, LinearSolveError, NonFiniteError) as error:
                failures += 1
                LOG.info("step to %.4g ms failed: %s", self.problem.time + part, error.line())
                if rung + 1 < len(self.ladder):
                    rung += 1
                    continue
                if 0.5 * part < floor:
                    raise self._given_up(error, part) from error
                size, rung = 0.5 * part, 0
                continue
            ratio = self.problem.worst().ratio
            self.problem.accept()
            done = goal - self.problem.time <= ROUND_OFF * step
            self.steps.append(
                TimeStep(
                    self.problem.time, part, done, outcome.iterations, profile.name, failures, ratio
                )
            )
            size, failures, rung = 2.0 * part, 0, 0
            for told in accepted:
                told(self.steps[-1])

    def _attempt(self, part: float, profile: Profile, predict: bool) -> NonlinearOutcome:
        """Solve and look at the result."""
        outcome = self.problem.trial(part, profile, predict=predict)
        worst = self.problem.worst()
        if not np.isfinite(worst.ratio):
            raise NonFiniteError(f"deformation is not finite, {worst.line()}")
        if worst.ratio <= self.limits.least_ratio:
            raise NonlinearSolveError(
                f"a cell is squeezed to below {self.limits.least_ratio:g} of its volume, "
                f"{worst.line()}"
            )
        jump = self.problem.jump()
        if jump > self.limits.largest_jump:
            raise NonlinearSolveError(f"the body jumped by {jump:.2g} of its size in one step")
        return outcome

    def _given_up(self, error: HeartError, part: float) -> NonlinearSolveError:
        return NonlinearSolveError(
            f"stopped at {self.problem.time:.6g} ms, where a step of {part:.2g} ms still fails "
            f"({error.what})",
            fix="shorten the time step, lower the load, or refine the mesh near that cell",
        )
