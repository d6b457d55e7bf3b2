"""The benchmark's loading curves: a wrong load makes every other comparison worthless."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from heart.core.errors import ParameterError
from heart.mechanics.curves import LEFT_OF_TWO, RIGHT_OF_TWO, Curve, PressureLaw, TensionLaw

TABLE = (
    Path(__file__).parents[2] / "heart/study/verification/refdata/arostica2025_loading_curves.csv"
)
LAWS = {
    "tau_Pa_sigma0_1.5e5": TensionLaw(),
    "tau_Pa_sigma0_1e5": TensionLaw(strength=100.0),
    "tau_Pa_sigma0_2e5": TensionLaw(strength=200.0),
    "p_mono_Pa": PressureLaw(),
    "pLV_biv_Pa": LEFT_OF_TWO,
    "pRV_biv_Pa": RIGHT_OF_TWO,
}


def column(name: str) -> tuple[np.ndarray, np.ndarray]:
    with TABLE.open() as lines:
        rows = [(float(row["t_s"]), float(row[name])) for row in csv.DictReader(lines)]
    times, values = np.array(rows).T
    return 1000.0 * times, values / 1000.0


@pytest.mark.parametrize("name", sorted(LAWS))
def test_a_curve_is_the_tabled_one(name: str) -> None:
    """Against the table, to a thousandth of the peak at all times and of the value above 1 %."""
    times, expected = column(name)
    ours = Curve(LAWS[name]).at(times)
    peak = expected.max()
    np.testing.assert_allclose(ours, expected, rtol=0.0, atol=1e-3 * peak)
    seen = expected > 0.01 * peak
    np.testing.assert_allclose(ours[seen], expected[seen], rtol=1e-3)


def test_a_curve_solves_its_equation() -> None:
    """Central differences of the solution against the law's own terms, off the switches."""
    law = PressureLaw()
    curve = Curve(law, 400.0)
    times, h = np.linspace(200.0, 380.0, 19), 1e-2
    slope = (curve.at(times + h) - curve.at(times - h)) / (2.0 * h)
    rate, source = law.terms(times)
    np.testing.assert_allclose(slope, source - rate * curve.at(times), rtol=1e-4, atol=1e-7)


def test_a_curve_refuses_what_it_does_not_know() -> None:
    """Times past the end, a tension in Pa and an end before the begin are named."""
    with pytest.raises(ParameterError, match="at most 10 ms"):
        Curve(TensionLaw(), 10.0).at([5.0, 11.0])
    with pytest.raises(ParameterError, match="1000 times too large"):
        TensionLaw(strength=150e3)
    with pytest.raises(ParameterError, match="end after the begin"):
        PressureLaw(begin=500.0)
