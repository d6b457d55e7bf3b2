"""Topology of triangle surfaces as arrays: edges, loops, patches, manifoldness.

Surfaces are (n, 3) points in mm and (k, 3) triangles; nothing here draws or reads files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Float = NDArray[np.float64]
Int = NDArray[np.integer]


@dataclass(frozen=True)
class EdgeTable:
    """Edges of a surface.

    Attributes
    ----------
    edges
        (e, 2) unique edges, smaller node first.
    index
        (k, 3) the edge of each side of each triangle: sides 01, 12, 20.
    count
        (e,) how many triangles share the edge.
    """

    edges: Int
    index: Int
    count: Int


def edge_table(triangles: Int) -> EdgeTable:
    """Return the unique edges of triangles (k, 3)."""
    sides = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1).astype(np.int64)
    size = int(sides.max()) + 1 if len(sides) else 1
    key, index, count = np.unique(
        sides[:, 0] * size + sides[:, 1], return_inverse=True, return_counts=True
    )
    return EdgeTable(np.stack([key // size, key % size], axis=1), index.reshape(-1, 3), count)


def neighbours(triangles: Int) -> Int:
    """Return the pairs (p, 2) of triangles that share an edge (manifold edges only)."""
    table = edge_table(triangles)
    side = table.index.ravel()
    order = np.argsort(side, kind="stable")
    paired = table.count[side[order]] == 2
    return np.asarray(order[paired].reshape(-1, 2) // 3)


def components(count: int, pairs: Int) -> Int:
    """Return the component number of each of `count` things joined by `pairs` (p, 2)."""
    graph = coo_array((np.ones(len(pairs), np.int8), tuple(pairs.T)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1])


def boundary_loops(triangles: Int) -> list[Int]:
    """Return the closed loops of edges that belong to one triangle, longest first.

    Each is an array of nodes in order, along the direction in which its triangles run. Loops
    that touch at a node are separated there.
    """
    directed = triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    single = edge_table(triangles)
    open_side = single.count[single.index.ravel()] == 1
    following: dict[int, list[int]] = {}
    for start, end in directed[open_side].tolist():
        following.setdefault(start, []).append(end)
    loops = []
    while following:
        first = next(iter(following))
        path, seen = [first], {first: 0}
        while True:
            onward = following.get(path[-1])
            if not onward:
                break
            node = onward.pop()
            if not onward:
                del following[path[-1]]
            if node in seen:
                at = seen[node]
                loops.append(np.array(path[at:]))
                for passed in path[at + 1 :]:
                    del seen[passed]
                path = path[: at + 1]
            else:
                seen[node] = len(path)
                path.append(node)
    return sorted((loop for loop in loops if len(loop) > 2), key=len, reverse=True)


def loop_length(points: Float, loop: Int) -> float:
    """Return the length in mm of a closed loop of nodes."""
    ring = points[loop]
    return float(np.linalg.norm(np.roll(ring, -1, axis=0) - ring, axis=1).sum())


def enclosed_volume(points: Float, triangles: Int) -> float:
    """Return the volume in mm3 inside a closed surface, positive when oriented outward."""
    a, b, c = (points[triangles[:, i]] - points.mean(axis=0) for i in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6.0)


def euler_characteristic(triangles: Int) -> int:
    """Return vertices − edges + faces: 2 − 2 × handles for one closed surface."""
    return len(np.unique(triangles)) - len(edge_table(triangles).edges) + len(triangles)


def compacted(points: Float, triangles: Int) -> tuple[Float, Int]:
    """Drop the points that no triangle uses."""
    used, index = np.unique(triangles, return_inverse=True)
    return points[used], index.reshape(triangles.shape).astype(np.int32)
