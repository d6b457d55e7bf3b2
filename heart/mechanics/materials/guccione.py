"""Guccione's transversely isotropic exponential law [Guccione1995].

Ψ = C/2 (e^Q − 1),
Q = b_f E_ff² + b_t (E_ss² + E_nn² + 2 E_sn²) + 2 b_fs (E_fs² + E_fn²).
It is the law of the mechanics benchmark [Land2015].
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
    "scale": Parameter(2.0, "kPa", 0.01, 100.0, "Land2015", "C: stiffness of the whole curve"),
    "fibre": Parameter(8.0, "1", 0.0, 200.0, "Land2015", "b_f: along the fibre"),
    "transverse": Parameter(2.0, "1", 0.0, 200.0, "Land2015", "b_t: across the fibre"),
    "shear": Parameter(4.0, "1", 0.0, 200.0, "Land2015", "b_fs: shear between fibre and the rest"),
}


@dataclass(frozen=True)
class Guccione:
    """Guccione's law; see `PARAMETERS`."""

    PARAMETERS: ClassVar[Mapping[str, Parameter]] = PARAMETERS

    scale: Expression = PARAMETERS["scale"].value
    fibre: Expression = PARAMETERS["fibre"].value
    transverse: Expression = PARAMETERS["transverse"].value
    shear: Expression = PARAMETERS["shear"].value

    def __post_init__(self) -> None:
        check_parameters(self)

    def energy(self, matrix: Expression, fibres: Expression, axes: Axes) -> Expression:  # noqa: ARG002
        """Return the energy in kPa."""
        E = green_lagrange(matrix)
        f, s, n = axes.fibre, axes.sheet, axes.normal
        across = i8(E, s, s) ** 2 + i8(E, n, n) ** 2 + 2.0 * i8(E, s, n) ** 2
        slide = i8(E, f, s) ** 2 + i8(E, f, n) ** 2
        Q = self.fibre * i8(E, f, f) ** 2 + self.transverse * across + 2.0 * self.shear * slide
        return 0.5 * self.scale * (ufl.exp(Q) - 1.0)
