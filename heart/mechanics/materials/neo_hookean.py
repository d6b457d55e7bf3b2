"""Neo-Hookean solid: the isotropic law for checks against closed forms, and for scars' matrix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from heart.core.parameters import Parameter
from heart.mechanics.axes import Axes
from heart.mechanics.kinematics import Expression, i1
from heart.mechanics.materials.law import check_parameters

PARAMETERS: Mapping[str, Parameter] = {
    "shear_modulus": Parameter(15.0, "kPa", 0.01, 1e5, "assumed", "µ of Ψ = µ/2 (I₁ − 3)"),
}


@dataclass(frozen=True)
class NeoHookean:
    """Ψ = µ/2 (I₁ − 3)."""

    PARAMETERS: ClassVar[Mapping[str, Parameter]] = PARAMETERS

    shear_modulus: Expression = PARAMETERS["shear_modulus"].value

    def __post_init__(self) -> None:
        check_parameters(self)

    def energy(self, matrix: Expression, fibres: Expression, axes: Axes) -> Expression:  # noqa: ARG002
        """Return the energy in kPa; the axes play no part."""
        return 0.5 * self.shear_modulus * (i1(matrix) - 3.0)
