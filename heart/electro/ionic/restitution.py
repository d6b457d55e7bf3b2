"""Restitution of a single cell: how a beat depends on the interval before it.

Two protocols: one early beat after many regular ones (S1–S2), and regular beats at ever shorter
cycle lengths (dynamic). Each interval is a cell of its own, so that the generated kernel takes all
of them in one loop; LSODA takes them one after the other. Either is a `Stepper`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heart.core.errors import ParameterError
from heart.electro.ionic import oracle
from heart.electro.ionic.biomarkers import Biomarkers, biomarkers
from heart.electro.ionic.model import CellModel
from heart.electro.ionic.registry import Pulse

Float = NDArray[np.float64]

AFTER = 600.0


@dataclass(frozen=True)
class Samples:
    """Potential of one cell over a window, and where it ends.

    Attributes
    ----------
    times, voltage
        (n,) ms and (n,) mV.
    final
        States (S,) at the end of the window, in the order of the text.
    """

    times: Float
    voltage: Float
    final: Float


class Stepper(Protocol):
    """Integrates copies of one cell, each with pulses of its own, from the model's first state."""

    def __call__(
        self, model: CellModel, starts: Float, pulse: Pulse, windows: Float
    ) -> list[Samples]:
        """Return the potential of every copy in its window.

        Parameters
        ----------
        model
            The cell.
        starts
            (n, k) ms, starts of the pulses of every copy.
        pulse
            Size and duration of all of them.
        windows
            (n, 2) ms, what to return of every copy.
        """
        ...


@dataclass(frozen=True)
class Restitution:
    """Beats after intervals.

    Attributes
    ----------
    intervals
        (k,) ms: S1–S2 interval, or cycle length.
    before
        The beat that ends with each interval, k of them.
    beats
        The beat after each interval, k of them.
    """

    intervals: Float
    before: tuple[Biomarkers, ...]
    beats: tuple[Biomarkers, ...]

    @property
    def captured(self) -> NDArray[np.bool_]:
        """Whether both beats around each interval are action potentials (k,)."""
        pairs = zip(self.before, self.beats, strict=True)
        return np.array([first.excited and second.excited for first, second in pairs])

    @property
    def apd90(self) -> Float:
        """Duration (k,) ms of the beat after each interval; NaN where it is not captured."""
        return self._of("apd90")

    @property
    def apd50(self) -> Float:
        """Duration (k,) ms to half repolarisation; NaN where it is not captured."""
        return self._of("apd50")

    @property
    def diastolic(self) -> Float:
        """Diastolic interval (k,) ms, from 90 % repolarisation to the next pulse."""
        ends = np.array([one.upstroke_time + one.apd90 for one in self.before])
        return np.asarray(self.intervals - ends)

    def _of(self, name: str) -> Float:
        values = np.array([getattr(one, name) for one in self.beats])
        return np.asarray(np.where(self.captured, values, np.nan))


def oracle_stepper(model: CellModel, starts: Float, pulse: Pulse, windows: Float) -> list[Samples]:
    """Integrate every copy by LSODA at the reference tolerance; see `Stepper`."""
    found = []
    for own, (begin, end) in zip(starts, windows, strict=True):
        pieces = np.unique(np.concatenate([[begin], own[(own > begin) & (own < end)], [end]]))
        times = np.concatenate([oracle.beat_times(a, b - a) for a, b in pairwise(pieces)])
        trace = oracle.reference(model, own, pulse, np.append(times, end))
        found.append(Samples(trace.times, trace.voltage, trace.states[:, -1]))
    return found


def s1s2(
    model: CellModel,
    intervals: ArrayLike,
    pulse: Pulse,
    *,
    cycle_length: float = 1000.0,
    beats: int = 100,
    stepper: Stepper = oracle_stepper,
) -> Restitution:
    """Return the response to one early beat after `beats` regular ones.

    Parameters
    ----------
    model
        The cell.
    intervals
        S1–S2 intervals (k,) ms, from pulse to pulse.
    pulse
        Stimulus of all beats.
    cycle_length
        Of the regular beats, ms.
    beats
        How many of them.
    stepper
        Integrator.

    Raises
    ------
    ParameterError
        An interval is not longer than the pulse, or there are no regular beats.
    """
    gaps = _checked(intervals, pulse)
    if beats < 1:
        raise ParameterError(f"{beats} beats before the early one", expected="at least 1")
    # All copies are the same until the last regular beat, so that one of them goes there.
    regular = np.arange(beats - 1, dtype=np.float64)[None] * cycle_length
    last = (beats - 1) * cycle_length
    if beats > 1:
        (sample,) = stepper(model, regular, pulse, np.array([[last - cycle_length, last]]))
        model = model.with_initial(sample.final)
    starts = np.column_stack([np.zeros(gaps.size), gaps])
    windows = np.column_stack([np.zeros(gaps.size), gaps + AFTER])
    described = [
        _described(pair, one)
        for pair, one in zip(starts, stepper(model, starts, pulse, windows), strict=True)
    ]
    return _collected(gaps, described)


def dynamic(
    model: CellModel,
    cycle_lengths: ArrayLike,
    pulse: Pulse,
    *,
    beats: int = 50,
    stepper: Stepper = oracle_stepper,
) -> Restitution:
    """Return the last two of `beats` regular beats at each cycle length, one after the other.

    Parameters
    ----------
    model
        The cell.
    cycle_lengths
        (k,) ms, usually falling: each starts where the one before it ended.
    pulse
        Stimulus of all beats.
    beats
        How many at each cycle length.
    stepper
        Integrator.

    Raises
    ------
    ParameterError
        A cycle length is not longer than the pulse, or there are fewer than two beats.
    """
    gaps = _checked(cycle_lengths, pulse)
    if beats < 2:
        raise ParameterError(f"{beats} beats at each cycle length", expected="at least 2")
    described = []
    for gap in gaps:
        starts = np.arange(beats, dtype=np.float64)[None] * gap
        windows = np.array([[starts[0, -2], beats * gap]])
        (sample,) = stepper(model, starts, pulse, windows)
        described.append(_described(starts[0, -2:], sample))
        model = model.with_initial(sample.final)
    return _collected(gaps, described)


def _checked(intervals: ArrayLike, pulse: Pulse) -> Float:
    gaps = np.atleast_1d(np.asarray(intervals, dtype=np.float64))
    if gaps.size == 0 or (gaps <= pulse.duration).any():
        raise ParameterError(
            f"interval of {gaps.min(initial=0.0):g} ms between pulses of {pulse.duration:g} ms",
            expected="longer than the pulse",
        )
    return gaps


def _described(starts: Float, one: Samples) -> tuple[Biomarkers, Biomarkers]:
    """Return the beats from the first and from the second of two pulses."""
    early = (one.times >= starts[0]) & (one.times < starts[1])
    late = one.times >= starts[1]
    return (
        biomarkers(one.times[early], one.voltage[early]),
        biomarkers(one.times[late], one.voltage[late]),
    )


def _collected(gaps: Float, pairs: list[tuple[Biomarkers, Biomarkers]]) -> Restitution:
    return Restitution(gaps, tuple(first for first, _ in pairs), tuple(last for _, last in pairs))
