"""The Land model by closed forms of its steady state, its order in time, and a coupled cell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from heart.core.errors import ParameterError
from heart.mechanics.land2017 import PARAMETERS, TORORD_LAND, Land2017
from heart.mechanics.waveform import Sampled

TRACE = Path(__file__).parents[1] / "refdata" / "torord_land_endo_beat100_reference.csv"
SETS = {"land2017": {}, "torord_land": dict(TORORD_LAND)}
ONE = np.ones(1)


def held(calcium: float, **values: float) -> Land2017:
    """Return the law at constant calcium."""
    return Land2017(Sampled(np.zeros(1), np.array([calcium])), **values)


def run(
    law: Land2017, step: float, until: float, stretch: object = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return final states and the tension at each step; `stretch` is a function of time."""
    course = stretch if callable(stretch) else lambda _time: 1.0
    states, tension = law.states(1), []
    for k in range(round(until / step)):
        time = (k + 1) * step
        ends = np.array([course(time - step)]), np.array([course(time)])
        states = law.advance(states, np.array([time]), step, *ends)
        tension.append(law.tension(states, np.array([time]), ends[1])[0])
    return states, np.array(tension)


def test_overlap_follows_the_published_formula() -> None:
    """h(0.8) = 1 + 2.3 (1.6 − 1.87) = 0.379: one slope to 0.87, half of it above, none past 1.2."""
    stretch = np.array([0.4, 0.8, 0.87, 0.9, 1.0, 1.1, 1.2, 1.5])
    expected = [0.0, 0.379, 0.701, 0.77, 1.0, 1.23, 1.46, 1.46]
    np.testing.assert_allclose(Land2017().overlap(stretch), expected, atol=1e-12)


@pytest.mark.parametrize("name", SETS)
def test_steady_tension_is_the_closed_form(name: str) -> None:
    """At TRPN50 half of T_ref h(λ), saturated all of it but for what k_b/k_u still blocks."""
    law = Land2017(**SETS[name])
    stretch = np.array([0.9, 1.0, 1.1, 1.3])
    saturated = law.tension(law.steady(np.full(4, 1e3), stretch), stretch, stretch)
    free = 1.0 / (1.0 + 0.35**law.tropomyosin_power)
    np.testing.assert_allclose(saturated, 120.0 * free * law.overlap(stretch), rtol=2e-6)
    half = 0.805 * np.sqrt(0.35 / 0.65)
    at_half = law.tension(law.steady(np.array([half]), ONE), ONE, ONE)
    assert at_half[0] == pytest.approx(60.0, rel=1e-12)
    longer = (0.805 - 2.4 * 0.1) * np.sqrt(0.35 / 0.65)
    at_half = law.tension(law.steady(np.array([longer]), 1.1 * ONE), ONE, 1.1 * ONE)
    assert at_half[0] == pytest.approx(60.0 * 1.23, rel=1e-12)


@pytest.mark.parametrize("name", SETS)
def test_held_calcium_leads_to_the_steady_state(name: str) -> None:
    """The steps end where the rates vanish, whatever their size."""
    for step, until in ((1.0, 4000.0), (0.5, 1500.0)):
        law = held(0.7, **SETS[name])
        start = law.steady(np.array([0.2]), ONE)
        for _ in range(round(until / step)):
            start = law.advance(start, ONE, step, ONE, ONE)
        np.testing.assert_allclose(start, law.steady(np.array([0.7]), ONE), atol=2e-8)


def test_tension_grows_with_calcium_and_length() -> None:
    """The force–calcium curve is a steep sigmoid and moves left with length (Frank–Starling)."""
    law, calcium = Land2017(), np.geomspace(0.05, 5.0, 60)
    curves = []
    for stretch in (0.9, 1.0, 1.1):
        all_points = np.full(60, stretch)
        curves.append(law.tension(law.steady(calcium, all_points), calcium, all_points))
    curves = np.array(curves)
    assert (np.diff(curves, axis=1) > 0.0).all()
    assert (np.diff(curves, axis=0) > 0.0).all()
    middle = curves[1] / 120.0
    hill = np.diff(np.log(middle / (1.0 - middle))) / np.diff(np.log(calcium))
    assert hill[np.argmin(np.abs(middle - 0.5))] == pytest.approx(5.0 * 2.0 * 0.65, rel=0.1)


def test_isometric_twitch_is_that_of_the_coupled_cell() -> None:
    """Driven by the calcium of ToR-ORd-Land, 1 ms steps give its tension to 0.02 of 34 kPa."""
    table = np.loadtxt(TRACE, delimiter=",", skiprows=1)
    time, calcium, tension = table[:, 0], 1e-3 * table[:, 2], table[:, 3]
    law = Land2017(Sampled(time, calcium), **TORORD_LAND)
    states = law.states(1)
    for beat in range(2):
        ours = []
        for t in time[1:]:
            states = law.advance(states, np.array([t]), 1.0, ONE, ONE)
            ours.append(law.tension(states, ONE, ONE)[0])
        assert beat == 1 or max(ours) > 30.0
    assert np.abs(ours - tension[1:]).max() < 0.02
    assert max(ours) == pytest.approx(33.96, abs=0.02)


def test_steps_converge_as_said() -> None:
    """Second order at constant length, first order when the fibre shortens."""
    law = Land2017(**TORORD_LAND)

    def shortening(time: float) -> float:
        return float(1.05 - 0.1 * np.sin(np.pi * time / 200.0) ** 2)

    for course, order in ((None, 2.0), (shortening, 1.0)):
        runs = [run(law, step, 200.0, course)[1] for step in (1.0, 0.5, 0.25, 0.03125)]
        common = [tension[len(tension) // 50 - 1 :: len(tension) // 50] for tension in runs]
        errors = [np.abs(one - common[-1]).max() for one in common[:-1]]
        assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.3), errors
        assert np.log2(errors[1] / errors[2]) == pytest.approx(order, abs=0.3), errors


@pytest.mark.parametrize("name", SETS)
def test_populations_stay_between_none_and_all(name: str) -> None:
    """Steps of 2 ms through a beat with a quick release: no negative and no surplus bridges."""
    law = Land2017(**SETS[name])
    states = law.states(1)
    least, stiff = np.inf, np.inf
    for k in range(400):
        time, now = np.array([2.0 * k]), np.array([1.0 if k < 60 else 0.95])
        before = np.array([1.0 if k <= 60 else 0.95])
        stiff = min(stiff, law.slope(states, time, 2.0, before)[0])
        states = law.advance(states, time, 2.0, before, now)
        bound = states[:4, 0]
        assert bound.min() >= 0.0
        assert bound[1:].sum() <= 1.0 + 1e-12
        least = min(least, law.tension(states, time, now)[0] if k != 60 else least)
    assert least > -1.0
    assert stiff >= 0.0


def test_instantaneous_stiffness_is_the_slope_of_a_short_step() -> None:
    """∂Ta/∂λ = h T_ref/r_s A (X_s + X_w) + h′…: what the stabilisation needs, in the limit."""
    law = held(0.7)
    states = law.steady(np.array([0.7]), ONE)
    lengthwise = 2.3 * law.tension(states, ONE, ONE)
    slope = law.slope(states, ONE, 1e-6, ONE)
    np.testing.assert_allclose(slope, law.stiffness(states, ONE) + lengthwise, rtol=1e-5)


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_numbers_out_of_range_are_refused(name: str) -> None:
    """Rates per second where per millisecond are meant are a thousand times off."""
    low, high = PARAMETERS[name].low, PARAMETERS[name].high
    wrong = low - 1.0 if high <= 0.0 else 1000.0 * high
    with pytest.raises(ParameterError, match=name):
        Land2017(**{name: wrong})
