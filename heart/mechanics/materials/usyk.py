"""Usyk's orthotropic exponential law [Usyk2000].

Ψ = C/2 (e^Q − 1), Q = Σ b_ij E_ij² over all ordered pairs of fibre, sheet and normal; a shear
strain is counted twice, as the paper's sum over ij and ji does.
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

SEEN = "as a public code quotes the paper"
PARAMETERS: Mapping[str, Parameter] = {
    "scale": Parameter(0.88, "kPa", 0.01, 100.0, "Usyk2000", f"C; {SEEN}"),
    "fibre": Parameter(5.0, "1", 0.0, 200.0, "Usyk2000", f"b_ff; {SEEN}"),
    "sheet": Parameter(6.0, "1", 0.0, 200.0, "Usyk2000", f"b_ss; {SEEN}"),
    "normal": Parameter(3.0, "1", 0.0, 200.0, "Usyk2000", f"b_nn; {SEEN}"),
    "fibre_sheet": Parameter(10.0, "1", 0.0, 200.0, "Usyk2000", f"b_fs; {SEEN}"),
    "fibre_normal": Parameter(2.0, "1", 0.0, 200.0, "Usyk2000", f"b_fn; {SEEN}"),
    "sheet_normal": Parameter(2.0, "1", 0.0, 200.0, "Usyk2000", f"b_sn; {SEEN}"),
}


@dataclass(frozen=True)
class Usyk:
    """Usyk's law; see `PARAMETERS`."""

    PARAMETERS: ClassVar[Mapping[str, Parameter]] = PARAMETERS

    scale: Expression = PARAMETERS["scale"].value
    fibre: Expression = PARAMETERS["fibre"].value
    sheet: Expression = PARAMETERS["sheet"].value
    normal: Expression = PARAMETERS["normal"].value
    fibre_sheet: Expression = PARAMETERS["fibre_sheet"].value
    fibre_normal: Expression = PARAMETERS["fibre_normal"].value
    sheet_normal: Expression = PARAMETERS["sheet_normal"].value

    def __post_init__(self) -> None:
        check_parameters(self)

    def energy(self, matrix: Expression, fibres: Expression, axes: Axes) -> Expression:  # noqa: ARG002
        """Return the energy in kPa."""
        E = green_lagrange(matrix)
        f, s, n = axes.fibre, axes.sheet, axes.normal
        along = (
            self.fibre * i8(E, f, f) ** 2
            + self.sheet * i8(E, s, s) ** 2
            + self.normal * i8(E, n, n) ** 2
        )
        slide = (
            self.fibre_sheet * i8(E, f, s) ** 2
            + self.fibre_normal * i8(E, f, n) ** 2
            + self.sheet_normal * i8(E, s, n) ** 2
        )
        return 0.5 * self.scale * (ufl.exp(along + 2.0 * slide) - 1.0)
