"""How much later a front arrives because it is curved: first-order eikonal–diffusion.

The eikonal equation lets every front run at the speed of a plane one. In a reaction–diffusion
tissue a convex front is slower, because what it excites is larger than what excites it. The
eikonal–diffusion equation sqrt(grad T . V grad T) - e div(V grad T) = 1 carries that [Franzone1990,
Tomlinson2002]; here its solution to first order in the front time e: the delay grows along the
rays of the plain solution by e div(V grad T) for each ms. For a sphere of radius r that started at
r0 it is 2 (e c) ln(r / r0) / c.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from heart.core.errors import ParameterError
from heart.core.parameters import Parameter
from heart.numerics.eikonal.lengths import Lengths
from heart.numerics.eikonal.mesh import EikonalMesh
from heart.numerics.eikonal.refine import TRIANGLE, VIEW, edge_time, recover

FRONT_TIME = Parameter(
    0.21, "ms", 0.0, 5.0, "assumed",
    "diffusivity over squared speed of a plane wave, 0.0953 mm^2/ms and 0.61 mm/ms, times 0.82:"
    " measured for tt2006 in a narrow cone; gates that lag behind the voltage soften the law",
)  # fmt: skip
LARGEST = 0.5
"""Most by which a front is slowed or hastened, as a share of its time; beyond it, as where fronts
meet or at a point source, a first-order correction has no meaning."""

# Rays that go against the order of time need another sweep.
_SWEEPS = 3


def delayed(
    mesh: EikonalMesh,
    lengths: Lengths,
    arrival: ArrayLike,
    nodes: ArrayLike,
    front_time: float = FRONT_TIME.value,
) -> NDArray[np.float64]:
    """Return arrival times with the delay of curved fronts added.

    Parameters
    ----------
    mesh, lengths
        As in `solve`. The fast sheet carries delays on but adds none.
    arrival : (n,), ms
        From `solve`, better of second order; inf where nothing arrives.
    nodes : (s,) int
        Nodes that are fired, where nothing is added.
    front_time : float, ms
        Diffusivity over squared speed, the same along all axes because speed goes with the square
        root of diffusivity.

    Returns
    -------
    ndarray (n,) float64, ms

    Raises
    ------
    ParameterError
        Arrival that does not fit the mesh, no nodes, or a front time that is not plausible.
    """
    FRONT_TIME.check(front_time, name="front time")
    given = np.asarray(arrival, np.float64)
    starts = np.atleast_1d(np.asarray(nodes))
    if given.shape != (len(mesh.points),):
        raise ParameterError(
            f"arrival has shape {given.shape}", expected=f"one time for each of {len(mesh.points)}"
        )
    if not starts.size or starts.dtype.kind not in "iu":
        raise ParameterError("no nodes are fired", expected="at least one node number")
    time = np.ascontiguousarray(given[mesh.node])
    fired = np.zeros(len(time), np.bool_)
    fired[mesh.rank[starts]] = True
    flux = _flux(mesh.points, mesh.cells, lengths.edges, time, fired)
    bend = np.trace(recover(mesh.points, mesh.cells, lengths.edges, flux), axis1=1, axis2=2)
    bend = np.clip(front_time * np.nan_to_num(bend), -LARGEST, LARGEST)
    order = np.argsort(time, kind="stable")
    order = order[~fired[order] & np.isfinite(time[order])]
    delay = np.zeros(len(time))
    for _ in range(_SWEEPS):
        _transport(
            mesh.cells, lengths.edges, mesh.star_start, mesh.star, mesh.fan_start, mesh.fan,
            lengths.triangles, order, time, bend, delay,
        )  # fmt: skip
    result: NDArray[np.float64] = (time + delay)[mesh.rank]
    return result


@njit(cache=True, nogil=True, error_model="numpy")
def _flux(
    points: NDArray[np.float64],
    cells: NDArray[np.int32],
    edges: NDArray[np.float64],
    time: NDArray[np.float64],
    fired: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return V grad T (n, 3) in mm/ms at the nodes, mean over the cells that the wave runs in.

    Cells that are fired whole have no front, and would be seen as a source of one.
    """
    n = points.shape[0]
    flux = np.zeros((n, 3))
    weight = np.zeros(n)
    side = np.empty((3, 3))
    for c in range(cells.shape[0]):
        if not edges[c, 0] < math.inf:
            continue
        o = cells[c, 0]
        alive, whole = True, True
        for k in range(4):
            alive &= time[cells[c, k]] < math.inf
            whole &= fired[cells[c, k]]
        if not alive or whole:
            continue
        l01, l02, l03 = edges[c, 0], edges[c, 1], edges[c, 2]
        g12 = 0.5 * (l01 + l02 - edges[c, 3])
        g13 = 0.5 * (l01 + l03 - edges[c, 4])
        g23 = 0.5 * (l02 + l03 - edges[c, 5])
        a11, a12, a13 = l02 * l03 - g23 * g23, g13 * g23 - g12 * l03, g12 * g23 - g13 * l02
        a22, a23, a33 = l01 * l03 - g13 * g13, g12 * g13 - l01 * g23, l01 * l02 - g12 * g12
        det = l01 * a11 + g12 * a12 + g13 * a13
        u1 = time[cells[c, 1]] - time[o]
        u2 = time[cells[c, 2]] - time[o]
        u3 = time[cells[c, 3]] - time[o]
        x1 = (a11 * u1 + a12 * u2 + a13 * u3) / det
        x2 = (a12 * u1 + a22 * u2 + a23 * u3) / det
        x3 = (a13 * u1 + a23 * u2 + a33 * u3) / det
        for j in range(3):
            for k in range(3):
                side[j, k] = points[cells[c, 1 + j], k] - points[o, k]
        volume = abs(
            side[0, 0] * (side[1, 1] * side[2, 2] - side[1, 2] * side[2, 1])
            - side[0, 1] * (side[1, 0] * side[2, 2] - side[1, 2] * side[2, 0])
            + side[0, 2] * (side[1, 0] * side[2, 1] - side[1, 1] * side[2, 0])
        )
        for corner in range(4):
            v = cells[c, corner]
            weight[v] += volume
            for k in range(3):
                flux[v, k] += volume * (x1 * side[0, k] + x2 * side[1, k] + x3 * side[2, k])
    for v in range(n):
        if weight[v] > 0.0:
            flux[v] /= weight[v]
        else:
            flux[v] = math.inf
    return flux


@njit(cache=True, nogil=True, error_model="numpy")
def _foot(ti: float, tk: float, gii: float, gkk: float, gik: float) -> tuple[float, float]:
    """Return the time through edge (i, k) and the weight of i; the nearer end where none is in."""
    time, weight = edge_time(ti, tk, gii, gkk, gik)
    if time < math.inf:
        return time, weight
    if ti + math.sqrt(gii) <= tk + math.sqrt(gkk):
        return ti + math.sqrt(gii), 1.0
    return tk + math.sqrt(gkk), 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def _transport(
    cells: NDArray[np.int32],
    edges: NDArray[np.float64],
    star_start: NDArray[np.int32],
    star: NDArray[np.int32],
    fan_start: NDArray[np.int32],
    fan: NDArray[np.int32],
    fan_lengths: NDArray[np.float64],
    order: NDArray[np.int64],
    time: NDArray[np.float64],
    bend: NDArray[np.float64],
    delay: NDArray[np.float64],
) -> None:
    """Carry delays along the rays, from where each node's wave came, and add what bends."""
    for d in order:
        best, foot, carried, bent = math.inf, 0.0, 0.0, 0.0
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
            gik = 0.5 * (di + dk - edges[c, view[6]])
            gim = 0.5 * (di + dm - edges[c, view[7]])
            gkm = 0.5 * (dk + dm - edges[c, view[8]])
            aii, aik, aim = dk * dm - gkm * gkm, gim * gkm - gik * dm, gik * gkm - gim * dk
            akk, akm, amm = di * dm - gim * gim, gik * gim - di * gkm, di * dk - gik * gik
            det = di * aii + gik * aik + gim * aim
            uk, um = tk - ti, tm - ti
            bi, bk, bm = aii + aik + aim, aik + akk + akm, aim + akm + amm
            sk, sm = akk * uk + akm * um, akm * uk + amm * um
            a, b = bi + bk + bm, bk * uk + bm * um
            disc = b * b - a * (sk * uk + sm * um - det)
            if disc >= 0.0 and a > 0.0 and det > 0.0:
                x = (b + math.sqrt(disc)) / a
                wi, wk, wm = bi * x - aik * uk - aim * um, bk * x - sk, bm * x - sm
                total = wi + wk + wm
                if wi >= 0.0 and wk >= 0.0 and wm >= 0.0 and total > 0.0:
                    if ti + x < best:
                        best = ti + x
                        wi, wk, wm = wi / total, wk / total, wm / total
                        foot = wi * ti + wk * tk + wm * tm
                        carried = wi * delay[i] + wk * delay[k] + wm * delay[m]
                        bent = wi * bend[i] + wk * bend[k] + wm * bend[m]
                    continue
            for p, q, g0, g1, g01 in (
                (i, k, di, dk, gik), (i, m, di, dm, gim), (k, m, dk, dm, gkm),
            ):  # fmt: skip
                x, w = _foot(time[p], time[q], g0, g1, g01)
                if x < best:
                    best = x
                    foot = w * time[p] + (1.0 - w) * time[q]
                    carried = w * delay[p] + (1.0 - w) * delay[q]
                    bent = w * bend[p] + (1.0 - w) * bend[q]
        sheet = False
        for e in range(fan_start[d], fan_start[d + 1]):
            c, corner = fan[e, 0] >> 2, fan[e, 0] & 3
            dp, pq = fan_lengths[c, TRIANGLE[corner, 0]], fan_lengths[c, TRIANGLE[corner, 1]]
            dq = fan_lengths[c, TRIANGLE[corner, 2]]
            p, q = fan[e, 1], fan[e, 2]
            if not dp < math.inf or not max(time[p], time[q]) < math.inf:
                continue
            x, w = _foot(time[p], time[q], dp, dq, 0.5 * (dp + dq - pq))
            if x < best:
                best, sheet = x, True
                carried = w * delay[p] + (1.0 - w) * delay[q]
        if best < math.inf:
            lasts = 0.0 if sheet else max(0.0, time[d] - foot)
            delay[d] = carried + 0.5 * (bend[d] + bent) * lasts
