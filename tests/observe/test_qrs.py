"""QRS duration and area on pulses whose length and area are known by construction."""

from __future__ import annotations

import numpy as np
import pytest

from heart.core.errors import MissingDataError
from heart.observe.leads import LEADS
from heart.observe.qrs import (
    KORS,
    KORS_LEADS,
    interpeak_interval,
    qrs_area,
    qrs_bounds,
    qrs_duration,
    spatial_velocity,
    v6_peak_time,
    vectorcardiogram,
)

TIMES = np.arange(-50.0, 500.0, 1.0)


def pulse(start: float, length: float, times: np.ndarray = TIMES) -> np.ndarray:
    """Return a triangle of `length` ms: its slope jumps, so its ends are sharp."""
    return np.clip(1.0 - np.abs(times - start - 0.5 * length) / (0.5 * length), 0.0, None)


@pytest.mark.parametrize(("start", "length"), [(0.0, 80.0), (12.0, 100.0), (30.0, 160.0)])
def test_duration_of_a_pulse(start: float, length: float) -> None:
    """A pulse of known length in all leads is found to one sample."""
    leads = np.linspace(-1.0, 1.5, 12)[:, None] * pulse(start, length)
    onset, offset = qrs_bounds(TIMES, leads)
    assert onset == pytest.approx(start, abs=1.0)
    assert offset == pytest.approx(start + length, abs=1.0)
    assert qrs_duration(TIMES, leads) == pytest.approx(length, abs=2.0)


def test_duration_needs_no_units_of_voltage() -> None:
    """The threshold is relative: the gain of a torso does not change the duration."""
    leads = np.linspace(-1.0, 1.5, 12)[:, None] * pulse(5.0, 90.0)
    assert qrs_duration(TIMES, 7.0 * leads) == pytest.approx(float(qrs_duration(TIMES, leads)))


def test_window_excludes_the_t_wave() -> None:
    """The QRS ends at most 20 ms after the last activation, however steep T is."""
    leads = np.linspace(-1.0, 1.5, 12)[:, None] * (pulse(0.0, 100.0) + 2.0 * pulse(300.0, 60.0))
    _, whole = qrs_bounds(TIMES, leads)
    assert whole > 300.0
    _, offset = qrs_bounds(TIMES, leads, 0.0, 95.0)
    assert offset == pytest.approx(100.0, abs=1.0)
    _, capped = qrs_bounds(TIMES, leads, 0.0, 60.0)
    assert capped <= 80.0


def test_many_equal_one_by_one() -> None:
    """The batch is what a screen uses; each entry is the ECG alone."""
    many = np.stack(
        [np.linspace(-1.0, 1.5, 12)[:, None] * pulse(a, 60.0 + 10 * a) for a in range(6)]
    )
    ends = 70.0 + 10.0 * np.arange(6)
    onset, offset = qrs_bounds(TIMES, many, 0.0, ends)
    area = qrs_area(TIMES, many, onset, offset)
    for index, leads in enumerate(many):
        alone = qrs_bounds(TIMES, leads, 0.0, ends[index])
        assert (float(alone[0]), float(alone[1])) == (onset[index], offset[index])
        assert float(qrs_area(TIMES, leads, *alone)) == pytest.approx(area[index])


def test_area_of_a_known_dipole() -> None:
    """Leads that Kors turns into a pulse of 1 mV along one axis have the area of that pulse."""
    inverse = np.linalg.pinv(KORS)
    for axis in np.eye(3):
        leads = np.zeros((12, len(TIMES)))
        for row, name in zip(inverse @ axis, KORS_LEADS, strict=True):
            leads[LEADS.index(name)] = row * pulse(0.0, 100.0)
        np.testing.assert_allclose(
            vectorcardiogram(leads), axis[:, None] * pulse(0.0, 100.0), atol=1e-12
        )
        assert qrs_area(TIMES, leads, -5.0, 120.0) == pytest.approx(50.0, rel=1e-6)
        assert qrs_area(TIMES, leads, 0.0, 50.0) == pytest.approx(25.0, rel=0.02)


def test_spatial_velocity_of_a_ramp() -> None:
    """Twelve leads that rise by 1 mV/ms have the velocity sqrt(12) mV/ms."""
    leads = np.tile(TIMES, (12, 1))
    np.testing.assert_allclose(spatial_velocity(TIMES, leads), np.sqrt(12.0))


def test_peak_intervals() -> None:
    """V6 R-wave peak time counts from onset, the interpeak interval from V6 to V1."""
    leads = np.zeros((12, len(TIMES)))
    leads[LEADS.index("V6")] = pulse(10.0, 60.0)
    leads[LEADS.index("V1")] = pulse(40.0, 80.0)
    onset, offset = np.asarray(10.0), np.asarray(120.0)
    assert v6_peak_time(TIMES, leads, onset, offset) == pytest.approx(30.0)
    assert interpeak_interval(TIMES, leads, onset, offset) == pytest.approx(40.0)


def test_flat_ecg_is_an_error() -> None:
    """No QRS must not become a duration of nothing."""
    with pytest.raises(MissingDataError, match="flat"):
        qrs_duration(TIMES, np.zeros((12, len(TIMES))))
