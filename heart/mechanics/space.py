"""Meshes, elements and measures of mechanics: what the unknowns are and how they are integrated.

The default, quadratic displacement with linear pressure (Taylor–Hood), is stable in the
incompressible limit. Curved geometry (ten-node tetrahedra) is possible because straight ones lose
2.3 % of the cavity of the benchmark ellipsoid. Every measure has an explicit quadrature degree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

import basix.ufl
import numpy as np
import ufl
from dolfinx import fem
from dolfinx.mesh import create_mesh, exterior_facet_indices, locate_entities_boundary, meshtags
from mpi4py import MPI
from numpy.typing import NDArray

from heart.core.errors import MeshInputError, MPIEnvironmentError, ParameterError
from heart.mechanics.kinematics import Expression

Float = NDArray[np.float64]
Int = NDArray[np.integer]

FACETS = 2
NODES = {4: 1, 10: 2}


class Element(Enum):
    """Degrees of displacement and pressure; None where there is no pressure unknown."""

    P2_P1 = (2, 1)
    P1_P1_STABILISED = (1, 1)
    P2 = (2, None)
    P1 = (1, None)


class MechanicsSpace:
    """Unknowns over a mesh, and the measures of its volume and boundaries.

    Parameters
    ----------
    mesh
        dolfinx mesh of tetrahedra or hexahedra, straight or curved.
    facets
        Tags of boundary facets (`heart.anatomy.heart_mesh.Boundary` for hearts).
    element
        Degrees of the unknowns.
    quadrature_degree
        Of all integrals; 4 is enough for quadratic displacement on straight tetrahedra.
    """

    def __init__(
        self,
        mesh: Any,
        facets: Any,
        element: Element = Element.P2_P1,
        quadrature_degree: int = 4,
    ) -> None:
        if quadrature_degree < 1:
            raise ParameterError(f"quadrature degree {quadrature_degree}", expected="at least 1")
        self.mesh, self.facets, self.element = mesh, facets, element
        self.quadrature_degree = quadrature_degree
        cell, (degree, pressure) = mesh.basix_cell(), element.value
        unknown = basix.ufl.element("Lagrange", cell, degree, shape=(3,))
        self.mixed = pressure is not None
        if self.mixed:
            multiplier = basix.ufl.element("Lagrange", cell, pressure)
            unknown = basix.ufl.mixed_element([unknown, multiplier])
        self.space: Any = fem.functionspace(mesh, unknown)
        self.displacement: Any = self.space.sub(0) if self.mixed else self.space
        metadata = {"quadrature_degree": quadrature_degree}
        self.volume: Any = ufl.dx(domain=mesh, metadata=metadata)
        self._surface = ufl.ds(domain=mesh, subdomain_data=facets, metadata=metadata)

    @property
    def comm(self) -> MPI.Intracomm:
        """Communicator of the mesh."""
        communicator: MPI.Intracomm = self.mesh.comm
        return communicator

    def surface(self, boundary: int) -> Any:
        """Return the measure of a boundary.

        Raises
        ------
        MeshInputError
            No facet of the mesh has that tag.
        """
        count = self.comm.allreduce(len(self.facets.find(int(boundary))), op=MPI.SUM)
        if count == 0:
            known = np.unique(np.concatenate(self.comm.allgather(np.unique(self.facets.values))))
            raise MeshInputError(
                f"the mesh has no facet with tag {int(boundary)}",
                expected=f"one of {', '.join(map(str, known))}",
            )
        return self._surface(int(boundary))

    def split(self, function: Expression) -> tuple[Expression, Expression | None]:
        """Return displacement and pressure of a function or an argument of the space."""
        if not self.mixed:
            return function, None
        displacement, pressure = ufl.split(function)
        return displacement, pressure

    def size(self) -> float:
        """Return the diagonal of the bounding box in mm."""
        points = self.mesh.geometry.x
        low = np.min(self.comm.allgather(points.min(axis=0)), axis=0)
        high = np.max(self.comm.allgather(points.max(axis=0)), axis=0)
        return float(np.linalg.norm(high - low))


def tetrahedral(
    points: Float, cells: Int, facets: Int, tags: Int, comm: MPI.Intracomm = MPI.COMM_WORLD
) -> tuple[Any, Any]:
    """Return a dolfinx mesh and its facet tags from arrays that are equal on all ranks.

    Parameters
    ----------
    points
        (n, 3) in mm; for curved cells the vertices first or not, as `cells` names them.
    cells
        (m, 4), or (m, 10) with the nodes of basix' quadratic tetrahedron.
    facets
        (k, 3) vertices of tagged boundary facets.
    tags
        (k,)

    Raises
    ------
    MPIEnvironmentError
        More ranks than cells.
    MeshInputError
        A tagged facet is not on the boundary.
    """
    if comm.size > len(cells):
        raise MPIEnvironmentError(
            f"{comm.size} ranks for {len(cells)} cells", fix="use fewer ranks"
        )
    root, width = comm.rank == 0, cells.shape[1]
    element = basix.ufl.element("Lagrange", "tetrahedron", NODES[width], shape=(3,))
    mesh = create_mesh(
        comm,
        np.asarray(cells if root else np.zeros((0, width)), np.int64),
        element,
        np.asarray(points if root else np.zeros((0, 3)), np.float64),
    )
    return mesh, _tagged(mesh, np.asarray(facets, np.int64), np.asarray(tags, np.int32))


def marked(mesh: Any, boundaries: Mapping[int, Callable[[Float], NDArray[np.bool_]]]) -> Any:
    """Return facet tags from conditions on the vertices, each called with points (3, n)."""
    found = {
        tag: locate_entities_boundary(mesh, FACETS, where) for tag, where in boundaries.items()
    }
    index = np.concatenate(list(found.values()))
    values = np.concatenate([np.full(len(part), tag) for tag, part in found.items()])
    order = np.argsort(index, kind="stable")
    return meshtags(mesh, FACETS, index[order].astype(np.int32), values[order].astype(np.int32))


def _tagged(mesh: Any, facets: Int, tags: Int) -> Any:
    topology = mesh.topology
    topology.create_connectivity(FACETS, 3)
    topology.create_connectivity(FACETS, 0)
    outer = exterior_facet_indices(topology)
    corners = topology.connectivity(FACETS, 0).array.reshape(-1, 3)[outer]
    given = vertex_numbers(mesh)
    keys, ours = np.sort(facets, axis=1), np.sort(given[corners], axis=1)
    order = np.lexsort(keys.T[::-1])
    keys = keys[order]
    stride = int(max(keys.max(initial=0), ours.max(initial=0))) + 1
    flat, wanted = _flat(keys, stride), _flat(ours, stride)
    place = np.minimum(np.searchsorted(flat, wanted), len(flat) - 1)
    hit = flat[place] == wanted
    missing = len(keys) - mesh.comm.allreduce(int(hit.sum()), op=MPI.SUM)
    if missing > 0:
        raise MeshInputError(
            f"{missing} tagged facets are not on the boundary of the mesh",
            fix="tag facets of the outer surface only",
        )
    values = np.asarray(tags)[order][place[hit]]
    index = outer[hit]
    back = np.argsort(index)
    return meshtags(mesh, FACETS, index[back].astype(np.int32), values[back].astype(np.int32))


def _flat(rows: Int, stride: int) -> Any:
    """Return one number per row of three vertices, in the order of the rows."""
    if stride**3 > np.iinfo(np.int64).max:
        raise MeshInputError("mesh of more than two million points", fix="use a coarser mesh")
    return (rows[:, 0] * stride + rows[:, 1]) * stride + rows[:, 2]


def vertex_numbers(mesh: Any) -> Int:
    """Return the number that each local vertex had among the points given to `create_mesh`."""
    mesh.topology.create_connectivity(3, 0)
    width = len(basix.topology(mesh.basix_cell())[0])
    vertices = mesh.topology.connectivity(3, 0).array.reshape(-1, width)
    nodes = mesh.geometry.dofmaps[0][:, :width]
    numbers = np.full(vertices.max() + 1, -1, np.int64)
    numbers[vertices] = np.asarray(mesh.geometry.input_global_indices)[nodes]
    return numbers
