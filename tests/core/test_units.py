"""Units are parsed at the border, strictly: a guessed unit is a wrong answer in silence."""

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heart.core import units
from heart.core.errors import UnitError


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("0.65 m/s", "mm/ms", 0.65),
        ("65 cm/s", "mm/ms", 0.65),
        ("120 mmHg", "kPa", 15.9986864898),
        ("0.17 S/m", "mS/mm", 0.17),
        ("133 mL", "mm**3", 133000.0),
        ("1e-3 s", "ms", 1.0),
        ("60 degree", "radian", math.pi / 3),
        ("-80 ms", "ms", -80.0),
    ],
)
def test_text_becomes_internal_value(text, unit, value):
    """The same quantity in any unit is the same number inside."""
    assert units.parse(text, unit) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    "text",
    [0.65, 65, "0.65", "", "fast", "0.65 m", "0.65 parsec/s/s", "nan m/s", "inf m/s", None, True,
     "__import__('os')", "1;2 m/s", "0,65 m/s", "[1,2] m/s", "m/s m/s /"],
)  # fmt: skip
def test_anything_else_is_a_unit_error(text):
    """Bare numbers, wrong dimensions, nonsense and code are refused with the expected unit."""
    with pytest.raises(UnitError) as caught:
        units.parse(text, "mm/ms", where="case.yaml:3")
    assert caught.value.exit_code == 13
    assert "mm/ms" in str(caught.value)
    assert str(caught.value).startswith("case.yaml:3")
    assert "\n" not in str(caught.value)


@given(st.floats(1e-3, 1e3))
def test_show_and_parse_are_inverse(value):
    """What is printed can be read back to the digits that were printed."""
    assert units.parse(units.show(value, "mm/ms", "m/s"), "mm/ms") == pytest.approx(value, rel=1e-3)


@given(st.text(max_size=30))
def test_no_text_escapes_as_another_exception(text):
    """A user's typing must never end in a traceback from a library."""
    with contextlib.suppress(UnitError):
        assert math.isfinite(units.parse(text, "ms"))
