"""What drives the muscle as a function of the time since a point was activated.

Mechanics knows nothing of currents: calcium and prescribed tension come in as curves, from a file,
an array, or the closed form of a transient.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import ParameterError
from heart.core.parameters import Parameter
from heart.mechanics.materials.law import check_parameters

Float = NDArray[np.float64]


class Waveform(Protocol):
    """A value for each time since activation."""

    def __call__(self, since: Float) -> Float:
        """Return values (n,) at times (n,) in ms; before activation the value at rest."""


@dataclass(frozen=True)
class Sampled:
    """Straight lines between samples; the first value before them, the last one after.

    Attributes
    ----------
    times
        (n,) ms, increasing.
    values
        (n,)
    """

    times: Float
    values: Float

    def __post_init__(self) -> None:
        times, values = np.asarray(self.times, float), np.asarray(self.values, float)
        if times.ndim != 1 or times.shape != values.shape or len(times) == 0:
            raise ParameterError(
                f"a curve with {times.shape} times and {values.shape} values",
                expected="as many values as times, at least one",
            )
        if not (np.isfinite(times).all() and np.isfinite(values).all()):
            raise ParameterError("a curve has a value that is not finite")
        if (np.diff(times) <= 0.0).any():
            at = int(np.argmax(np.diff(times) <= 0.0)) + 1
            raise ParameterError(f"times of a curve do not increase at sample {at}")
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "values", values)

    def __call__(self, since: Float) -> Float:
        """Return the value at times in ms."""
        return np.asarray(np.interp(since, self.times, self.values))


_FIT = "least squares to the calcium of the ToR-ORd-Land cell at 1 Hz, within 0.11 µM of it"
CALCIUM: Mapping[str, Parameter] = {
    "rest": Parameter(0.07, "µM", 0.001, 1.0, "assumed", _FIT),
    "peak": Parameter(0.59, "µM", 0.01, 10.0, "assumed", _FIT),
    "rise": Parameter(16.0, "ms", 0.1, 1000.0, "assumed", _FIT),
    "fall": Parameter(163.0, "ms", 1.0, 5000.0, "assumed", _FIT),
}


@dataclass(frozen=True)
class CalciumTransient:
    """Difference of two exponentials, scaled to its peak, as the calcium of [Rice2008]."""

    PARAMETERS: ClassVar[Mapping[str, Parameter]] = CALCIUM

    rest: float = CALCIUM["rest"].value
    peak: float = CALCIUM["peak"].value
    rise: float = CALCIUM["rise"].value
    fall: float = CALCIUM["fall"].value

    def __post_init__(self) -> None:
        check_parameters(self)
        if not (self.rise < self.fall and self.rest <= self.peak):
            raise ParameterError(
                f"calcium from {self.rest:g} to {self.peak:g} µM, rising in {self.rise:g} ms and "
                f"falling in {self.fall:g} ms",
                expected="rest <= peak and rise < fall",
            )

    def __call__(self, since: Float) -> Float:
        """Return calcium in µM at times in ms."""
        ratio = self.fall / self.rise
        top = ratio ** (-1.0 / (ratio - 1.0)) - ratio ** (-ratio / (ratio - 1.0))
        time = np.maximum(since, 0.0)
        wave = np.exp(-time / self.fall) - np.exp(-time / self.rise)
        return np.asarray(self.rest + (self.peak - self.rest) / top * wave)
