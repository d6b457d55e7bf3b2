"""An electrophysiology scenario from words to result: build, branch, step, note, survive.

The part that all branches share is run once. Steps come in pieces of a few milliseconds; between
pieces the run looks whether it was asked to stop, writes its state, or sees that nothing moves any
more. Pieces lie on a fixed grid, so a run that was stopped and one that was not take the same
steps.
"""

from __future__ import annotations

import math
import time as clock
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from heart.core import provenance, records
from heart.core.errors import (
    CheckpointError,
    HeartError,
    InterruptedRunError,
    NonFiniteError,
    NonPhysicalError,
)
from heart.core.progress import Step, Telemetry, silent
from heart.numerics.checkpoint import CheckpointFolder
from heart.numerics.interruption import Stop
from heart.scenario.electro import ElectroScenario
from heart.scenario.load import LoadedScenario
from heart.study.electro.assemble import branch_of, result_of
from heart.study.electro.engines import Running
from heart.study.electro.prepare import Prepared, prepare
from heart.study.electro.recorders import Recorder
from heart.study.electro.result import Branch, ElectroResult
from heart.study.electro.stimuli import given
from heart.study.identity import CHECKPOINTS, LAST_GOOD, Stored, newest_of, scenario_hash
from heart.therapy.protocol import Protocol

PIECE = 5.0
END_OF_S1 = "end_of_s1"
BRANCHES = "branches"
_CLOSE = 1e-6


def run_electro(
    loaded: LoadedScenario[ElectroScenario],
    folder: Path,
    telemetry: Telemetry | None = None,
    *,
    stop: Stop | None = None,
    resume: bool = False,
) -> ElectroResult:
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
    NonFiniteError, NonPhysicalError
        The fields became impossible; node, region and model are named, the last good state is in
        `folder`.
    HeartError
        Whatever is wrong with body, cells, stimuli or numerics, as one line.
    """
    watch = telemetry or silent()
    started = clock.perf_counter()
    store = CheckpointFolder(folder / CHECKPOINTS, scenario_hash(loaded))
    newest = newest_of(store, without=(LAST_GOOD,)) if resume else None
    prepared = prepare(loaded, folder, watch)
    built = clock.perf_counter() - started
    study = _Study(prepared, loaded.scenario, store, folder, watch, stop or Stop())
    branches = study.run(newest)
    seconds = {"prepare": built, "run": clock.perf_counter() - started - built}
    return result_of(
        prepared,
        loaded.scenario,
        branches,
        seconds,
        provenance.manifest(
            seed=loaded.scenario.seed, ranks=MPI.COMM_WORLD.size, scenario_hash=store.scenario
        ),
    )


@dataclass
class _Study:
    """The branches of one run."""

    prepared: Prepared
    scenario: ElectroScenario
    store: CheckpointFolder
    folder: Path
    watch: Telemetry
    stop: Stop
    comm: MPI.Intracomm = field(default_factory=lambda: MPI.COMM_WORLD)

    def run(self, newest: Stored | None) -> list[Branch]:
        """Run what is not done yet and return all branches in order."""
        protocols = self.prepared.protocol.branches()
        done = int(newest[2].get("branch", 0)) if newest is not None else 0
        branches: list[Branch] = [self._stored(number) for number in range(done)]
        for number in range(done, len(protocols)):
            at = newest if newest is not None and number == done else None
            branch = self._branch(number, protocols, at)
            branches.append(branch)
            self._keep(number, branch)
        return branches

    @property
    def shared(self) -> float:
        """Until when in ms all branches are the same; infinite where there is one only."""
        protocol = self.prepared.protocol
        if not protocol.extras:
            return math.inf
        pulses = [
            self.prepared.placed[train.stimulus].duration + train.last for train in protocol.trains
        ]
        end = math.ceil(max(pulses, default=0.0) - _CLOSE)
        first = min(branch.end_of_train + branch.extras[0].coupling for branch in
                    protocol.branches())  # fmt: skip
        return min(float(end), first)

    def _branch(
        self,
        number: int,
        protocols: tuple[Protocol, ...],
        newest: Stored | None,
    ) -> Branch:
        protocol = protocols[number]
        name = name_of(protocol, len(protocols))
        running = self.prepared.engine.make(given(self.prepared.placed, protocol))
        recorder = Recorder(self.prepared.plan(number), running)
        if newest is not None:
            self._restore(running, recorder, newest[1])
        elif number:
            kept = self._kept()
            self._restore(running, recorder, kept)
        elif self.scenario.checkpoints.every is not None:
            recorder.observe(running.time, self._local(running))
            self._write(running, recorder, number)
        until = self.scenario.protocol.duration
        title = f"{self.scenario.engine.kind.value}, {name}"
        with self.watch.step(title, until - running.time) as step:
            reason = self._advance(running, recorder, until, number, protocol, step)
        return branch_of(self.prepared, protocol, name, recorder, running.time, reason)

    def _advance(
        self,
        running: Running,
        recorder: Recorder,
        until: float,
        number: int,
        protocol: Protocol,
        step: Step,
    ) -> str:
        every = self.scenario.checkpoints.every
        quiescent = self.scenario.protocol.stop.quiescent
        while running.time < until - _CLOSE:
            before = running.time
            self._piece(running, recorder, self._next(before, until))
            step.advance(running.time - before)
            if running.time <= before:
                break
            if number == 0 and before < self.shared - _CLOSE <= running.time:
                self._end_of_s1(running, recorder)
            asked = self.stop.on_any(self.comm)
            if asked:
                self._write(running, recorder, number)
                raise InterruptedRunError(f"stopped by {asked} at {running.time:g} ms")
            if every is not None and _passed(before, running.time, every):
                self._write(running, recorder, number)
            calm = max(recorder.last_active(), protocol.last)
            if quiescent is not None and running.time - calm >= quiescent:
                return "quiescent"
        return "duration"

    def _next(self, now: float, until: float) -> float:
        """Return the end of the next piece: the grid, the end of the shared part, or the end."""
        grid = PIECE * (math.floor(now / PIECE + _CLOSE) + 1)
        ends = [grid, until]
        if now < self.shared - _CLOSE < math.inf:
            ends.append(self.shared)
        return min(ends)

    def _piece(self, running: Running, recorder: Recorder, until: float) -> None:
        """Run to `until`; when the fields became impossible keep the last good state and say so."""
        try:
            running.run(until, [recorder])
        except (NonFiniteError, NonPhysicalError) as error:
            named = self.prepared.named(error)
            good = running.last_good()
            if good is not None:
                time = float(good["time"])
                if self.comm.rank == 0:
                    self.store.write(time, good, label=LAST_GOOD, about={"error": named.what})
                fix = f"{named.fix}; {CHECKPOINTS}/{LAST_GOOD}.npz holds the state at {time:g} ms"
                named = type(named)(named.what, where=named.where, expected=named.expected, fix=fix)
            raise named from error

    def _end_of_s1(self, running: Running, recorder: Recorder) -> None:
        several = self.prepared.protocol.decrement is not None
        if several or self.scenario.checkpoints.end_of_s1:
            self._write(running, recorder, 0, label=END_OF_S1)

    def _write(self, running: Running, recorder: Recorder, number: int, *, label: str = "") -> None:
        """Put the state of problem and recorder on disk. Collective."""
        arrays = {f"problem/{name}": value for name, value in running.snapshot().items()}
        arrays |= {f"recorder/{name}": value for name, value in recorder.snapshot().items()}
        failure: HeartError | None = None
        if self.comm.rank == 0:
            try:
                self.store.write(running.time, arrays, label=label, about={"branch": number})
            except HeartError as error:
                failure = error
        failure = self.comm.bcast(failure)
        if failure is not None:
            raise failure
        self.watch.event("checkpoint", time=running.time, label=label)

    def _restore(
        self, running: Running, recorder: Recorder, arrays: Mapping[str, NDArray[Any]]
    ) -> None:
        running.restore(_part(arrays, "problem/"))
        recorder.restore(_part(arrays, "recorder/"))

    def _kept(self) -> Mapping[str, NDArray[Any]]:
        """Return the state at the end of S1 on every rank."""
        found = dict(self.store.named(END_OF_S1).arrays) if self.comm.rank == 0 else None
        return dict(self.comm.bcast(found) or {})

    def _local(self, running: Running) -> NDArray[np.float64]:
        return np.asarray(running.problem.local_voltage)

    def _keep(self, number: int, branch: Branch) -> None:
        """Store a finished branch, so that a resumed run does not do it again."""
        if self.comm.rank == 0:
            path = self._path(number)
            path.parent.mkdir(parents=True, exist_ok=True)
            records.save(path, branch)

    def _stored(self, number: int) -> Branch:
        found: Branch | HeartError | None = None
        if self.comm.rank == 0:
            try:
                found = records.load(self._path(number), Branch)
            except CheckpointError as error:
                found = error
        found = self.comm.bcast(found)
        if isinstance(found, HeartError):
            raise found
        if found is None:
            raise CheckpointError(f"branch {number} is missing", where=BRANCHES)
        return found

    def _path(self, number: int) -> Path:
        return self.folder / BRANCHES / f"{number:03d}.npz"


def name_of(protocol: Protocol, count: int) -> str:
    """Return the name of a branch: its last coupling where there are several."""
    if count == 1 or not protocol.extras:
        return "run"
    return f"s{len(protocol.extras) + 1}_{protocol.extras[-1].coupling:g}ms"


def _passed(before: float, now: float, every: float) -> bool:
    return math.floor(now / every + _CLOSE) > math.floor(before / every + _CLOSE)


def _part(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
