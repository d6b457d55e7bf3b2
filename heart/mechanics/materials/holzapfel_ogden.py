"""The orthotropic law of Holzapfel and Ogden [HolzapfelOgden2009], with optional dispersion.

Ψ = a/2b (e^{b(I₁−3)} − 1) + Σ_{i=f,s} a_i/2b_i H(E_i) (e^{b_i E_i²} − 1)
    + a_fs/2b_fs (e^{b_fs I₈fs²} − 1),    E_i = κ_i (I₁ − 3) + (1 − 3κ_i)(I₄i − 1).

Fibres and sheets bear no load in compression. H is the logistic function of steepness `switch`,
as in the elastodynamics benchmark [Arostica2025], because a jump in stiffness at I₄ = 1 spoils
Newton's method; κ is the dispersion of [Gasser2006], 0 for parallel fibres and 1/3 for none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import ufl

from heart.core.parameters import Parameter
from heart.mechanics.axes import Axes
from heart.mechanics.kinematics import Expression, i1, i4, i8
from heart.mechanics.materials.law import check_parameters

_SOURCE = "Arostica2025"
PARAMETERS: Mapping[str, Parameter] = {
    "a": Parameter(0.059, "kPa", 1e-4, 50.0, _SOURCE, "matrix: stiffness"),
    "b": Parameter(8.023, "1", 0.01, 100.0, _SOURCE, "matrix: exponent"),
    "a_f": Parameter(18.472, "kPa", 0.0, 200.0, _SOURCE, "fibre: stiffness"),
    "b_f": Parameter(16.026, "1", 0.01, 100.0, _SOURCE, "fibre: exponent"),
    "a_s": Parameter(2.481, "kPa", 0.0, 200.0, _SOURCE, "sheet: stiffness"),
    "b_s": Parameter(11.120, "1", 0.01, 100.0, _SOURCE, "sheet: exponent"),
    "a_fs": Parameter(0.216, "kPa", 0.0, 50.0, _SOURCE, "fibre–sheet shear: stiffness"),
    "b_fs": Parameter(11.436, "1", 0.01, 100.0, _SOURCE, "fibre–sheet shear: exponent"),
    "dispersion_f": Parameter(0.0, "1", 0.0, 1.0 / 3.0, "Gasser2006", "κ of the fibres"),
    "dispersion_s": Parameter(0.0, "1", 0.0, 1.0 / 3.0, "Gasser2006", "κ of the sheets"),
    "switch": Parameter(100.0, "1", 1.0, 1e4, _SOURCE, "steepness of the tension switch"),
}


@dataclass(frozen=True)
class HolzapfelOgden:
    """Holzapfel and Ogden's law; see `PARAMETERS`."""

    PARAMETERS: ClassVar[Mapping[str, Parameter]] = PARAMETERS

    a: Expression = PARAMETERS["a"].value
    b: Expression = PARAMETERS["b"].value
    a_f: Expression = PARAMETERS["a_f"].value
    b_f: Expression = PARAMETERS["b_f"].value
    a_s: Expression = PARAMETERS["a_s"].value
    b_s: Expression = PARAMETERS["b_s"].value
    a_fs: Expression = PARAMETERS["a_fs"].value
    b_fs: Expression = PARAMETERS["b_fs"].value
    dispersion_f: Expression = PARAMETERS["dispersion_f"].value
    dispersion_s: Expression = PARAMETERS["dispersion_s"].value
    switch: Expression = PARAMETERS["switch"].value

    def __post_init__(self) -> None:
        check_parameters(self)

    def energy(self, matrix: Expression, fibres: Expression, axes: Axes) -> Expression:
        """Return the energy in kPa."""
        stretch = i1(matrix) - 3.0
        shear = i8(fibres, axes.fibre, axes.sheet)
        return (
            self.a / (2.0 * self.b) * (ufl.exp(self.b * stretch) - 1.0)
            + self._family(self.a_f, self.b_f, self.dispersion_f, stretch, i4(fibres, axes.fibre))
            + self._family(self.a_s, self.b_s, self.dispersion_s, stretch, i4(fibres, axes.sheet))
            + self.a_fs / (2.0 * self.b_fs) * (ufl.exp(self.b_fs * shear**2) - 1.0)
        )

    def _family(
        self, a: Expression, b: Expression, kappa: Expression, stretch: Expression, i4i: Expression
    ) -> Expression:
        strain = kappa * stretch + (1.0 - 3.0 * kappa) * (i4i - 1.0)
        tense = 1.0 / (1.0 + ufl.exp(-self.switch * strain))
        return a / (2.0 * b) * tense * (ufl.exp(b * strain**2) - 1.0)


TRANSVERSELY_ISOTROPIC = HolzapfelOgden(
    a=2.28, b=9.726, a_f=1.685, b_f=15.779, a_s=0.0, b_s=1.0, a_fs=0.0, b_fs=1.0
)
"""Fit to biaxial tests of canine muscle [HolzapfelOgden2009]; no sheets."""
