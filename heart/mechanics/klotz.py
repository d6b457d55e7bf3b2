"""The end-diastolic pressure–volume relation that human ventricles share, from one measured point.

Normalised by the volume at rest V₀ and at 30 mmHg V₃₀, the relations of many hearts fall onto one
curve, P = A Vₙ^B with Vₙ = (V − V₀)/(V₃₀ − V₀), and V₀ is a known share of the volume at the
measured pressure: V₀ = V_m (0.6 − 0.006 P_m). So a volume in an image and a pressure give the
whole curve, to which passive parameters can be fitted [Klotz2006].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import ParameterError
from heart.core.parameters import Parameter

Float = NDArray[np.float64]

MMHG = 0.133322387415
"""kPa in one mmHg."""

_SEEN = "as public codes quote the paper"
AMPLITUDE = Parameter(
    27.78 * MMHG, "kPa", 3.0, 4.5, "Klotz2006", f"A: 27.78 mmHg (27.8 ± 0.3); {_SEEN}"
)
POWER = Parameter(2.76, "1", 2.0, 4.0, "Klotz2006", f"B (2.76 ± 0.05); {_SEEN}")
REST = Parameter(0.6, "1", 0.3, 0.9, "Klotz2006", f"V₀/V_m without pressure; {_SEEN}")
REST_SLOPE = Parameter(
    0.006 / MMHG, "1/kPa", 0.0, 0.1, "Klotz2006", f"its fall with P_m: 0.006 per mmHg; {_SEEN}"
)
MEASURED = Parameter(
    8.0 * MMHG, "kPa", 0.1, 5.0, "assumed", "end-diastolic pressure where none was measured: 8 mmHg"
)


@dataclass(frozen=True)
class KlotzCurve:
    """Volume at rest and at 30 mmHg, in mm³ (any unit of volume serves)."""

    rest: float
    thirty: float

    def volume(self, pressure: Float) -> Float:
        """Return the volumes at pressures in kPa, not negative [Klotz2006]."""
        share = (np.asarray(pressure, np.float64) / AMPLITUDE.value) ** (1.0 / POWER.value)
        return self.rest + (self.thirty - self.rest) * share

    def pressure(self, volume: Float) -> Float:
        """Return the pressures in kPa at volumes; zero below the volume at rest [Klotz2006]."""
        share = (np.asarray(volume, np.float64) - self.rest) / (self.thirty - self.rest)
        return np.asarray(AMPLITUDE.value * np.maximum(share, 0.0) ** POWER.value)


def klotz_curve(pressure: float, volume: float) -> KlotzCurve:
    """Return the curve through one measured point [Klotz2006].

    Parameters
    ----------
    pressure
        Of the left ventricle at the end of filling, kPa.
    volume
        Of its cavity then, mm³.

    Raises
    ------
    ParameterError
        The pressure is not plausible (mmHg given as kPa, for one), or the volume not positive.
    """
    MEASURED.check(pressure, name="end-diastolic pressure")
    if not (np.isfinite(volume) and volume > 0.0):
        raise ParameterError(f"cavity volume {volume:g} mm3", expected="a positive volume")
    rest = volume * (REST.value - REST_SLOPE.value * pressure)
    share = (pressure / AMPLITUDE.value) ** (1.0 / POWER.value)
    return KlotzCurve(rest, rest + (volume - rest) / share)
