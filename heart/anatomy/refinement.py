"""A heart with every tetrahedron cut into eight: half the edge, the same walls and fibres.

Shows what a result owes to its mesh without a second meshing, whose surface would differ too. New
nodes are edge midpoints, so the shape stays that of the coarse surface; of the three ways to cut
the inner octahedron the shortest diagonal is taken, which keeps the cells' quality [Bey1995].
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.heart import FibreField, Heart, VentricularCoordinates
from heart.anatomy.heart_mesh import HeartMesh
from heart.numerics import tetrahedra

Float = NDArray[np.float64]
Int = NDArray[np.integer]

# Columns 0–3 are the corners, 4–9 the midpoints of edges 01, 02, 03, 12, 13, 23.
_PAIRS = np.array([[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]])
_CORNERS = np.array([[0, 4, 5, 6], [4, 1, 7, 8], [5, 7, 2, 9], [6, 8, 9, 3]])
_DIAGONALS = np.array([[4, 9], [5, 8], [6, 7]])
_RINGS = np.array([[5, 6, 8, 7], [4, 6, 9, 7], [4, 5, 9, 8]])
CHILDREN = 8


def refined(heart: Heart) -> Heart:
    """Return the heart on cells of half the edge.

    Coordinates of new nodes are means over their edge (angles on the circle), segments and
    chamber those of its first end; fibres are those of the parent cell.
    """
    mesh, edges = refined_mesh(heart.mesh)
    first, second = edges.T
    old = heart.coordinates
    turn = np.exp(2j * np.pi * np.asarray(old.rotational))
    middle = np.angle(turn[first] + turn[second]) / (2.0 * np.pi) % 1.0

    def mean(values: Float) -> Float:
        return np.concatenate([values, 0.5 * (values[first] + values[second])])

    coordinates = VentricularCoordinates(
        mean(old.apicobasal),
        mean(old.transmural),
        np.concatenate([old.rotational, middle]),
        np.concatenate([old.chamber, old.chamber[first]]),
    )
    axes = heart.fibres
    fibres = FibreField(
        *(np.repeat(axis, CHILDREN, axis=0) for axis in (axes.fibre, axes.sheet, axes.normal))
    )
    segments = np.concatenate([heart.segments, heart.segments[first]])
    return Heart(mesh, coordinates, segments, fibres)


def refined_mesh(mesh: HeartMesh) -> tuple[HeartMesh, Int]:
    """Return the mesh with eight cells for one, child after child, and the edges that were cut.

    Returns
    -------
    tuple
        Mesh whose first nodes are the old ones; (e, 2) ends of the edge that each new node halves.
    """
    edges = tetrahedra.edges(mesh.cells)
    count = len(mesh.points)
    keys = edges[:, 0] * count + edges[:, 1]

    def between(cells: Int, pairs: Int) -> Int:
        ends = np.sort(cells[:, pairs], axis=2).astype(np.int64)
        found: Int = count + np.searchsorted(keys, ends[..., 0] * count + ends[..., 1])
        return found

    points = np.concatenate([mesh.points, mesh.points[edges].mean(axis=1)])
    nodes = np.concatenate([mesh.cells, between(mesh.cells, _PAIRS)], axis=1)
    tips = points[nodes[:, _DIAGONALS]]
    shortest = np.argmin(np.linalg.norm(tips[:, :, 0] - tips[:, :, 1], axis=2), axis=1)
    rows = np.arange(len(nodes))[:, None]
    axis, ring = nodes[rows, _DIAGONALS[shortest]], nodes[rows, _RINGS[shortest]]
    inner = [np.column_stack([axis, ring[:, k], ring[:, (k + 1) % 4]]) for k in range(4)]
    cells = np.stack([*(nodes[:, corner] for corner in _CORNERS), *inner], axis=1).reshape(-1, 4)
    ab, bc, ca = between(mesh.facets, np.array([[0, 1], [1, 2], [2, 0]])).T
    a, b, c = mesh.facets.T
    facets = np.stack(
        [np.column_stack(three) for three in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))],
        axis=1,
    ).reshape(-1, 3)
    return (
        HeartMesh(
            points,
            tetrahedra.oriented(points, cells).astype(mesh.cells.dtype),
            facets.astype(mesh.facets.dtype),
            np.repeat(mesh.facet_tags, 4),
            np.repeat(mesh.regions, CHILDREN),
            np.repeat(mesh.tissue, CHILDREN),
            mesh.affine,
        ),
        edges,
    )
