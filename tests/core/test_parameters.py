"""A parameter outside its range is refused, and a likely unit mistake is named."""

import math

import pytest

from heart.core.errors import ParameterError
from heart.core.parameters import Parameter

SPEED = Parameter(0.65, "mm/ms", 0.2, 1.5, "Taggart2000", "along the fibre")


def test_a_default_outside_its_own_range_cannot_exist():
    """The registry itself is checked when it is written, not when it is used."""
    with pytest.raises(ParameterError):
        Parameter(2.0, "mm/ms", 0.2, 1.5, "assumed")


@pytest.mark.parametrize(
    ("value", "hint"),
    [(65.0, "100 times too large"), (6.5, "10 times too large"), (6.5e-4, "1000 times too small")],
)
def test_a_factor_of_ten_names_the_unit_as_the_likely_cause(value, hint):
    """65 for 0.65 m/s is centimetres per second: the message must say so."""
    with pytest.raises(ParameterError, match=hint):
        SPEED.check(value, name="fibre speed")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0, -0.65])
def test_what_cannot_be_is_refused(value):
    """NaN compares false with everything and would slip through a naive range check."""
    with pytest.raises(ParameterError):
        SPEED.check(value)


def test_the_bounds_belong_to_the_range():
    """Closed interval: what the documentation prints is allowed."""
    assert SPEED.check(0.2) == 0.2
    assert SPEED.check(1.5) == 1.5
