"""The muscle as a mechanical model: a passive law and what is added to it."""

from __future__ import annotations

from dataclasses import dataclass

import ufl

from heart.core.parameters import Parameter
from heart.mechanics.active import ActiveStress
from heart.mechanics.axes import Axes
from heart.mechanics.compressibility import Compressibility, Incompressible
from heart.mechanics.kinematics import Expression
from heart.mechanics.materials.law import Material, Split, passive_energy
from heart.mechanics.viscosity import KelvinVoigt

DENSITY = Parameter(1.06, "mg/mm^3", 0.5, 2.0, "assumed", "muscle: 1.06 g/mL")


@dataclass(frozen=True)
class MechanicsModel:
    """Passive law, compressibility, and optionally tension, viscosity and inertia.

    Attributes
    ----------
    split
        Which invariants of the passive law are isochoric.
    density
        mg/mm³; None leaves inertia out (quasi-static).
    """

    material: Material
    compressibility: Compressibility = Incompressible()  # noqa: RUF009
    active: ActiveStress | None = None
    viscosity: KelvinVoigt | None = None
    density: float | None = None
    split: Split = Split.ISOCHORIC

    def __post_init__(self) -> None:
        if self.density is not None:
            DENSITY.check(self.density, name="density")

    def energy(self, C: Expression, axes: Axes, pressure: Expression | None = None) -> Expression:
        """Return the potential in kPa: passive, volumetric and active at fixed tension.

        Parameters
        ----------
        C
            Right Cauchy–Green tensor.
        axes
            Fibre, sheet, normal.
        pressure
            The unknown of an incompressible model.
        """
        J = ufl.sqrt(ufl.det(C))
        total = passive_energy(self.material, C, axes, self.split)
        if isinstance(self.compressibility, Incompressible):
            if pressure is not None:
                total = total + self.compressibility.energy(J, pressure)
        else:
            total = total + self.compressibility.energy(J)
        if self.active is not None:
            total = total + self.active.energy(C, axes)
        return total
