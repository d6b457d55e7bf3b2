"""Time schemes on a linear oscillator, where all is known: order, stability, dissipation."""

from __future__ import annotations

import numpy as np
import pytest

from heart.core.errors import ParameterError
from heart.mechanics.generalised_alpha import (
    BACKWARD_EULER,
    BENCHMARK,
    TRAPEZOIDAL,
    Scheme,
    from_spectral_radius,
    newmark,
)

SECOND_ORDER = {
    "benchmark": BENCHMARK,
    "trapezoidal": TRAPEZOIDAL,
    "0.5": from_spectral_radius(0.5),
}


def error(scheme: Scheme, steps: int, damping: float = 0.1) -> float:
    """Return the error after one period from u = 1 at rest, with the exact acceleration."""
    frequency = 2.0 * np.pi
    h = 1.0 / steps
    state = np.array([1.0, 0.0, -(frequency**2) * h**2])  # rates for a unit step
    grow = scheme.amplification(frequency * h, damping)
    for _ in range(steps):
        state = grow @ state
    damped = frequency * np.sqrt(1.0 - damping**2)
    exact = np.exp(-damping * frequency) * (
        np.cos(damped) + damping * frequency / damped * np.sin(damped)
    )
    return abs(state[0] - exact)


@pytest.mark.parametrize("name", sorted(SECOND_ORDER))
def test_order_two(name: str) -> None:
    """Halving the step divides the error by four."""
    errors = [error(SECOND_ORDER[name], steps) for steps in (100, 200, 400)]
    rates = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(rates, 2.0, atol=0.06)


def test_backward_euler_is_of_order_one() -> None:
    """Halving the step halves the error."""
    rate = np.log2(error(BACKWARD_EULER, 2000) / error(BACKWARD_EULER, 4000))
    assert rate == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize("radius", [0.0, 0.5, 2.0 / 3.0, 1.0])
def test_spectral_radius(radius: float) -> None:
    """Stable for every step; infinite frequencies shrink by the given radius, slow ones not."""
    scheme = from_spectral_radius(radius)
    grown = [scheme.spectral_radius(10.0**power) for power in np.linspace(-3, 4, 60)]
    assert max(grown) <= 1.0 + 1e-9
    assert grown[0] == pytest.approx(1.0, abs=1e-6)
    # At radius 0 the limit is a triple root, which round-off splits.
    assert scheme.spectral_radius(1e5) == pytest.approx(radius, abs=2e-3 if radius else 0.05)


def test_the_benchmark_has_radius_two_thirds() -> None:
    """alpha_m 0.2 and alpha_f 0.4 with gamma 0.7 and beta 0.36 [Arostica2025]."""
    assert newmark(0.7, 0.36, 0.2, 0.4) == BENCHMARK
    same = from_spectral_radius(2.0 / 3.0)
    np.testing.assert_allclose(same.middle(0.3), BENCHMARK.middle(0.3), rtol=1e-12)


def test_the_trapezoidal_rule_keeps_energy() -> None:
    """u² ω² + v² of a free oscillator stays to round-off."""
    frequency, state = 0.7, np.array([1.0, 0.2, -0.49])
    grow = TRAPEZOIDAL.amplification(frequency)
    start = frequency**2 * state[0] ** 2 + state[1] ** 2
    for _ in range(1000):
        state = grow @ state
    assert frequency**2 * state[0] ** 2 + state[1] ** 2 == pytest.approx(start, rel=1e-10)


@pytest.mark.parametrize("scheme", [*SECOND_ORDER.values(), BACKWARD_EULER])
def test_rates_of_a_steady_motion_are_exact(scheme: Scheme) -> None:
    """Constant velocity: a rigid drift is no load, whatever the step."""
    step, speed = 0.37, 2.5
    ends = scheme.ends(step) @ [speed * step, speed, 0.0]
    np.testing.assert_allclose(ends, [speed, 0.0], atol=1e-12)
    middle = scheme.middle(step) @ [(1.0 - scheme.alpha_f) * speed * step, speed, 0.0]
    np.testing.assert_allclose(middle, [speed, 0.0], atol=1e-12)


def test_impossible_schemes_are_refused() -> None:
    """A share of 1 leaves nothing of the new state to solve for."""
    with pytest.raises(ParameterError, match="alpha_f"):
        newmark(0.5, 0.25, 0.0, 1.0)
    with pytest.raises(ParameterError, match="spectral radius"):
        from_spectral_radius(1.2)
    with pytest.raises(ParameterError, match="beta"):
        newmark(0.5, 0.0)
