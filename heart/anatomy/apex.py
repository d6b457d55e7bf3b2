"""Find the LV apex from the mesh: no landmark has to be clicked.

The apex is the point of the LV epicardium that is geodesically farthest from the LV's rings; the
coordinate's pole is a line from there through the wall to the LV endocardium, because a pole that
is one node would make every coordinate near it depend on that node alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from heart.anatomy.heart_mesh import RINGS, Boundary, HeartMesh
from heart.core.errors import MeshInputError
from heart.numerics import tetrahedra

Float = NDArray[np.float64]
Int = NDArray[np.integer]

_FAR = 0.97


def apical_line(mesh: HeartMesh, to_rings: Float, chamber: Float) -> Int:
    """Return the nodes from the epicardial apex through the wall to the LV endocardium.

    Parameters
    ----------
    to_rings
        (n,) geodesic distance to the LV's rings in mm.
    chamber
        (n,) 0 LV to 1 RV free wall.

    Raises
    ------
    MeshInputError
        The LV has no epicardium away from its rings.
    """
    epi = np.setdiff1d(mesh.nodes_of(Boundary.EPI), mesh.nodes_of(*RINGS))
    epi = epi[chamber[epi] < 0.5]
    if len(epi) == 0:
        raise MeshInputError("the LV has no epicardium away from its rings")
    far = epi[to_rings[epi] >= _FAR * to_rings[epi].max()]
    excess = to_rings[far] - _FAR * to_rings[epi].max() + 1e-9
    centre = np.average(mesh.points[far], axis=0, weights=excess**2)
    apex = int(epi[np.argmin(np.linalg.norm(mesh.points[epi] - centre, axis=1))])

    endo = mesh.nodes_of(Boundary.LV_ENDO)
    gap = np.linalg.norm(mesh.points[endo] - mesh.points[apex], axis=1)
    target = int(endo[np.argmin(gap)])
    start = mesh.points[apex]
    along = mesh.points[target] - start
    reach = float(np.linalg.norm(along))
    along /= max(reach, 1e-12)
    offset = mesh.points - start
    away = np.linalg.norm(offset - np.outer(offset @ along, along), axis=1)
    close = np.flatnonzero(np.linalg.norm(offset, axis=1) < 3.0 * reach)
    renumber = np.full(len(mesh.points), -1)
    renumber[close] = np.arange(len(close))
    small = renumber[mesh.cells]
    edge = tetrahedra.edges(small[(small >= 0).all(axis=1)])
    ends = mesh.points[close][edge]
    cost = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1) + 2.0 * away[close][edge].mean(axis=1)
    count = len(close)
    graph = coo_matrix((cost, (edge[:, 0], edge[:, 1])), shape=(count, count)).tocsr()
    _, before = dijkstra(graph, directed=False, indices=renumber[apex], return_predecessors=True)
    line = [int(renumber[target])]
    while line[-1] != renumber[apex]:
        line.append(int(before[line[-1]]))
    return close[line[::-1]]
