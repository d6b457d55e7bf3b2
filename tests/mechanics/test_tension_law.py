"""Every law of tension, by what the mechanics relies on, and the curves that drive them."""

from __future__ import annotations

import numpy as np
import pytest

from heart.core.errors import ParameterError
from heart.mechanics.curves import Curve
from heart.mechanics.curves import TensionLaw as Arostica
from heart.mechanics.tension_law import REGISTRY, ActiveLaw, Prescribed, Triggered
from heart.mechanics.waveform import CalciumTransient, Sampled

SINCE = np.array([-np.inf, -50.0, 0.0, 20.0, 60.0, 120.0, 180.0, 260.0, 340.0, 500.0])


@pytest.fixture(params=sorted(REGISTRY))
def law(request: pytest.FixtureRequest) -> ActiveLaw:
    return REGISTRY[request.param]()


def beaten(law: ActiveLaw, stretch: np.ndarray) -> np.ndarray:
    """Return the states after 100 ms of a beat that reaches the points at the times of `SINCE`."""
    states = law.states(len(SINCE))
    for k in range(100):
        states = law.advance(states, SINCE - 100.0 + k + 1.0, 1.0, stretch, stretch)
    return states


def test_rest_and_twitch(law: ActiveLaw) -> None:
    """At rest next to nothing, in a beat tens of kPa, never negative, and over within a second."""
    stretch, states, course = np.ones(1), law.states(1), []
    assert 0.0 <= law.tension(states, np.full(1, -np.inf), stretch)[0] < 1.0
    for k in range(1000):
        states = law.advance(states, np.array([k + 1.0]), 1.0, stretch, stretch)
        course.append(law.tension(states, np.array([k + 1.0]), stretch)[0])
    assert min(course) >= 0.0
    assert 20.0 < max(course) < 150.0
    assert course[-1] < 1.0


@pytest.mark.parametrize("step", [0.25, 1.0, 5.0])
def test_slope_is_what_a_step_does(law: ActiveLaw, step: float) -> None:
    """The tangent's share is the derivative of the tension at the end of the step, not like it."""
    stretch = np.linspace(0.84, 1.15, len(SINCE))
    states, h = beaten(law, stretch), 1e-6

    def ending(after: np.ndarray) -> np.ndarray:
        return law.tension(law.advance(states, SINCE, step, stretch, after), SINCE, after)

    slope = law.slope(states, SINCE, step, stretch)
    measured = (ending(stretch + h) - ending(stretch - h)) / (2.0 * h)
    np.testing.assert_allclose(slope, measured, rtol=1e-6, atol=1e-6 * np.abs(slope).max() + 1e-12)
    assert (slope >= 0.0).all()


def test_a_step_does_not_change_what_it_starts_from(law: ActiveLaw) -> None:
    """A step may be tried and dropped: the states given stay as they are."""
    stretch = np.ones(len(SINCE))
    states = beaten(law, stretch)
    kept = states.copy()
    law.advance(states, SINCE, 1.0, stretch, 0.95 * stretch)
    law.slope(states, SINCE, 1.0, stretch)
    np.testing.assert_array_equal(states, kept)


def test_every_parameter_has_a_range(law: ActiveLaw) -> None:
    """Unit, range and source of each number; one out of range is refused by name."""
    for name, parameter in law.PARAMETERS.items():
        assert parameter.unit
        assert parameter.source
        assert parameter.note
        with pytest.raises(ParameterError, match=name):
            type(law)(**{name: parameter.high * 1000.0 + 1000.0})


def test_triggered_tension_by_hand() -> None:
    """One point of the curve computed with other words: 155 ms after activation at λ = 1.05."""
    phi = np.tanh(5.0 * 0.35)
    expected = 120.0 * phi * np.tanh(140.0 / (100.0 + 500.0 * (1.0 - phi))) ** 2
    expected *= np.tanh(160.0 / 100.0) ** 2
    got = Triggered().tension(np.zeros((0, 1)), np.array([155.0]), np.array([1.05]))
    assert got[0] == pytest.approx(expected, rel=1e-12)
    assert Triggered().tension(np.zeros((0, 1)), np.array([155.0]), np.array([0.69]))[0] == 0.0


def test_triggered_tension_reaches_what_was_asked_for() -> None:
    """A scenario says 60 kPa and means the tension, not a factor that is never reached."""
    law = Triggered(duration=400.0).reaching(60.0)
    times = np.arange(0.0, 500.0, 0.5)
    assert law.tension(times, times, np.ones(1000)).max() == pytest.approx(60.0, rel=1e-5)
    assert law.peak > 60.0


def test_a_prescribed_curve_may_be_that_of_the_benchmark() -> None:
    """The elastodynamics benchmark's tension is one more prescribed curve: 118.08 kPa at 484 ms."""
    law = Prescribed(curve=Curve(Arostica()).at)
    times = np.array([0.0, 100.0, 480.0])
    got = law.tension(law.states(3), times, np.ones(3))
    assert got[2] == pytest.approx(118.08, rel=1e-3)
    assert got[1] == pytest.approx(0.0, abs=1e-6)


def test_calcium_rises_to_its_peak() -> None:
    """The closed form is scaled so that its largest value is the peak that was asked for."""
    wave = CalciumTransient(rest=0.1, peak=0.8, rise=15.0, fall=120.0)
    assert wave(np.array([-5.0, 0.0])) == pytest.approx(0.1)
    assert wave(np.linspace(0.0, 300.0, 30001)).max() == pytest.approx(0.8, rel=1e-6)
    with pytest.raises(ParameterError, match="rise < fall"):
        CalciumTransient(rise=200.0, fall=100.0)


@pytest.mark.parametrize(
    ("times", "values", "named"),
    [
        ([0.0, 1.0], [1.0], "as many values"),
        ([0.0, 2.0, 1.0], [1.0, 1.0, 1.0], "sample 2"),
        ([0.0, 1.0], [1.0, np.nan], "not finite"),
    ],
)
def test_a_bad_curve_is_named(times: list[float], values: list[float], named: str) -> None:
    """A table read from a file can be short, unsorted or holed: said, not interpolated."""
    with pytest.raises(ParameterError, match=named):
        Sampled(np.array(times), np.array(values))
