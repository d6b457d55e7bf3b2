"""How the muscle resists a change of volume: not at all by energy, or by a penalty.

True incompressibility is a constraint with the pressure as its multiplier, Ψ = p (J − 1); the
perturbed form p (J − 1) − p²/2κ makes the same mixed problem nearly incompressible. An energy U(J)
beside the multiplier changes no exact solution, for there J = 1; but linear elements keep J = 1 in
the mean of neighbours only, and it keeps them from squeezing one cell for the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import ufl

from heart.core.parameters import Parameter
from heart.mechanics.kinematics import Expression

BULK = Parameter(1000.0, "kPa", 1.0, 1e7, "Arostica2025", "bulk modulus κ of the penalty: 1e6 Pa")

AUGMENTATION = Parameter(
    0.0, "kPa", 0.0, 1e4, "assumed", "modulus of U(J) beside the pressure; some shear moduli"
)


class VolumeLaw(Enum):
    """Penalty U(J), zero with zero slope at J = 1 and curvature κ there."""

    LOGARITHMIC = "κ/4 (J² − 1 − 2 ln J)"
    QUADRATIC = "κ/2 (J − 1)²"


@dataclass(frozen=True)
class Incompressible:
    """J = 1 by a pressure unknown; nearly so where a bulk modulus is given.

    Attributes
    ----------
    augmentation
        Modulus in kPa of an energy U(J) in addition, as of a penalty.
    """

    bulk_modulus: float | None = None
    augmentation: float = AUGMENTATION.value

    def __post_init__(self) -> None:
        if self.bulk_modulus is not None:
            BULK.check(self.bulk_modulus, name="bulk modulus")
        AUGMENTATION.check(self.augmentation, name="augmentation")

    def energy(self, J: Expression, pressure: Expression) -> Expression:
        """Return p (J − 1), less p²/2κ when nearly incompressible; p > 0 is tension."""
        constraint = pressure * (J - 1.0)
        if self.augmentation > 0.0:
            # Terms that are not there need not be compiled.
            constraint = constraint + _logarithmic(self.augmentation, J)
        if self.bulk_modulus is None:
            return constraint
        return constraint - pressure**2 / (2.0 * self.bulk_modulus)


@dataclass(frozen=True)
class Penalty:
    """An energy U(J) without a pressure unknown."""

    bulk_modulus: float = BULK.value
    law: VolumeLaw = VolumeLaw.LOGARITHMIC

    def __post_init__(self) -> None:
        BULK.check(self.bulk_modulus, name="bulk modulus")

    def energy(self, J: Expression) -> Expression:
        """Return U(J) in kPa."""
        match self.law:
            case VolumeLaw.LOGARITHMIC:
                return _logarithmic(self.bulk_modulus, J)
            case VolumeLaw.QUADRATIC:
                return 0.5 * self.bulk_modulus * (J - 1.0) ** 2


def _logarithmic(modulus: float, J: Expression) -> Expression:
    return 0.25 * modulus * (J**2 - 1.0 - 2.0 * ufl.ln(J))


Compressibility = Incompressible | Penalty
