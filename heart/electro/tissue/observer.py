"""Who watches a run, and the one that is always there: when each node was activated.

Observers see this rank's unknowns as they are, without a copy, and gather only when they are
asked for a result.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from mpi4py import MPI
from numba import njit
from numpy.typing import NDArray

from heart.core.parameters import Parameter
from heart.electro.tissue.space import TissueSpace

Float = NDArray[np.float64]

THRESHOLD = Parameter(0.0, "mV", -60.0, 20.0, "Niederer2011", "activated when first above")


class Tissue(Protocol):
    """What an observer may ask of the problem it watches."""

    @property
    def space(self) -> TissueSpace:
        """Nodes and cells."""

    @property
    def comm(self) -> MPI.Intracomm:
        """The ranks that share the tissue."""

    @property
    def nodes(self) -> NDArray[np.integer]:
        """(n,) global index of each unknown of this rank."""

    @property
    def time(self) -> float:
        """Present time in ms."""

    def gather(self, values: Float, elsewhere: float = np.nan) -> Float:
        """Return values (n,) or (n, k) of this rank's unknowns as a global array. Collective."""


class Observer(Protocol):
    """Sees the voltage at the start, after each step or every so many ms, and at the end."""

    @property
    def every(self) -> float | None:
        """Interval between calls in ms; None for each step."""

    def observe(self, time: float, voltage: Float, problem: Tissue) -> None:
        """Look at (n,) mV of this rank's unknowns `problem.nodes` at `time`; do not keep it."""

    def finish(self) -> None:
        """Hear that the run is over."""


class ActivationRecorder:
    """Times at which the voltage of each node crosses a threshold upwards, linear in a step.

    Parameters
    ----------
    threshold
        mV.
    rearm
        mV below which a node has to fall before it can be activated again.
    """

    every: float | None = None

    def __init__(self, threshold: float = THRESHOLD.value, rearm: float | None = None) -> None:
        self.threshold = THRESHOLD.check(threshold, name="activation threshold")
        self.rearm = threshold - 20.0 if rearm is None else rearm
        self._problem: Tissue | None = None
        self._before: Float = np.zeros(0)
        self._armed: NDArray[np.bool_] = np.zeros(0, bool)
        self._counts: NDArray[np.int32] = np.zeros(0, np.int32)
        self._table: Float = np.zeros((0, 0))
        self._time = 0.0

    def observe(self, time: float, voltage: Float, problem: Tissue) -> None:
        """Compare with the step before."""
        if self._problem is None:
            self._problem = problem
            self._before = voltage.copy()
            self._armed = voltage < self.threshold
            self._counts = np.zeros(len(voltage), np.int32)
            self._table = np.full((len(voltage), 1), np.nan)
        elif time > self._time:
            full = _crossings(
                self._time, time, self.threshold, self.rearm, voltage,
                self._before, self._armed, self._counts, self._table,
            )  # fmt: skip
            if full:
                more = np.full((len(voltage), self._table.shape[1]), np.nan)
                self._table = np.concatenate([self._table, more], axis=1)
        self._time = time

    def finish(self) -> None:
        """Nothing to close."""

    def first(self) -> Float:
        """Return the first activation of each node, (nodes,) ms; NaN where there was none."""
        if self._problem is None:
            return np.zeros(0)
        return self._problem.gather(np.ascontiguousarray(self._table[:, 0]))

    def all(self) -> Float:
        """Return all activations of each node, (nodes, most) ms, NaN after the last."""
        if self._problem is None:
            return np.zeros((0, 0))
        comm = self._problem.comm
        most = max(comm.allgather(int(self._counts.max(initial=1))))
        table = np.full((len(self._table), most), np.nan)
        width = min(most, self._table.shape[1])
        table[:, :width] = self._table[:, :width]
        return self._problem.gather(table)


@njit(cache=True, nogil=True)
def _crossings(
    before: float,
    now: float,
    threshold: float,
    rearm: float,
    voltage: Float,
    old: Float,
    armed: NDArray[np.bool_],
    counts: NDArray[np.int32],
    table: Float,
) -> bool:
    """Enter crossings of a step; return whether a node has filled its row of the table."""
    full = False
    for i in range(len(voltage)):
        v = voltage[i]
        if armed[i]:
            if v > threshold:
                armed[i] = False
                share = (threshold - old[i]) / (v - old[i])
                table[i, counts[i]] = before + share * (now - before)
                counts[i] += 1
                full |= counts[i] == table.shape[1]
        elif v < rearm:
            armed[i] = True
        old[i] = v
    return full
