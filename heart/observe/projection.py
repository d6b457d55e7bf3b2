"""Fields of what lives at quadrature points, such as stress: projections that keep integrals.

L2 with the weights of the same rule: cell by cell on discontinuous polynomials (exact on them,
needs no solve), or on continuous P1 with the consistent mass matrix. Interpolating at nodes
instead would be wrong by as much as stresses jump there, and would change what is carried.
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

from heart.numerics.ksp import LinearSolver
from heart.numerics.newton import compiled
from heart.numerics.profiles import load
from heart.observe.wall_points import WallPoints

Float = NDArray[np.float64]

MASS = "mass_jacobi"


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
