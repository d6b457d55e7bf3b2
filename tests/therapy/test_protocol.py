"""Protocols: what is asked for is what is given, and what cannot be given is refused by name."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heart.core.errors import ParameterError
from heart.therapy.protocol import Decrement, Extra, Protocol, Train, check, times_increase

DURATIONS = {"site": 2.0, "other": 5.0}


@given(
    beats=st.integers(1, 8),
    cycle=st.floats(100.0, 1000.0),
    couplings=st.lists(st.floats(10.0, 400.0), max_size=3),
)
def test_times_follow_from_cycle_length_and_couplings(
    beats: int, cycle: float, couplings: list[float]
) -> None:
    """S2 counts from the last S1, S3 from S2: the convention of every clinical protocol."""
    protocol = Protocol(
        (Train("site", 10.0, cycle, beats),), tuple(Extra("other", c) for c in couplings)
    )
    check(protocol, DURATIONS)
    times = [event.time for event in protocol.events()]
    assert len(times) == beats + len(couplings)
    assert times[0] == 10.0
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert gaps == pytest.approx([cycle] * (beats - 1) + couplings, rel=1e-9)
    assert protocol.times_of("other") == tuple(times[beats:])


def test_branches_share_everything_but_the_last_coupling() -> None:
    """The part up to the last S1 is run once: it must be the same in every branch."""
    protocol = Protocol(
        (Train("site", 0.0, 600.0, 3),),
        (Extra("site", 300.0), Extra("site", 280.0)),
        Decrement(20.0, 240.0),
    )
    branches = check(protocol, DURATIONS).branches()
    assert [branch.extras[-1].coupling for branch in branches] == [280.0, 260.0, 240.0]
    assert {branch.trains for branch in branches} == {protocol.trains}
    assert {branch.extras[0] for branch in branches} == {Extra("site", 300.0)}
    assert all(branch.decrement is None for branch in branches)
    assert protocol.end_of_train == 1200.0


@pytest.mark.parametrize(
    ("protocol", "words"),
    [
        (Protocol(()), "no stimulus"),
        (Protocol((Train("site"),), (Extra("site", 2.0),)), "S2 comes 2 ms after"),
        (Protocol((Train("site"),), (Extra("site", 300.0), Extra("site", 1.0))), "S3 comes 1 ms"),
        (Protocol((Train("nowhere"),)), "no stimulus 'nowhere'"),
        (Protocol((Train("other", 0.0, 4.0, 2),)), "S1 cycle length 4 ms"),
        (Protocol((Train("site", beats=0),)), "0 beats"),
        (Protocol((Train("site"),), (), Decrement(10.0, 200.0)), "without an extrastimulus"),
        (
            Protocol((Train("site"),), (Extra("site", 300.0),), Decrement(10.0, 0.0)),
            "S2 comes .* ms after",
        ),
        (
            Protocol((Train("site"),), (Extra("site", 300.0),), Decrement(10.0, 310.0)),
            "starts at 300 ms",
        ),
        (Protocol((Train("site"),), (Extra("site", 300.0),), Decrement(0.0, 200.0)), "by 0 ms"),
    ],
)
def test_protocol_that_cannot_be_given_is_refused(protocol: Protocol, words: str) -> None:
    """An S2 inside the S1 stimulus would be a longer S1, and nobody would notice."""
    with pytest.raises(ParameterError, match=words):
        check(protocol, DURATIONS)


def test_times_have_to_increase() -> None:
    """Two stimuli at one time would be one of twice the strength."""
    times_increase([0.0, 1.0, 2.0], "site")
    with pytest.raises(ParameterError, match="times that increase"):
        times_increase([0.0, 5.0, 5.0], "site")
