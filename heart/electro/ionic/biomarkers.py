"""Numbers that describe a beat: potentials, durations, calcium, tension.

The definitions are those behind the tables of references: the beat starts at rest with its pulse,
a duration runs from the steepest upstroke to the crossing of peak − x (peak − rest), and crossings
are interpolated linearly between samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heart.core.errors import ParameterError

Float = NDArray[np.float64]

# A pulse that fails still moves the potential by some 30 mV; an action potential goes above this.
EXCITED = -20.0


@dataclass(frozen=True)
class Biomarkers:
    """One beat of one cell; NaN for what does not exist, as the duration of a failed beat.

    Attributes
    ----------
    rest, peak
        Potential at the start of the beat and its highest value, mV.
    upstroke, upstroke_time
        Steepest rise, mV/ms, stimulus included, and when it is, ms after the start.
    apd40, apd50, apd90
        Durations from the steepest upstroke to 40, 50 and 90 % repolarisation, ms.
    calcium_diastole, calcium_peak
        Lowest and highest of the beat, in the unit given.
    calcium_peak_time, calcium_duration90
        From the start of the beat to the peak; from the steepest upstroke to 90 % decay, ms.
    tension_peak, tension_peak_time, tension_rt50
        Highest tension in the unit given; from the start of the beat to the peak; from the peak to
        half decay, ms.
    """

    rest: float
    peak: float
    upstroke: float
    upstroke_time: float
    apd40: float
    apd50: float
    apd90: float
    calcium_diastole: float = math.nan
    calcium_peak: float = math.nan
    calcium_peak_time: float = math.nan
    calcium_duration90: float = math.nan
    tension_peak: float = math.nan
    tension_peak_time: float = math.nan
    tension_rt50: float = math.nan

    @property
    def excited(self) -> bool:
        """Whether the pulse made an action potential that repolarised within the samples."""
        return self.peak > EXCITED and math.isfinite(self.apd90)


def biomarkers(
    times: ArrayLike,
    voltage: ArrayLike,
    calcium: ArrayLike | None = None,
    tension: ArrayLike | None = None,
    *,
    rate: ArrayLike | None = None,
) -> Biomarkers:
    """Describe one beat, whose first sample is the start of the pulse.

    Parameters
    ----------
    times
        (n,) ms, increasing; durations are as good as the sampling of the upstroke, 0.02 ms or
        finer.
    voltage
        (n,) mV.
    calcium, tension
        (n,) in any unit.
    rate
        dV/dt (n,) in mV/ms where the solver knows it; difference quotients otherwise.

    Raises
    ------
    ParameterError
        Fewer than three samples, or arrays of different lengths.
    """
    at, v = np.asarray(times, dtype=np.float64), np.asarray(voltage, dtype=np.float64)
    curves = [np.asarray(c, dtype=np.float64) for c in (calcium, tension, rate) if c is not None]
    if at.ndim != 1 or at.size < 3 or any(c.shape != at.shape for c in (v, *curves)):
        raise ParameterError(
            f"{at.size} samples of one beat", expected="at least 3, and as many of every curve"
        )
    slopes = np.diff(v) / np.diff(at) if rate is None else curves[-1]
    # A difference quotient is the slope in the middle of its interval.
    places = 0.5 * (at[1:] + at[:-1]) if rate is None else at
    steepest = int(np.argmax(slopes))
    begin = float(places[steepest])
    apd40, apd50, apd90 = (_fall(at, v, float(v[0]), share) - begin for share in (0.4, 0.5, 0.9))
    more: dict[str, float] = {}
    if calcium is not None:
        c = curves[0]
        more["calcium_diastole"], more["calcium_peak"] = float(c.min()), float(c.max())
        more["calcium_peak_time"] = float(at[np.argmax(c)] - at[0])
        more["calcium_duration90"] = _fall(at, c, float(c.min()), 0.9) - begin
    if tension is not None:
        force = curves[0 if calcium is None else 1]
        summit = float(at[np.argmax(force)])
        more["tension_peak"], more["tension_peak_time"] = float(force.max()), summit - float(at[0])
        more["tension_rt50"] = _fall(at, force, float(force.min()), 0.5) - summit
    return Biomarkers(
        rest=float(v[0]),
        peak=float(v.max()),
        upstroke=float(slopes[steepest]),
        upstroke_time=begin - float(at[0]),
        apd40=apd40,
        apd50=apd50,
        apd90=apd90,
        **more,
    )


def _fall(at: Float, curve: Float, base: float, share: float) -> float:
    """Return when `curve` first falls to `share` of its way from the peak back to `base`."""
    top = int(np.argmax(curve))
    level = curve[top] - share * (curve[top] - base)
    below = np.flatnonzero(curve[top:] < level)
    if not below.size:
        return math.nan
    after = top + int(below[0])
    span = curve[after - 1] - curve[after]
    return float(at[after] - (at[after] - at[after - 1]) * (level - curve[after]) / span)
