"""Say what is going on: a bar on a terminal, plain lines elsewhere, an event file per run.

Only rank 0 talks. `Telemetry` is passed down as an argument; `silent()` is the null object for
tests and libraries, so that no layer asks whether somebody is listening.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TextIO


class Step(Protocol):
    """A running step that can be advanced."""

    def advance(self, amount: float = 1.0) -> None:
        """Say that `amount` more of the step's total is done."""


class Telemetry(Protocol):
    """Whoever listens to the progress of a run."""

    def step(self, name: str, total: float | None = None) -> AbstractContextManager[Step]:
        """Open a named step; use as ``with telemetry.step("Meshing") as step``."""

    def say(self, text: str) -> None:
        """Tell the user one line."""

    def event(self, name: str, **data: object) -> None:
        """Record a machine-readable event."""


class _Nothing:
    """Null telemetry and null step in one."""

    def advance(self, amount: float = 1.0) -> None:
        """Do nothing."""

    @contextmanager
    def step(self, name: str, total: float | None = None) -> Iterator[Step]:  # noqa: ARG002
        """Open a step that nobody watches."""
        yield self

    def say(self, text: str) -> None:
        """Do nothing."""

    def event(self, name: str, **data: object) -> None:
        """Do nothing."""


def silent() -> Telemetry:
    """Return the telemetry that tells nobody."""
    return _Nothing()


@dataclass
class _Line:
    """A step on a stream that is no terminal: a line at most every few seconds."""

    name: str
    total: float | None
    stream: TextIO
    every: float = 5.0
    done: float = 0.0
    told: float = field(default_factory=time.monotonic)

    def advance(self, amount: float = 1.0) -> None:
        self.done += amount
        now = time.monotonic()
        if self.total and now - self.told > self.every:
            self.told = now
            self.stream.write(f"  {self.name}: {100.0 * self.done / self.total:.0f} %\n")
            self.stream.flush()


class _Bar:
    """A step on a terminal."""

    def __init__(self, advance: object) -> None:
        self._advance = advance

    def advance(self, amount: float = 1.0) -> None:
        self._advance(amount)  # type: ignore[operator]


@dataclass
class Console:
    """Telemetry for people: bars or lines on `stream`, events to `events` (JSON lines)."""

    stream: TextIO = field(default_factory=lambda: sys.stderr)
    events: Path | None = None
    timings: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str, total: float | None = None) -> Iterator[Step]:
        """Open a named step and record how long it took."""
        start = time.perf_counter()
        self.event("start", step=name)
        if self.stream.isatty():
            with self._bar(name, total) as bar:
                yield bar
        else:
            self.stream.write(f"{name} ...\n")
            self.stream.flush()
            yield _Line(name, total, self.stream)
        elapsed = time.perf_counter() - start
        self.timings[name] = self.timings.get(name, 0.0) + elapsed
        self.stream.write(f"  {name}: {elapsed:.1f} s\n")
        self.stream.flush()
        self.event("done", step=name, seconds=round(elapsed, 3))

    @contextmanager
    def _bar(self, name: str, total: float | None) -> Iterator[Step]:
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn())
        with Progress(
            *columns, TimeElapsedColumn(), console=RichConsole(file=self.stream), transient=True
        ) as progress:
            task = progress.add_task(name, total=total)
            yield _Bar(lambda amount: progress.advance(task, amount))

    def say(self, text: str) -> None:
        """Write one line."""
        self.stream.write(text + "\n")
        self.stream.flush()
        self.event("say", text=text)

    def event(self, name: str, **data: object) -> None:
        """Append one JSON line to the event file, when there is one."""
        if self.events is not None:
            record = {"time": round(time.time(), 3), "event": name, **data}
            with self.events.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(record, default=str) + "\n")
