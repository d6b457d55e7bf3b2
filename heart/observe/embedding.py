"""Find points inside a tetrahedral mesh and interpolate P1 fields there.

The heart is not meshed conformingly into the torso: its nodes are located in torso cells once,
and fields are carried over by barycentric weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int = NDArray[np.integer]


@dataclass(frozen=True)
class Embedding:
    """Points located in a mesh.

    Attributes
    ----------
    cells
        (k,) containing cell, −1 outside the mesh.
    nodes
        (k, 4) nodes of that cell.
    weights
        (k, 4) barycentric coordinates; zero outside.
    """

    cells: Int
    nodes: Int
    weights: Float

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Return which points lie in the mesh, (k,)."""
        return self.cells >= 0

    def interpolate(self, fields: Float) -> Float:
        """Return nodal fields (e, n) at the points, (e, k)."""
        result: Float = np.einsum("eki,ki->ek", fields[:, self.nodes], self.weights)
        return result


@numba.njit(cache=True, nogil=True)
def _fill(
    low: Float, high: Float, origin: Float, size: float, shape: Int, first: Int, items: Int
) -> int:
    """Count (first pass, empty `items`) or list the cells whose box touches each bin."""
    total = 0
    for cell in range(len(low)):
        i0 = max(int((low[cell, 0] - origin[0]) / size), 0)
        j0 = max(int((low[cell, 1] - origin[1]) / size), 0)
        k0 = max(int((low[cell, 2] - origin[2]) / size), 0)
        i1 = min(int((high[cell, 0] - origin[0]) / size), shape[0] - 1)
        j1 = min(int((high[cell, 1] - origin[1]) / size), shape[1] - 1)
        k1 = min(int((high[cell, 2] - origin[2]) / size), shape[2] - 1)
        for i in range(i0, i1 + 1):
            for j in range(j0, j1 + 1):
                for k in range(k0, k1 + 1):
                    entry = (i * shape[1] + j) * shape[2] + k
                    if len(items):
                        items[first[entry]] = cell
                    first[entry] += 1
                    total += 1
    return total


@numba.njit(cache=True, nogil=True)
def _search(
    targets: Float,
    origin: Float,
    size: float,
    shape: Int,
    first: Int,
    items: Int,
    corner: Float,
    inverse: Float,
    tolerance: float,
    found: Int,
    weights: Float,
) -> None:
    local = np.empty(4)
    for p in range(len(targets)):
        best, i = -np.inf, int((targets[p, 0] - origin[0]) / size)
        j, k = int((targets[p, 1] - origin[1]) / size), int((targets[p, 2] - origin[2]) / size)
        if min(i, j, k) < 0 or i >= shape[0] or j >= shape[1] or k >= shape[2]:
            continue
        entry = (i * shape[1] + j) * shape[2] + k
        for item in range(first[entry], first[entry + 1]):
            cell = items[item]
            local[0] = 1.0
            for a in range(3):
                value = 0.0
                for b in range(3):
                    value += inverse[cell, a, b] * (targets[p, b] - corner[cell, b])
                local[a + 1] = value
                local[0] -= value
            smallest = local.min()
            if smallest > best and smallest >= -tolerance:
                best = smallest
                found[p] = cell
                weights[p] = local
            if best >= 0.0:
                break


def embed(points: Float, cells: Int, targets: Float, tolerance: float = 1e-6) -> Embedding:
    """Locate `targets` (k, 3) in the mesh `points` (n, 3), `cells` (m, 4).

    `tolerance` is how far outside a cell, in barycentric coordinates, still counts as inside.
    """
    corners = points[cells]
    low, high = corners.min(axis=1), corners.max(axis=1)
    floor, ceiling = targets.min(axis=0), targets.max(axis=0)
    near = np.flatnonzero(((high >= floor) & (low <= ceiling)).all(axis=1))
    found = np.full(len(targets), -1, np.int64)
    weights = np.zeros((len(targets), 4))
    if len(near):
        low, high, corners = low[near] - 1e-9, high[near] + 1e-9, corners[near]
        size = max(float(np.median(high - low)), float((ceiling - floor).max()) / 200.0, 1e-6)
        origin = floor - 0.5 * size
        shape = ((ceiling - origin) / size).astype(np.int64) + 1
        first = np.zeros(int(shape.prod()) + 1, np.int64)
        total = _fill(low, high, origin, size, shape, first, np.zeros(0, np.int64))
        start = np.concatenate([[0], np.cumsum(first[:-1])])
        items = np.zeros(total, np.int64)
        _fill(low, high, origin, size, shape, start.copy(), items)
        edges = np.swapaxes(corners[:, 1:] - corners[:, :1], 1, 2)
        _search(
            np.ascontiguousarray(targets, np.float64),
            origin,
            size,
            shape,
            start,
            items,
            np.ascontiguousarray(corners[:, 0]),
            np.linalg.inv(edges),
            tolerance,
            found,
            weights,
        )
        found[found >= 0] = near[found[found >= 0]]
    nodes = np.where(found[:, None] >= 0, cells[np.maximum(found, 0)], 0)
    return Embedding(found, nodes, weights)
