"""Where a stimulus begins: a point, with the exact times around it.

At a point source the solution has a kink that a first-order scheme resolves with an error
O(h log h) everywhere.  Giving the nodes of a small ball their exact times takes it away.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from heart.core.errors import ParameterError
from heart.core.parameters import Parameter
from heart.numerics.eikonal.lengths import Lengths
from heart.numerics.eikonal.mesh import EikonalMesh

BALL_RADIUS = Parameter(
    2.0,
    "mm",
    0.0,
    10.0,
    "assumed",
    "four edges of 0.5 mm: enough to remove the kink at the source; fibres turn by about 20 degrees"
    " over 2 mm of wall, little enough to take the metric as constant",
)


@njit(cache=True, nogil=True)
def _barycentric(
    points: NDArray[np.float64],
    cells: NDArray[np.int32],
    c: int,
    x: float,
    y: float,
    z: float,
    w: NDArray[np.float64],
) -> float:
    a, b, d, e = cells[c, 0], cells[c, 1], cells[c, 2], cells[c, 3]
    ox, oy, oz = points[a, 0], points[a, 1], points[a, 2]
    bx, by, bz = points[b, 0] - ox, points[b, 1] - oy, points[b, 2] - oz
    dx, dy, dz = points[d, 0] - ox, points[d, 1] - oy, points[d, 2] - oz
    ex, ey, ez = points[e, 0] - ox, points[e, 1] - oy, points[e, 2] - oz
    px, py, pz = x - ox, y - oy, z - oz
    cx, cy, cz = dy * ez - dz * ey, dz * ex - dx * ez, dx * ey - dy * ex
    det = bx * cx + by * cy + bz * cz
    if det == 0.0:
        return -math.inf
    w[1] = (px * cx + py * cy + pz * cz) / det
    qx, qy, qz = by * pz - bz * py, bz * px - bx * pz, bx * py - by * px
    w[3] = (dx * qx + dy * qy + dz * qz) / det * -1.0
    w[2] = (ex * qx + ey * qy + ez * qz) / det
    w[0] = 1.0 - w[1] - w[2] - w[3]
    return min(min(w[0], w[1]), min(w[2], w[3]))


@njit(cache=True, nogil=True)
def _find(
    points: NDArray[np.float64],
    cells: NDArray[np.int32],
    edges: NDArray[np.float64],
    x: float,
    y: float,
    z: float,
) -> tuple[int, int]:
    """Return the first conducting cell that holds the point, or -1, and the nearest such node."""
    w = np.empty(4)
    found = -1
    near = -1
    least = math.inf
    for c in range(cells.shape[0]):
        if not edges[c, 0] < math.inf:
            continue
        reach = 0.0
        closest = math.inf
        px, py, pz = points[cells[c, 0], 0], points[cells[c, 0], 1], points[cells[c, 0], 2]
        for k in range(4):
            v = cells[c, k]
            d = (points[v, 0] - x) ** 2 + (points[v, 1] - y) ** 2 + (points[v, 2] - z) ** 2
            if d < least:
                least = d
                near = v
            closest = min(closest, d)
            s = (points[v, 0] - px) ** 2 + (points[v, 1] - py) ** 2 + (points[v, 2] - pz) ** 2
            reach = max(reach, s)
        if (
            found < 0
            and closest <= 4.0 * reach
            and _barycentric(points, cells, c, x, y, z, w) >= -1e-9
        ):
            found = c
    return found, near


@njit(cache=True, nogil=True)
def _best_around(
    points: NDArray[np.float64],
    cells: NDArray[np.int32],
    edges: NDArray[np.float64],
    star: NDArray[np.int32],
    first: int,
    last: int,
    x: float,
    y: float,
    z: float,
) -> int:
    w = np.empty(4)
    best = -1
    worst = -math.inf
    for e in range(first, last):
        c = star[e] >> 2
        if edges[c, 0] < math.inf:
            least = _barycentric(points, cells, c, x, y, z, w)
            if least > worst or best < 0:
                worst = least
                best = c
    return best


@njit(cache=True, nogil=True)
def _ball(
    points: NDArray[np.float64],
    cells: NDArray[np.int32],
    edges: NDArray[np.float64],
    star_start: NDArray[np.int32],
    star: NDArray[np.int32],
    cell: int,
    x: float,
    y: float,
    z: float,
    m: NDArray[np.float64],
    reach: float,
) -> NDArray[np.int32]:
    """Return the nodes of the cell and those within reach joined to them by conducting cells."""
    seen = np.zeros(points.shape[0], np.bool_)
    queue = np.empty(points.shape[0], np.int32)
    size = 0
    for k in range(4):
        seen[cells[cell, k]] = True
        queue[size] = cells[cell, k]
        size += 1
    at = 0
    while at < size:
        v = queue[at]
        at += 1
        for e in range(star_start[v], star_start[v + 1]):
            c = star[e] >> 2
            if not edges[c, 0] < math.inf:
                continue
            for k in range(4):
                u = cells[c, k]
                if seen[u]:
                    continue
                dx, dy, dz = points[u, 0] - x, points[u, 1] - y, points[u, 2] - z
                d = m[0, 0] * dx * dx + m[1, 1] * dy * dy + m[2, 2] * dz * dz
                d += 2.0 * (m[0, 1] * dx * dy + m[0, 2] * dx * dz + m[1, 2] * dy * dz)
                if d <= reach:
                    seen[u] = True
                    queue[size] = u
                    size += 1
    return queue[:size]


def point_source(
    mesh: EikonalMesh,
    lengths: Lengths,
    point: ArrayLike,
    time: float = 0.0,
    radius: float = BALL_RADIUS.value,
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return nodes and times that stand for a stimulus at a point.

    The times are the exact distances in the metric of the point's cell, taken as homogeneous over
    the ball; choose the radius small against the scale on which fibres turn, and at least two or
    three edges for a clean first order.  Only nodes joined to the point's cell through conducting
    cells inside the ball are given a time, so that it does not reach across a gap.

    Parameters
    ----------
    mesh, lengths
        As in `solve`.
    point : (3,), mm
        Place of the stimulus.  Outside the mesh the cell at the nearest conducting node serves.
    time : float, ms
        Time of the stimulus.
    radius : float, mm
        Radius across the fibre, the slowest direction; the ball is an ellipsoid, as much longer
        along the fibre as the wave is faster.  0 gives the nodes of the point's cell only.  Assumed
        default: `BALL_RADIUS`.

    Returns
    -------
    nodes : (s,) int32, ascending
    times : (s,) float64, ms

    Raises
    ------
    ParameterError
        Point or time not finite, negative radius, or a mesh in which no cell conducts.
    """
    place = np.asarray(point, np.float64)
    if place.shape != (3,) or not np.isfinite(place).all() or not math.isfinite(time):
        raise ParameterError("stimulus point or time is not finite", expected="three coordinates")
    if not radius >= 0.0:
        raise ParameterError(f"ball radius {radius}", expected="0 or more")
    x, y, z = (float(value) for value in place)
    edges = lengths.edges
    cell, near = _find(mesh.points, mesh.cells, edges, x, y, z)
    if near < 0:
        raise ParameterError("no cell conducts", where="point source")
    if cell < 0:
        first, last = mesh.star_start[near], mesh.star_start[near + 1]
        cell = _best_around(mesh.points, mesh.cells, edges, mesh.star, first, last, x, y, z)
    metric = cell_metric(mesh, lengths, int(cell))
    reach = radius**2 * float(np.linalg.eigvalsh(metric)[-1])
    own = _ball(
        mesh.points,
        mesh.cells,
        edges,
        mesh.star_start,
        mesh.star,
        cell,
        x,
        y,
        z,
        metric,
        reach,
    )
    gap = mesh.points[own] - place
    times = time + np.sqrt(np.maximum(np.einsum("ni,ij,nj->n", gap, metric, gap), 0.0))
    nodes = mesh.node[own]
    order = np.argsort(nodes)
    return nodes[order], times[order]


def cell_metric(mesh: EikonalMesh, lengths: Lengths, cell: int) -> NDArray[np.float64]:
    """Return the metric (3, 3), ms^2/mm^2, of a cell: its six squared lengths determine it."""
    corners = mesh.points[mesh.cells[cell]]
    sides = corners[1:] - corners[0]
    l01, l02, l03, l12, l13, l23 = lengths.edges[cell]
    gram = np.array(
        [
            [l01, 0.5 * (l01 + l02 - l12), 0.5 * (l01 + l03 - l13)],
            [0.5 * (l01 + l02 - l12), l02, 0.5 * (l02 + l03 - l23)],
            [0.5 * (l01 + l03 - l13), 0.5 * (l02 + l03 - l23), l03],
        ]
    )
    inverse = np.linalg.inv(sides)
    metric = inverse @ gram @ inverse.T
    return np.asarray(0.5 * (metric + metric.T))
