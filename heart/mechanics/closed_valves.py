"""What closed valves do to their rings: they carry the pressure of the cavity to them.

Valves are not in the mesh. Left out, the pressure on the wall has a resultant towards the apex of
pressure times opening, some 10 N in systole, which drags the heart out of its base. The blood
pushes the closed valve as hard the other way, and the valve hangs on its ring: the cut face of the
wall around an opening is pulled along its normal by s p, with s the area of the opening over that
of the face. Forces on wall and rings then vanish in sum as long as opening and face change their
size alike. [Regazzoni2022] does the same for a base cut flat, evenly over the whole base.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from heart.anatomy.heart_mesh import RINGS, Boundary, HeartMesh
from heart.core.errors import MeshInputError
from heart.numerics import tetrahedra

Float = NDArray[np.float64]
Int = NDArray[np.integer]


def valve_shares(mesh: HeartMesh, boundary: Boundary) -> dict[int, float]:
    """Return s of each ring around the openings of a cavity: it is pulled by s times the pressure.

    An opening that borders on several rings is shared between them by the length of their borders.

    Parameters
    ----------
    mesh
        Its facets have their normals outward of the muscle.
    boundary
        An endocardium.

    Returns
    -------
    dict
        By tag of the ring.

    Raises
    ------
    MeshInputError
        The cavity has no opening with a ring around it.
    """
    rim = _rim(mesh.facets_of(boundary))
    loops = _loops(rim, len(mesh.points))
    start, end = mesh.points[rim[:, 0]], mesh.points[rim[:, 1]]
    length = np.linalg.norm(end - start, axis=1)
    openings = {int(one): _opening(start[loops == one], end[loops == one]) for one in set(loops)}
    found = {}
    for tag in RINGS:
        facets = mesh.facets_of(tag)
        beside = np.isin(_keys(rim, mesh), _keys(_edges(facets), mesh))
        if not beside.any():
            continue
        pull = np.zeros(3)
        for loop, area in openings.items():
            here = loops == loop
            pull += area * (length[here & beside].sum() / length[here].sum())
        face = tetrahedra.face_normals(mesh.points, facets).sum(axis=0)
        found[int(tag)] = float(pull @ face / (face @ face))
    if not found:
        raise MeshInputError(
            f"{Boundary(boundary).name.lower()} has no valve ring",
            fix="leave loads.valves out, or tag the rings",
        )
    return found


def _edges(facets: Int) -> Int:
    return np.concatenate([facets[:, [0, 1]], facets[:, [1, 2]], facets[:, [2, 0]]])


def _rim(facets: Int) -> Int:
    """Return the edges (k, 2) of facets that border on other facets, as their facets run."""
    edges = _edges(facets)
    _, which, count = np.unique(
        np.sort(edges, axis=1), axis=0, return_inverse=True, return_counts=True
    )
    return edges[count[which.ravel()] == 1]


def _keys(edges: Int, mesh: HeartMesh) -> Int:
    low, high = np.sort(edges, axis=1).T.astype(np.int64)
    return np.asarray(low * len(mesh.points) + high)


def _loops(rim: Int, count: int) -> Int:
    """Return the number of the loop of each edge of a rim."""
    graph = coo_array((np.ones(len(rim)), (rim[:, 0], rim[:, 1])), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1][rim[:, 0]])


def _opening(start: Float, end: Float) -> Float:
    """Return the vector area (3,) in mm² that a loop spans, away from the cavity."""
    middle = start.mean(axis=0)
    return np.asarray(0.5 * np.cross(start - middle, end - middle).sum(axis=0))
