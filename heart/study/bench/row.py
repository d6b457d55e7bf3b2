"""What a speed measurement says: ours, what it costs in error, the bound, the peer, the target.

Speed without error is no result, and a time without the machine's bound cannot be judged; so a row
carries all of them, and a workload that cannot state its error has to say why in its note.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from heart.core.progress import Telemetry
from heart.study.bench.machine import Machine

NONE = "–"


@dataclass(frozen=True)
class Row:
    """One measured speed.

    Attributes
    ----------
    name
        What was done.
    ours
        Best of the repeats, in `unit`.
    unit
        ``"ns"`` per node and step, ``"s"``, ``"%"``.
    median
        Median of the repeats; equal to `ours` where there was one.
    error
        What it costs in accuracy, in words with a number; empty only where the work is exact.
    bound
        What the machine's measured bandwidth allows at best, in `unit`; None where none is known.
    peer, peer_name
        The peer's best time on the same problem in the same run.
    must, aim
        Targets in `unit`; a percentage is to be exceeded, all else undercut.
    """

    name: str
    ours: float
    unit: str
    median: float
    error: str = ""
    bound: float | None = None
    peer: float | None = None
    peer_name: str = ""
    must: float | None = None
    aim: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times faster than the peer."""
        return self.peer / self.ours if self.peer is not None and self.ours > 0 else None

    def reached(self, target: float | None) -> bool | None:
        """Return whether `target` is met; None where there is none."""
        if target is None or not math.isfinite(self.ours):
            return None
        return self.ours >= target if self.unit == "%" else self.ours <= target

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "name": self.name,
            "ours": self.ours,
            "unit": self.unit,
            "median": self.median,
            "error": self.error,
            "bound": self.bound,
            "peer": self.peer,
            "peer_name": self.peer_name,
            "ratio": self.ratio,
            "must": self.must,
            "aim": self.aim,
        }


@dataclass(frozen=True)
class Order:
    """What is asked of a workload: its size, and whether a peer is run beside it.

    Attributes
    ----------
    full
        The published size rather than one that takes seconds.
    peer
        Also run the peer, whose environment is made from PyPI when it is missing.
    machine
        What this machine can do.
    """

    full: bool
    peer: bool
    machine: Machine


@dataclass(frozen=True)
class Workload:
    """A speed benchmark that can be run by name."""

    name: str
    title: str
    run: Callable[[Order, Telemetry], list[Row]]


COLUMNS = ("workload", "ours", "median", "bound", "peer", "ratio", "must", "aim", "error")


def cells(row: Row) -> tuple[str, ...]:
    """Return the columns of a row as text."""
    return (
        row.name,
        _number(row.ours, row.unit),
        _number(row.median, row.unit),
        _number(row.bound, row.unit),
        NONE if row.peer is None else f"{_number(row.peer, row.unit)} {row.peer_name}".strip(),
        NONE if row.ratio is None else f"{row.ratio:.1f}×",
        _target(row, row.must),
        _target(row, row.aim),
        row.error or NONE,
    )


def table(rows: list[Row]) -> str:
    """Return rows as a Markdown table, which is also readable as plain text."""
    lines = [COLUMNS, *(cells(row) for row in rows)]
    widths = [max(len(line[k]) for line in lines) for k in range(len(COLUMNS))]
    text = [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    ]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)


def _number(value: float | None, unit: str) -> str:
    if value is None or not math.isfinite(value):
        return NONE
    digits = f"{value:.0f}" if value >= 100 else f"{value:.3g}"
    return f"{digits} {unit}"


def _target(row: Row, target: float | None) -> str:
    if target is None:
        return NONE
    return f"{_number(target, row.unit)} ({'met' if row.reached(target) else 'not met'})"
