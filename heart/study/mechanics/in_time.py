"""A run in time: steps on a grid, states on disk at times of the grid.

A run that was stopped goes on from a point of the grid, so that it takes the steps that one that
was not stopped takes.
"""

from __future__ import annotations

import math
import time as clock
from dataclasses import dataclass

from heart.core.errors import InterruptedRunError, NonlinearSolveError
from heart.core.progress import Step as Progress
from heart.mechanics.time_stepper import TimeStep, TimeStepper
from heart.scenario.mechanics import MechanicsScenario
from heart.scenario.mechanics_dynamics import TimeSection
from heart.study.identity import Stored
from heart.study.mechanics.keeper import Keeper
from heart.study.mechanics.marching import Marching

END = "end"
_CLOSE = 1e-6
# Steps after which the time of a step is known well enough to say how long the run will take.
_TIMED = 3


def march(
    keeper: Keeper,
    marching: Marching,
    scenario: MechanicsScenario,
    newest: Stored | None,
) -> None:
    """Run from rest, or from a checkpoint, to the end. Collective.

    Raises
    ------
    InterruptedRunError
        It was asked to stop; the state is on disk.
    NonlinearSolveError
        A step failed at the floor; the last good state is on disk.
    """
    if newest is None:
        keeper.note(marching.time, least_ratio=1.0)
    else:
        keeper.restore(newest)
    _March(keeper, marching, scenario, marching.section).run()


@dataclass
class _March:
    keeper: Keeper
    marching: Marching
    scenario: MechanicsScenario
    section: TimeSection
    taken: int = 0
    began: float = 0.0

    def run(self) -> None:
        section, keeper = self.section, self.keeper
        stepper = TimeStepper(self.marching.advancing, keeper.prepared.ladder)
        left = section.duration - self.marching.time
        self.began = clock.perf_counter()
        with keeper.watch.step(f"Motion over {section.duration:g} ms", left) as progress:
            try:
                stepper.run(
                    section.duration, section.dt, [lambda step: self._accepted(step, progress)]
                )
            except NonlinearSolveError as error:
                raise keeper.kept(error, self.marching.time, {}, "") from error
        keeper.reach(END, self.marching.time)

    def _accepted(self, step: TimeStep, progress: Progress) -> None:
        keeper, section = self.keeper, self.section
        progress.advance(step.size)
        if not step.on_grid:
            return
        self.taken += 1
        before, now = step.time - section.dt, step.time
        wanted = [time for time in self.scenario.observe.moments if before < time - _CLOSE <= now]
        keeper.note(
            now, least_ratio=step.least_ratio, iterations=step.iterations, failures=step.failures
        )
        for time in wanted:
            keeper.reach(f"{time:g}_ms", now)
        if self.taken == _TIMED:
            per_step = (clock.perf_counter() - self.began) / self.taken
            keeper.estimate(per_step * (section.duration - now) / section.dt)
        keeper.watch.event(
            "step", time=now, iterations=step.iterations, ratio=step.least_ratio,
            failures=step.failures, profile=step.profile,
        )  # fmt: skip
        if now >= section.duration - _CLOSE:
            return
        asked = keeper.stop.on_any(keeper.comm)
        if asked or _passed(before, now, self.scenario.checkpoints.every):
            keeper.write(now, {})
        if asked:
            raise InterruptedRunError(f"stopped by {asked} at {now:g} ms")


def _passed(before: float, now: float, every: float | None) -> bool:
    if every is None:
        return False
    return math.floor(now / every + _CLOSE) > math.floor(before / every + _CLOSE)
