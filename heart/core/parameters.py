"""A default parameter is a value with its unit, plausible range and source, never a bare number."""

from __future__ import annotations

import math
from dataclasses import dataclass

from heart.core.errors import ParameterError


@dataclass(frozen=True)
class Parameter:
    """One documented parameter.

    Attributes
    ----------
    value
        Default, in the internal unit.
    unit
        Internal unit, for people and for the schema.
    low, high
        Plausible range; values outside it are refused, not clipped.
    source
        Key in docs/refs.bib, or ``"assumed"`` with the reason in `note`.
    note
        What it means or why it was chosen.
    """

    value: float
    unit: str
    low: float
    high: float
    source: str
    note: str = ""

    def __post_init__(self) -> None:
        self.check(self.value)

    def check(self, value: float, *, name: str = "parameter", where: str = "") -> float:
        """Return `value` when it is finite and plausible; raise ParameterError otherwise."""
        if not math.isfinite(value) or not self.low <= value <= self.high:
            hint = ""
            if math.isfinite(value) and value != 0.0:
                for factor in (10.0, 100.0, 1000.0):
                    if self.low <= value / factor <= self.high:
                        hint = f"looks {factor:g} times too large: check the unit"
                        break
                    if self.low <= value * factor <= self.high:
                        hint = f"looks {factor:g} times too small: check the unit"
                        break
            raise ParameterError(
                f"{name} = {value:g} {self.unit} is not plausible",
                where=where,
                expected=f"{self.low:g} to {self.high:g} {self.unit}",
                fix=hint,
            )
        return value
