"""What a benchmark says: rows of ours beside the reference, and the gate each has to pass.

A gate is an interval for the value itself or for its error, so that the verdict follows from the
numbers shown and cannot be set apart from them. A number that is not finite passes no gate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from heart.core.progress import Telemetry

On = Literal["value", "error"]
EXACT = "closed form"


@dataclass(frozen=True)
class Gate:
    """Interval in which the value (or the error) has to lie; None leaves a side open."""

    low: float | None
    high: float | None
    on: On = "value"

    def holds(self, number: float | None) -> bool:
        """Return whether `number` lies inside; NaN and None do not."""
        if number is None or not math.isfinite(number):
            return False
        above = self.low is None or number >= self.low
        return above and (self.high is None or number <= self.high)


@dataclass(frozen=True)
class Check:
    """One quantity of a benchmark.

    Attributes
    ----------
    name
        What was measured.
    ours
        Our number.
    reference
        What it is compared with; None where there is only a range.
    error
        Deviation from the reference: absolute in `unit`, or a share where `relative`.
    gate
        What has to hold; None for a number that is only shown.
    unit
        Of `ours` and `reference`; "1" for pure numbers.
    source
        Where reference and gate come from: a key of the bibliography, "closed form", or "assumed".
    relative
        Whether `error` is a share of the reference.
    """

    name: str
    ours: float
    reference: float | None
    error: float | None
    gate: Gate | None
    unit: str
    source: str
    relative: bool = False

    @property
    def passed(self) -> bool:
        """Whether the gate holds; a number without gate cannot fail."""
        if self.gate is None:
            return True
        return self.gate.holds(self.error if self.gate.on == "error" else self.ours)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; what is not finite is null."""
        gate = self.gate
        return {
            "name": self.name,
            "ours": _plain(self.ours),
            "reference": _plain(self.reference),
            "error": _plain(self.error),
            "relative": self.relative,
            "gate": None if gate is None else {"low": gate.low, "high": gate.high, "on": gate.on},
            "unit": self.unit,
            "source": self.source,
            "passed": self.passed,
        }


@dataclass(frozen=True)
class Benchmark:
    """A benchmark that can be run by name.

    Attributes
    ----------
    name, title
        What to type, and what it is.
    seconds
        Typical running time on two cores with nothing cached.
    run
        Returns the rows; told about its steps.
    notes
        What a reader of the table has to know.
    """

    name: str
    title: str
    seconds: float
    run: Callable[[Telemetry], list[Check]]
    notes: tuple[str, ...] = ()


def near(
    name: str,
    ours: float,
    reference: float,
    tolerance: float | None,
    unit: str,
    source: str,
    *,
    relative: bool = False,
) -> Check:
    """Return a row whose distance from the reference is at most `tolerance` (None: only shown)."""
    error = abs(ours - reference)
    if relative:
        error /= abs(reference)
    gate = None if tolerance is None else Gate(None, tolerance, "error")
    return Check(name, float(ours), float(reference), float(error), gate, unit, source, relative)


def between(
    name: str, ours: float, low: float | None, high: float | None, unit: str, source: str
) -> Check:
    """Return a row whose value lies from `low` to `high`; None leaves a side open."""
    return Check(name, float(ours), None, None, Gate(low, high), unit, source)


def zero(name: str, ours: float, tolerance: float, unit: str, source: str) -> Check:
    """Return a row whose value should be 0 and is so to `tolerance`."""
    return near(name, ours, 0.0, tolerance, unit, source)


def shown(name: str, ours: float, unit: str, source: str) -> Check:
    """Return a row without a gate."""
    return Check(name, float(ours), None, None, None, unit, source)


def _plain(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
