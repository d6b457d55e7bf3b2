"""Geometry of a tetrahedral mesh as plain arrays: volumes, gradients, quality, boundary.

Everything is vectorised over cells. `points` is (n, 3) in mm, `cells` is (m, 4) node indices
with positive volume.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int = NDArray[np.integer]

FACES = np.array([[1, 2, 3], [0, 3, 2], [0, 1, 3], [0, 2, 1]])
EDGES = np.array([[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]])


def volumes(points: Float, cells: Int) -> Float:
    """Return the signed volume of each cell, (m,) in mm3."""
    a, b, c, d = (points[cells[:, i]] for i in range(4))
    result: Float = np.einsum("ij,ij->i", np.cross(b - a, c - a), d - a) / 6.0
    return result


def oriented(points: Float, cells: Int) -> Int:
    """Return `cells` with two nodes exchanged wherever the volume was negative."""
    fixed = np.array(cells, copy=True)
    negative = volumes(points, cells) < 0
    fixed[negative, 2], fixed[negative, 3] = cells[negative, 3], cells[negative, 2]
    return fixed


def radius_ratios(points: Float, cells: Int) -> Float:
    """Return 3 × inradius / circumradius of each cell: 1 regular, 0 degenerate; (m,)."""
    a, b, c, d = (points[cells[:, i]] for i in range(4))
    u, v, w = b - a, c - a, d - a
    six_volume = np.abs(np.einsum("ij,ij->i", np.cross(u, v), w))
    area = sum(
        0.5 * np.linalg.norm(np.cross(p, q), axis=1)
        for p, q in ((u, v), (u, w), (v, w), (v - u, w - u))
    )
    square = [np.einsum("ij,ij->i", e, e)[:, None] for e in (u, v, w)]
    centre = square[0] * np.cross(v, w) + square[1] * np.cross(w, u) + square[2] * np.cross(u, v)
    with np.errstate(divide="ignore", invalid="ignore"):
        inradius = 0.5 * six_volume / area
        circumradius = np.linalg.norm(centre, axis=1) / (2.0 * six_volume)
        ratio = 3.0 * inradius / circumradius
    return np.nan_to_num(ratio, nan=0.0, posinf=0.0)


def shape_gradients(points: Float, cells: Int) -> Float:
    """Return the gradients of the four P1 shape functions of each cell, (m, 4, 3) in 1/mm."""
    a, b, c, d = (points[cells[:, i]] for i in range(4))
    u, v, w = b - a, c - a, d - a
    rest = np.stack([_cross(v, w), _cross(w, u), _cross(u, v)], axis=1)
    rest /= np.einsum("ij,ij->i", u, rest[:, 0])[:, None, None]
    return np.concatenate([-rest.sum(axis=1, keepdims=True), rest], axis=1)


def _cross(a: Float, b: Float) -> Float:
    """Return the cross product of rows; numpy's own is several times slower."""
    result = np.empty_like(a)
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        result[:, i] = a[:, j] * b[:, k] - a[:, k] * b[:, j]
    return result


def cell_gradients(points: Float, cells: Int, nodal: Float) -> Float:
    """Return the gradient of a P1 field in each cell, (m, 3)."""
    result: Float = np.einsum("mik,mi->mk", shape_gradients(points, cells), nodal[cells])
    return result


def node_volumes(points: Float, cells: Int) -> Float:
    """Return the lumped volume of each node, (n,) in mm3; they sum to the mesh volume."""
    share = np.repeat(volumes(points, cells) / 4.0, 4)
    return np.bincount(cells.ravel(), weights=share, minlength=len(points))


def cells_to_nodes(points: Float, cells: Int, values: Float) -> Float:
    """Return volume-weighted nodal means of a per-cell field (m, …) as (n, …)."""
    volume = volumes(points, cells)
    flat = values.reshape(len(cells), -1)
    columns = [
        np.bincount(cells.ravel(), np.repeat(volume * column, 4), minlength=len(points))
        for column in flat.T
    ]
    weight = np.bincount(cells.ravel(), np.repeat(volume, 4), minlength=len(points))
    mean = np.stack(columns, axis=1) / np.maximum(weight, 1e-300)[:, None]
    return mean.reshape((len(points), *values.shape[1:]))


def edges(cells: Int) -> Int:
    """Return the unique edges, (e, 2) with the smaller node first."""
    pairs = np.sort(np.asarray(cells, np.int64)[:, EDGES].reshape(-1, 2), axis=1)
    count = int(cells.max()) + 1 if len(cells) else 1
    keys = np.unique(pairs[:, 0] * count + pairs[:, 1])
    return np.stack([keys // count, keys % count], axis=1)


def boundary_faces(cells: Int) -> tuple[Int, Int]:
    """Return the outer faces (k, 3), oriented outward, and the cell that owns each (k,)."""
    faces = cells[:, FACES].reshape(-1, 3)
    key = np.sort(faces, axis=1).astype(np.uint64)
    size = np.uint64(int(cells.max()) + 1 if len(cells) else 1)
    if int(size) < 2**21:
        label: Int = (key[:, 0] * size + key[:, 1]) * size + key[:, 2]
        _, first, count = np.unique(label, return_index=True, return_counts=True)
    else:
        _, first, count = np.unique(key, axis=0, return_index=True, return_counts=True)
    outer = np.sort(first[count == 1])
    return faces[outer], outer // 4


def face_normals(points: Float, faces: Int) -> Float:
    """Return area vectors (normal × area) of triangles, (k, 3) in mm2."""
    a, b, c = (points[faces[:, i]] for i in range(3))
    return 0.5 * np.cross(b - a, c - a)
