"""Unknowns in an order that does not depend on ranks: vertices as given, then edges, sorted.

Results, checkpoints and probes are arrays over the nodes of the replicated mesh; dolfinx numbers
the unknowns of each rank anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from heart.anatomy.curved import EDGES
from heart.core.errors import CheckpointError
from heart.mechanics.space import MechanicsSpace
from heart.numerics import tetrahedra

Float = NDArray[np.float64]
Int = NDArray[np.integer]


class Numbering:
    """Between the unknowns of a state and arrays over nodes that are equal on all ranks.

    Parameters
    ----------
    space
        Unknowns on tetrahedra.
    cells
        (m, 4) vertices of the replicated mesh.
    count
        Vertices of the replicated mesh.
    """

    def __init__(self, space: MechanicsSpace, cells: Int, count: int) -> None:
        self._comm, self._vertices, self._count = space.comm, count, len(cells)
        self._mesh = space.mesh
        self._cell = np.asarray(space.mesh.topology.original_cell_index)
        self._own_cells = space.mesh.topology.index_map(3).size_local
        edges = tetrahedra.edges(cells)
        self._edges = edges[:, 0] * count + edges[:, 1]
        self._parts: dict[str, tuple[Int, Int, int]] = {}
        for name, part in _parts(space).items():
            collapsed, dofs = part
            self._parts[name] = self._number(collapsed, np.asarray(dofs, np.int64))

    def _number(self, collapsed: Any, dofs: Int) -> tuple[Int, Int, int]:
        """Return parent dofs (k, block) owned here, their nodes (k,), and the count of nodes."""
        mesh, layout = collapsed.mesh, collapsed.dofmap
        given = np.asarray(mesh.geometry.input_global_indices)
        vertices = given[mesh.geometry.dofmaps[0][:, :4]]
        own, block = layout.index_map.size_local, layout.index_map_bs
        table = np.asarray(layout.list)
        width = table.shape[1]
        local = layout.index_map.size_local + layout.index_map.num_ghosts
        nodes = np.full(local, -1, np.int64)
        nodes[table[:, :4]] = vertices
        total = self._vertices
        if width == 10:
            ends = np.sort(vertices[:, EDGES], axis=2)
            keys = ends[..., 0] * self._vertices + ends[..., 1]
            nodes[table[:, 4:]] = self._vertices + np.searchsorted(self._edges, keys)
            total += len(self._edges)
        return dofs.reshape(-1, block)[:own], nodes[:own], total

    def gather(self, values: Float, name: str = "displacement") -> Float:
        """Return unknowns of a state's array as (nodes, components) on all ranks. Collective."""
        dofs, nodes, total = self._parts[name]
        whole = np.zeros((total, dofs.shape[1]))
        whole[nodes] = values[dofs]
        if self._comm.size > 1:
            self._comm.Allreduce(MPI.IN_PLACE, whole, op=MPI.SUM)
        return whole

    def put(self, state: Any, arrays: Mapping[str, Float]) -> None:
        """Write what `gather` returned for every part into a function. Collective.

        Raises
        ------
        CheckpointError
            The arrays are of another mesh or element.
        """
        for name, (dofs, nodes, total) in self._parts.items():
            values = arrays.get(name)
            if values is None or np.shape(values) != (total, dofs.shape[1]):
                raise CheckpointError(f"{name} is of another mesh or element", where="checkpoint")
            state.x.array[dofs] = np.asarray(values)[nodes]
        state.x.scatter_forward()

    def arrays(self, state: Any) -> dict[str, Float]:
        """Return all parts of a state by name. Collective."""
        values = np.asarray(state.x.array)
        return {name: self.gather(values, name) for name in self._parts}

    def geometry(self) -> Float:
        """Return the nodes of the mesh where they are now, in the input order. Collective."""
        geometry = self._mesh.geometry
        owned = geometry.index_map().size_local
        given = np.asarray(geometry.input_global_indices)[:owned]
        whole = np.zeros((geometry.index_map().size_global, 3))
        whole[given] = geometry.x[:owned]
        if self._comm.size > 1:
            self._comm.Allreduce(MPI.IN_PLACE, whole, op=MPI.SUM)
        return whole

    def gather_cells(self, values: Float) -> Float:
        """Return values (m_local, …) of this rank's cells in the input order, on all ranks."""
        own = self._own_cells
        whole = np.zeros((self._count, *values.shape[1:]))
        whole[self._cell[:own]] = values[:own]
        if self._comm.size > 1:
            self._comm.Allreduce(MPI.IN_PLACE, whole, op=MPI.SUM)
        return whole

    def vertices(self, space: Any, values: Float) -> Float:
        """Return values (k,) of a continuous linear space, ghosts included, by vertex. Collective.

        Parameters
        ----------
        space
            Scalar, on the mesh of this numbering.
        """
        count = len(values)
        dofs, nodes, total = self._number(space, np.arange(count, dtype=np.int64))
        whole = np.zeros(total)
        whole[nodes] = values[dofs[:, 0]]
        if self._comm.size > 1:
            self._comm.Allreduce(MPI.IN_PLACE, whole, op=MPI.SUM)
        return whole

    def gather_points(self, values: Float) -> Float:
        """Return rows (k, cells * points) of this rank as (cells, points, k) on all ranks."""
        rows = values.reshape(len(values), len(self._cell), -1)
        return self.gather_cells(np.ascontiguousarray(rows.transpose(1, 2, 0)))

    def local_points(self, whole: Float) -> Float:
        """Return this rank's rows (k, cells * points) of what `gather_points` returned.

        Raises
        ------
        CheckpointError
            It is of another mesh.
        """
        if whole.ndim != 3 or len(whole) != self._count:
            raise CheckpointError("states are of another mesh", where="checkpoint")
        return np.ascontiguousarray(whole[self._cell].transpose(2, 0, 1)).reshape(
            whole.shape[2], -1
        )


def _parts(space: MechanicsSpace) -> dict[str, tuple[Any, Any]]:
    if not space.mixed:
        layout = space.space.dofmap
        count = (layout.index_map.size_local + layout.index_map.num_ghosts) * layout.index_map_bs
        return {"displacement": (space.space, np.arange(count))}
    return {
        name: space.space.sub(k).collapse() for k, name in enumerate(("displacement", "pressure"))
    }


def vertex_means(values: Float, cells: Int, count: int) -> Float:
    """Return nodal values (n,) of the vertices with those of the middles of edges behind them."""
    edges = tetrahedra.edges(cells)
    return np.concatenate([values[:count], values[edges].mean(axis=1)])
