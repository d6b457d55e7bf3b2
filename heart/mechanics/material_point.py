"""A law at one point: stresses for given deformation gradients, without a mesh of the heart.

The form compiler evaluates the same UFL that the problems use, so what is checked here against
closed forms and finite differences is what runs.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import basix.ufl
import numpy as np
import ufl
from dolfinx import fem
from dolfinx.mesh import create_mesh
from mpi4py import MPI
from numpy.typing import NDArray

from heart.core.errors import ParameterError
from heart.mechanics.axes import Axes
from heart.mechanics.kinematics import right_cauchy_green
from heart.mechanics.materials.law import second_piola_kirchhoff
from heart.mechanics.model import MechanicsModel

Float = NDArray[np.float64]


class MaterialPoint:
    """Evaluates a model at deformation gradients given as arrays.

    Parameters
    ----------
    model
        Without pressure unknown: an incompressible model gives the stress but for −pI.
    axes
        (3, 3) rows fibre, sheet, normal; the coordinate axes by default.
    """

    def __init__(self, model: MechanicsModel, axes: Float | None = None) -> None:
        corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], float)
        element = basix.ufl.element("Lagrange", "tetrahedron", 1, shape=(3,))
        self._mesh = create_mesh(MPI.COMM_SELF, np.array([[0, 1, 2, 3]]), element, corners)
        rows = np.eye(3) if axes is None else np.asarray(axes, float)
        fibre, sheet, normal = (fem.Constant(self._mesh, row.copy()) for row in rows)
        self._F = fem.Constant(self._mesh, np.eye(3))
        C = ufl.variable(right_cauchy_green(self._F))
        self._energy_form = model.energy(C, Axes(fibre, sheet, normal))
        self._stress_form = second_piola_kirchhoff(self._energy_form, C)

    @cached_property
    def _energy(self) -> Any:
        return self._compiled(self._energy_form)

    @cached_property
    def _stress(self) -> Any:
        return self._compiled(self._stress_form)

    def _compiled(self, form: Any) -> Any:
        return fem.Expression(form, np.array([[0.25, 0.25, 0.25]]), comm=MPI.COMM_SELF)

    def _at(self, expression: Any, gradients: Float, shape: tuple[int, ...]) -> Float:
        points = np.asarray(gradients, float).reshape(-1, 3, 3)
        if not np.isfinite(points).all() or (np.linalg.det(points) <= 0).any():
            raise ParameterError(
                "a deformation gradient is not finite or turns the body inside out"
            )
        values = []
        for F in points:
            self._F.value[:] = F
            values.append(expression.eval(self._mesh, np.array([0], np.int32)).reshape(shape))
        return np.array(values)

    def energy(self, gradients: Float) -> Float:
        """Return Ψ (k,) in kPa for F (k, 3, 3)."""
        return self._at(self._energy, gradients, ())

    def second_piola_kirchhoff(self, gradients: Float) -> Float:
        """Return S (k, 3, 3) in kPa for F (k, 3, 3)."""
        return self._at(self._stress, gradients, (3, 3))

    def cauchy(self, gradients: Float) -> Float:
        """Return σ = F S Fᵀ / J (k, 3, 3) in kPa for F (k, 3, 3)."""
        F = np.asarray(gradients, float).reshape(-1, 3, 3)
        S = self.second_piola_kirchhoff(F)
        return np.asarray(np.einsum("kia,kab,kjb->kij", F, S, F)) / np.linalg.det(F)[:, None, None]
