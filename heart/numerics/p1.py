"""P1 finite elements on a replicated mesh: each rank knows all nodes, PETSc solves in parallel.

Hearts have 1e4 to 1e6 nodes: the coordinates fit on every rank, the solves are what costs. So
meshes and fields are plain arrays in one global order everywhere, and only this file knows how
dolfinx renumbers and distributes them.
"""

from __future__ import annotations

from typing import Any

import basix.ufl
import numpy as np
import ufl
from dolfinx import fem
from dolfinx.fem import petsc as fem_petsc
from dolfinx.mesh import create_mesh
from mpi4py import MPI
from numpy.typing import NDArray
from petsc4py import PETSc

from heart.core.errors import MPIEnvironmentError
from heart.numerics import profiles
from heart.numerics.ksp import LinearSolver

Float = NDArray[np.float64]


class P1Space:
    """Scalar P1 space over tetrahedra given as arrays that are equal on all ranks.

    Parameters
    ----------
    points
        (n, 3) in mm.
    cells
        (m, 4) node indices.
    comm
        Communicator over which PETSc distributes; COMM_WORLD by default.
    """

    def __init__(
        self, points: Float, cells: NDArray[np.integer], comm: MPI.Intracomm = MPI.COMM_WORLD
    ) -> None:
        if comm.size > len(cells):
            raise MPIEnvironmentError(
                f"{comm.size} ranks for {len(cells)} cells", fix="use fewer ranks"
            )
        self.comm, self.nodes, self.cells = comm, len(points), len(cells)
        root = comm.rank == 0
        element = basix.ufl.element("Lagrange", "tetrahedron", 1, shape=(3,))
        self.mesh = create_mesh(
            comm,
            np.asarray(cells, np.int64) if root else np.zeros((0, 4), np.int64),
            element,
            np.asarray(points, np.float64) if root else np.zeros((0, 3)),
        )
        self.space = fem.functionspace(self.mesh, ("Lagrange", 1))
        index_map = self.space.dofmap.index_map
        self._owned = index_map.size_local
        geometry = self.mesh.geometry
        self._original = np.empty(self._owned + index_map.num_ghosts, np.int64)
        self._original[self.space.dofmap.list] = geometry.input_global_indices[geometry.dofmaps[0]]
        self._cell_original = np.asarray(self.mesh.topology.original_cell_index, np.int64)
        self._quadrature = ufl.dx(domain=self.mesh, metadata={"quadrature_degree": 2})

    def vector(self, values: Float | None = None) -> Any:
        """Return a PETSc vector, filled from a global array (n,) when given."""
        vector = fem_petsc.create_vector(self.space)
        if values is not None:
            vector.array[:] = np.asarray(values, np.float64)[self._original[: self._owned]]
        return vector

    def gather(self, vector: Any) -> Float:
        """Return a PETSc vector as one global array (n,), equal on all ranks."""
        whole = np.zeros(self.nodes)
        whole[self._original[: self._owned]] = vector.array[: self._owned]
        if self.comm.size > 1:
            self.comm.Allreduce(MPI.IN_PLACE, whole, op=MPI.SUM)
        return whole

    def function(self, values: Float) -> Any:
        """Return a dolfinx function with the values of a global array (n,)."""
        function = fem.Function(self.space)
        function.x.array[:] = np.asarray(values)[self._original]
        return function

    def cell_function(self, values: Float) -> Any:
        """Return a per-cell (DG0) dolfinx function from (m,), (m, 3) or (m, 3, 3) values."""
        shape = np.shape(values)[1:]
        space = fem.functionspace(self.mesh, ("DG", 0, shape) if shape else ("DG", 0))
        function = fem.Function(space)
        local = np.asarray(values, np.float64)[self._cell_original]
        size = int(np.prod(shape)) if shape else 1
        array = function.x.array.reshape(-1, size)
        array[space.dofmap.list[:, 0]] = local.reshape(len(local), size)
        return function

    def stiffness(self, conductivity: Float | None = None) -> Any:
        """Assemble ∫ σ∇u·∇v with σ per cell: (m,) scalars, (m, 3, 3) tensors, or 1."""
        u, v = ufl.TrialFunction(self.space), ufl.TestFunction(self.space)
        flux = ufl.grad(u)
        if conductivity is not None:
            sigma = self.cell_function(conductivity)
            flux = sigma * flux if np.ndim(conductivity) == 1 else ufl.dot(sigma, flux)
        return self._assembled(ufl.inner(flux, ufl.grad(v)) * self._quadrature)

    def mass(self) -> Any:
        """Assemble ∫ u v."""
        u, v = ufl.TrialFunction(self.space), ufl.TestFunction(self.space)
        return self._assembled(ufl.inner(u, v) * self._quadrature)

    def _assembled(self, form: Any) -> Any:
        matrix = fem_petsc.assemble_matrix(fem.form(form))
        matrix.assemble()
        return matrix

    def divergence_load(self, cell_vectors: Float) -> Any:
        """Assemble ∫ X·∇v for a per-cell vector field X (m, 3)."""
        v = ufl.TestFunction(self.space)
        field = self.cell_function(cell_vectors)
        vector = fem_petsc.assemble_vector(
            fem.form(ufl.inner(field, ufl.grad(v)) * self._quadrature)
        )
        vector.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)
        return vector

    def solve_neumann(
        self, matrix: Any, loads: list[Any], *, profile: str = "elliptic_gamg"
    ) -> list[Float]:
        """Solve ``matrix u = load`` for several loads that sum to zero; u has zero mean."""
        solver = LinearSolver(matrix, profiles.load(profile), nullspace=True)
        results = []
        for load in loads:
            solution = self.vector()
            solver.solve(load, solution)
            results.append(self.gather(solution))
            solution.destroy()
        solver.destroy()
        return [field - field.mean() for field in results]
