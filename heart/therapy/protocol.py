"""When stimuli fire: trains, extrastimuli and decrements as data, turned into times.

A protocol says what an electrophysiologist says: so many beats at this cycle length, then one, two
or three early ones. Where each stimulus is given is not its business: an event carries the name of
a stimulus, so that S1 and S2 may come from different places. A decrement makes a family of
protocols that share everything up to the last S1: a study runs that part once and branches.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from heart.core.errors import ParameterError
from heart.core.parameters import Parameter

PARAMETERS: dict[str, Parameter] = {
    "cycle_length": Parameter(600.0, "ms", 100.0, 5000.0, "assumed", "between beats of a train"),
    "coupling": Parameter(300.0, "ms", 1.0, 5000.0, "assumed", "from the stimulus before"),
    "step": Parameter(10.0, "ms", 0.1, 200.0, "assumed", "decrement of the last extrastimulus"),
    "duration": Parameter(2.0, "ms", 0.1, 50.0, "Niederer2011", "of one stimulus; 0.5 to 5 usual"),
}

_CLOSE = 1e-9


@dataclass(frozen=True)
class Train:
    """S1: `beats` stimuli called `stimulus`, `cycle_length` ms apart, the first at `start` ms."""

    stimulus: str
    start: float = 0.0
    cycle_length: float = PARAMETERS["cycle_length"].value
    beats: int = 1

    @property
    def last(self) -> float:
        """Time of the last beat in ms."""
        return self.start + (self.beats - 1) * self.cycle_length


@dataclass(frozen=True)
class Extra:
    """S2, S3, …: the stimulus called `stimulus`, `coupling` ms after the one before it."""

    stimulus: str
    coupling: float


@dataclass(frozen=True)
class Decrement:
    """The last extrastimulus comes `step` ms earlier in each branch, down to `until` ms."""

    step: float
    until: float


@dataclass(frozen=True)
class Event:
    """One stimulus: its name, its start in ms, and whether it belongs to the train (S1)."""

    stimulus: str
    time: float
    is_train: bool


@dataclass(frozen=True)
class Protocol:
    """S1–S2…Sn.

    Attributes
    ----------
    trains
        Trains of S1; several run side by side, as for two pacemaker leads.
    extras
        S2, S3, … in order, counted from the last beat of all trains.
    decrement
        How the last extra moves from branch to branch; None for one protocol only.
    """

    trains: tuple[Train, ...]
    extras: tuple[Extra, ...] = ()
    decrement: Decrement | None = None

    @property
    def end_of_train(self) -> float:
        """Time in ms of the last S1."""
        return max((train.last for train in self.trains), default=0.0)

    def branches(self) -> tuple[Protocol, ...]:
        """Return the protocols of the decrement, longest coupling first; itself without one."""
        if self.decrement is None or not self.extras:
            return (replace(self, decrement=None),)
        *before, last = self.extras
        count = int((last.coupling - self.decrement.until) / self.decrement.step + 1.0 + _CLOSE)
        couplings = [last.coupling - k * self.decrement.step for k in range(count)]
        return tuple(
            Protocol(self.trains, (*before, replace(last, coupling=coupling)))
            for coupling in couplings
        )

    def events(self) -> tuple[Event, ...]:
        """Return all stimuli of one branch in the order of their times."""
        events = [
            Event(train.stimulus, train.start + k * train.cycle_length, True)
            for train in self.trains
            for k in range(train.beats)
        ]
        time = self.end_of_train
        for extra in self.extras:
            time += extra.coupling
            events.append(Event(extra.stimulus, time, False))
        return tuple(sorted(events, key=lambda event: event.time))

    def times_of(self, stimulus: str) -> tuple[float, ...]:
        """Return the start times in ms of the stimulus called `stimulus`."""
        return tuple(event.time for event in self.events() if event.stimulus == stimulus)

    @property
    def last(self) -> float:
        """Time in ms of the last stimulus."""
        return self.events()[-1].time


def check(protocol: Protocol, durations: Mapping[str, float]) -> Protocol:
    """Return the protocol when it can be given; refuse one that cannot.

    Parameters
    ----------
    protocol
        Trains, extras and decrement.
    durations
        Duration in ms of each stimulus by name.

    Raises
    ------
    ParameterError
        Nothing to give, an unknown stimulus, an extrastimulus before the one before it has ended,
        a train faster than its own stimulus, times that do not increase, or a decrement without
        steps.
    """
    if not protocol.trains and not protocol.extras:
        raise ParameterError(
            "the protocol has no stimulus", expected="a train (s1) or an extrastimulus"
        )
    names = [train.stimulus for train in protocol.trains]
    for name in (*names, *(extra.stimulus for extra in protocol.extras)):
        if name not in durations:
            raise ParameterError(
                f"no stimulus {name!r}",
                expected=f"one of {', '.join(sorted(durations)) or 'none'}",
            )
    for train in protocol.trains:
        _check_train(train, durations[train.stimulus])
    _check_decrement(protocol)
    for branch in protocol.branches():
        _check_extras(branch, durations)
    return protocol


def times_increase(times: Sequence[float], name: str) -> None:
    """Raise ParameterError when the start times of the stimulus `name` do not increase."""
    for before, after in itertools.pairwise(times):
        if not after > before:
            raise ParameterError(
                f"stimulus {name!r} at {after:g} ms follows one at {before:g} ms",
                expected="times that increase",
            )


def _check_train(train: Train, duration: float) -> None:
    if train.beats < 1:
        raise ParameterError(f"train of {train.stimulus!r} has {train.beats} beats", expected="1")
    if train.beats > 1 and train.cycle_length <= duration:
        raise ParameterError(
            f"S1 cycle length {train.cycle_length:g} ms is not longer than its stimulus "
            f"of {duration:g} ms",
            fix="lengthen the cycle or shorten the stimulus",
        )


def _check_extras(protocol: Protocol, durations: Mapping[str, float]) -> None:
    before = protocol.trains[0].stimulus if protocol.trains else ""
    for number, extra in enumerate(protocol.extras, 2):
        needed = durations.get(before, 0.0)
        if extra.coupling <= needed:
            raise ParameterError(
                f"S{number} comes {extra.coupling:g} ms after the stimulus before it, which lasts "
                f"{needed:g} ms",
                expected=f"a coupling interval above {needed:g} ms",
                fix="lengthen the coupling interval or shorten the stimulus",
            )
        before = extra.stimulus


def _check_decrement(protocol: Protocol) -> None:
    if protocol.decrement is None:
        return
    if not protocol.extras:
        raise ParameterError("a decrement without an extrastimulus", fix="add S2 to extras")
    if protocol.decrement.step <= 0.0:
        raise ParameterError(f"decrement by {protocol.decrement.step:g} ms", expected="above 0 ms")
    if protocol.decrement.until > protocol.extras[-1].coupling:
        raise ParameterError(
            f"decrement until {protocol.decrement.until:g} ms starts at "
            f"{protocol.extras[-1].coupling:g} ms",
            expected="a last coupling below the first",
        )
