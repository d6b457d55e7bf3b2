"""How Purkinje–muscle junctions join a one-dimensional tree to the nodes of the muscle.

A junction lies anywhere in the mesh.  Around it, over two edges, the time between it and a node is
the length of the straight line in the metric of its cell, so that a coarse mesh starts no later
than a fine one.  Which nodes those are is geometry, found once for a mesh; the times are one
product per member of an ensemble.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from heart.numerics.eikonal import EikonalMesh, Lengths

Float = NDArray[np.float64]
Int = NDArray[np.integer]

_CANDIDATES = 24


@dataclass(frozen=True)
class JunctionMap:
    """Nodes around each of j junctions of one mesh.

    Attributes
    ----------
    start
        (j + 1,) rows of `node` and `offset` of each junction; none for one that no conducting
        muscle is near.
    node
        (q,) the caller's node numbers.
    offset
        (q, 3) mm from the junction.
    cell
        (j,) own cell of each, −1 for none.
    """

    start: Int
    node: Int
    offset: Float
    cell: Int

    @staticmethod
    def of(mesh: EikonalMesh, points: Float, radius: float, edge: float) -> JunctionMap:
        """Find the nodes within `radius` + two edges of points (j, 3), joined by conducting cells.

        A point off the mesh by more than two edges touches no muscle.
        """
        corners = mesh.points[mesh.cells]
        count = min(_CANDIDATES, len(corners))
        near = np.asarray(cKDTree(corners.mean(axis=1)).query(points, k=count)[1])
        near = near.reshape(len(points), count)
        base = corners[near, 0]
        sides = np.swapaxes(corners[near, 1:] - base[:, :, None], 2, 3)
        share = np.linalg.solve(sides, (points[:, None] - base)[..., None])[..., 0]
        share = np.concatenate([1.0 - share.sum(axis=2, keepdims=True), share], axis=2)
        best = np.argmax(share.min(axis=2), axis=1)
        rows = np.arange(len(points))
        cell, weight = near[rows, best], np.clip(share[rows, best], 0.0, None)
        weight /= weight.sum(axis=1, keepdims=True)
        inside = np.einsum("ji,jik->jk", weight, corners[cell])
        cell = np.where(np.linalg.norm(inside - points, axis=1) <= 2.0 * edge, cell, -1)
        start, node = _balls(
            mesh.points,
            mesh.cells,
            mesh.star_start,
            mesh.star,
            cell.astype(np.int64),
            inside,
            radius + 2.0 * edge,
        )
        owner = np.repeat(rows, np.diff(start))
        return JunctionMap(start, mesh.node[node], mesh.points[node] - inside[owner], cell)

    @property
    def owner(self) -> Int:
        """(q,) junction of each row."""
        return np.repeat(np.arange(len(self.cell)), np.diff(self.start))

    def times(self, mesh: EikonalMesh, lengths: Lengths) -> Float:
        """Return the time (q,) in ms between each junction and its nodes."""
        metric = metrics(mesh, lengths, self.cell)[self.owner]
        squared = np.einsum("qi,qij,qj->q", self.offset, metric, self.offset)
        return np.sqrt(np.maximum(squared, 0.0))

    def earliest(self, late: Float, activation: Float) -> Float:
        """Return when the wave `activation` (n,) is at each junction, `late` (q,) ms from a node.

        inf for a junction without nodes.
        """
        result = np.full(len(self.cell), np.inf)
        np.minimum.at(result, self.owner, activation[self.node] + late)
        return result


def metrics(mesh: EikonalMesh, lengths: Lengths, cells: Int) -> Float:
    """Return the metric (k, 3, 3), ms2/mm2, of own cells: its squared lengths determine it."""
    corners = mesh.points[mesh.cells[cells]]
    inverse = np.linalg.inv(corners[:, 1:] - corners[:, :1])
    l01, l02, l03, l12, l13, l23 = lengths.edges[cells].T
    gram = np.empty((len(cells), 3, 3))
    gram[:, 0, 0], gram[:, 1, 1], gram[:, 2, 2] = l01, l02, l03
    gram[:, 0, 1] = gram[:, 1, 0] = 0.5 * (l01 + l02 - l12)
    gram[:, 0, 2] = gram[:, 2, 0] = 0.5 * (l01 + l03 - l13)
    gram[:, 1, 2] = gram[:, 2, 1] = 0.5 * (l02 + l03 - l23)
    return np.asarray(inverse @ gram @ np.swapaxes(inverse, 1, 2))


@njit(cache=True, nogil=True)
def _balls(
    points: NDArray[np.float64],
    cells: NDArray[np.int32],
    star_start: NDArray[np.int32],
    star: NDArray[np.int32],
    cell: NDArray[np.int64],
    centre: NDArray[np.float64],
    radius: float,
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return CSR of the nodes of each cell and those within radius joined to them by cells."""
    seen = np.full(points.shape[0], -1, np.int64)
    queue = np.empty(points.shape[0], np.int32)
    start = np.zeros(cell.size + 1, np.int64)
    found = np.empty(64 * cell.size + 64, np.int32)
    for j in range(cell.size):
        size = 0
        if cell[j] >= 0:
            for k in range(4):
                seen[cells[cell[j], k]] = j
                queue[size] = cells[cell[j], k]
                size += 1
        at = 0
        while at < size:
            v = queue[at]
            at += 1
            for e in range(star_start[v], star_start[v + 1]):
                for k in range(4):
                    u = cells[star[e] >> 2, k]
                    if seen[u] == j:
                        continue
                    seen[u] = j
                    far = 0.0
                    for axis in range(3):
                        far += (points[u, axis] - centre[j, axis]) ** 2
                    if far <= radius * radius:
                        queue[size] = u
                        size += 1
        start[j + 1] = start[j] + size
        if start[j + 1] > found.size:
            more = np.empty(2 * start[j + 1], np.int32)
            more[: start[j]] = found[: start[j]]
            found = more
        found[start[j] : start[j + 1]] = queue[:size]
    return start, found[: start[cell.size]]
