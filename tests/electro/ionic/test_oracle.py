"""The reference integrator: closed forms, jumps, tolerances, pulses, bad requests."""

from __future__ import annotations

import numpy as np
import pytest

from heart.core.errors import NonFiniteError, ParameterError
from heart.electro.ionic.model import CellModel
from heart.electro.ionic.oracle import beat_times, beats, rates, reference
from heart.electro.ionic.registry import Pulse, cell_model, entry
from heart.electro.ionic.text import parse_text

LINEAR = """
[[model]]
name: linear
membrane.V = 1
gate.x = 0
[engine]
time = 0 [ms]
    in [ms]
    bind time
[membrane]
dot(V) = -(V / tau + i_stim)
    in [mV]
    label membrane_potential
tau = 5 [ms]
    in [ms]
i_stim = 0 [A/F]
    in [A/F]
    bind pace
[gate]
dot(x) = if(membrane.V > 0.5 [mV], 1 [1/ms], -2 [1/ms])
    in [1]
"""


def linear(**values: float) -> CellModel:
    return CellModel("linear", parse_text(LINEAR), values)


def test_decay_pulse_and_jump_are_the_closed_forms() -> None:
    """Exponential decay, a pulse that ends inside, and a rate that jumps: right to 1e-8."""
    times = np.array([0.0, 1.0, 2.5, 3.0, 5.0, 8.0])
    trace = reference(linear(), [2.0], Pulse(4.0, 0.5), times)

    def after_pulse(t: float) -> float:
        return (np.exp(-2.5 / 5) + 20.0 * (1 - np.exp(-0.5 / 5))) * np.exp(-(t - 2.5) / 5)

    exact = [*np.exp(-times[:2] / 5), *map(after_pulse, times[2:])]
    np.testing.assert_allclose(trace.voltage, exact, rtol=1e-7)
    np.testing.assert_allclose(trace.rate[-3:], -np.array(exact[-3:]) / 5, rtol=1e-7)
    # Falls below 0.5 mV before no sample shows it: never in the pulse, at 5 ln(2 V(2.5)) after it.
    crossing = 2.5 + 5.0 * np.log(2.0 * after_pulse(2.5))
    x = trace.states[1]
    assert x[3] == pytest.approx(3.0, rel=1e-8)
    assert crossing > 8.0
    long = reference(linear(), [2.0], Pulse(4.0, 0.5), [20.0])
    assert long.states[1, -1] == pytest.approx(crossing - 2.0 * (20.0 - crossing), rel=1e-7)


def test_tighter_tolerance_changes_nothing() -> None:
    """At 1e-8 the reference has converged far below the gates that rest on it."""
    cell, pulse = cell_model("tt2006_epi"), entry("tt2006_epi").pulse
    times = beat_times(0.0, 400.0, coarse=1.0)
    loose, tight = (reference(cell, [0.0], pulse, times, rtol=rtol) for rtol in (1e-8, 1e-9))
    assert np.abs(loose.voltage - tight.voltage).max() < 1e-4


def test_jumps_that_all_but_stop_the_potential_are_passed() -> None:
    """The minimal model's leak drops 60-fold at u = 0.006, where multistep methods stand still."""
    cell, pulse = cell_model("bueno_orovio_epi"), entry("bueno_orovio_epi").pulse
    trace = reference(cell, beats(2, 600.0), pulse, [300.0, 600.0, 1190.0])
    assert (np.abs(trace.voltage + 84.0) < 1.0).all()


def test_same_request_is_the_same_trace() -> None:
    """Traces come from the cache: what was asked for is part of the key."""
    cell = linear()
    first = reference(cell, [], Pulse(1.0, 1.0), [1.0])
    assert reference(cell, [], Pulse(1.0, 1.0), [1.0]).voltage == first.voltage
    other = reference(cell.with_values(tau=2.0), [], Pulse(1.0, 1.0), [1.0])
    assert other.voltage[0] == pytest.approx(np.exp(-0.5), rel=1e-7)


def test_rates_take_the_stimulus_with_its_sign() -> None:
    """A negative stimulus depolarises."""
    assert rates(linear(), [0.0, 0.0], current=-3.0)[0] == pytest.approx(3.0)


def test_requests_that_cannot_be_met() -> None:
    """Overlapping pulses and times that go back are refused; a blow-up is named."""
    with pytest.raises(ParameterError, match="overlap"):
        reference(linear(), [0.0, 0.5], Pulse(1.0, 1.0), [2.0])
    with pytest.raises(ParameterError, match="increasing"):
        reference(linear(), [], Pulse(1.0, 1.0), [2.0, 1.0])
    with pytest.raises(NonFiniteError, match="linear"):
        reference(linear(tau=-0.01), [], Pulse(1.0, 1.0), [50.0])
