"""Whether a triangle surface bounds a body: closed, manifold, oriented, without self-crossings.

Each fault is counted and placed, so that the user finds it in the program that made the surface.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from heart.anatomy import triangles as topology
from heart.core.errors import MeshInputError

Float = NDArray[np.float64]
Int = NDArray[np.integer]


def check_surface(points: Float, triangles: Int, *, where: str = "surface") -> None:
    """Raise MeshInputError unless the surface is closed, manifold, outward and without crossings.

    Parameters
    ----------
    points, triangles
        (n, 3) mm and (k, 3).
    where
        Name of the file, for the message.
    """
    check_finite(points, triangles, where=where)
    check_manifold(points, triangles, where=where)
    check_closed(points, triangles, where=where)
    check_oriented(points, triangles, where=where)
    check_crossings(points, triangles, where=where)


def check_finite(points: Float, triangles: Int, *, where: str = "surface") -> None:
    """Raise when there are no triangles, or points that are not numbers."""
    if len(triangles) < 4:
        raise MeshInputError(
            f"the surface has {len(triangles)} triangles", where=where, expected="a closed body"
        )
    bad = ~np.isfinite(points).all(axis=1)
    if bad.any():
        raise MeshInputError(
            f"{int(bad.sum())} points are not finite", where=f"{where}, point {np.argmax(bad)}"
        )


def check_manifold(points: Float, triangles: Int, *, where: str = "surface") -> None:
    """Raise when an edge belongs to more than two triangles."""
    table = topology.edge_table(triangles)
    bad = table.count > 2
    if bad.any():
        raise MeshInputError(
            f"{int(bad.sum())} edges belong to more than two triangles (non-manifold)",
            where=_place(where, points[table.edges[np.argmax(bad)]].mean(axis=0)),
            expected="two triangles at every edge",
            fix="remove doubled triangles and inner walls in the program that made the surface",
        )


def check_closed(points: Float, triangles: Int, *, where: str = "surface") -> None:
    """Raise when an edge belongs to one triangle only."""
    table = topology.edge_table(triangles)
    bad = table.count == 1
    if bad.any():
        loops = topology.boundary_loops(triangles)
        longest = topology.loop_length(points, loops[0]) if loops else 0.0
        raise MeshInputError(
            f"the surface is open: {int(bad.sum())} free edges in {len(loops)} loops, the longest "
            f"{longest:.0f} mm",
            where=_place(where, points[table.edges[np.argmax(bad)]].mean(axis=0)),
            expected="a closed surface of the wall, endocardia, epicardium and base or rings",
            fix="close the holes, or give the missing part as a file of its own",
        )


def check_oriented(points: Float, triangles: Int, *, where: str = "surface") -> None:
    """Raise when the triangles of a closed surface run against each other or point inward."""
    flipped = flipped_edges(triangles)
    if len(flipped):
        raise MeshInputError(
            f"{len(flipped)} edges join triangles of opposite orientation",
            where=_place(where, points[flipped[0]].mean(axis=0)),
            expected="all triangles oriented outward",
            fix="orient the triangles consistently",
        )
    volume = topology.enclosed_volume(points, triangles)
    if volume <= 0:
        raise MeshInputError(
            f"the surface is inside out (volume {volume / 1000:.1f} mL)",
            where=where,
            expected="triangles oriented out of the muscle",
            fix="flip all triangles",
        )


def flipped_edges(triangles: Int) -> Int:
    """Return the edges (j, 2) that two triangles run through in the same direction."""
    directed = triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2).astype(np.int64)
    key = directed[:, 0] * (int(directed.max()) + 1) + directed[:, 1]
    _, first, count = np.unique(key, return_index=True, return_counts=True)
    return np.asarray(directed[first[count > 1]])


def check_crossings(points: Float, triangles: Int, *, where: str = "surface") -> None:
    """Raise when two triangles pass through each other."""
    pairs = crossings(points, triangles)
    if len(pairs):
        middle = points[triangles[pairs[0]]].reshape(-1, 3).mean(axis=0)
        raise MeshInputError(
            f"{len(pairs)} pairs of triangles pass through each other",
            where=_place(where, middle),
            expected="a surface without self-intersections",
            fix="separate the surfaces there, the wall is thinner than zero",
        )


def crossings(points: Float, triangles: Int, largest: int = 1000) -> Int:
    """Return pairs (j, 2) of triangles that pass through each other, at most `largest`.

    Triangles that share a node are compared without what they share.
    """
    corners = np.ascontiguousarray(points[triangles], np.float64)
    low, high = corners.min(axis=1), corners.max(axis=1)
    axis = int(np.argmax(np.ptp(points, axis=0)))
    order = np.argsort(low[:, axis], kind="stable")
    found = np.empty((largest, 2), np.int64)
    count = _sweep(
        corners[order], low[order], high[order], triangles[order].astype(np.int64), axis, found
    )
    return order[found[:count]]


def _place(where: str, point: Float) -> str:
    return f"{where} at ({', '.join(f'{x:.1f}' for x in point)}) mm"


@njit(cache=True, nogil=True)
def _sweep(corners, low, high, triangles, axis, found):  # type: ignore[no-untyped-def]
    count = 0
    n = len(corners)
    for i in range(n):
        for j in range(i + 1, n):
            if low[j, axis] > high[i, axis]:
                break
            apart = False
            for k in range(3):
                if low[j, k] > high[i, k] or low[i, k] > high[j, k]:
                    apart = True
                    break
            if apart:
                continue
            if _cross(corners[i], corners[j], triangles[i], triangles[j]):
                found[count, 0], found[count, 1] = i, j
                count += 1
                if count == len(found):
                    return count
    return count


@njit(cache=True, nogil=True)
def _cross(a, b, nodes_a, nodes_b):  # type: ignore[no-untyped-def]
    shared = 0
    for p in range(3):
        for q in range(3):
            if nodes_a[p] == nodes_b[q]:
                shared += 1
    if shared > 1:
        return False
    for p in range(3):
        r = (p + 1) % 3
        if _free(nodes_a[p], nodes_b) and _free(nodes_a[r], nodes_b) and _pierces(a[p], a[r], b):
            return True
        if _free(nodes_b[p], nodes_a) and _free(nodes_b[r], nodes_a) and _pierces(b[p], b[r], a):
            return True
    return False


@njit(cache=True, nogil=True)
def _free(node, others):  # type: ignore[no-untyped-def]
    return node != others[0] and node != others[1] and node != others[2]


@njit(cache=True, nogil=True)
def _pierces(p, q, t):  # type: ignore[no-untyped-def]
    """Tell whether the segment pq passes through the triangle t, by signs of volumes."""
    above, below = _volume(t[0], t[1], t[2], p), _volume(t[0], t[1], t[2], q)
    if above * below >= 0.0:
        return False
    one = _volume(p, q, t[0], t[1])
    two = _volume(p, q, t[1], t[2])
    three = _volume(p, q, t[2], t[0])
    return (one > 0.0 and two > 0.0 and three > 0.0) or (one < 0.0 and two < 0.0 and three < 0.0)


@njit(cache=True, nogil=True)
def _volume(a, b, c, d):  # type: ignore[no-untyped-def]
    ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    wx, wy, wz = d[0] - a[0], d[1] - a[1], d[2] - a[2]
    return ux * (vy * wz - vz * wy) + uy * (vz * wx - vx * wz) + uz * (vx * wy - vy * wx)
