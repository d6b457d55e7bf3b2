"""Restitution: the generated kernel and the reference agree; protocols are what they say."""

from __future__ import annotations

import numpy as np
import pytest

from heart.core.errors import ParameterError
from heart.electro.ionic.registry import cell_model, entry
from heart.electro.ionic.restitution import dynamic, s1s2
from heart.electro.ionic.single import KernelStepper, Steps, record

NAME = "bueno_orovio_epi"
CELL, PULSE = cell_model(NAME), entry(NAME).pulse
KERNEL = KernelStepper(Steps(dt=0.05, upstroke_dt=0.01))


def test_kernel_and_reference_agree() -> None:
    """All intervals at once in the kernel, one by one in LSODA: the same durations to 0.5 %."""
    gaps = [500.0, 350.0]
    ours = s1s2(CELL, gaps, PULSE, beats=2, stepper=KERNEL)
    exact = s1s2(CELL, gaps, PULSE, beats=2)
    np.testing.assert_allclose(ours.apd90, exact.apd90, rtol=0.005)
    np.testing.assert_allclose(ours.diastolic, exact.diastolic, rtol=0.02)
    assert ours.captured.all()


def test_many_intervals_are_the_single_ones() -> None:
    """Copies must not see each other's pulses."""
    gaps = [600.0, 400.0, 330.0, 320.0]
    together = s1s2(CELL, gaps, PULSE, beats=1, stepper=KERNEL)
    alone = [s1s2(CELL, [gap], PULSE, beats=1, stepper=KERNEL).apd90[0] for gap in gaps]
    np.testing.assert_allclose(together.apd90, alone, rtol=1e-3)
    assert (np.diff(together.apd90) < 0.0).all()


def test_dynamic_goes_on_where_the_last_cycle_length_ended() -> None:
    """Two cycle lengths in one call are the second from the end of the first."""
    both = dynamic(CELL, [600.0, 400.0], PULSE, beats=3, stepper=KERNEL)
    window = np.array([[1200.0, 1800.0]])
    (first,) = KERNEL(CELL, np.arange(3)[None] * 600.0, PULSE, window)
    after = dynamic(CELL.with_initial(first.final), [400.0], PULSE, beats=3, stepper=KERNEL)
    assert both.apd90[1] == pytest.approx(after.apd90[0], rel=1e-9)
    assert both.apd90[1] < both.apd90[0]


def test_early_pulse_that_fails_is_no_beat() -> None:
    """Inside the refractory period there is a bump, not a short action potential."""
    found = s1s2(CELL, [200.0], PULSE, beats=1, stepper=KERNEL)
    assert not found.captured[0]
    assert np.isnan(found.apd90[0])


def test_pulse_edges_cut_the_steps() -> None:
    """A pulse between two steps acts for its whole length: the upstroke comes when it should.

    The states drift by a few microseconds' worth before the first pulse, hence not exactly.
    """
    starts = np.array([[0.31], [0.72]])
    steps = Steps(dt=0.05, upstroke_dt=0.02)
    made = record(CELL, starts, PULSE, (0.0, 5.0), steps, monitors=("w",))
    assert made.times[0] == 0.0
    assert made.times[-1] == pytest.approx(5.0)
    assert made.monitors["slow_inward.w"].shape == made.voltage.shape == (made.times.size, 2)
    rises = []
    for voltage in made.voltage.T:
        top = int(np.argmax(voltage))
        rises.append(np.interp(0.0, voltage[: top + 1], made.times[: top + 1]))
    assert rises[1] - rises[0] == pytest.approx(0.41, abs=0.01)


def test_unusable_requests_are_refused() -> None:
    """An early beat inside its predecessor's pulse, no beats, a window that is none."""
    with pytest.raises(ParameterError, match="longer than the pulse"):
        s1s2(CELL, [1.0], PULSE)
    with pytest.raises(ParameterError, match="at least 1"):
        s1s2(CELL, [300.0], PULSE, beats=0)
    with pytest.raises(ParameterError, match="at least 2"):
        dynamic(CELL, [300.0], PULSE, beats=1)
    with pytest.raises(ParameterError, match="window"):
        record(CELL, np.zeros((1, 1)), PULSE, (5.0, 5.0), Steps())
