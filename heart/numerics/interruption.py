"""Asked to stop: a signal sets a flag, and all ranks look at it together between steps.

A scheduler sends SIGTERM or SIGUSR1 some time before it kills. Acting inside the handler would
catch a rank in the middle of a collective call, so the handler only remembers; the run stops at
the next place where every rank can write its state. A second SIGTERM does not wait.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from mpi4py import MPI

from heart.core.errors import InterruptedRunError

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


@dataclass
class Stop:
    """Whether this process was asked to stop, and by what."""

    name: str = ""

    def on_any(self, comm: MPI.Intracomm) -> str:
        """Return what asked any rank to stop, on every rank; empty when nobody did."""
        if comm.size == 1:
            return self.name
        found = comm.allreduce(self.name, op=MPI.MAX)
        return str(found)


@contextmanager
def stop_between_steps() -> Iterator[Stop]:
    """Turn signals into a flag while the block runs; the handlers before are put back."""
    stop = Stop()

    def ask(number: int, _frame: FrameType | None) -> None:
        if stop.name and number != signal.SIGUSR1:
            signal.signal(number, signal.SIG_DFL)
            raise InterruptedRunError(f"stopped at once by a second {signal.Signals(number).name}")
        stop.name = stop.name or signal.Signals(number).name

    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
