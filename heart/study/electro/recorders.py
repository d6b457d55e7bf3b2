"""What is noted while tissue runs: beats of every node, traces, signals, pictures of the potential.

Each rank notes its own part; parts are put together when a checkpoint or a result is made, so that
a step costs no communication. Everything noted is part of a checkpoint: a run that was stopped and
went on has the same record as one that was not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from heart.core.errors import CheckpointError, StorageError
from heart.observe.beats import Beats, BeatTracker

Float = NDArray[np.float64]
Int = NDArray[np.integer]
Arrays = dict[str, NDArray[Any]]

# mV above which muscle counts as active, between the take-off potential and the plateau.
ACTIVE = -40.0
# Of the files of stored extracellular potentials.
EXTRACELLULAR = "extracellular_"
_CLOSE = 1e-6


class Problem(Protocol):
    """What recorders need of a tissue problem."""

    @property
    def nodes(self) -> Int:
        """(k,) global index of each of this rank's unknowns."""

    @property
    def comm(self) -> MPI.Intracomm:
        """Ranks that share the tissue."""

    def gather(self, values: Float) -> Float:
        """Return values of this rank's unknowns as one array in global order, on all ranks."""

    def extracellular(self) -> Float:
        """Return the extracellular potential in mV in global order, on all ranks."""


@dataclass(frozen=True)
class Plan:
    """What is to be noted.

    Attributes
    ----------
    threshold, recovery
        Of activation in mV, and share of the amplitude that is gone at repolarisation.
    sampling
        ms between samples of traces and signals.
    probes
        (p,) global nodes whose potential is traced.
    weights
        (k, n) signals as weighted sums of the potential: electrograms, then ECG leads.
    rest
        mV that muscle which does not conduct is taken to have in signals.
    frames
        ms between stored fields; None for none.
    extracellular
        Whether the extracellular potential is stored with them.
    folder
        Where frames are put; None on ranks that do not write.
    """

    threshold: float
    recovery: float
    sampling: float
    probes: Int
    weights: Float
    rest: float = -85.0
    frames: float | None = None
    extracellular: bool = False
    folder: Path | None = None


class Recorder:
    """Observer that notes everything in a `Plan`; one for each branch of a run.

    Parameters
    ----------
    plan
        What to note.
    problem
        The tissue that will be observed.
    """

    every: float | None = None

    def __init__(self, plan: Plan, problem: Problem) -> None:
        self.plan, self._problem = plan, problem
        self._tracker = BeatTracker(plan.threshold, plan.recovery)
        self._times: list[float] = []
        self._samples: list[Float] = []
        self._frames: list[float] = []
        self.active = -np.inf
        nodes = np.asarray(problem.nodes)
        place = {int(node): at for at, node in enumerate(nodes)}
        rows = [k for k, node in enumerate(plan.probes) if int(node) in place]
        self._own = np.array(rows, np.int64)
        self._at = np.array([place[int(plan.probes[k])] for k in rows], np.int64)
        self._part = np.ascontiguousarray(plan.weights[:, nodes])

    def observe(self, time: float, voltage: Float, _problem: object = None) -> None:
        """Note the potential (k,) of this rank at `time`."""
        self._tracker.follow(time, voltage)
        if _due(time, self._times, self.plan.sampling):
            self._times.append(time)
            self._samples.append(
                np.concatenate([self._placed(voltage), self._part @ (voltage - self.plan.rest)])
            )
            if voltage.max(initial=-np.inf) > ACTIVE:
                self.active = time
        if self.plan.frames is not None and _due(time, self._frames, self.plan.frames):
            self._frames.append(time)
            index = len(self._frames) - 1
            self._store(index, self._problem.gather(voltage))
            if self.plan.extracellular:
                self._store(index, self._problem.extracellular(), EXTRACELLULAR)

    def finish(self) -> None:
        """Nothing to close."""

    def last_active(self) -> float:
        """Return the last sample in ms at which any rank had active muscle; −inf if never."""
        return float(self._problem.comm.allreduce(self.active, op=MPI.MAX))

    def beats(self) -> Beats:
        """Return the beats of all nodes, in global order, on all ranks."""
        tables = self._tables()
        used = int(np.isfinite(tables["activation"]).sum(axis=1).max(initial=0))
        activation, repolarisation = (tables[name].T[:used].copy() for name in _TABLES)
        return Beats(activation, repolarisation)

    def samples(self) -> tuple[Float, Float, Float]:
        """Return times (T,) ms, probe traces (p, T) mV and signals (k, T) mV, on all ranks."""
        table = self._sampled()
        probes = len(self.plan.probes)
        return np.array(self._times), table[:, :probes].T.copy(), table[:, probes:].T.copy()

    @property
    def frame_times(self) -> tuple[float, ...]:
        """Times in ms of the stored fields."""
        return tuple(self._frames)

    def snapshot(self) -> Arrays:
        """Return everything noted so far, in global order."""
        tracker = self._tracker.arrays()
        arrays = {f"beats/{name}": self._gathered(name, value) for name, value in tracker.items()}
        arrays["samples"] = self._sampled()
        arrays["times"] = np.array(self._times)
        arrays["frames"] = np.array(self._frames)
        arrays["active"] = np.array(self.last_active())
        return arrays

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `snapshot` returned, on any number of ranks.

        Raises
        ------
        CheckpointError
            The arrays do not belong to this plan.
        """
        problem = self._problem
        columns = len(self.plan.probes) + len(self.plan.weights)
        samples = np.asarray(arrays.get("samples", np.zeros((0, 0))))
        if samples.ndim != 2 or samples.shape[1] != columns:
            raise CheckpointError(
                f"holds {samples.shape[-1]} traces", expected=f"{columns}", where="checkpoint"
            )
        tracker = {
            name.removeprefix("beats/"): np.asarray(value)
            for name, value in arrays.items()
            if name.startswith("beats/")
        }
        self._tracker.restore(
            {name: _local(name, value, problem.nodes) for name, value in tracker.items()}
        )
        self._times = [float(time) for time in arrays["times"]]
        self._frames = [float(time) for time in arrays["frames"]]
        self.active = float(arrays["active"])
        # One rank has the sums so far; the parts of the others count from here.
        leader = problem.comm.rank == 0
        self._samples = [row if leader else np.zeros(columns) for row in samples]

    def _placed(self, voltage: Float) -> Float:
        row = np.zeros(len(self.plan.probes))
        row[self._own] = voltage[self._at]
        return row

    def _sampled(self) -> Float:
        columns = len(self.plan.probes) + len(self.plan.weights)
        table = np.array(self._samples).reshape(len(self._times), columns)
        comm = self._problem.comm
        if comm.size > 1:
            comm.Allreduce(MPI.IN_PLACE, table, op=MPI.SUM)
        return table

    def _tables(self) -> Arrays:
        arrays = self._tracker.arrays()
        return {name: self._gathered(name, arrays[name]) for name in _TABLES}

    def _gathered(self, name: str, values: NDArray[Any]) -> NDArray[Any]:
        """Return one array of the tracker in global order; tables as (nodes, beats)."""
        if values.ndim == 0:
            return values
        problem = self._problem
        if name not in _TABLES:
            return problem.gather(values.astype(np.float64))
        most = max(problem.comm.allgather(len(values)))
        table = np.full((values.shape[1], most), np.nan)
        table[:, : len(values)] = values.T
        return problem.gather(table)

    def _store(self, index: int, values: Float, kind: str = "") -> None:
        if self.plan.folder is None:
            return
        try:
            self.plan.folder.mkdir(parents=True, exist_ok=True)
            np.save(frame_path(self.plan.folder, index, kind), values.astype(np.float32))
        except OSError as error:
            raise StorageError(f"a field cannot be written: {error.strerror}") from error


def frame_path(folder: Path, index: int, kind: str = "") -> Path:
    """Return the file of a stored field: of the voltage, or of what `kind` names."""
    return folder / f"{kind}{index:06d}.npy"


_TABLES = ("activation", "repolarisation")


def _due(time: float, taken: Sequence[float], every: float) -> bool:
    """Return whether a sample is due: the grid counts from the first sample."""
    if not taken:
        return True
    if time <= taken[-1] + _CLOSE * every:
        return False
    start = taken[0]
    return bool(
        np.floor((time - start) / every + _CLOSE) > np.floor((taken[-1] - start) / every + _CLOSE)
    )


def _local(name: str, values: NDArray[Any], nodes: Int) -> NDArray[Any]:
    if values.ndim == 0:
        return values
    if name in _TABLES:
        return np.ascontiguousarray(values[nodes].T)
    return np.ascontiguousarray(values[nodes])
