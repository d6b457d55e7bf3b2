"""Motion at the quadrature points of the wall, from which every observation of it is taken.

Displacement and deformation gradient are compiled once and evaluated again for each output; what
follows (strains, stresses, work, rotation) is array arithmetic with the weights of the same rule,
so that means are integrals and not samples. Each rank holds its own cells; sums are over all.
"""

from __future__ import annotations

from typing import Any

import basix
import numpy as np
import ufl
from dolfinx import fem
from mpi4py import MPI
from numpy.typing import NDArray
from ufl.domain import extract_domains

from heart.core.errors import MeshInputError
from heart.mechanics.kinematics import Expression, deformation_gradient
from heart.mechanics.space import MechanicsSpace
from heart.numerics.newton import COMPILER

Float = NDArray[np.float64]
Int = NDArray[np.integer]
Bool = NDArray[np.bool_]


class WallPoints:
    """Quadrature points of this rank's cells and the motion of the wall there.

    Parameters
    ----------
    space
        Mesh and quadrature degree.
    displacement
        UFL expression; changes with its function.

    Attributes
    ----------
    place
        (m, q, 3) reference position in mm.
    volume
        (m, q) reference volume of each point in mm³; they sum to that of the wall.
    """

    def __init__(self, space: MechanicsSpace, displacement: Expression) -> None:
        self.space = space
        self.rule, weights = basix.make_quadrature(space.mesh.basix_cell(), space.quadrature_degree)
        local = space.mesh.topology.index_map(3).size_local
        self.cells = np.arange(local, dtype=np.int32)
        self.place = self.evaluated(ufl.SpatialCoordinate(space.mesh))
        self.volume: Float = weights * np.abs(
            self.evaluated(ufl.JacobianDeterminant(space.mesh)).reshape(local, -1)
        )
        self._displacement = self.expression(displacement)
        self._gradient = self.expression(deformation_gradient(displacement))

    def expression(self, quantity: Expression) -> Any:
        """Compile a UFL expression at the points. Collective."""
        return fem.Expression(quantity, self.rule, comm=self.space.comm, jit_options=COMPILER)

    def values(self, expression: Any) -> Float:
        """Return (m, q, …) of a compiled expression for the present state."""
        found: Float = expression.eval(self.space.mesh, self.cells)
        return found

    def evaluated(self, quantity: Expression) -> Float:
        """Return (m, q, …) of a UFL expression that is needed once. Collective."""
        if not extract_domains(quantity):
            # A vector of numbers belongs to no mesh, and cannot be evaluated on one.
            row = np.array([float(quantity[axis]) for axis in range(len(quantity))])
            return np.tile(row, (len(self.cells), len(self.rule), 1))
        return self.values(self.expression(quantity))

    def displacement(self) -> Float:
        """Return u (m, q, 3) in mm."""
        return self.values(self._displacement)

    def gradient(self) -> Float:
        """Return F (m, q, 3, 3)."""
        return self.values(self._gradient)

    def per_cell(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return this rank's rows of an array over the cells that the mesh was made of.

        Raises
        ------
        MeshInputError
            The array is not one row per cell of the mesh.
        """
        count = self.space.mesh.topology.index_map(3).size_global
        if len(values) != count:
            raise MeshInputError(
                f"{len(values)} rows for {count} cells", expected="one row per cell of the mesh"
            )
        rows = np.asarray(self.space.mesh.topology.original_cell_index, np.int64)
        return np.asarray(values)[rows[self.cells]]

    def cell_means(self, values: Float) -> Float:
        """Return volume-weighted means (m, …) of values (m, q, …)."""
        total: Float = np.einsum("mq,mq...->m...", self.volume, values)
        size = self.volume.sum(axis=1)
        return total / size.reshape(-1, *(1,) * (total.ndim - 1))

    def integral(self, values: Float, where: Bool | None = None) -> Float:
        """Return ∫ over the wall, or over the cells `where` (m,), of values (m, q, …). Collective.

        Every rank gets the same array, of the shape of one value.
        """
        weights = self.volume if where is None else self.volume * where[:, None]
        mine = np.asarray(np.einsum("mq,mq...->...", weights, values))
        return np.asarray(self.space.comm.allreduce(mine, op=MPI.SUM))

    def mean(self, values: Float, where: Bool | None = None) -> Float:
        """Return the volume-weighted mean of values (m, q, …). Collective.

        Raises
        ------
        MeshInputError
            No cell is chosen on any rank.
        """
        size = float(self.integral(np.ones_like(self.volume), where))
        if size <= 0.0:
            raise MeshInputError("no cell of the wall is chosen", expected="at least one cell")
        return self.integral(values, where) / size


def sums_by_label(comm: MPI.Intracomm, labels: Int, values: Float, count: int) -> Float:
    """Return sums (count, …) of per-cell values (m, …) with labels (m,) 0 to count−1. Collective.

    Cells of a negative label are left out.
    """
    chosen = labels >= 0
    flat = values[chosen].reshape(int(chosen.sum()), -1)
    columns = [np.bincount(labels[chosen], column, minlength=count) for column in flat.T]
    mine = np.stack(columns, axis=1) if columns else np.zeros((count, 0))
    total = np.asarray(comm.allreduce(mine, op=MPI.SUM))
    return total.reshape(count, *values.shape[1:])
