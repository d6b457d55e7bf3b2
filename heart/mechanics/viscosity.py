"""Kelvin–Voigt viscosity: a dissipation potential of the strain rate [Arostica2025]."""

from __future__ import annotations

from dataclasses import dataclass

import ufl

from heart.core.parameters import Parameter
from heart.mechanics.kinematics import Expression

VISCOSITY = Parameter(
    100.0, "kPa ms", 0.0, 1e5, "Arostica2025", "η of the potential η/2 tr(Ė²): 100 Pa s"
)


@dataclass(frozen=True)
class KelvinVoigt:
    """S = η Ė."""

    viscosity: float = VISCOSITY.value

    def __post_init__(self) -> None:
        VISCOSITY.check(self.viscosity, name="viscosity")

    def stress(self, F: Expression, rate: Expression) -> Expression:
        """Return S = η Ė in kPa for the deformation gradient F and its rate Ḟ."""
        return self.viscosity * 0.5 * (rate.T * F + F.T * rate)

    def power(self, F: Expression, rate: Expression) -> Expression:
        """Return the power that is lost, η Ė:Ė ≥ 0, in kPa/ms."""
        E = 0.5 * (rate.T * F + F.T * rate)
        return self.viscosity * ufl.inner(E, E)
