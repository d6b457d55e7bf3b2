"""A static run: from stage to stage through equilibria.

After each stage, every minute and when it is asked to stop or gives up, the run writes its state;
a stage that was broken off is gone on with from the loads that were reached.
"""

from __future__ import annotations

import time as clock
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from heart.core.errors import CheckpointError, InterruptedRunError, NonlinearSolveError
from heart.core.progress import Step as Progress
from heart.numerics.step_controller import Policy, Step, StepController
from heart.scenario.mechanics import MechanicsScenario
from heart.study.identity import CHECKPOINTS, Stored
from heart.study.mechanics.keeper import Keeper
from heart.study.mechanics.staged import Loads, StagedProblem


def walk(
    keeper: Keeper, staged: StagedProblem, scenario: MechanicsScenario, newest: Stored | None
) -> None:
    """Run all stages, or those that a checkpoint has not done. Collective.

    Raises
    ------
    InterruptedRunError
        It was asked to stop; the state is on disk.
    NonlinearSolveError
        A load could not be reached; the last good state is on disk.
    """
    _Walk(keeper, staged, scenario).run(newest)


def ends_of(scenario: MechanicsScenario) -> list[Loads]:
    """Return the loads at the end of each stage; what a stage does not name stays."""
    found: list[Loads] = []
    last = Loads({name: 0.0 for name in scenario.loads.loaded})
    for stage in scenario.loads.stages:
        pressures, volumes = stage.prescribed
        named = {*pressures, *volumes}
        kept = {
            kind: {name: value for name, value in getattr(last, kind).items() if name not in named}
            for kind in ("pressure", "volume")
        }
        last = Loads(
            {**kept["pressure"], **pressures},
            {**kept["volume"], **volumes},
            last.tension if stage.tension is None else stage.tension,
        )
        found.append(last)
    return found


@dataclass
class _Walk:
    keeper: Keeper
    staged: StagedProblem
    scenario: MechanicsScenario
    stage: int = 0
    begun: float = 0.0

    def run(self, newest: Stored | None) -> None:
        reached = Loads({name: 0.0 for name in self.scenario.loads.loaded})
        if newest is None:
            self.keeper.note(0.0, least_ratio=1.0)
        else:
            self.keeper.restore(newest)
            reached = self._resumed(newest[0], newest[2])
        ends = ends_of(self.scenario)
        for number in range(self.stage, len(ends)):
            self.stage = number
            self._one(reached, ends[number])
            self.stage, self.begun = number + 1, 0.0
            reached = self._reached()
            self.keeper.write(float(number + 1), self._about())

    def _one(self, start: Loads, end: Loads) -> None:
        """Walk from the loads `start` to the end of the present stage."""
        stage = self.scenario.loads.stages[self.stage]
        volumes = {name: one.volume() for name, one in self.keeper.prepared.volumes.items()}
        self.staged.between(replace(start, volume=volumes), end)
        steps = self.scenario.steps
        policy = Policy(first=steps.first, largest=steps.largest)
        controller = StepController(self.staged, self.keeper.prepared.ladder, policy)
        began = clock.perf_counter()
        with self.keeper.watch.step(f"Stage {stage.label}", 1.0) as progress:
            try:
                controller.run(accepted=lambda step: self._accepted(step, progress, began))
            except NonlinearSolveError as error:
                at = float(self.keeper.recorder.traces().at[-1])
                where = f"stage {stage.label}: "
                raise self.keeper.kept(error, at, self._about(), where) from error
        self.keeper.reach(stage.label, float(self.stage + 1))

    def _accepted(self, step: Step, progress: Progress, began: float) -> None:
        """Note a step; stop where somebody asked."""
        keeper = self.keeper
        share = self.begun + (1.0 - self.begun) * step.fraction
        at = self.stage + share
        keeper.note(
            at, least_ratio=step.least_ratio, iterations=step.iterations, failures=step.failures
        )
        progress.advance(step.size)
        if step.fraction == step.size:
            left = (1.0 - step.fraction) / max(self.scenario.steps.largest, step.size)
            keeper.estimate(left * (clock.perf_counter() - began))
        keeper.watch.event(
            "step", load=at, iterations=step.iterations, ratio=step.least_ratio,
            failures=step.failures, profile=step.profile,
        )  # fmt: skip
        if step.fraction >= 1.0:
            return
        asked = keeper.stop.on_any(keeper.comm)
        if asked or keeper.due():
            keeper.write(at, self._about())
        if asked:
            stage = self.scenario.loads.stages[self.stage].label
            raise InterruptedRunError(
                f"stopped by {asked} at {100.0 * share:.3g} % of stage {stage}"
            )

    def _reached(self) -> Loads:
        return Loads(self.staged.pressures(), {}, self.staged.tension)

    def _about(self) -> dict[str, Any]:
        reached = self._reached()
        return {
            "stage": self.stage,
            "pressure": dict(reached.pressure),
            "tension": reached.tension,
        }

    def _resumed(self, at: float, about: Mapping[str, Any]) -> Loads:
        """Return the loads that were reached."""
        try:
            self.stage = int(about["stage"])
            reached = Loads(dict(about["pressure"]), {}, float(about["tension"]))
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError("lacks what a run needs", where=CHECKPOINTS) from error
        self.begun = at - self.stage
        return reached
