"""Activation times to a 12-lead ECG in one pass over the nodes.

ECG(t) = Σ_i w_i Vm_i(t) with Vm_i a fixed up step at T_i and a fixed down step at R_i. So the
weights are binned by time (cloud in cell, four bins per sample) and each histogram is convolved
with its step: O(n) for a whole ECG instead of O(n) for each sample. Nodes that are never reached
(infinite time) stay at rest and contribute nothing; where a reached region borders on them the
ECG keeps an ST shift, as an injured heart's does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from heart.core.errors import MissingDataError, ParameterError
from heart.core.parameters import Parameter
from heart.observe.action_potential import ActionPotential
from heart.observe.lead_field import LeadField
from heart.observe.leads import EXPANSION, INDEPENDENT, LEADS

__all__ = ["LEADS", "LOW_PASS", "SAMPLING", "Ecg", "EcgBatch", "synthesise", "synthesise_qrs"]

Float = NDArray[np.float64]

SAMPLING = Parameter(1.0, "ms", 0.05, 4.0, "assumed", "interval between samples: 1 kHz")
LOW_PASS = Parameter(
    0.10, "1/ms", 0.02, 0.5, "assumed", "-3 dB corner of a Gaussian filter: 100 Hz as recorders do"
)
BINS_PER_SAMPLE = 4
LEAD_IN = 20.0


@dataclass(frozen=True)
class Ecg:
    """Twelve leads: `times` (T,) ms and `leads` (12, T) mV in the order LEADS."""

    times: Float
    leads: Float


@dataclass(frozen=True)
class EcgBatch:
    """Many ECGs on one time axis: `times` (T,) ms and `leads` (k, 12, T) mV."""

    times: Float
    leads: Float

    def __getitem__(self, index: int) -> Ecg:
        return Ecg(self.times, self.leads[index])

    def __len__(self) -> int:
        return len(self.leads)


@numba.njit(cache=True, nogil=True)
def _convolve_steps(
    weights: Float,
    events: Float,
    origin: float,
    width: float,
    bins: int,
    taps: Float,
    stride: int,
    result: Float,
) -> None:
    """Add to `result` (k, T, 8) the steps at `events` (k, n) weighted with `weights` (n, 8).

    `taps` are the increments of the step; their centre lies at its middle.
    """
    leads = weights.shape[1]
    half = len(taps) // 2
    histogram = np.empty((bins, leads))
    for k in range(len(events)):
        histogram[:] = 0.0
        for i in range(len(weights)):
            place = (events[k, i] - origin) / width
            if not place < bins - 1:
                continue
            place = max(place, 0.0)
            entry = int(place)
            share = place - entry
            for lead in range(leads):
                value = weights[i, lead]
                histogram[entry, lead] += (1.0 - share) * value
                histogram[entry + 1, lead] += share * value
        for entry in range(1, bins):
            for lead in range(leads):
                histogram[entry, lead] += histogram[entry - 1, lead]
        for sample in range(result.shape[1]):
            for tap in range(len(taps)):
                entry = sample * stride + 2 * half - tap
                for lead in range(leads):
                    result[k, sample, lead] += taps[tap] * histogram[entry, lead]


def _taps(step: Callable[[Float], Float], reach: float, width: float, low_pass: float) -> Float:
    """Return the increments of `step` from bin to bin, low-pass filtered, odd in number."""
    spread = math.sqrt(math.log(2.0)) / (2.0 * math.pi * low_pass) if low_pass > 0.0 else 0.0
    half = math.ceil((reach + 5.0 * spread) / width)
    grid: Float = width * np.arange(-half, half + 1, dtype=np.float64)
    taps: Float = np.diff(step(grid), prepend=0.0)
    if spread > 0.0:
        kernel: Float = np.exp(-0.5 * (grid / spread) ** 2)
        taps = np.convolve(taps, kernel / kernel.sum(), mode="same")
    return taps / taps.sum()


def _check(activations: Float, nodes: int) -> Float:
    times = np.ascontiguousarray(np.atleast_2d(activations), np.float64)
    if times.shape[-1] != nodes:
        raise MissingDataError(
            f"activation has {times.shape[-1]} nodes, the lead field {nodes}",
            fix="compute both on the same mesh",
        )
    if not np.isfinite(times).any(axis=1).all() or np.isnan(times).any():
        raise MissingDataError("activation is NaN, or nothing is ever activated")
    return times


def _steps(
    weights: Float,
    events: Float,
    start: float,
    samples: int,
    sampling: float,
    step: Callable[[Float], Float],
    reach: float,
    low_pass: float,
) -> Float:
    """Return (k, T, 8) responses to one kind of step."""
    if low_pass != 0.0:
        LOW_PASS.check(low_pass, name="low-pass corner")
    width = sampling / BINS_PER_SAMPLE
    taps = _taps(step, reach, width, low_pass)
    half = len(taps) // 2
    bins = (samples - 1) * BINS_PER_SAMPLE + 2 * half + 2
    result = np.zeros((len(events), samples, weights.shape[1]))
    origin = start - half * width
    _convolve_steps(weights, events, origin, width, bins, taps, BINS_PER_SAMPLE, result)
    return result


def _axis(first: float, last: float, sampling: float) -> tuple[Float, float]:
    SAMPLING.check(sampling, name="sampling interval")
    start = sampling * np.floor(first / sampling)
    count = int(np.ceil((last - start) / sampling)) + 1
    if not 2 <= count <= 100_000:
        raise ParameterError(
            f"an ECG of {count} samples is not plausible", expected="2 to 100000 samples"
        )
    return start + sampling * np.arange(count), float(start)


def synthesise(
    lead_field: LeadField,
    activation: Float,
    duration: Float | float,
    sampling: float = SAMPLING.value,
    *,
    template: ActionPotential | None = None,
    low_pass: float = LOW_PASS.value,
) -> Ecg:
    """Return the ECG of one beat, QRS and T.

    Parameters
    ----------
    lead_field
        Weights (12, n).
    activation
        (n,) ms; infinite where the wave never comes.
    duration
        APD90, (n,) or one number, in ms.
    sampling
        Interval between samples in ms.
    template
        Action potential; the default one when None.
    low_pass
        −3 dB corner of the recorder in 1/ms; 0 for none.

    Returns
    -------
    Ecg
        From 20 ms before the first activation until the last node is at rest.

    Raises
    ------
    MissingDataError
        Sizes differ, times are NaN, or no node is activated.
    """
    shape = template or ActionPotential()
    events = _check(activation, lead_field.weights.shape[1])
    ends: Float = events + np.broadcast_to(np.asarray(duration, np.float64), events.shape)
    reached = np.isfinite(events)
    last = float(ends[reached].max()) + shape.downstroke + LEAD_IN
    times, start = _axis(float(events[reached].min()) - LEAD_IN, last, sampling)
    weights = np.ascontiguousarray(lead_field.weights[list(INDEPENDENT)].T)
    reach_up, reach_down = 4.0 * shape.upstroke, 4.5 * shape.downstroke
    up = _steps(weights, events, start, len(times), sampling, shape.rise, reach_up, low_pass)
    down = _steps(weights, ends, start, len(times), sampling, shape.fall, reach_down, low_pass)
    return Ecg(times, shape.amplitude * (EXPANSION @ (up - down)[0].T))


def synthesise_qrs(
    lead_field: LeadField,
    activations: Float,
    sampling: float = SAMPLING.value,
    *,
    template: ActionPotential | None = None,
    low_pass: float = LOW_PASS.value,
    window: tuple[float, float] | None = None,
) -> EcgBatch:
    """Return the QRS complexes of many activation maps (k, n), without repolarisation.

    The loop over maps is compiled and releases the interpreter: call it from several threads on
    parts of `activations` to use several cores. All share one time axis, from 20 ms before the
    earliest to 30 ms after the latest activation unless `window` gives its ends in ms.
    Other parameters and errors are those of `synthesise`.
    """
    shape = template or ActionPotential()
    events = _check(activations, lead_field.weights.shape[1])
    if window is None:
        reached = events[np.isfinite(events)]
        window = (float(reached.min()) - LEAD_IN, float(reached.max()) + LEAD_IN + 10.0)
    times, start = _axis(window[0], window[1], sampling)
    weights = np.ascontiguousarray(lead_field.weights[list(INDEPENDENT)].T)
    reach = 4.0 * shape.upstroke
    up = _steps(weights, events, start, len(times), sampling, shape.rise, reach, low_pass)
    return EcgBatch(times, shape.amplitude * np.matmul(EXPANSION, np.swapaxes(up, 1, 2)))
