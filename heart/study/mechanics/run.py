"""A mechanics scenario from words to result: build, load stage by stage, note, survive.

After each stage, every minute and when it is asked to stop or gives up, the run writes its state:
a stage that was broken off is gone on with from the loads that were reached.
"""

from __future__ import annotations

import time as clock
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from heart.core import provenance
from heart.core.cache import content_hash
from heart.core.errors import CheckpointError, HeartError, InterruptedRunError, NonlinearSolveError
from heart.core.progress import Step as Progress
from heart.core.progress import Telemetry, silent
from heart.core.validation import as_yaml_data
from heart.numerics.checkpoint import CheckpointFolder
from heart.numerics.interruption import Stop
from heart.numerics.step_controller import Step, StepController
from heart.scenario.load import LoadedScenario
from heart.scenario.mechanics import MechanicsScenario
from heart.study.mechanics.assemble import moment_of, result_of
from heart.study.mechanics.prepare import Prepared, prepare
from heart.study.mechanics.recorders import Recorder
from heart.study.mechanics.result import MechanicsResult, Moment
from heart.study.mechanics.staged import Loads

# Load, arrays, and what the writer said about them.
Stored = tuple[float, Mapping[str, Any], Mapping[str, Any]]

CHECKPOINTS = "checkpoints"
LAST_GOOD = "last_good"
EVERY = 60.0
LONG = 60.0


def run_mechanics(
    loaded: LoadedScenario[MechanicsScenario],
    folder: Path,
    telemetry: Telemetry | None = None,
    *,
    stop: Stop | None = None,
    resume: bool = False,
) -> MechanicsResult:
    """Run a scenario. Collective: every rank calls it and gets the result.

    Parameters
    ----------
    loaded
        From `heart.scenario.load.load_scenario`.
    folder
        Folder of the run, for checkpoints and fields on the way; rank 0 writes.
    telemetry
        Who watches; nobody when None.
    stop
        Whether somebody asks to stop; nobody when None.
    resume
        Whether to go on from the newest checkpoint in `folder`.

    Raises
    ------
    InterruptedRunError
        It was asked to stop; the state is in `folder`.
    CheckpointError
        The checkpoint is damaged or of another scenario.
    NonlinearSolveError
        The load could not be reached; the last good state is in `folder`.
    HeartError
        Whatever is wrong with body, law, supports, loads or numerics, as one line.
    """
    watch = telemetry or silent()
    started = clock.perf_counter()
    store = CheckpointFolder(folder / CHECKPOINTS, scenario_hash(loaded))
    newest = newest_of(store) if resume else None
    prepared = prepare(loaded, folder, watch)
    built = clock.perf_counter() - started
    study = _Study(prepared, loaded.scenario, store, watch, stop or Stop())
    moments = study.run(newest)
    seconds = {"prepare": built, "run": clock.perf_counter() - started - built}
    record = provenance.manifest(
        seed=loaded.scenario.seed, ranks=MPI.COMM_WORLD.size, scenario_hash=store.scenario
    )
    return result_of(prepared, moments, study.recorder.traces(), seconds, record)


def scenario_hash(loaded: LoadedScenario[MechanicsScenario]) -> str:
    """Return the hash of everything that the numbers depend on: scenario, case and its files."""
    data = as_yaml_data(loaded.scenario)
    for name in ("output", "title"):
        data.pop(name)
    files = [loaded.case_file] if loaded.case_file is not None else []
    return content_hash(data, *files, *(loaded.files[name] for name in sorted(loaded.files)))


def newest_of(store: CheckpointFolder) -> Stored:
    """Return load, arrays and notes of the newest checkpoint, on every rank; its error likewise."""
    comm = MPI.COMM_WORLD
    outcome: Any = None
    if comm.rank == 0:
        try:
            found = store.latest()
            outcome = found.time, dict(found.arrays), dict(found.about)
        except HeartError as error:
            outcome = error
    outcome = comm.bcast(outcome)
    if isinstance(outcome, HeartError):
        raise outcome
    return outcome


@dataclass
class _Study:
    """The stages of one run."""

    prepared: Prepared
    scenario: MechanicsScenario
    store: CheckpointFolder
    watch: Telemetry
    stop: Stop
    comm: MPI.Intracomm = field(default_factory=lambda: MPI.COMM_WORLD)
    moments: list[Moment] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.recorder: Recorder = self.prepared.recorder()
        self._written = clock.perf_counter()
        self._stage = 0
        self._from = 0.0

    def run(self, newest: Stored | None) -> list[Moment]:
        """Run what is not done yet and return the moments of all stages."""
        ends = self.ends()
        reached = Loads({name: 0.0 for name in self.scenario.loads.loaded})
        if newest is None:
            self._note(0.0)
        else:
            reached = self._restore(newest)
        for number in range(self._stage, len(ends)):
            self._stage = number
            reached = self._walk(reached, ends[number])
            self._stage, self._from = number + 1, 0.0
            self._write(float(number + 1), reached)
        return self.moments

    def ends(self) -> list[Loads]:
        """Return the loads at the end of each stage; what a stage does not name stays."""
        found: list[Loads] = []
        last = Loads({name: 0.0 for name in self.scenario.loads.loaded})
        for stage in self.scenario.loads.stages:
            tension = last.tension if stage.tension is None else stage.tension
            last = Loads({**last.pressure, **stage.pressure}, tension)
            found.append(last)
        return found

    def _walk(self, start: Loads, end: Loads) -> Loads:
        """Walk from the loads `start` to the end of the present stage."""
        staged, stage = self.prepared.staged, self.scenario.loads.stages[self._stage]
        staged.between(start, end)
        controller = StepController(staged, self.prepared.ladder, self.prepared.policy)
        began = clock.perf_counter()
        with self.watch.step(f"Stage {stage.label}", 1.0) as progress:
            try:
                controller.run(accepted=lambda step: self._accepted(step, progress, began))
            except NonlinearSolveError as error:
                raise self._kept(error) from error
        fields = self.prepared.fields()
        self.moments.append(moment_of(stage.label, float(self._stage + 1), fields))
        return end

    def _accepted(self, step: Step, progress: Progress, began: float) -> None:
        """Note a step; stop where somebody asked."""
        share = self._from + (1.0 - self._from) * step.fraction
        self._note(self._stage + share, step)
        progress.advance(step.size)
        if step.fraction == step.size:
            self._estimate(step, clock.perf_counter() - began)
        self.watch.event(
            "step", load=self._stage + share, iterations=step.iterations, ratio=step.least_ratio
        )
        if step.fraction >= 1.0:
            return
        asked = self.stop.on_any(self.comm)
        old = self.comm.bcast(clock.perf_counter() - self._written > EVERY)
        if asked or old:
            self._write(self._stage + share, self.prepared.staged.now)
        if asked:
            raise InterruptedRunError(f"stopped by {asked} at {100.0 * share:.3g} % of the stage")

    def _estimate(self, step: Step, seconds: float) -> None:
        """Say how long the stage may take, after its first step, where that is long."""
        left = max(0.0, 1.0 - step.fraction) / max(self.prepared.policy.largest, step.size)
        if left * seconds > LONG:
            self.watch.say(f"  about {left * seconds / 60.0:.0f} min for this stage")

    def _note(self, at: float, step: Step | None = None) -> None:
        """Note the present state. Collective."""
        fields = self.prepared.fields()
        more: dict[str, Any] = {"least_ratio": 1.0}
        if step is not None:
            more = {
                "least_ratio": step.least_ratio,
                "iterations": step.iterations,
                "failures": step.failures,
            }
        self.recorder.note(self.prepared.noted(at, fields, **more), fields)

    def _kept(self, error: NonlinearSolveError) -> NonlinearSolveError:
        """Keep the last good state and return the error that names it."""
        staged = self.prepared.staged
        traces = self.recorder.traces()
        self._write(float(traces.at[-1]), staged.now, label=LAST_GOOD)
        stage = self.scenario.loads.stages[self._stage]
        fix = f"{error.fix}; {CHECKPOINTS}/{LAST_GOOD}.npz holds the last good state"
        return NonlinearSolveError(f"stage {stage.label}: {error.what}", where=error.where, fix=fix)

    def _write(self, at: float, loads: Loads, *, label: str = "") -> None:
        """Put the state and everything noted on disk. Collective."""
        self._written = clock.perf_counter()
        state = self.prepared.numbering.arrays(self.prepared.problem.state)
        arrays: dict[str, NDArray[Any]] = {f"state/{k}": v for k, v in state.items()}
        arrays |= {f"recorder/{k}": v for k, v in self.recorder.snapshot().items()}
        for moment in self.moments:
            arrays |= {f"moment/{moment.label}/{k}": v for k, v in _of_moment(moment).items()}
        about = {
            "stage": self._stage,
            "pressure": dict(loads.pressure),
            "tension": loads.tension,
            "moments": [[moment.label, moment.at] for moment in self.moments],
        }
        failure: HeartError | None = None
        if self.comm.rank == 0:
            try:
                self.store.write(at, arrays, label=label, about=about)
            except HeartError as error:
                failure = error
        failure = self.comm.bcast(failure)
        if failure is not None:
            raise failure
        self.watch.event("checkpoint", load=at, label=label)

    def _restore(self, newest: Stored) -> Loads:
        """Put back state and record, and return the loads that were reached."""
        at, arrays, about = newest
        self.prepared.numbering.put(self.prepared.problem.state, _part(arrays, "state/"))
        self.recorder.restore(_part(arrays, "recorder/"))
        try:
            self._stage = int(about["stage"])
            reached = Loads(dict(about["pressure"]), float(about["tension"]))
            self.moments = [
                moment_of(str(label), float(when), _part(arrays, f"moment/{label}/"))
                for label, when in about["moments"]
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError("lacks what a run needs", where=CHECKPOINTS) from error
        self._from = at - self._stage
        return reached


def _of_moment(moment: Moment) -> dict[str, NDArray[Any]]:
    return {
        "displacement": np.asarray(moment.displacement),
        "pressure": np.asarray(moment.pressure),
        **{name: np.asarray(values) for name, values in moment.fields.items()},
    }


def _part(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
