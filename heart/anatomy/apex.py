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
    edge = tetrahedra.edges(mesh.cells)
    start = mesh.points[apex]
    along = mesh.points[target] - start
    along /= max(float(np.linalg.norm(along)), 1e-12)
    offset = mesh.points - start
    away = np.linalg.norm(offset - np.outer(offset @ along, along), axis=1)
    length = np.linalg.norm(mesh.points[edge[:, 1]] - mesh.points[edge[:, 0]], axis=1)
    cost = length + 2.0 * away[edge].mean(axis=1)
    count = len(mesh.points)
    graph = coo_matrix((cost, (edge[:, 0], edge[:, 1])), shape=(count, count)).tocsr()
    _, before = dijkstra(
        graph, directed=False, indices=apex, return_predecessors=True, limit=20.0 * gap.min()
    )
    line = [target]
    while line[-1] != apex:
        line.append(int(before[line[-1]]))
    return np.array(line[::-1])
