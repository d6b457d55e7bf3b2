"""Observers of a running tissue: beats, signals through weights, traces at nodes, snapshots.

Each sees the unknowns of its rank and gathers only when asked for its result, which all ranks have
to do together. Whichever engine runs, reaction–diffusion or reaction–eikonal, they are the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from heart.core.errors import ParameterError
from heart.electro.tissue.observer import Tissue
from heart.observe.beats import ACTIVATION, RECOVERY, Beats, BeatTracker

Float = NDArray[np.float64]
Int = NDArray[np.integer]


@dataclass
class BeatRecorder:
    """Activation and repolarisation of every beat of every node.

    Attributes
    ----------
    every
        ms between looks; None for each step. Times are linear between looks, so 1 ms makes an
        upstroke uncertain by a fraction of a ms; use the activation recorder beside it where that
        matters.
    threshold, recovery
        See `heart.observe.beats`.
    """

    every: float | None = None
    threshold: float = ACTIVATION.value
    recovery: float = RECOVERY.value
    _tracker: BeatTracker = field(init=False)
    _problem: Tissue | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._tracker = BeatTracker(self.threshold, self.recovery)

    def observe(self, time: float, voltage: Float, problem: Tissue) -> None:
        """Follow one more look; a second run that begins where the last ended adds nothing."""
        self._problem = problem
        self._tracker.follow(time, voltage)

    def finish(self) -> None:
        """Nothing to close."""

    def beats(self) -> Beats:
        """Return the beats of all nodes, NaN where tissue does not conduct. Collective."""
        problem = self._problem
        if problem is None:
            return Beats(np.zeros((0, 0)), np.zeros((0, 0)))
        own = self._tracker.beats
        most = max(problem.comm.allgather(len(own.activation)))
        gathered = []
        for table in (own.activation, own.repolarisation):
            full = np.full((len(problem.nodes), most), np.nan)
            full[:, : len(table)] = table.T
            gathered.append(np.ascontiguousarray(problem.gather(full).T))
        return Beats(*gathered)


@dataclass(frozen=True)
class Traces:
    """Samples of k signals: `times` (T,) ms and `values` (k, T) mV."""

    times: Float
    values: Float


@dataclass
class SignalRecorder:
    """Weighted sums of the potential: ECG leads through a lead field, electrograms.

    Attributes
    ----------
    weights
        (k, nodes) in the global order; NaN potentials (scar) must have weight 0.
    every
        ms between samples.
    """

    weights: Float
    every: float | None = 1.0
    _local: Float | None = field(default=None, init=False)
    _problem: Tissue | None = field(default=None, init=False)
    _times: list[float] = field(default_factory=list, init=False)
    _samples: list[Float] = field(default_factory=list, init=False)

    def observe(self, time: float, voltage: Float, problem: Tissue) -> None:
        """Take a sample."""
        if self._local is None:
            if self.weights.shape[1] != problem.space.nodes:
                raise ParameterError(
                    f"weights of {self.weights.shape[1]} nodes for {problem.space.nodes} nodes",
                    fix="make the lead field on the mesh of the simulation",
                )
            self._local = np.ascontiguousarray(self.weights[:, problem.nodes])
            self._problem = problem
        if self._times and time <= self._times[-1]:
            return
        self._times.append(time)
        self._samples.append(self._local @ voltage)

    def finish(self) -> None:
        """Nothing to close."""

    def traces(self) -> Traces:
        """Return all samples so far. Collective."""
        values = np.array(self._samples).reshape(len(self._times), len(self.weights))
        if self._problem is not None and self._problem.comm.size > 1:
            self._problem.comm.Allreduce(MPI.IN_PLACE, values, op=MPI.SUM)
        return Traces(np.array(self._times), np.ascontiguousarray(values.T))


def probes(nodes: Int, count: int, every: float | None = 1.0) -> SignalRecorder:
    """Return a recorder of the potential itself at `nodes` (k,) of a mesh of `count` nodes."""
    weights = np.zeros((len(nodes), count))
    weights[np.arange(len(nodes)), nodes] = 1.0
    return SignalRecorder(weights, every)


@dataclass
class SnapshotRecorder:
    """Whole fields of the potential for pictures and movies, in single precision on rank 0.

    Attributes
    ----------
    every
        ms between snapshots.
    """

    every: float | None = 10.0
    times: list[float] = field(default_factory=list, init=False)
    fields: list[NDArray[np.float32]] = field(default_factory=list, init=False)

    def observe(self, time: float, voltage: Float, problem: Tissue) -> None:
        """Keep a snapshot."""
        whole: Any = problem.gather(voltage)
        if self.times and time <= self.times[-1]:
            return
        self.times.append(time)
        self.fields.append(
            whole.astype(np.float32) if problem.comm.rank == 0 else np.empty(0, np.float32)
        )

    def finish(self) -> None:
        """Nothing to close."""
