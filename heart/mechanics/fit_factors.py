"""What a fit of passive parameters may change: factors on groups of a law's parameters.

One filling curve tells how stiff a law is and how fast it stiffens, and not the ratios between
fibre, sheet and normal; so all stiffnesses share a factor, and all exponents share another.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from heart.core.parameters import Parameter
from heart.mechanics.klotz import MMHG
from heart.mechanics.materials.fung import Fung
from heart.mechanics.materials.guccione import Guccione
from heart.mechanics.materials.holzapfel_ogden import HolzapfelOgden
from heart.mechanics.materials.usyk import Usyk

_WHY = "assumed"
ERROR = Parameter(0.05, "1", 1e-4, 0.5, _WHY, "largest error of a volume on the curve")
ITERATIONS = Parameter(12.0, "1", 1.0, 100.0, _WHY, "at most so many steps of the fit")
RANGE = Parameter(30.0, "1", 1.1, 1e3, _WHY, "largest factor on the law's start, and its inverse")
COMPARED = Parameter(10.0 * MMHG, "kPa", 0.1, 6.0, _WHY, "pressure at which volumes are compared")
PRESSURES = tuple(value * MMHG for value in (2.0, 5.0, 10.0, 15.0, 20.0, 30.0))
"""kPa; where volumes are compared."""


class Factor(Enum):
    """What is fitted: a factor on a group of the law's parameters."""

    STIFFNESS = "stiffness"
    EXPONENT = "exponent"


EXPONENTS: Mapping[type, tuple[str, ...]] = {
    Guccione: ("fibre", "transverse", "shear"),
    Usyk: ("fibre", "sheet", "normal", "fibre_sheet", "fibre_normal", "sheet_normal"),
    HolzapfelOgden: ("b", "b_f", "b_s", "b_fs"),
    Fung: ("volume", "isotropic", "fibre", "shear"),
}
"""Parameters that the exponents' factor multiplies; laws without have no such factor."""


def factors_of(law: type) -> tuple[Factor, ...]:
    """Return the factors that a law has."""
    return tuple(Factor) if law in EXPONENTS else (Factor.STIFFNESS,)


def multiplied(law: Any, factor: Factor) -> tuple[str, ...]:
    """Return the names of the parameters of a law (its class) that a factor multiplies."""
    if factor is Factor.EXPONENT:
        return EXPONENTS.get(law, ())
    return tuple(name for name, one in law.PARAMETERS.items() if one.unit == "kPa")
