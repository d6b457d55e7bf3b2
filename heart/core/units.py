"""Units at the border only: text with a unit in, plain floats in internal units out.

Internal units are fixed (mm, ms, mV, kPa, mg, then mS/mm for conductivity), so no value inside
the program carries one. A bare number where a unit is due is an error that names the unit:
guessing is how 65 cm/s becomes 65 m/s.
"""

from __future__ import annotations

import math
import re
from functools import cache
from tokenize import TokenError
from typing import TYPE_CHECKING

from heart.core.errors import UnitError

if TYPE_CHECKING:
    from pint import UnitRegistry


NUMBER_AND_UNIT = re.compile(
    r"^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-z%°µμ][\w%°µμ²³·*/^ ()-]*|)\s*$"
)
"""A number, then letters: pint would also evaluate expressions, which no value needs."""


@cache
def registry() -> UnitRegistry:
    """Return the one unit registry of the process."""
    import pint

    units = pint.UnitRegistry(autoconvert_offset_to_baseunit=False)
    units.define("mmHg = 133.322387415 * pascal = _ = millimeter_Hg")
    return units


def parse(text: object, unit: str, *, where: str = "") -> float:
    """Convert a text such as ``"0.65 m/s"`` to a float in the internal `unit`.

    Parameters
    ----------
    text
        What the user wrote; only text with a unit is accepted (plain 0 has no unit to be wrong).
    unit
        Internal unit, e.g. ``"mm/ms"``; its dimension is what the text must have.
    where
        File and line or key, for the message.

    Returns
    -------
    float
        Value in `unit`.

    Raises
    ------
    UnitError
        Missing unit, unknown unit, wrong dimension, or not a finite number.
    """
    import pint

    example = f'text with a unit convertible to {unit}, e.g. "1 {unit}"'
    if isinstance(text, bool) or not isinstance(text, str):
        raise UnitError(
            f"{text!r} has no unit", where=where, expected=example, fix="write value and unit"
        )
    match = NUMBER_AND_UNIT.match(text)
    if match is None:
        comma = ", with a decimal point" if "," in text else ""
        raise UnitError(
            f"cannot read {text[:60]!r} as value and unit", where=where, expected=example + comma
        )
    number, name = float(match[1]), match[2].strip()
    if not name and number == 0.0:
        return 0.0
    try:
        quantity = registry().Quantity(number, name or "dimensionless")
    except (pint.PintError, ValueError, TypeError, SyntaxError, AttributeError, TokenError) as bad:
        raise UnitError(f"{text!r}: {name!r} is not a unit", where=where, expected=example) from bad
    if quantity.unitless and unit not in ("", "dimensionless"):
        raise UnitError(f"{text!r} has no unit", where=where, expected=example)
    try:
        value = float(quantity.to(unit or "dimensionless").magnitude)
    except pint.DimensionalityError as error:
        raise UnitError(
            f"{text!r} has the wrong dimension", where=where, expected=example
        ) from error
    if not math.isfinite(value):
        raise UnitError(f"{text!r} is not finite", where=where, expected=example)
    return value


def show(value: float, internal: str, shown: str) -> str:
    """Format an internal `value` in the unit that a reader expects."""
    quantity = registry().Quantity(value, internal).to(shown)
    return f"{quantity.magnitude:.4g} {shown}"
