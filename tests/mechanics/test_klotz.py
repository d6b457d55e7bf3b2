"""The Klotz curve: what it has to go through, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from heart.core.errors import ParameterError
from heart.mechanics.klotz import MMHG, klotz_curve


@pytest.mark.parametrize("measured", [4.0, 8.0, 11.25, 20.0])
def test_the_curve_goes_through_the_measured_point(measured: float) -> None:
    """The image's own volume at its own pressure is on the curve, so that a fit keeps the image."""
    curve = klotz_curve(measured * MMHG, 120e3)
    assert float(curve.volume(measured * MMHG)) == pytest.approx(120e3, rel=1e-12)
    assert curve.rest == pytest.approx(120e3 * (0.6 - 0.006 * measured), rel=1e-12)


def test_pressure_and_volume_are_inverse_to_each_other() -> None:
    """From 2 to 30 mmHg; at 30 mmHg the normalised volume is (30/27.78)^(1/2.76) = 1.028."""
    curve = klotz_curve(10.0 * MMHG, 100.0)
    pressures = np.array([2.0, 5.0, 10.0, 15.0, 20.0, 30.0]) * MMHG
    volumes = curve.volume(pressures)
    np.testing.assert_allclose(curve.pressure(volumes), pressures, rtol=1e-12)
    assert (np.diff(volumes) > 0).all()
    share = (volumes[-1] - curve.rest) / (curve.thirty - curve.rest)
    assert share == pytest.approx(1.0282, abs=1e-4)
    assert float(curve.pressure(0.5 * curve.rest)) == 0.0


def test_a_published_example_by_hand() -> None:
    """P_m = 15 mmHg, V_m = 100 mL: V₀ = 51 mL; V₃₀ = 51 + 49/(15/27.78)^(1/2.76) = 112.26 mL."""
    curve = klotz_curve(15.0 * MMHG, 100.0)
    assert curve.rest == pytest.approx(51.0, abs=1e-9)
    assert curve.thirty == pytest.approx(112.26, abs=0.005)


def test_pressure_in_other_units_is_refused() -> None:
    """8 kPa is not an end-diastolic pressure, 8 mmHg is."""
    with pytest.raises(ParameterError, match="kPa"):
        klotz_curve(8.0, 100.0)
    with pytest.raises(ParameterError, match="positive volume"):
        klotz_curve(1.0, 0.0)
