"""Every activation and repolarisation of every node, found while the simulation runs.

Storing the potential of a whole heart over seconds is not possible, so the times are taken on the
way. A beat begins where the potential rises through the activation threshold (linear interpolation
in time) and ends where it falls below a level that depends on this beat's own rest and peak: APD90
is the time until 90 % of the amplitude is gone. Rest is the lowest potential since the last beat.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from heart.core.parameters import Parameter

Float = NDArray[np.float64]

ACTIVATION = Parameter(-10.0, "mV", -60.0, 10.0, "assumed", "first upstroke through this potential")
RECOVERY = Parameter(0.9, "1", 0.2, 0.99, "assumed", "share of the amplitude that is gone: APD90")
CAPACITY = 4

_KEPT: dict[str, type] = {
    "time": np.float64,
    "last": np.float64,
    "rest": np.float64,
    "peak": np.float64,
    "active": np.bool_,
    "count": np.int32,
    "activation": np.float64,
    "repolarisation": np.float64,
}


@numba.njit(cache=True, nogil=True)
def _follow(
    time: float,
    before: float,
    v: Float,
    last: Float,
    rest: Float,
    peak: Float,
    active: NDArray[np.bool_],
    count: NDArray[np.int32],
    activation: Float,
    repolarisation: Float,
    threshold: float,
    recovery: float,
) -> int:
    """Take one step for every node; return the largest number of beats that any node has."""
    most = 0
    step = time - before
    capacity = activation.shape[0]
    for i in range(len(v)):
        now, old = v[i], last[i]
        if active[i]:
            if now > peak[i]:
                peak[i] = now
            level = peak[i] - recovery * (peak[i] - rest[i])
            if now <= level and now < old and old > level:
                active[i] = False
                repolarisation[count[i] - 1, i] = before + step * (old - level) / (old - now)
                rest[i] = now
        elif now < rest[i]:
            rest[i] = now
        if not active[i] and now > threshold and old <= threshold:
            if count[i] < capacity:
                active[i] = True
                peak[i] = now
                activation[count[i], i] = before + step * (threshold - old) / (now - old)
                count[i] += 1
            else:
                most = capacity + 1
        last[i] = now
        if count[i] > most:
            most = count[i]
    return most


@dataclass
class BeatTracker:
    """Follows the potential of n nodes and keeps the times of all their beats.

    Attributes
    ----------
    threshold, recovery
        See `ACTIVATION` and `RECOVERY`.
    """

    threshold: float = ACTIVATION.value
    recovery: float = RECOVERY.value
    _time: float = field(default=0.0, init=False)
    _last: Float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        ACTIVATION.check(self.threshold, name="activation threshold")
        RECOVERY.check(self.recovery, name="recovery share")

    def follow(self, time: float, voltage: Float) -> None:
        """Take the potential (n,) mV at `time`; the first call only sets the start."""
        if self._last is None:
            n = len(voltage)
            self._last = np.array(voltage, dtype=float)
            self._rest, self._peak = self._last.copy(), self._last.copy()
            self._active = np.zeros(n, np.bool_)
            self._count = np.zeros(n, np.int32)
            self._activation = np.full((CAPACITY, n), np.nan)
            self._repolarisation = np.full((CAPACITY, n), np.nan)
        else:
            while self._step(time, voltage) > len(self._activation):
                self._grow()
        self._time = time

    def _step(self, time: float, voltage: Float) -> int:
        if self._last is not None and self._count.max(initial=0) == len(self._activation):
            self._grow()
        return int(
            _follow(
                time, self._time, voltage, self._last, self._rest, self._peak, self._active,
                self._count, self._activation, self._repolarisation, self.threshold, self.recovery,
            )
        )  # fmt: skip

    def _grow(self) -> None:
        more = np.full((len(self._activation), self._activation.shape[1]), np.nan)
        self._activation = np.concatenate([self._activation, more])
        self._repolarisation = np.concatenate([self._repolarisation, more])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything that is known so far: (n,) by name, and two tables (b, n)."""
        if self._last is None:
            return {}
        return {name: np.asarray(getattr(self, f"_{name}")) for name in _KEPT}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from `arrays`, of whatever precision they were stored in."""
        if not arrays:
            return
        self._time = float(arrays["time"])
        for name, kind in _KEPT.items():
            if name != "time":
                setattr(self, f"_{name}", np.array(arrays[name]).astype(kind))

    @property
    def beats(self) -> Beats:
        """The beats so far; what is not there yet is NaN."""
        if self._last is None:
            empty = np.empty((0, 0))
            return Beats(empty, empty)
        used = int(self._count.max(initial=0))
        return Beats(self._activation[:used].copy(), self._repolarisation[:used].copy())


@dataclass(frozen=True)
class Beats:
    """Times of the beats of n nodes.

    Attributes
    ----------
    activation, repolarisation
        (b, n) ms; NaN where a node has had fewer beats or is not repolarised yet.
    """

    activation: Float
    repolarisation: Float

    @property
    def count(self) -> NDArray[np.integer]:
        """(n,) number of activations of each node."""
        return np.asarray(np.isfinite(self.activation).sum(axis=0))

    @property
    def duration(self) -> Float:
        """(b, n) action potential durations in ms."""
        return self.repolarisation - self.activation

    @property
    def diastolic_interval(self) -> Float:
        """(b − 1, n) from each repolarisation to the next activation in ms."""
        return self.activation[1:] - self.repolarisation[:-1]

    def first(self) -> Float:
        """Return the first activation (n,); infinite where there is none."""
        return self._row(0)

    def last(self) -> Float:
        """Return the last activation (n,); infinite where there is none."""
        if not len(self.activation):
            return np.full(self.activation.shape[1], np.inf)
        at = np.maximum(self.count - 1, 0)
        times = self.activation[at, np.arange(self.activation.shape[1])]
        return np.where(np.isfinite(times), times, np.inf)

    def since(self, start: float) -> Beats:
        """Return the beats that began at `start` or later, each node's first one in row 0."""
        keep = self.activation >= start
        order = np.argsort(~keep, axis=0, kind="stable")
        blank = np.where(keep, 0.0, np.nan)
        rows = int(keep.sum(axis=0).max(initial=0))
        return Beats(
            np.take_along_axis(self.activation + blank, order, axis=0)[:rows],
            np.take_along_axis(self.repolarisation + blank, order, axis=0)[:rows],
        )

    def _row(self, row: int) -> Float:
        if row >= len(self.activation):
            return np.full(self.activation.shape[1], np.inf)
        times = self.activation[row]
        return np.where(np.isfinite(times), times, np.inf)
