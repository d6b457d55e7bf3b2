"""Walks a nonlinear problem to its full load in steps that adapt, and does not give up early.

A step starts from a straight-line prediction of the last two states. It fails when the solver
says so, when a cell is squeezed below `least_ratio` of its volume, or when the state jumps; then
the last good state is put back and half the step is tried, after some failures with the next
profile of a ladder (another line search, then a direct solver). Easy steps let the step grow. At
the floor the run ends with one line that names the cause, the load reached and the worst cell;
the last good state stays in the problem.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

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

Float = NDArray[np.float64]

LOG = logging.getLogger(__name__)

_WHY = "assumed"
FIRST = Parameter(0.1, "1", 1e-6, 1.0, _WHY, "first step as a share of the full load")
LARGEST = Parameter(0.25, "1", 1e-6, 1.0, _WHY, "largest step")
RATIO = Parameter(0.05, "1", 0.0, 0.9, _WHY, "least volume ratio J of any cell")
JUMP = Parameter(0.5, "1", 0.001, 10.0, _WHY, "largest motion in a step, in sizes of the body")
CUTS = Parameter(12.0, "1", 1.0, 40.0, _WHY, "halvings of the first step: 1/4096 is the floor")
SHRINK, GROW, SLOW = 0.5, 1.5, 0.7
EASY, HARD = 6, 12
LEAST_BY_SLOWNESS = 0.125
ESCALATE_EVERY = 2
ROUND_OFF = 1e-12


@dataclass(frozen=True)
class Worst:
    """The cell that is squeezed most: its volume ratio (NaN if not finite), number, place in mm."""

    ratio: float
    cell: int
    place: tuple[float, float, float]

    def line(self) -> str:
        """Return it in words."""
        x, y, z = self.place
        return f"worst cell {self.cell} at ({x:.1f}, {y:.1f}, {z:.1f}) mm, J = {self.ratio:.3g}"


class Steppable(Protocol):
    """A problem that can be loaded in parts and put back."""

    def apply(self, fraction: float) -> None:
        """Set the loads to a fraction of their full value."""

    def solve(self, profile: Profile) -> NonlinearOutcome:
        """Solve at the present loads from the present state, or raise."""

    def values(self) -> Float:
        """Return a copy of this rank's unknowns."""

    def set_values(self, values: Float) -> None:
        """Put unknowns back."""

    def worst(self) -> Worst:
        """Return the cell that is squeezed most."""

    def jump(self, before: Float) -> float:
        """Return how far the body moved since `before`, in sizes of the body."""


@dataclass(frozen=True)
class Policy:
    """How steps are chosen and when they count as failed; see the parameters above."""

    first: float = FIRST.value
    largest: float = LARGEST.value
    least_ratio: float = RATIO.value
    largest_jump: float = JUMP.value
    cuts: int = int(CUTS.value)
    predict: bool = True

    def __post_init__(self) -> None:
        FIRST.check(self.first, name="first step")
        LARGEST.check(self.largest, name="largest step")
        RATIO.check(self.least_ratio, name="least volume ratio")
        JUMP.check(self.largest_jump, name="largest jump")
        CUTS.check(self.cuts, name="halvings of the first step")


@dataclass(frozen=True)
class Step:
    """A step that was accepted."""

    fraction: float
    size: float
    iterations: int
    profile: str
    failures: int
    least_ratio: float


class StepController:
    """Drives a problem from its present load to the full one.

    Parameters
    ----------
    problem
        Solved, put back, and left in its last good state.
    ladder
        Profiles from the usual to the most robust.
    policy
        Step sizes and limits.
    """

    def __init__(
        self, problem: Steppable, ladder: Sequence[Profile], policy: Policy | None = None
    ) -> None:
        if not ladder:
            raise ParameterError("no solver profile given", expected="at least one")
        self.problem, self.ladder = problem, tuple(ladder)
        self.policy = Policy() if policy is None else policy
        self.steps: list[Step] = []
        self._fraction = 0.0

    def run(self, until: float = 1.0, accepted: Callable[[Step], None] | None = None) -> list[Step]:
        """Walk to the fraction `until` of the load; may be called again to go on. Collective.

        Parameters
        ----------
        until
            Where to stop; below the present fraction unloads.
        accepted
            Called after each accepted step, with the problem in that state.

        Returns
        -------
        list of Step
            Those of this call.

        Raises
        ------
        NonlinearSolveError
            The floor was reached; the problem holds its last good state.
        """
        start = len(self.steps)
        size = min(self.policy.first, self.policy.largest)
        history: list[tuple[float, Float]] = [(self._fraction, self.problem.values())]
        floor, failures, rung = size * SHRINK**self.policy.cuts, 0, 0
        while abs(until - self._fraction) > ROUND_OFF:
            last, good = history[-1]
            left = until - last
            # A last sliver far below the step costs a solve for nothing.
            part = left if abs(left) < 1.01 * size else float(np.copysign(size, left))
            profile = self.ladder[rung]
            self.problem.apply(last + part)
            if self.policy.predict and failures == 0 and len(history) > 1:
                before, older = history[-2]
                self.problem.set_values(good + (good - older) * (part / (last - before)))
            try:
                outcome = self._attempt(profile, good)
            except (NonlinearSolveError, LinearSolveError, NonFiniteError) as error:
                failures += 1
                if failures % ESCALATE_EVERY == 0:
                    # For the rest of the walk: what failed twice here will fail again further on.
                    rung = min(rung + 1, len(self.ladder) - 1)
                self.problem.apply(last)
                self.problem.set_values(good)
                history = history[-1:]
                if SHRINK * abs(part) < floor:
                    raise self._given_up(error, last, abs(part)) from error
                size = SHRINK * abs(part)
                LOG.info("load %.4g failed, step %.3g: %s", last + part, size, error.line())
                continue
            self._fraction = until if part == left else last + part
            history = [*history[-1:], (self._fraction, self.problem.values())]
            step = Step(
                self._fraction, part, outcome.iterations, profile.name, failures,
                self.problem.worst().ratio,
            )  # fmt: skip
            self.steps.append(step)
            failures = 0
            size = self._next(abs(part), size, outcome.iterations, step.failures)
            if accepted is not None:
                accepted(step)
        return self.steps[start:]

    def _attempt(self, profile: Profile, good: Float) -> NonlinearOutcome:
        """Solve and look at the result."""
        outcome = self.problem.solve(profile)
        worst = self.problem.worst()
        if not np.isfinite(worst.ratio):
            raise NonFiniteError(f"deformation is not finite, {worst.line()}")
        if worst.ratio <= self.policy.least_ratio:
            raise NonlinearSolveError(
                f"a cell is squeezed to below {self.policy.least_ratio:g} of its volume"
            )
        jump = self.problem.jump(good)
        if jump > self.policy.largest_jump:
            raise NonlinearSolveError(f"the body jumped by {jump:.2g} of its size in one step")
        return outcome

    def _next(self, part: float, size: float, iterations: int, failures: int) -> float:
        """Return the size of the next step."""
        if failures == 0 and iterations <= EASY:
            return min(GROW * max(part, size), self.policy.largest)
        if iterations <= HARD:
            return part
        # Slow but sure: steps that only ever shrink would never arrive.
        return max(SLOW * part, min(part, LEAST_BY_SLOWNESS * self.policy.first))

    def _given_up(self, error: HeartError, last: float, part: float) -> NonlinearSolveError:
        return NonlinearSolveError(
            f"stopped at {100 * last:.4g} % of the load, where a step of {part:.2g} still fails "
            f"({error.what}); {self.problem.worst().line()} in the last good state",
            fix="lower the load, stiffen the material, or refine the mesh near that cell",
        )
