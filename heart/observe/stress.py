"""Stresses of the whole model, and fields of them that keep their integrals.

S = 2 ∂Ψ/∂C of the potential that is solved with: passive law, volume term with its pressure, and
active tension; the viscous part where a rate is given. Stresses live at quadrature points. For
output they are projected in L2 with the weights of that rule: cell by cell on discontinuous
polynomials (exact on them, needs no solve), or on continuous P1 with the consistent mass matrix.
Interpolating them at nodes instead would be wrong by as much as they jump there.
"""

from __future__ import annotations

from typing import Any

import basix
import numpy as np
import ufl
from dolfinx import fem
from dolfinx.fem import petsc as fem_petsc
from numpy.typing import NDArray
from petsc4py import PETSc

from heart.mechanics.axes import Axes
from heart.mechanics.kinematics import Expression, deformation_gradient, right_cauchy_green
from heart.mechanics.materials.law import second_piola_kirchhoff
from heart.mechanics.model import MechanicsModel
from heart.numerics.ksp import LinearSolver
from heart.numerics.newton import compiled
from heart.numerics.profiles import load
from heart.observe.wall_points import WallPoints

Float = NDArray[np.float64]

MASS = "mass_jacobi"


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


class CellProjection:
    """L2 projection on discontinuous polynomials: exact on them, keeps the integral of each cell.

    Parameters
    ----------
    points
        Its quadrature is that of the mass matrix and of the right-hand side.
    degree
        Of the polynomials: 0 are cell means, 1 the four corners of each cell.
    """

    def __init__(self, points: WallPoints, degree: int = 1) -> None:
        self.points = points
        cell = points.space.mesh.basix_cell()
        self.element = basix.create_element(
            basix.ElementFamily.P, cell, degree, basix.LagrangeVariant.equispaced,
            basix.DPCVariant.unset, discontinuous=True,
        )  # fmt: skip
        self._basis = self.element.tabulate(0, points.rule)[0, :, :, 0]
        mass = np.einsum("mq,qi,qj->mij", points.volume, self._basis, self._basis)
        load = points.volume[:, None, :] * self._basis.T
        self._projector = np.linalg.solve(mass, load)

    def project(self, values: Float) -> Float:
        """Return coefficients (m, k, …) of values (m, q, …) at the points of the element."""
        return np.asarray(np.einsum("mkq,mq...->mk...", self._projector, values))

    def at_points(self, coefficients: Float) -> Float:
        """Return the projected field (m, q, …) at the quadrature points."""
        return np.asarray(np.einsum("qk,mk...->mq...", self._basis, coefficients))


class NodalProjection:
    """L2 projection on continuous P1 with the consistent mass matrix, factor-free and reused."""

    def __init__(self, points: WallPoints) -> None:
        self.points = points
        mesh = points.space.mesh
        self.space: Any = fem.functionspace(mesh, ("Lagrange", 1))
        test, trial = ufl.TestFunction(self.space), ufl.TrialFunction(self.space)
        self._mass = fem_petsc.assemble_matrix(compiled(test * trial * points.space.volume))
        self._mass.assemble()
        self._solver = LinearSolver(self._mass, load(MASS))
        self._basis = basix.create_element(
            basix.ElementFamily.P, mesh.basix_cell(), 1
        ).tabulate(0, points.rule)[0, :, :, 0]  # fmt: skip
        self._dofs = self.space.dofmap.list[: len(points.cells)]
        self._right, self._found = (fem_petsc.create_vector(self.space) for _ in range(2))

    def project(self, values: Float) -> Float:
        """Return nodal values (n, …), ghosts included, of values (m, q, …). Collective."""
        loads = np.einsum("mq,qk,mq...->mk...", self.points.volume, self._basis, values)
        shape = values.shape[2:]
        loads = loads.reshape(*loads.shape[:2], -1)
        nodes = self.space.dofmap.index_map.size_local + self.space.dofmap.index_map.num_ghosts
        result = np.zeros((nodes, loads.shape[2]))
        for column in range(loads.shape[2]):
            weights = loads[:, :, column].ravel()
            with self._right.localForm() as local:
                local.array[:] = np.bincount(self._dofs.ravel(), weights, minlength=nodes)
            self._right.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)
            self._found.set(0.0)
            self._solver.solve(self._right, self._found)
            self._found.ghostUpdate(addv=PETSc.InsertMode.INSERT, mode=PETSc.ScatterMode.FORWARD)
            with self._found.localForm() as local:
                result[:, column] = local.array_r
        return result.reshape(nodes, *shape)
