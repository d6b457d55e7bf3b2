"""What every passive law is: an energy of the deformation and of the muscle's axes.

Stresses are derivatives of the energy (UFL's), never typed. A law is handed two tensors, because
it is a modelling choice apart from the law which invariants lose their volume change: all of them,
only those of the matrix [Arostica2025], or none. A mixed formulation in which the law sees the
full C can jump to a spurious branch (docs/decisions), so the choice is explicit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
from typing import Any, ClassVar, Protocol

import ufl

from heart.core.parameters import Parameter
from heart.mechanics.axes import Axes
from heart.mechanics.kinematics import Expression, isochoric


class Split(Enum):
    """Which invariants are those of the isochoric C̄."""

    ISOCHORIC = "isochoric"
    MATRIX = "matrix"
    NONE = "none"


class Material(Protocol):
    """A hyperelastic law."""

    PARAMETERS: ClassVar[Mapping[str, Parameter]]

    def energy(self, matrix: Expression, fibres: Expression, axes: Axes) -> Expression:
        """Return the energy in kPa (= mJ/cm³); zero, with zero stress but pressure, at C = I.

        Parameters
        ----------
        matrix, fibres
            Right Cauchy–Green tensors for the isotropic part and for the invariants of axes.
        axes
            Unit vectors of the reference configuration.
        """


def passive_energy(material: Material, C: Expression, axes: Axes, split: Split) -> Expression:
    """Return the energy of `material` at C with the invariants that `split` names."""
    volume_free = isochoric(C)
    match split:
        case Split.ISOCHORIC:
            return material.energy(volume_free, volume_free, axes)
        case Split.MATRIX:
            return material.energy(volume_free, C, axes)
        case Split.NONE:
            return material.energy(C, C, axes)


def second_piola_kirchhoff(energy: Expression, C: Expression) -> Expression:
    """Return S = 2 ∂Ψ/∂C for an energy of ``C = ufl.variable(…)``, in kPa."""
    S = 2.0 * ufl.diff(energy, C)
    return 0.5 * (S + S.T)


def check_parameters(material: Any) -> None:
    """Refuse numbers outside their documented range; fields given as UFL are the caller's.

    Raises
    ------
    ParameterError
        A parameter is not plausible.
    """
    for item in fields(material):
        value = getattr(material, item.name)
        if isinstance(value, int | float) and item.name in material.PARAMETERS:
            material.PARAMETERS[item.name].check(
                float(value), name=f"{type(material).__name__}.{item.name}"
            )
