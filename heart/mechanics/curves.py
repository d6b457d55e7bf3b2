"""Active tension and cavity pressures that are given as functions of time, not computed.

Both are solutions of one linear equation y′ = −|r(t)| y + q(t), in which smooth steps switch the
rate r from relaxing to rising and back [Arostica2025]: they rise and fall as in a beat and depend
on time alone, so that codes can be compared under the same load. The equation is integrated once,
to a tolerance far below that of any mechanics, and then read at any times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import solve_ivp

from heart.core.errors import ParameterError
from heart.core.parameters import Parameter

Float = NDArray[np.float64]
Course = Callable[[float], float]
"""A value of the load, kPa, at a time in ms."""

_SOURCE = "Arostica2025"
TENSION: Mapping[str, Parameter] = {
    "strength": Parameter(150.0, "kPa", 0.0, 1000.0, _SOURCE, "tension that the rise aims at"),
    "rise": Parameter(0.005, "1/ms", 1e-5, 1.0, _SOURCE, "rate while active"),
    "fall": Parameter(0.030, "1/ms", 1e-5, 1.0, _SOURCE, "rate of relaxation"),
    "begin": Parameter(160.0, "ms", 0.0, 1e4, _SOURCE, "start of contraction"),
    "end": Parameter(484.0, "ms", 0.0, 1e4, _SOURCE, "end of contraction"),
    "width": Parameter(5.0, "ms", 0.01, 1e3, _SOURCE, "width of the smooth steps"),
}
PRESSURE: Mapping[str, Parameter] = {
    "strength": Parameter(16.0, "kPa", 0.0, 100.0, _SOURCE, "pressure that the rise aims at"),
    "filling": Parameter(0.007, "kPa/ms", 0.0, 1.0, _SOURCE, "inflow until the end of systole"),
    "early": Parameter(0.005, "1/ms", 0.0, 1.0, _SOURCE, "added rate until the end of systole"),
    "always": Parameter(0.001, "1/ms", 0.0, 1.0, _SOURCE, "added rate at all times"),
    "rise": Parameter(0.005, "1/ms", 1e-5, 1.0, _SOURCE, "rate while active"),
    "fall": Parameter(0.030, "1/ms", 1e-5, 1.0, _SOURCE, "rate of relaxation"),
    "begin": Parameter(170.0, "ms", 0.0, 1e4, _SOURCE, "start of the rise"),
    "end": Parameter(484.0, "ms", 0.0, 1e4, _SOURCE, "end of systole"),
    "width": Parameter(5.0, "ms", 0.01, 1e3, _SOURCE, "width of the smooth steps"),
}
RELATIVE, ABSOLUTE = 1e-9, 1e-11
LONGEST = 2.0  # ms; keeps the integrator from stepping over a switch while nothing happens


@dataclass(frozen=True)
class TensionLaw:
    """τ′ = −|a|τ + σ max(a, 0), a between −fall and rise; see `TENSION`."""

    PARAMETERS: ClassVar[Mapping[str, Parameter]] = TENSION

    strength: float = TENSION["strength"].value
    rise: float = TENSION["rise"].value
    fall: float = TENSION["fall"].value
    begin: float = TENSION["begin"].value
    end: float = TENSION["end"].value
    width: float = TENSION["width"].value

    def __post_init__(self) -> None:
        _check(self)

    def terms(self, times: Float) -> tuple[Float, Float]:
        """Return the rate |a| in 1/ms and the source in kPa/ms at `times` in ms."""
        a = _switched(self, times)
        return np.abs(a), self.strength * np.maximum(a, 0.0)


@dataclass(frozen=True)
class PressureLaw:
    """p′ = −|b|p + σ max(b, 0) + filling g with b = a + early g + always; see `PRESSURE`.

    g is one until the end of systole and then zero.
    """

    PARAMETERS: ClassVar[Mapping[str, Parameter]] = PRESSURE

    strength: float = PRESSURE["strength"].value
    filling: float = PRESSURE["filling"].value
    early: float = PRESSURE["early"].value
    always: float = PRESSURE["always"].value
    rise: float = PRESSURE["rise"].value
    fall: float = PRESSURE["fall"].value
    begin: float = PRESSURE["begin"].value
    end: float = PRESSURE["end"].value
    width: float = PRESSURE["width"].value

    def __post_init__(self) -> None:
        _check(self)

    def terms(self, times: Float) -> tuple[Float, Float]:
        """Return the rate |b| in 1/ms and the source in kPa/ms at `times` in ms."""
        before_end = _step(self.end - times, self.width)
        b = _switched(self, times) + self.early * before_end + self.always
        return np.abs(b), self.strength * np.maximum(b, 0.0) + self.filling * before_end


class Curve:
    """The solution of a law from rest at time zero, at any times up to `until`.

    Parameters
    ----------
    law
        Tension or pressure.
    until
        Last time in ms.

    Raises
    ------
    ParameterError
        The equation could not be integrated, or a time is outside.
    """

    def __init__(self, law: TensionLaw | PressureLaw, until: float = 1000.0) -> None:
        self.law, self.until = law, until

        def slope(time: float, value: Float) -> Float:
            rate, source = law.terms(np.asarray(time))
            return source - rate * value

        found: Any = solve_ivp(
            slope, (0.0, until), [0.0], method="LSODA", rtol=RELATIVE, atol=ABSOLUTE,
            max_step=LONGEST, dense_output=True,
        )  # fmt: skip
        if not found.success:
            raise ParameterError(f"load curve: {found.message}", fix="check its times and rates")
        self._solution = found.sol

    def at(self, times: ArrayLike) -> Float:
        """Return the load in kPa at `times` in ms, zero before time zero."""
        wanted = np.asarray(times, np.float64)
        if np.any(wanted > self.until * (1.0 + 1e-12)):
            raise ParameterError(
                f"load curve asked at {wanted.max():g} ms", expected=f"at most {self.until:g} ms"
            )
        inside = np.clip(wanted, 0.0, self.until)
        return np.asarray(self._solution(inside.ravel())[0].reshape(wanted.shape))

    def __call__(self, time: float) -> float:
        """Return the load in kPa at one time in ms."""
        return float(self.at(time))


def silent(_time: float) -> float:
    """Return no load, at any time."""
    return 0.0


def _switched(law: TensionLaw | PressureLaw, times: Float) -> Float:
    """Return the rate that rises from −fall to rise at the start and back at the end."""
    active = _step(times - law.begin, law.width) * _step(law.end - times, law.width)
    return np.asarray(law.rise * active - law.fall * (1.0 - active))


def _step(times: Float, width: float) -> Float:
    return np.asarray(0.5 * (1.0 + np.tanh(times / width)))


def _check(law: Any) -> None:
    for item in fields(law):
        law.PARAMETERS[item.name].check(
            float(getattr(law, item.name)), name=f"{type(law).__name__}.{item.name}"
        )
    if law.end <= law.begin:
        raise ParameterError(
            f"load that begins at {law.begin:g} and ends at {law.end:g} ms",
            expected="an end after the begin",
        )


LEFT_OF_TWO = PressureLaw(filling=0.012, early=0.005, always=0.015)
"""Left ventricle of the biventricular case [Arostica2025]."""
RIGHT_OF_TWO = PressureLaw(strength=4.0, filling=0.003, early=0.001, always=0.010)
"""Right ventricle of the biventricular case [Arostica2025], as its public codes have it."""
