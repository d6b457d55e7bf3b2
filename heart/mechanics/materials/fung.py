"""Fung's exponential of a transversely isotropic quadratic form of the strain.

Ψ = C/2 (e^Q − 1), Q = b₁ (tr E)² + b₂ E:E + b₃ E_ff² + b₄ (E_fs² + E_fn²): every quadratic
invariant of strain and fibre but tr E·E_ff. Guccione's law is the case b₁ = 0, b₂ = b_t,
b₃ = b_f − b_t, b₄ = 2 (b_fs − b_t), which is how it is tested.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import ufl

from heart.core.parameters import Parameter
from heart.mechanics.axes import Axes
from heart.mechanics.kinematics import Expression, green_lagrange, i8
from heart.mechanics.materials.law import check_parameters

PARAMETERS: Mapping[str, Parameter] = {
    "scale": Parameter(1.0, "kPa", 0.01, 100.0, "assumed", "C: stiffness of the whole curve"),
    "volume": Parameter(0.0, "1", 0.0, 200.0, "assumed", "b₁: change of volume"),
    "isotropic": Parameter(4.0, "1", 0.0, 200.0, "assumed", "b₂: any strain"),
    "fibre": Parameter(8.0, "1", -200.0, 200.0, "assumed", "b₃: what the fibre adds along itself"),
    "shear": Parameter(2.0, "1", -200.0, 200.0, "assumed", "b₄: what it adds to shear"),
}


@dataclass(frozen=True)
class Fung:
    """Fung's transversely isotropic law; see `PARAMETERS`."""

    PARAMETERS: ClassVar[Mapping[str, Parameter]] = PARAMETERS

    scale: Expression = PARAMETERS["scale"].value
    volume: Expression = PARAMETERS["volume"].value
    isotropic: Expression = PARAMETERS["isotropic"].value
    fibre: Expression = PARAMETERS["fibre"].value
    shear: Expression = PARAMETERS["shear"].value

    def __post_init__(self) -> None:
        check_parameters(self)

    def energy(self, matrix: Expression, fibres: Expression, axes: Axes) -> Expression:  # noqa: ARG002
        """Return the energy in kPa."""
        E = green_lagrange(matrix)
        f, s, n = axes.fibre, axes.sheet, axes.normal
        slide = i8(E, f, s) ** 2 + i8(E, f, n) ** 2
        Q = (
            self.volume * ufl.tr(E) ** 2
            + self.isotropic * ufl.inner(E, E)
            + self.fibre * i8(E, f, f) ** 2
            + self.shear * slide
        )
        return 0.5 * self.scale * (ufl.exp(Q) - 1.0)
