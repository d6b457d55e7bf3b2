"""What `heart verify electro_agreement` says of arrivals that are known; the runs take an hour."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from heart.study.verification.electro_agreement import Arrivals, judged

TIMES = np.linspace(0.0, 100.0, 101)
ALIKE = Arrivals(TIMES, TIMES, TIMES, TIMES, TIMES, {"another": TIMES})


def _ours(arrivals: Arrivals) -> dict[str, float]:
    return {check.name: check.ours for check in judged(arrivals)}


def _missed(arrivals: Arrivals) -> set[str]:
    return {check.name for check in judged(arrivals) if not check.passed}


def test_equal_arrivals_meet_every_gate() -> None:
    """Nothing differs: all shares are one, the slope is one, no gate is missed."""
    assert not _missed(ALIKE)
    rows = _ours(ALIKE)
    assert rows["monodomain, eikonal: share of nodes within 5 ms"] == 1.0
    assert rows["monodomain over eikonal, slope"] == pytest.approx(1.0)
    assert rows["monodomain, another: share of nodes within 5 ms"] == 1.0


def test_a_slow_monodomain_is_missed_and_its_slope_is_named() -> None:
    """11 % slow: nodes after 45 ms are more than 5 ms late; with the slope taken out none is."""
    slow = replace(ALIKE, monodomain=1.11 * TIMES)
    rows = _ours(slow)
    assert rows["monodomain, eikonal: share of nodes within 5 ms"] == pytest.approx(46 / 101)
    assert rows["monodomain over eikonal, slope"] == pytest.approx(1.11)
    assert rows["monodomain, eikonal, slope taken out: share of nodes within 5 ms"] == 1.0
    assert _missed(slow) == {
        "monodomain, eikonal: share of nodes within 5 ms",
        "monodomain, reaction-eikonal potential: share of nodes within 5 ms",
    }


def test_a_node_that_is_never_activated_is_a_miss() -> None:
    """Ten of a hundred nodes without a wave are not within 5 ms, and break no other number."""
    dead = np.where(TIMES > 90.0, np.nan, TIMES)
    rows = _ours(replace(ALIKE, monodomain=dead))
    assert rows["monodomain, eikonal: share of nodes within 5 ms"] == pytest.approx(91 / 101)
    assert rows["monodomain, eikonal: median of the difference"] == 0.0
    assert rows["monodomain over eikonal, slope"] == pytest.approx(1.0)
    assert "front without cells, largest difference from eikonal" in _missed(
        replace(ALIKE, alone=dead)
    )


def test_nodes_that_conduct_nothing_are_left_out() -> None:
    """Where the eikonal wave never comes nothing is compared."""
    core = np.where(TIMES > 90.0, np.inf, TIMES)
    assert not _missed(replace(ALIKE, eikonal=core))
