"""Second-order correction of arrival times: the front is curved between the nodes.

The march takes time as linear on each face.  Where the front is curved, as across the fibre with
edges that are long against the radius of the front, that is late by half the curvature along the
face, step after step.  Here the second derivatives of the first solution are recovered and every
node is updated once more with faces on which time is quadratic.  Only fronts that spread are
corrected (where fronts meet, the linear value stands), a time never rises, and no edge may dip
below what the wave could do along it.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from heart.numerics.eikonal.lengths import Lengths
from heart.numerics.eikonal.mesh import EikonalMesh

# Updates that go against the order of time need another sweep; few are left after these.
_SWEEPS = 8
_NEEDLE = 1e-13

# Seen from corner d of a cell: corners i k l, then edges di dk dl ik il kl.
VIEW = np.array(
    [
        [1, 2, 3, 0, 1, 2, 3, 4, 5],
        [0, 2, 3, 0, 3, 4, 1, 2, 5],
        [0, 1, 3, 1, 3, 5, 0, 2, 4],
        [0, 1, 2, 2, 4, 5, 0, 1, 3],
    ],
    dtype=np.int64,
)
TRIANGLE = np.array([[0, 1, 2], [1, 2, 0], [2, 0, 1]], dtype=np.int64)


@njit(cache=True, nogil=True, error_model="numpy")
def recover(
    points: NDArray[np.float64],
    cells: NDArray[np.int32],
    edges: NDArray[np.float64],
    values: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the gradients (n, c, 3) of nodal values (n, c), averaged over the cells around."""
    n, columns = values.shape
    slopes = np.zeros((n, columns, 3))
    volume = np.zeros(n)
    w = np.empty((3, 3))
    for cell in range(cells.shape[0]):
        o = cells[cell, 0]
        if not edges[cell, 0] < math.inf:
            continue
        for j in range(3):
            a, b = cells[cell, 1 + (j + 1) % 3], cells[cell, 1 + (j + 2) % 3]
            for k in range(3):
                y, z = (k + 1) % 3, (k + 2) % 3
                w[j, k] = (points[a, y] - points[o, y]) * (points[b, z] - points[o, z])
                w[j, k] -= (points[a, z] - points[o, z]) * (points[b, y] - points[o, y])
        size = 0.0
        for k in range(3):
            size += w[0, k] * (points[cells[cell, 1], k] - points[o, k])
        sign = 1.0 if size > 0.0 else -1.0
        finite = values[o, 0] < math.inf
        for j in range(3):
            finite &= values[cells[cell, 1 + j], 0] < math.inf
        if not finite:
            continue
        for column in range(columns):
            for k in range(3):
                slope = 0.0
                for j in range(3):
                    slope += w[j, k] * (values[cells[cell, 1 + j], column] - values[o, column])
                for corner in range(4):
                    slopes[cells[cell, corner], column, k] += sign * slope
        for corner in range(4):
            volume[cells[cell, corner]] += abs(size)
    for v in range(n):
        if volume[v] > 0.0:
            slopes[v] /= volume[v]
    return slopes


@njit(cache=True, nogil=True, error_model="numpy")
def _bend(
    points: NDArray[np.float64],
    second: NDArray[np.float64],
    time: NDArray[np.float64],
    i: int,
    j: int,
    square: float,
) -> float:
    """Return the second derivative of time along an edge, between 0 and what the speed allows."""
    bend = 0.0
    for a in range(3):
        for b in range(3):
            mean = 0.5 * (second[i, a, b] + second[j, a, b])
            bend += mean * (points[j, a] - points[i, a]) * (points[j, b] - points[i, b])
    return max(0.0, min(bend, 2.0 * (math.sqrt(square) - abs(time[j] - time[i]))))


@njit(cache=True, nogil=True, error_model="numpy")
def edge_time(ti: float, tk: float, gii: float, gkk: float, gik: float) -> tuple[float, float]:
    """Return the time through edge (i, k), inf if its minimum is at an end, and the weight of i."""
    u = tk - ti
    a = gii + gkk - 2.0 * gik
    b = (gii - gik) * u
    disc = b * b - a * (gii * u * u - (gii * gkk - gik * gik))
    if disc < 0.0 or not a > 0.0:
        return math.inf, 0.0
    x = (b + math.sqrt(disc)) / a
    wi = (gkk - gik) * x + gik * u
    wk = (gii - gik) * x - gii * u
    if wi < 0.0 or wk < 0.0 or not wi + wk > 0.0:
        return math.inf, 0.0
    return ti + x, wi / (wi + wk)


@njit(cache=True, nogil=True, error_model="numpy")
def _sweep(
    points: NDArray[np.float64],
    cells: NDArray[np.int32],
    edges: NDArray[np.float64],
    star_start: NDArray[np.int32],
    star: NDArray[np.int32],
    fan_start: NDArray[np.int32],
    fan: NDArray[np.int32],
    fan_lengths: NDArray[np.float64],
    second: NDArray[np.float64],
    order: NDArray[np.int64],
    stale: NDArray[np.bool_],
    tolerance: float,
    time: NDArray[np.float64],
) -> int:
    """Lower the times of stale nodes in the given order; return how many changed."""
    changes = 0
    for d in order:
        if not stale[d]:
            continue
        stale[d] = False
        best = time[d]
        for e in range(star_start[d], star_start[d + 1]):
            c = star[e] >> 2
            view = VIEW[star[e] & 3]
            if not edges[c, 0] < math.inf:
                continue
            i, k, m = cells[c, view[0]], cells[c, view[1]], cells[c, view[2]]
            ti, tk, tm = time[i], time[k], time[m]
            if min(ti, tk, tm) >= best or not max(ti, tk, tm) < math.inf:
                continue
            di, dk, dm = edges[c, view[3]], edges[c, view[4]], edges[c, view[5]]
            ik, im, km = edges[c, view[6]], edges[c, view[7]], edges[c, view[8]]
            gik, gim, gkm = 0.5 * (di + dk - ik), 0.5 * (di + dm - im), 0.5 * (dk + dm - km)
            uk, um = tk - ti, tm - ti
            aii = dk * dm - gkm * gkm
            aik = gim * gkm - gik * dm
            aim = gik * gkm - gim * dk
            akk = di * dm - gim * gim
            akm = gik * gim - di * gkm
            amm = di * dk - gik * gik
            det = di * aii + gik * aik + gim * aim
            bi, bk, bm = aii + aik + aim, aik + akk + akm, aim + akm + amm
            wk, wm = akk * uk + akm * um, akm * uk + amm * um
            a = bi + bk + bm
            b = bk * uk + bm * um
            disc = b * b - a * (wk * uk + wm * um - det)
            if disc >= 0.0 and a > 0.0 and det > _NEEDLE * di * dk * dm:
                x = (b + math.sqrt(disc)) / a
                wi, wk, wm = bi * x - aik * uk - aim * um, bk * x - wk, bm * x - wm
                total = wi + wk + wm
                if wi >= 0.0 and wk >= 0.0 and wm >= 0.0 and total > 0.0:
                    dip = wi * wk * _bend(points, second, time, i, k, ik)
                    dip += wi * wm * _bend(points, second, time, i, m, im)
                    dip += wk * wm * _bend(points, second, time, k, m, km)
                    best = min(best, ti + x - 0.5 * dip / (total * total))
                    continue
            best = min(best, ti + math.sqrt(di), tk + math.sqrt(dk), tm + math.sqrt(dm))
            for first, other, t0, t1, g0, g1, g01, square in (
                (i, k, ti, tk, di, dk, gik, ik),
                (i, m, ti, tm, di, dm, gim, im),
                (k, m, tk, tm, dk, dm, gkm, km),
            ):
                x, w = edge_time(t0, t1, g0, g1, g01)
                # No bend can lower the middle of an edge by more than a quarter of its length.
                if x < best + 0.25 * math.sqrt(square):
                    bend = _bend(points, second, time, first, other, square)
                    best = min(best, x - 0.5 * w * (1.0 - w) * bend)
        for e in range(fan_start[d], fan_start[d + 1]):
            c = fan[e, 0] >> 2
            corner = fan[e, 0] & 3
            dp = fan_lengths[c, TRIANGLE[corner, 0]]
            pq = fan_lengths[c, TRIANGLE[corner, 1]]
            dq = fan_lengths[c, TRIANGLE[corner, 2]]
            tp, tq = time[fan[e, 1]], time[fan[e, 2]]
            if not dp < math.inf:
                continue
            best = min(best, tp + math.sqrt(dp), tq + math.sqrt(dq))
            if max(tp, tq) < math.inf:
                best = min(best, edge_time(tp, tq, dp, dq, 0.5 * (dp + dq - pq))[0])
        if best < time[d] - tolerance:
            time[d] = best
            changes += 1
            for e in range(star_start[d], star_start[d + 1]):
                for corner in range(4):
                    v = cells[star[e] >> 2, corner]
                    stale[v] |= time[v] > best
    return changes


def refine(
    mesh: EikonalMesh,
    lengths: Lengths,
    time: NDArray[np.float64],
    given: NDArray[np.bool_],
    tolerance: float,
) -> None:
    """Correct arrival times for the curvature of the front, in place.

    Parameters
    ----------
    mesh, lengths
        As in `solve`.
    time : (n,), ms
        First-order arrival, own numbers; corrected in place.
    given : (n,) bool
        Nodes whose time is given and stays.
    tolerance : float, ms
        Corrections below it are dropped.
    """
    slopes = recover(mesh.points, mesh.cells, lengths.edges, time[:, None])[:, 0]
    slopes[~np.isfinite(time)] = math.inf
    second = recover(mesh.points, mesh.cells, lengths.edges, slopes)
    order = np.argsort(time, kind="stable")
    order = order[~given[order] & np.isfinite(time[order])]
    stale = ~given
    for _ in range(_SWEEPS):
        changes = _sweep(
            mesh.points,
            mesh.cells,
            lengths.edges,
            mesh.star_start,
            mesh.star,
            mesh.fan_start,
            mesh.fan,
            lengths.triangles,
            second,
            order,
            stale,
            tolerance,
            time,
        )
        if changes == 0:
            break
