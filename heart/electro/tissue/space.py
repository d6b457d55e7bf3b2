"""Finite elements of a tissue on many ranks: arrays in one global order outside, rows inside.

Meshes and fields are replicated arrays everywhere else; here they meet dolfinx, which renumbers
the nodes for locality and distributes them. Degree 2 adds the midpoints of the edges as nodes:
they come after the given points, in the order of `heart.numerics.tetrahedra.edges`.
"""

from __future__ import annotations

from typing import Any

import basix
import basix.ufl
import numpy as np
import ufl
from dolfinx import fem
from dolfinx.mesh import create_mesh
from mpi4py import MPI
from numpy.typing import NDArray

from heart.core.errors import MeshInputError, MPIEnvironmentError, ParameterError
from heart.numerics import tetrahedra

Float = NDArray[np.float64]
Int = NDArray[np.integer]

EDGES = np.array(basix.topology(basix.CellType.tetrahedron)[1])


class TissueSpace:
    """Scalar Lagrange space of degree 1 or 2 over tetrahedra that are equal on all ranks.

    Parameters
    ----------
    points
        (k, 3) in mm.
    cells
        (m, 4) node indices.
    degree
        1 or 2.
    comm
        Communicator over which the nodes are distributed.

    Attributes
    ----------
    nodes
        Number of nodes over all ranks: the points, and the edge midpoints for degree 2.
    points
        (nodes, 3) where they are, in mm.
    cells
        (m, 4) as given.
    connectivity
        (m, 4 or 10) nodes of each cell.
    owned
        Number of nodes that this rank owns.
    global_nodes
        (owned + ghosts,) global index of each local node.
    global_cells
        Global index of each local cell.

    Raises
    ------
    ParameterError
        Another degree.
    MeshInputError
        A cell names a point that is not there, or has no volume.
    MPIEnvironmentError
        More ranks than cells.
    """

    def __init__(
        self, points: Float, cells: Int, degree: int = 1, comm: MPI.Intracomm = MPI.COMM_WORLD
    ) -> None:
        if degree not in (1, 2):
            raise ParameterError(f"elements of degree {degree}", expected="degree 1 or 2")
        if comm.size > len(cells):
            raise MPIEnvironmentError(
                f"{comm.size} ranks for {len(cells)} cells", fix="use fewer ranks"
            )
        points, cells = np.asarray(points, np.float64), np.asarray(cells, np.int64)
        if cells.min() < 0 or cells.max() >= len(points):
            raise MeshInputError(
                f"cell {int(np.argmax(((cells < 0) | (cells >= len(points))).any(axis=1)))} names "
                "a point that does not exist",
                expected=f"0 to {len(points) - 1}",
            )
        volumes = tetrahedra.volumes(points, cells)
        if not np.all(volumes > 0.0):
            worst = int(np.argmin(np.nan_to_num(volumes, nan=-np.inf)))
            raise MeshInputError(
                f"cell {worst} has volume {volumes[worst]:.3g} mm3",
                expected="a positive volume",
                fix="repair the mesh",
            )
        self.comm, self.degree, self.cells = comm, degree, cells
        self._distribute(points)
        self._number(points)

    def _distribute(self, points: Float) -> None:
        root = self.comm.rank == 0
        element = basix.ufl.element("Lagrange", "tetrahedron", 1, shape=(3,))
        self.mesh = create_mesh(
            self.comm,
            self.cells if root else np.zeros((0, 4), np.int64),
            element,
            points if root else np.zeros((0, 3)),
        )
        self.space = fem.functionspace(self.mesh, ("Lagrange", self.degree))
        self.global_cells: Int = np.asarray(self.mesh.topology.original_cell_index, np.int64)

    def _number(self, points: Float) -> None:
        """Find the global index of each local node."""
        geometry, dofmap = self.mesh.geometry, self.space.dofmap
        corners = np.asarray(geometry.input_global_indices)[geometry.dofmaps[0]]
        local, self.connectivity, self.points = corners, self.cells, points
        if self.degree == 2:
            edges = tetrahedra.edges(self.cells)
            keys = edges[:, 0] * len(points) + edges[:, 1]

            def middles(tetrahedra_: Int) -> Int:
                ends = np.sort(tetrahedra_[:, EDGES], axis=2)
                return np.searchsorted(keys, ends[..., 0] * len(points) + ends[..., 1])

            count = len(points)
            local = np.concatenate([corners, count + middles(corners)], axis=1)
            self.connectivity = np.concatenate([self.cells, count + middles(self.cells)], axis=1)
            self.points = np.concatenate([points, points[edges].mean(axis=1)])
        self.nodes = len(self.points)
        self.owned: int = dofmap.index_map.size_local
        self.global_nodes: Int = np.full(self.owned + dofmap.index_map.num_ghosts, -1, np.int64)
        self.global_nodes[dofmap.list] = local

    def measure(self, degree: int) -> Any:
        """Return dx with quadrature that is exact for polynomials of `degree`."""
        return ufl.dx(domain=self.mesh, metadata={"quadrature_degree": degree})

    def function(self, values: Float) -> Any:
        """Return a dolfinx function with the values of a global array (nodes,)."""
        function = fem.Function(self.space)
        function.x.array[:] = np.asarray(values, np.float64)[self.global_nodes]
        return function

    def cell_function(self, values: NDArray[np.generic]) -> Any:
        """Return a function that is constant per cell from (m,), (m, 3) or (m, 3, 3) values."""
        shape = np.shape(values)[1:]
        space = fem.functionspace(self.mesh, ("DG", 0, shape) if shape else ("DG", 0))
        function = fem.Function(space)
        local = np.asarray(values, np.float64)[self.global_cells]
        size = int(np.prod(shape)) if shape else 1
        array = function.x.array.reshape(-1, size)
        array[space.dofmap.list[:, 0]] = local.reshape(len(local), size)
        return function

    def gather(self, nodes: Int, values: Float, elsewhere: float = np.nan) -> Float:
        """Return values of this rank's `nodes` (global indices) as one array on all ranks.

        Parameters
        ----------
        nodes
            (n,) global index of each value; every node on at most one rank.
        values
            (n,) or (n, s).
        elsewhere
            Value of nodes that no rank has.
        """
        shape = (self.nodes, *np.shape(values)[1:])
        whole, known = np.zeros(shape), np.zeros(self.nodes)
        whole[nodes], known[nodes] = values, 1.0
        if self.comm.size > 1:
            self.comm.Allreduce(MPI.IN_PLACE, whole, op=MPI.SUM)
            self.comm.Allreduce(MPI.IN_PLACE, known, op=MPI.SUM)
        whole[known == 0.0] = elsewhere
        return whole
