"""Template action potential that the ECG sees: two smooth steps, one up and one down.

Vm(x, t) = rest + amplitude · (rise(t − T(x)) − fall(t − R(x))), with activation T and
repolarisation R = T + APD90 (less the tail of the down step). Because neither step changes its
shape from place to place, a whole ECG is a convolution of the histograms of T and R.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.heart import VentricularCoordinates
from heart.core.parameters import Parameter

Float = NDArray[np.float64]

PARAMETERS: dict[str, Parameter] = {
    "rest": Parameter(-85.0, "mV", -95.0, -70.0, "TenTusscher2006", "resting potential"),
    "plateau": Parameter(
        25.0, "mV", 5.0, 40.0, "assumed", "between the peak near 39 mV and the end of the plateau"
    ),
    "upstroke": Parameter(2.0, "ms", 0.5, 6.0, "assumed", "10 to 90 % of the upstroke"),
    "downstroke": Parameter(80.0, "ms", 10.0, 150.0, "assumed", "10 to 90 % of repolarisation"),
}

DURATION: dict[str, Parameter] = {
    "longest": Parameter(
        300.0, "ms", 150.0, 500.0, "TenTusscher2006", "APD90 of the basal endocardium at 1 Hz"
    ),
    "transmural": Parameter(
        20.0, "ms", 0.0, 100.0, "assumed", "endocardial less epicardial APD90; makes T upright"
    ),
    "apicobasal": Parameter(
        10.0, "ms", -60.0, 80.0, "assumed", "basal less apical APD90; makes T upright"
    ),
}

LOGISTIC_SPAN = 2.0 * np.log(9.0)


@dataclass(frozen=True)
class ActionPotential:
    """Shape of the action potential; see `PARAMETERS` for meaning, range and source."""

    rest: float = PARAMETERS["rest"].value
    plateau: float = PARAMETERS["plateau"].value
    upstroke: float = PARAMETERS["upstroke"].value
    downstroke: float = PARAMETERS["downstroke"].value

    def __post_init__(self) -> None:
        for item in fields(self):
            PARAMETERS[item.name].check(
                getattr(self, item.name), name=f"action_potential.{item.name}"
            )

    @property
    def amplitude(self) -> float:
        """Plateau above rest in mV."""
        return self.plateau - self.rest

    def rise(self, delay: Float) -> Float:
        """Return the up step at `delay` ms after activation, 0 to 1; one half at activation."""
        return _logistic(delay, self.upstroke)

    def fall(self, delay: Float) -> Float:
        """Return the down step at `delay` ms after APD90, 0 to 1; 0.9 at APD90 itself."""
        return _logistic(delay + 0.5 * self.downstroke, self.downstroke)

    def voltage(self, delay: Float, duration: Float) -> Float:
        """Return Vm in mV at `delay` ms after activation for an APD90 of `duration` ms."""
        return self.rest + self.amplitude * (self.rise(delay) - self.fall(delay - duration))


def _logistic(delay: Float, span: float) -> Float:
    """Return the logistic step whose 10 to 90 % takes `span`."""
    half = np.clip(0.5 * LOGISTIC_SPAN / span * np.asarray(delay, np.float64), -350.0, 350.0)
    step: Float = 0.5 * (1.0 + np.tanh(half))
    return step


def durations(
    coordinates: VentricularCoordinates,
    longest: float = DURATION["longest"].value,
    transmural: float = DURATION["transmural"].value,
    apicobasal: float = DURATION["apicobasal"].value,
) -> Float:
    """Return APD90 per node, (n,) ms: linear from the endocardium and from the base.

    The septum counts as LV wall, so its right side has the short, epicardial value.
    """
    for name, value in (
        ("longest", longest),
        ("transmural", transmural),
        ("apicobasal", apicobasal),
    ):
        DURATION[name].check(value, name=f"action_potential_duration.{name}")
    depth = np.clip(coordinates.transmural, 0.0, 1.0)
    height = np.clip(coordinates.apicobasal, 0.0, 1.0)
    result: Float = longest - transmural * depth - apicobasal * (1.0 - height)
    return result
