"""Laws of active tension at points: prescribed, triggered by activation, or driven by calcium.

A law is told how long ago each point was activated and how far its fibre is stretched. It has to
say what the tension at the end of a time step would be for any stretch at that end, and the slope
of that: the mechanics puts both into its tangent, because tension that answers to the stretch of
the step before makes steps oscillate, and smaller steps make it worse [RegazzoniQuarteroni2021].
Every law works on all points at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from heart.core.parameters import Parameter
from heart.mechanics.land2017 import Land2017
from heart.mechanics.materials.law import check_parameters
from heart.mechanics.waveform import Sampled, Waveform

Float = NDArray[np.float64]


class ActiveLaw(Protocol):
    """Tension at n points with k states each."""

    PARAMETERS: ClassVar[Mapping[str, Parameter]]

    def states(self, count: int) -> Float:
        """Return the states (k, count) at rest."""

    def advance(
        self, states: Float, since: Float, step: float, before: Float, after: Float
    ) -> Float:
        """Return the states a step later.

        Parameters
        ----------
        states
            (k, n) at the begin of the step; not changed.
        since
            (n,) ms since activation at the end of the step; negative before, −inf for never.
        step
            ms
        before, after
            (n,) stretch at both ends of the step.
        """

    def tension(self, states: Float, since: Float, stretch: Float) -> Float:
        """Return the tension (n,) in kPa, second Piola–Kirchhoff, at one time."""

    def slope(self, states: Float, since: Float, step: float, stretch: Float) -> Float:
        """Return the derivative (n,) of the tension at the end of a step by the stretch there.

        That is d/dx tension(advance(states, since, step, stretch, x), since, x) at x = stretch,
        in kPa.
        """


PRESCRIBED: Mapping[str, Parameter] = {
    "scale": Parameter(1.0, "1", 0.0, 1e3, "assumed", "factor on the curve"),
}
_ramp = Sampled(np.array([0.0, 100.0, 300.0, 400.0]), np.array([0.0, 60.0, 60.0, 0.0]))


@dataclass(frozen=True)
class Prescribed:
    """A curve of the time since activation in kPa, the same at every stretch."""

    PARAMETERS: ClassVar[Mapping[str, Parameter]] = PRESCRIBED

    curve: Waveform = _ramp
    scale: float = PRESCRIBED["scale"].value

    def __post_init__(self) -> None:
        check_parameters(self)

    def states(self, count: int) -> Float:
        """Return no states."""
        return np.zeros((0, count))

    def advance(
        self, states: Float, since: Float, step: float, before: Float, after: Float
    ) -> Float:
        """Return the states, of which there are none."""
        del since, step, before, after
        return states

    def tension(self, states: Float, since: Float, stretch: Float) -> Float:
        """Return the value of the curve."""
        del states, stretch
        return self.scale * self.curve(since)

    def slope(self, states: Float, since: Float, step: float, stretch: Float) -> Float:
        """Return zero."""
        del states, step, stretch
        return np.zeros_like(since)


SAMPLES = 2001
_TANH = "KIT-IBT CardioMechanics (CBTensionModelTanH), form of [Kerckhoffs2003]"
_SOURCE = "NiedererPlank2011"
TRIGGERED: Mapping[str, Parameter] = {
    "peak": Parameter(120.0, "kPa", 0.0, 500.0, _SOURCE, f"largest tension; default of {_TANH}"),
    "delay": Parameter(15.0, "ms", 0.0, 200.0, _SOURCE, f"activation to tension; {_TANH}"),
    "duration": Parameter(300.0, "ms", 10.0, 2000.0, _SOURCE, f"of the tension; {_TANH}"),
    "rise": Parameter(100.0, "ms", 1.0, 1000.0, _SOURCE, f"time constant at full overlap; {_TANH}"),
    "fall": Parameter(100.0, "ms", 1.0, 1000.0, _SOURCE, f"time constant of relaxation; {_TANH}"),
    "length": Parameter(5.0, "1", 0.1, 100.0, _SOURCE, f"how fast tension grows with λ; {_TANH}"),
    "slack": Parameter(0.7, "1", 0.3, 1.0, _SOURCE, f"stretch without tension; {_TANH}"),
    "slower": Parameter(500.0, "ms", 0.0, 2000.0, _SOURCE, f"rise of short fibres; {_TANH}"),
}


@dataclass(frozen=True)
class Triggered:
    """Tension of a twitch that starts at activation and grows with the stretch.

    Ta = peak φ tanh²(t/τ) tanh²((duration − t)/fall), φ = tanh(length (λ − slack)),
    τ = rise + slower (1 − φ), t = since − delay [NiedererPlank2011], [Kerckhoffs2003].
    """

    PARAMETERS: ClassVar[Mapping[str, Parameter]] = TRIGGERED

    peak: float = TRIGGERED["peak"].value
    delay: float = TRIGGERED["delay"].value
    duration: float = TRIGGERED["duration"].value
    rise: float = TRIGGERED["rise"].value
    fall: float = TRIGGERED["fall"].value
    length: float = TRIGGERED["length"].value
    slack: float = TRIGGERED["slack"].value
    slower: float = TRIGGERED["slower"].value

    def __post_init__(self) -> None:
        check_parameters(self)

    def reaching(self, tension: float) -> Triggered:
        """Return the law whose largest tension at λ = 1 is `tension` in kPa.

        The factor `peak` is not reached: relaxation sets in before the rise is over.
        """
        times = np.linspace(0.0, self.delay + self.duration, SAMPLES)
        most = float(replace(self, peak=1.0).tension(times, times, np.ones(SAMPLES)).max())
        return replace(self, peak=tension / most)

    def states(self, count: int) -> Float:
        """Return no states: the tension is a function of time and stretch."""
        return np.zeros((0, count))

    def advance(
        self, states: Float, since: Float, step: float, before: Float, after: Float
    ) -> Float:
        """Return the states, of which there are none."""
        del since, step, before, after
        return states

    def tension(self, states: Float, since: Float, stretch: Float) -> Float:
        """Return the tension in kPa."""
        del states
        _, overlap, rise, twitch = self._parts(since, stretch)
        return np.asarray(self.peak * overlap * rise**2 * twitch**2)

    def slope(self, states: Float, since: Float, step: float, stretch: Float) -> Float:
        """Return the derivative of the tension by the stretch, which is never negative."""
        del states, step
        time, overlap, rise, twitch = self._parts(since, stretch)
        steeper = np.where(overlap > 0.0, self.length * (1.0 - overlap**2), 0.0)
        constant = self._constant(overlap)
        sooner = time / constant**2 * self.slower * steeper
        gain = steeper * rise**2 + 2.0 * overlap * rise * (1.0 - rise**2) * sooner
        return np.asarray(self.peak * gain * twitch**2)

    def _constant(self, overlap: Float) -> Float:
        return self.rise + self.slower * (1.0 - overlap)

    def _parts(self, since: Float, stretch: Float) -> tuple[Float, Float, Float, Float]:
        time = np.clip(since - self.delay, 0.0, self.duration)
        overlap = np.tanh(self.length * np.maximum(stretch - self.slack, 0.0))
        rise = np.tanh(time / self._constant(overlap))
        return time, overlap, rise, np.tanh((self.duration - time) / self.fall)


REGISTRY: dict[str, type[ActiveLaw]] = {
    "prescribed": Prescribed,
    "triggered": Triggered,
    "land2017": Land2017,
}
"""Every law of tension by name; each can be made without arguments."""
