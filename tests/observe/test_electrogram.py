"""Electrograms obey what every mapping system relies on."""

from __future__ import annotations

import numpy as np
import pytest

from heart.anatomy.idealised import slab
from heart.core.errors import ParameterError
from heart.observe.electrogram import Electrograms, electrogram_weights


@pytest.fixture(scope="module")
def strip():
    return slab((20.0, 4.0, 2.0), 1.0)


def waves(mesh, positions):
    """A plane wave of 0.6 mm/ms along x, with an upstroke 1.5 mm wide."""
    sigma = np.tile(0.2 * np.eye(3), (len(mesh.cells), 1, 1))
    weights = electrogram_weights(mesh.points, mesh.cells, sigma, positions)
    times = np.arange(0.0, 45.0, 0.25)
    phase = 0.6 * times[:, None] - 4.0 - mesh.points[:, 0]
    voltage = -85.0 + 110.0 / (1.0 + np.exp(-phase / 0.7))
    return Electrograms(times, weights @ voltage.T)


def test_uniform_potential_is_silent(strip) -> None:
    """Only differences of potential drive current; a resting heart has no electrogram."""
    sigma = np.tile(0.2 * np.eye(3), (len(strip.cells), 1, 1))
    weights = electrogram_weights(strip.points, strip.cells, sigma, np.array([[10.0, 2.0, 4.0]]))
    assert abs(weights.sum()) < 1e-12 * np.abs(weights).sum()


def test_far_dipole_has_the_closed_form() -> None:
    """A linear potential is a uniform dipole density: far away it is one dipole, p·r/4πσr³."""
    mesh = slab((2.0, 2.0, 2.0), 0.5)
    sigma = np.tile(0.3 * np.eye(3), (len(mesh.cells), 1, 1))
    place = np.array([[61.0, 1.0, 1.0]])
    weights = electrogram_weights(mesh.points, mesh.cells, sigma, place, bath=1.5)
    dipole = -0.3 * 5.0 * 8.0
    expected = dipole / (4.0 * np.pi * 1.5 * 60.0**2)
    assert (weights @ (5.0 * mesh.points[:, 0]))[0] == pytest.approx(expected, rel=1e-3)


def test_start_is_negative_end_is_positive_middle_is_biphasic(strip) -> None:
    """QS where the wave starts, R where it ends, RS where it passes: the sign convention."""
    signals = waves(strip, np.array([[0.0, 2.0, 3.0], [10.0, 2.0, 3.0], [20.0, 2.0, 3.0]]))
    start, middle, end = signals.signals
    assert start.min() < 0.0
    assert -start.min() > 3.0 * start.max()
    assert end.max() > 3.0 * -end.min()
    assert middle.max() > 0.4 * -middle.min()
    assert -middle.min() > 0.4 * middle.max()


def test_steepest_descent_marks_the_passage_and_pairs_subtract(strip) -> None:
    """Mapping systems read local activation from −dV/dt: a wave of 0.6 mm/ms gives it back."""
    places = np.array([[6.0, 2.0, 3.0], [9.0, 2.0, 3.0], [12.0, 2.0, 3.0]])
    signals = waves(strip, places)
    passage = signals.local_activation()
    np.testing.assert_allclose(np.diff(passage), 3.0 / 0.6, atol=0.5)
    np.testing.assert_allclose(passage, (places[:, 0] + 4.0) / 0.6, atol=1.0)
    pair = signals.bipolar([(0, 2)])
    np.testing.assert_allclose(pair.signals[0], signals.signals[0] - signals.signals[2])


def test_positions_must_be_points(strip) -> None:
    """Two numbers are no place."""
    sigma = np.zeros((len(strip.cells), 3, 3))
    with pytest.raises(ParameterError, match="three finite numbers"):
        electrogram_weights(strip.points, strip.cells, sigma, np.array([[1.0, 2.0]]))
