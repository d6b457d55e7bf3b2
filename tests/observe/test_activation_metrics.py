"""Activation metrics: each number against a map whose answer is known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from heart.core.errors import ParameterError
from heart.observe import activation_metrics as metrics


def uniform(n: int = 20001, length: float = 100.0):
    """Nodes of a slab crossed at constant speed: activation uniform on [0, length]."""
    times = np.linspace(0.0, length, n)
    return times, np.full(n, 1.0 / n)


def test_slab_closed_form():
    """A plane wave has quantiles that can be written down; all within half a millisecond."""
    times, volumes = uniform()
    left = times < 50.0
    found = metrics.of_map(times + 37.0, volumes, left)
    assert found["tat"] == pytest.approx(100.0, abs=1e-3)
    assert found["lvat"] == pytest.approx(50.0, abs=0.1)
    assert found["lvat95"] == pytest.approx(47.5, abs=0.5)
    assert found["bivat90"] == pytest.approx(90.0, abs=0.5)
    assert found["veu"] == pytest.approx(-50.0, abs=0.1)
    assert found["lv_std"] == pytest.approx(50.0 / np.sqrt(12.0), abs=0.1)
    assert found["inactive"] == 0.0


def test_against_sorting():
    """The histogram must agree with sorted samples on an irregular map (error below one bin)."""
    rng = np.random.default_rng(3)
    times = np.concatenate([rng.gamma(2.0, 15.0, 4000), 60 + rng.normal(0, 8, 3000)])
    volumes = rng.uniform(0.2, 2.0, times.size)
    left = rng.random(times.size) < 0.7
    found = metrics.of_map(times, volumes, left)
    order = np.argsort(times)
    mass = np.cumsum(volumes[order]) / volumes.sum()
    end = np.searchsorted(mass, mass + 0.9)
    ok = end < times.size
    shortest = (times[order][end[ok]] - times[order][ok]).min()
    lv = np.argsort(times[left])
    share = np.cumsum(volumes[left][lv]) / volumes[left].sum()
    late = times[left][lv][np.searchsorted(share, 0.95)] - times.min()
    assert found["bivat90"] == pytest.approx(shortest, abs=0.5)
    assert found["lvat95"] == pytest.approx(late, abs=0.5)


def test_combination_is_the_pointwise_minimum():
    """Metrics of a combination must be those of the minimum map, which is never formed."""
    rng = np.random.default_rng(1)
    waves = rng.uniform(0.0, 120.0, (4, 3000))
    volumes, left = rng.uniform(0.5, 1.5, 3000), rng.random(3000) < 0.6
    rows = np.array([[0, 1, 3], [2, -1, 3], [1, 2, -1]])
    delays = np.array([[0.0, 40.0, 90.0], [20.0, 0.0, 10.0], [0.0, -30.0, 5.0]])
    batch = metrics.of_combinations(waves, rows, delays, volumes, left)
    for row, delay, got in zip(rows, delays, batch, strict=True):
        one = metrics.of_map(metrics.combined(waves, row, delay), volumes, left)
        assert got == pytest.approx(list(one.values()), abs=1e-3)


def test_threads_do_not_change_the_numbers():
    """Two runs on different machines must rank alike: bitwise equal on 1 and 3 threads."""
    rng = np.random.default_rng(5)
    waves = rng.uniform(0.0, 100.0, (3, 500))
    rows = rng.integers(0, 3, (17, 2))
    delays = rng.uniform(-40, 40, (17, 2))
    args = (waves, rows, delays, np.ones(500), np.arange(500) < 300)
    one = metrics.of_combinations(*args, threads=1)
    assert np.array_equal(one, metrics.of_combinations(*args, threads=3))


def test_unreached_muscle_is_left_out_and_reported():
    """Scar core never activates; it must show as a fraction and not as an infinite time."""
    times, volumes = uniform(1000)
    times = times.copy()
    times[-100:] = np.inf
    found = metrics.of_map(times, volumes, np.ones(1000, bool))
    assert found["inactive"] == pytest.approx(0.1)
    assert found["tat"] == pytest.approx(89.99, abs=0.2)
    assert np.isnan(found["veu"])


def test_a_map_without_activation_is_nan():
    """A lead that captures nothing has no times: NaN and 100 % inactive, never zero."""
    found = metrics.of_map(np.full(10, np.inf), np.ones(10), np.ones(10, bool))
    assert found["inactive"] == 1.0
    assert np.isnan(found["tat"])
    assert np.isnan(found["bivat90"])


def test_wrong_shapes_are_refused():
    """A delay table of another shape would silently shift leads."""
    with pytest.raises(ParameterError):
        metrics.of_combinations(np.ones((1, 4)), [[0, 0]], [[0.0]], np.ones(4), np.ones(4, bool))
