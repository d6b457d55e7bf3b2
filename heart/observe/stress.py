"""Stresses of the whole model, at the quadrature points where they live.

S = 2 ∂Ψ/∂C of the potential that is solved with: passive law, volume term with its pressure, and
active tension; the viscous part where a rate is given. `projection` makes fields of them.
"""

from __future__ import annotations

import numpy as np
import ufl
from numpy.typing import NDArray

from heart.mechanics.axes import Axes
from heart.mechanics.kinematics import Expression, deformation_gradient, right_cauchy_green
from heart.mechanics.materials.law import second_piola_kirchhoff
from heart.mechanics.model import MechanicsModel
from heart.observe.wall_points import WallPoints

Float = NDArray[np.float64]


class Stresses:
    """Stresses at quadrature points for the present state; compiled once.

    Parameters
    ----------
    points
        Where.
    model
        As the problem has it (with its constants), so that a changed parameter is seen.
    axes
        Fibre, sheet, normal.
    u, p
        Displacement and pressure (None without) as UFL expressions.
    rate
        Velocity; the viscous stress is added where the model has one and this is given.
    """

    def __init__(
        self,
        points: WallPoints,
        model: MechanicsModel,
        axes: Axes,
        u: Expression,
        p: Expression | None,
        rate: Expression | None = None,
    ) -> None:
        self.points = points
        F = deformation_gradient(u)
        C = ufl.variable(right_cauchy_green(F))
        S = second_piola_kirchhoff(model.energy(C, axes, p), C)
        if rate is not None and model.viscosity is not None:
            S = S + model.viscosity.stress(F, ufl.grad(rate))
        self._stress = points.expression(S)
        self._fibre = points.evaluated(axes.fibre)

    def second_piola_kirchhoff(self) -> Float:
        """Return S (m, q, 3, 3) in kPa."""
        return self.points.values(self._stress)

    def cauchy(self) -> Float:
        """Return σ = F S Fᵀ/J (m, q, 3, 3) in kPa."""
        F = self.points.gradient()
        return F @ self.second_piola_kirchhoff() @ np.swapaxes(F, -1, -2) / _volume_ratio(F)

    def fibre(self) -> Float:
        """Return the Cauchy stress (m, q) in kPa along the deformed fibre."""
        F = self.points.gradient()
        a = np.einsum("mqij,mqj->mqi", F, self._fibre)
        a /= np.linalg.norm(a, axis=-1, keepdims=True)
        return np.asarray(np.einsum("mqi,mqij,mqj->mq", a, self.cauchy(), a))


def _volume_ratio(F: Float) -> Float:
    return np.linalg.det(F)[..., None, None]


def von_mises(stress: Float) -> Float:
    """Return √(3/2 dev σ : dev σ) of Cauchy stresses (…, 3, 3)."""
    mean = np.trace(stress, axis1=-2, axis2=-1)[..., None, None] / 3.0
    deviator = stress - mean * np.eye(3)
    return np.asarray(np.sqrt(1.5 * np.einsum("...ij,...ij->...", deviator, deviator)))
