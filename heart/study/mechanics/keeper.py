"""Notes what happens, keeps states on disk, and puts them back: for stages and for time alike."""

from __future__ import annotations

import time as clock
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from heart.core.errors import CheckpointError, HeartError, NonlinearSolveError
from heart.core.progress import Telemetry
from heart.numerics.checkpoint import CheckpointFolder
from heart.numerics.interruption import Stop
from heart.study.identity import CHECKPOINTS, LAST_GOOD, Stored
from heart.study.mechanics.assemble import moment_of
from heart.study.mechanics.marching import Marching
from heart.study.mechanics.prepare import Prepared
from heart.study.mechanics.recorders import Recorder
from heart.study.mechanics.result import Moment

Arrays = dict[str, NDArray[Any]]
EVERY = 60.0
LONG = 60.0


@dataclass
class Keeper:
    """Notes and keeps the states of one run, whatever drives it."""

    prepared: Prepared
    store: CheckpointFolder
    watch: Telemetry
    stop: Stop
    comm: MPI.Intracomm = field(default_factory=lambda: MPI.COMM_WORLD)
    moments: list[Moment] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.recorder: Recorder = self.prepared.recorder()
        self._written = clock.perf_counter()
        self._noted: Arrays = {}

    def note(self, at: float, **more: Any) -> Arrays:
        """Note the present state and return its fields. Collective."""
        numbers, fields = self.prepared.measured()
        self.recorder.note(self.prepared.noted(at, wall=numbers, **more), fields)
        self._noted = fields
        return fields

    def reach(self, label: str, at: float) -> None:
        """Keep the state that was noted last as a moment of the result. Collective."""
        self.moments.append(moment_of(label, at, self._noted or self.prepared.fields()))

    def due(self) -> bool:
        """Return whether a state was last written long ago. Collective."""
        return bool(self.comm.bcast(clock.perf_counter() - self._written > EVERY))

    def estimate(self, seconds: float) -> None:
        """Say how long something may take, where that is long."""
        if seconds > LONG:
            self.watch.say(f"  about {max(1.0, seconds / 60.0):.0f} min")

    def write(self, at: float, about: Mapping[str, Any], *, label: str = "") -> None:
        """Put the state and everything noted on disk. Collective."""
        self._written = clock.perf_counter()
        engine, numbering = self.prepared.engine, self.prepared.numbering
        if isinstance(engine, Marching):
            state: Arrays = engine.snapshot(numbering)
        else:
            state = {**numbering.arrays(engine.state), **engine.snapshot()}
        arrays: Arrays = {f"state/{name}": value for name, value in state.items()}
        if self.prepared.stress is not None:
            told_of = self.prepared.stress.snapshot()
            arrays |= {f"stress/{name}": value for name, value in told_of.items()}
        arrays |= {f"recorder/{name}": value for name, value in self.recorder.snapshot().items()}
        for moment in self.moments:
            arrays |= {f"moment/{moment.label}/{k}": v for k, v in _of_moment(moment).items()}
        told = {**about, "moments": [[moment.label, moment.at] for moment in self.moments]}
        failure: HeartError | None = None
        if self.comm.rank == 0:
            try:
                self.store.write(at, arrays, label=label, about=told)
            except HeartError as error:
                failure = error
        failure = self.comm.bcast(failure)
        if failure is not None:
            raise failure
        self.watch.event("checkpoint", at=at, label=label)

    def restore(self, newest: Stored) -> None:
        """Put back state and record.

        Raises
        ------
        CheckpointError
            It is of other observations, another mesh or another law.
        """
        _, arrays, about = newest
        engine, numbering = self.prepared.engine, self.prepared.numbering
        state = _part(arrays, "state/")
        if isinstance(engine, Marching):
            engine.restore(numbering, state)
        else:
            numbering.put(engine.state, state)
            engine.restore(state)
        self.recorder.restore(_part(arrays, "recorder/"))
        if self.prepared.stress is not None:
            self.prepared.stress.restore(_part(arrays, "stress/"))
        try:
            self.moments = [
                moment_of(str(label), float(when), _part(arrays, f"moment/{label}/"))
                for label, when in about["moments"]
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError("lacks what a run needs", where=CHECKPOINTS) from error

    def kept(
        self, error: NonlinearSolveError, at: float, about: Mapping[str, Any], where: str
    ) -> NonlinearSolveError:
        """Keep the last good state and return the error that names it."""
        self.write(at, about, label=LAST_GOOD)
        fix = f"{error.fix}; {CHECKPOINTS}/{LAST_GOOD}.npz holds the last good state"
        return NonlinearSolveError(f"{where}{error.what}", where=error.where, fix=fix)


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
