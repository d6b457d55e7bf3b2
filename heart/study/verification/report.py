"""The rows of a benchmark as people, scripts and the documentation read them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from heart.core.progress import Telemetry
from heart.core.provenance import manifest
from heart.study.verification.benchmark import Benchmark, Check, Gate

COLUMNS = ("quantity", "ours", "reference", "error", "gate", "verdict", "source")
LEFT = ("quantity", "gate", "verdict", "source")
NONE = "–"


@dataclass(frozen=True)
class Outcome:
    """What a benchmark gave, how long it took, and when it ran (UTC)."""

    benchmark: Benchmark
    checks: tuple[Check, ...]
    seconds: float
    date: str

    @property
    def passed(self) -> bool:
        """Whether every gate holds."""
        return all(check.passed for check in self.checks)


def run(benchmark: Benchmark, telemetry: Telemetry) -> Outcome:
    """Run a benchmark."""
    start = time.perf_counter()
    checks = tuple(benchmark.run(telemetry))
    seconds = time.perf_counter() - start
    return Outcome(benchmark, checks, seconds, time.strftime("%Y-%m-%d", time.gmtime()))


def listing(benchmarks: Iterable[Benchmark]) -> list[str]:
    """Return a line for each benchmark: name, typical running time, title."""
    every = list(benchmarks)
    width = max(len(one.name) for one in every)
    return [f"{one.name:<{width}}  {_duration(one.seconds):>8}  {one.title}" for one in every]


def rows(outcome: Outcome) -> list[tuple[str, ...]]:
    """Return the cells of the table, one tuple in the order of `COLUMNS` for each check."""
    return [
        (
            check.name,
            _number(check.ours, check.unit),
            NONE if check.reference is None else _number(check.reference, check.unit),
            _error(check),
            _gate(check),
            _verdict(check),
            check.source,
        )
        for check in outcome.checks
    ]


def plain(outcome: Outcome) -> str:
    """Return the table as plain columns."""
    table = [COLUMNS, *rows(outcome)]
    widths = [max(len(row[k]) for row in table) for k in range(len(COLUMNS))]
    lines = [f"{outcome.benchmark.name}: {outcome.benchmark.title} ({outcome.seconds:.1f} s)"]
    for row in table:
        cells = [
            f"{cell:<{width}}" if column in LEFT else f"{cell:>{width}}"
            for cell, width, column in zip(row, widths, COLUMNS, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def page(outcome: Outcome) -> str:
    """Return a page of documentation: the table, its notes, and what made it."""
    benchmark = outcome.benchmark
    made = manifest()
    gated = [check for check in outcome.checks if check.gate is not None]
    met = sum(check.passed for check in gated)
    lines = [
        f"# {benchmark.title}",
        "",
        f"`heart verify {benchmark.name}`: {met} of {len(gated)} gates met, "
        f"{_duration(outcome.seconds)}. Written by the command on {outcome.date}, heart-twin "
        f"{made['heart_twin']}, commit {made['commit'] or 'unknown (installed)'}.",
        "",
        "| " + " | ".join(COLUMNS) + " |",
        "|" + "|".join("---" if column in LEFT else "---:" for column in COLUMNS) + "|",
    ]
    lines += [
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows(outcome)
    ]
    lines += ["", *(f"- {note}" for note in benchmark.notes), ""]
    return "\n".join(lines)


def record(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return plain data for JSON: what made it, and every row."""
    return {
        "provenance": manifest(),
        "passed": all(outcome.passed for outcome in outcomes),
        "benchmarks": [
            {
                "name": outcome.benchmark.name,
                "title": outcome.benchmark.title,
                "date": outcome.date,
                "seconds": round(outcome.seconds, 2),
                "passed": outcome.passed,
                "notes": list(outcome.benchmark.notes),
                "checks": [check.as_dict() for check in outcome.checks],
            }
            for outcome in outcomes
        ],
    }


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120.0 else f"{seconds / 60.0:.0f} min"


def _plain(number: float) -> str:
    """Return a number with four digits; whole numbers whole."""
    if 0.0 < abs(number) < 1e9 and number == round(number):
        return f"{number:.0f}"
    return f"{number:.4g}"


def _number(number: float, unit: str) -> str:
    return _plain(number) if unit == "1" else f"{_plain(number)} {unit}"


def _error(check: Check) -> str:
    if check.error is None:
        return NONE
    return f"{100.0 * check.error:.2g} %" if check.relative else _number(check.error, check.unit)


def _gate(check: Check) -> str:
    """Return the gate in words: an interval for the value, or a limit for the error."""
    gate = check.gate
    if gate is None:
        return NONE
    if gate.on == "error" and check.relative:
        gate = Gate(
            None if gate.low is None else 100.0 * gate.low,
            None if gate.high is None else 100.0 * gate.high,
            gate.on,
        )
    of = "error " if gate.on == "error" else ""
    unit = " %" if gate.on == "error" and check.relative else f" {check.unit}".replace(" 1", "")
    if gate.low is None:
        return f"{of}≤ {_plain(gate.high or 0.0)}{unit}"
    if gate.high is None:
        return f"{of}≥ {_plain(gate.low)}{unit}"
    if gate.low == gate.high:
        return f"{of}= {_plain(gate.low)}{unit}"
    return f"{of}{_plain(gate.low)} to {_plain(gate.high)}{unit}"


def _verdict(check: Check) -> str:
    if check.gate is None:
        return "shown"
    return "met" if check.passed else "NOT MET"
