"""Numbers that a reader takes from the QRS: duration, area, and two pacing intervals.

All are vectorised over many ECGs (…, 12, T), because a CRT screen makes thousands.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import MissingDataError
from heart.core.parameters import Parameter
from heart.observe.leads import LEADS

Float = NDArray[np.float64]

THRESHOLD = Parameter(
    0.05, "1", 0.01, 0.2, "assumed", "spatial velocity at QRS on- and offset as a part of its peak"
)
MARGIN = Parameter(20.0, "ms", 0.0, 60.0, "assumed", "QRS may end this long after activation")

KORS_LEADS = ("V1", "V2", "V3", "V4", "V5", "V6", "I", "II")
KORS = np.array(
    [
        [-0.13, 0.05, -0.01, 0.14, 0.06, 0.54, 0.38, -0.07],
        [0.06, -0.02, -0.05, 0.06, -0.17, 0.13, -0.07, 0.93],
        [-0.43, -0.06, -0.14, -0.20, -0.11, 0.31, 0.11, -0.23],
    ]
)
KORS.setflags(write=False)
"""(3, 8) regression of X (left), Y (down), Z (back) on KORS_LEADS [Kors1990].

Checked against the same matrix in three independent public programs, not against the paper.
"""


def spatial_velocity(times: Float, leads: Float) -> Float:
    """Return sqrt(Σ_leads (dV/dt)²) in mV/ms, (…, T) for leads (…, 12, T)."""
    slopes = np.gradient(leads, times, axis=-1)
    result: Float = np.sqrt((slopes**2).sum(axis=-2))
    return result


def qrs_bounds(
    times: Float,
    leads: Float,
    first_activation: Float | float | None = None,
    last_activation: Float | float | None = None,
    threshold: float = THRESHOLD.value,
) -> tuple[Float, Float]:
    """Return QRS on- and offset: where the spatial velocity first and last passes the threshold.

    Parameters
    ----------
    times
        (T,) ms.
    leads
        (…, 12, T) mV. Where the ECG has a T wave, give `last_activation`.
    first_activation, last_activation
        Numbers or (…) ms; the QRS is sought from the former to `MARGIN` after the latter.
    threshold
        Part of the peak of the spatial velocity inside that window.

    Returns
    -------
    tuple
        On- and offset, each (…) ms, interpolated between samples.

    Raises
    ------
    MissingDataError
        An ECG is flat.
    """
    THRESHOLD.check(threshold, name="QRS threshold")
    velocity = spatial_velocity(times, leads)
    batch = velocity.shape[:-1]
    low = np.broadcast_to(times[0] if first_activation is None else first_activation, batch)
    high = np.broadcast_to(
        times[-1] if last_activation is None else np.asarray(last_activation) + MARGIN.value, batch
    )
    step = times[1] - times[0]
    window = (times >= low[..., None] - step) & (times <= high[..., None] + step)
    flat = np.where(window, velocity, 0.0).reshape(-1, len(times))
    level = threshold * flat.max(axis=1)
    if len(flat) and level.min() <= 0.0:
        raise MissingDataError("an ECG is flat: there is no QRS", fix="check the lead field")
    above = flat > level[:, None]
    row = np.arange(len(flat))
    onset_at = above.argmax(axis=1)
    offset_at = len(times) - 1 - above[:, ::-1].argmax(axis=1)
    before, after = np.maximum(onset_at - 1, 0), np.minimum(offset_at + 1, len(times) - 1)
    whole = velocity.reshape(-1, len(times))
    onset = _crossing(times, whole, level, row, before, onset_at)
    offset = _crossing(times, whole, level, row, after, offset_at)
    onset = np.maximum(onset.reshape(batch), low)
    offset = np.minimum(offset.reshape(batch), high)
    return onset, offset


def _crossing(
    times: Float,
    velocity: Float,
    level: Float,
    row: NDArray[np.integer],
    outer: NDArray[np.integer],
    inner: NDArray[np.integer],
) -> Float:
    outside, inside = velocity[row, outer], velocity[row, inner]
    rise = inside - outside
    share = np.divide(level - outside, rise, out=np.ones_like(rise), where=rise > 0)
    result: Float = times[outer] + np.clip(share, 0.0, 1.0) * (times[inner] - times[outer])
    return result


def qrs_duration(
    times: Float,
    leads: Float,
    first_activation: Float | float | None = None,
    last_activation: Float | float | None = None,
    threshold: float = THRESHOLD.value,
) -> Float:
    """Return the QRS duration in ms, (…), by `qrs_bounds`."""
    onset, offset = qrs_bounds(times, leads, first_activation, last_activation, threshold)
    return offset - onset


def vectorcardiogram(leads: Float) -> Float:
    """Return X, Y, Z (…, 3, T) in mV by the Kors regression [Kors1990]."""
    chosen = leads[..., [LEADS.index(name) for name in KORS_LEADS], :]
    result: Float = np.matmul(KORS, chosen)
    return result


def qrs_area(times: Float, leads: Float, onset: Float | float, offset: Float | float) -> Float:
    """Return the QRS area in mV·ms (= µV·s), (…): sqrt(Ax² + Ay² + Az²) of the VCG.

    Parameters
    ----------
    times, leads
        (T,) ms and (…, 12, T) mV.
    onset, offset
        (…) ms, from `qrs_bounds`.
    """
    vector = vectorcardiogram(leads)
    step = times[1] - times[0]
    batch = leads.shape[:-2]
    low, high = (np.broadcast_to(value, batch)[..., None] for value in (onset, offset))
    share = np.clip(
        np.minimum(times + 0.5 * step, high) - np.maximum(times - 0.5 * step, low), 0, step
    )
    area = np.einsum("...ct,...t->...c", vector, share)
    result: Float = np.sqrt((area**2).sum(axis=-1))
    return result


def v6_peak_time(times: Float, leads: Float, onset: Float, offset: Float) -> Float:
    """Return the time from QRS onset to the R peak in V6 (V6RWPT) in ms, (…)."""
    return _peak(times, leads, "V6", onset, offset) - onset


def interpeak_interval(times: Float, leads: Float, onset: Float, offset: Float) -> Float:
    """Return the time from the R peak in V6 to the one in V1 in ms, (…); negative when V1 leads."""
    return _peak(times, leads, "V1", onset, offset) - _peak(times, leads, "V6", onset, offset)


def _peak(times: Float, leads: Float, name: str, onset: Float, offset: Float) -> Float:
    signal = leads[..., LEADS.index(name), :]
    low, high = np.asarray(onset)[..., None], np.asarray(offset)[..., None]
    inside = np.where((times >= low) & (times <= high), signal, -np.inf)
    result: Float = times[inside.argmax(axis=-1)]
    return result
