"""Times of beats are found while running: they must equal those of the whole trace."""

from __future__ import annotations

import numpy as np
import pytest

from heart.observe.beats import BeatTracker


def trapezium(times: np.ndarray, start: float, rest: float, peak: float, length: float):
    """An upstroke of 1 ms at `start`, a plateau, and a fall of 10 ms that ends at start+length."""
    return np.interp(
        times, [start, start + 1.0, start + length - 10.0, start + length], [rest, peak, peak, rest]
    )


def test_activation_and_duration_of_a_known_shape() -> None:
    """A trapezium has an exact crossing and an exact APD90; sampling must not shift them."""
    times = np.arange(0.0, 400.0, 0.25)
    traces = np.stack([trapezium(times, s, -85.0, 35.0, 300.0) for s in (10.0, 10.3, 47.1)], axis=1)
    tracker = BeatTracker()
    for time, row in zip(times, traces, strict=True):
        tracker.follow(time, row)
    beats = tracker.beats
    crossing = 75.0 / 120.0
    # Corners of the trapezium fall between samples for the last two: at most half a sample off.
    np.testing.assert_allclose(
        beats.activation[0], np.array([10.0, 10.3, 47.1]) + crossing, atol=0.06
    )
    assert beats.activation[0, 0] == pytest.approx(10.0 + crossing, abs=1e-12)
    assert beats.repolarisation[0, 0] == pytest.approx(10.0 + 300.0 - 1.0, abs=1e-9)
    assert beats.duration[0] == pytest.approx(299.0 - crossing, abs=0.1)


def test_many_beats_grow_the_table_and_rest_is_that_of_each_beat() -> None:
    """Re-entry gives dozens of beats: none may be lost, and a higher rest changes APD90's level."""
    times = np.arange(0.0, 4200.0, 0.5)
    early = [trapezium(times, 100.0 + 350.0 * k, -85.0, 30.0, 250.0) for k in range(5)]
    late = [trapezium(times, 100.0 + 350.0 * k, -75.0, 30.0, 250.0) for k in range(5, 11)]
    trace = np.where(times < 1749.25, np.max(early, axis=0), np.max(late, axis=0))
    tracker = BeatTracker()
    for time, value in zip(times, trace, strict=True):
        tracker.follow(time, np.array([value, -85.0]))
    beats = tracker.beats
    assert beats.count.tolist() == [11, 0]
    np.testing.assert_allclose(np.diff(beats.activation[:, 0]), 350.0, atol=0.2)
    np.testing.assert_allclose(beats.duration[:, 0], 248.4, atol=0.1)
    assert np.isinf(beats.first()[1])
    assert beats.last()[0] == pytest.approx(100.0 + 3500.0, abs=1.0)
    cycle = beats.diastolic_interval[:, 0] + beats.duration[1:, 0]
    np.testing.assert_allclose(cycle, 350.0, atol=1.0)
    rest_of = beats.since(1000.0)
    assert rest_of.activation[0, 0] == pytest.approx(1150.0, abs=1.0)
    assert rest_of.count.tolist() == [8, 0]


def test_a_beat_that_is_not_over_has_no_end() -> None:
    """A simulation that stops in the plateau must not invent a repolarisation."""
    tracker = BeatTracker()
    for time, value in ((0.0, -85.0), (1.0, 30.0), (100.0, 20.0)):
        tracker.follow(time, np.array([value]))
    assert np.isfinite(tracker.beats.activation[0, 0])
    assert np.isnan(tracker.beats.repolarisation[0, 0])
