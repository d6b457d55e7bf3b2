"""Biomarkers of curves whose numbers are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heart.core.errors import ParameterError
from heart.electro.ionic.biomarkers import biomarkers


def beat(peak: float = 40.0, length: float = 300.0, dt: float = 0.05) -> tuple[np.ndarray, ...]:
    """Upstroke from 1 to 2 ms, then a straight fall back to rest."""
    times = np.arange(0.0, length + 50.0, dt)
    falling = peak - (peak + 85.0) * (times - 2.0) / length
    rising = -85.0 + (peak + 85.0) * (times - 1.0)
    return times, np.where(times < 1, -85.0, np.where(times < 2, rising, np.maximum(falling, -85)))


@given(st.floats(0.0, 60.0), st.floats(100.0, 500.0))
def test_durations_of_a_triangle(peak: float, length: float) -> None:
    """APDx of a straight fall is x times its length, from the steepest upstroke."""
    found = biomarkers(*beat(peak, length))
    assert found.rest == -85.0
    assert found.peak == pytest.approx(peak, abs=0.1)
    assert found.upstroke == pytest.approx(peak + 85.0, rel=1e-6)
    assert found.apd90 == pytest.approx(0.9 * length + 2.0 - found.upstroke_time, abs=0.5)
    assert found.apd90 - found.apd50 == pytest.approx(0.4 * length, rel=0.01)
    assert found.excited


def test_calcium_and_tension() -> None:
    """Peak, time to peak, decay and half relaxation are those of the curves put in."""
    times, voltage = beat()
    calcium = 1e-4 + 9e-4 * np.exp(-(((times - 30.0) / 10.0) ** 2))
    tension = 20.0 * np.exp(-(((times - 150.0) / 50.0) ** 2))
    found = biomarkers(times, voltage, calcium, tension)
    assert found.calcium_peak == pytest.approx(1e-3, rel=1e-6)
    assert found.calcium_peak_time == pytest.approx(30.0, abs=0.05)
    decay = 30.0 + 10.0 * math.sqrt(math.log(10.0)) - found.upstroke_time
    assert found.calcium_duration90 == pytest.approx(decay, abs=0.05)
    assert found.tension_peak_time == pytest.approx(150.0, abs=0.05)
    assert found.tension_rt50 == pytest.approx(50.0 * math.sqrt(math.log(2.0)), abs=0.1)


def test_what_does_not_exist_is_not_a_number() -> None:
    """A failed beat has no duration, a cell without calcium no calcium."""
    times = np.linspace(0.0, 100.0, 1001)
    failed = biomarkers(times, -85.0 + 20.0 * np.exp(-times / 30.0) * (times > 0.5))
    assert not failed.excited
    assert math.isnan(failed.calcium_peak)
    unfinished = biomarkers(*(curve[:1000] for curve in beat()))
    assert math.isnan(unfinished.apd90)
    assert not unfinished.excited


def test_curves_of_different_lengths_are_refused() -> None:
    """A shifted curve would give plausible, wrong numbers."""
    times, voltage = beat()
    with pytest.raises(ParameterError, match="as many"):
        biomarkers(times, voltage[1:])
