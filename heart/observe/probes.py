"""Displacement of material points that are no nodes, in each step, without a search.

Cells and weights of the points are found once, on one of the ranks that hold them; reading a step
is then a product of weights and unknowns. A point of a curved surface may lie just outside straight
cells; it is read from the nearest one, by its polynomial.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from dolfinx import geometry
from mpi4py import MPI
from numpy.typing import NDArray

from heart.core.errors import MeshInputError
from heart.mechanics.space import MechanicsSpace

Float = NDArray[np.float64]

OUTSIDE = 0.03  # barycentric, so as a share of a cell's height


class Probes:
    """Material points, by name.

    Parameters
    ----------
    space
        Mesh and elements; straight and curved cells.
    points
        Reference positions in mm.

    Raises
    ------
    MeshInputError
        A point is in no cell.
    """

    def __init__(self, space: MechanicsSpace, points: Mapping[str, tuple[float, ...]]) -> None:
        self.names, self._comm = tuple(points), space.comm
        wanted = np.array([points[name] for name in self.names], np.float64).reshape(-1, 3)
        displacement, unknowns = space.displacement, None
        if space.mixed:
            displacement, unknowns = space.displacement.collapse()
        owner = self._found(space, wanted)
        count = len(self.names)
        nodes = displacement.element.space_dimension // displacement.dofmap.bs
        self._rows = np.zeros((count, nodes, 3), np.int64)
        self._weights = np.zeros((count, nodes))
        for k, (cell, local) in owner.items():
            dofs = displacement.dofmap.cell_dofs(cell)
            rows = 3 * dofs[:, None] + np.arange(3)
            self._rows[k] = rows if unknowns is None else np.ravel(unknowns)[rows]
            self._weights[k] = displacement.element.basix_element.tabulate(0, local[None])[
                0, 0, :nodes, 0
            ]

    def _found(self, space: MechanicsSpace, wanted: Float) -> dict[int, tuple[int, Float]]:
        """Return cell and local coordinates of the points that this rank reads."""
        mesh, comm = space.mesh, self._comm
        nodes = mesh.geometry.dofmaps[0]
        local_cells = mesh.topology.index_map(3).size_local
        spans = np.ptp(mesh.geometry.x[nodes[:local_cells]], axis=1)
        reach = comm.allreduce(float(spans.max(initial=0.0)), op=MPI.MAX) * OUTSIDE
        near = geometry.compute_collisions_points(geometry.bb_tree(mesh, 3, padding=reach), wanted)
        best: list[tuple[float, int, int, Float]] = []
        for k, place in enumerate(wanted):
            found = (np.inf, comm.rank, -1, np.zeros(3))
            for cell in near.links(k):
                if cell < local_cells:
                    local = mesh.geometry.cmaps[0].pull_back(
                        place[None], mesh.geometry.x[nodes[cell]]
                    )[0]
                    outside = float(max(-local.min(), local.sum() - 1.0, 0.0))
                    # Round-off must not decide between neighbours, on one rank or many.
                    found = min(
                        found, (round(outside, 6), comm.rank, int(cell), local), key=lambda f: f[:3]
                    )
            best.append(found)
        everyone = comm.allgather([one[:2] for one in best])
        here: dict[int, tuple[int, Float]] = {}
        for k, name in enumerate(self.names):
            outside, rank = min(ranks[k] for ranks in everyone)
            if not outside <= OUTSIDE:
                raise MeshInputError(
                    f"probe {name} at {tuple(wanted[k].tolist())} mm is in no cell",
                    fix="move it into the wall",
                )
            if rank == comm.rank:
                here[k] = (best[k][2], np.asarray(best[k][3], np.float64))
        return here

    def read(self, function: Any) -> Float:
        """Return displacements (points, 3) in mm of a function of the whole space. Collective."""
        values = np.einsum("kn,kni->ki", self._weights, function.x.array[self._rows])
        return np.asarray(self._comm.allreduce(values, op=MPI.SUM))
