"""A wave front that comes back: arrival times of any number of waves, window by window.

The eikonal equation gives each node one arrival. Here a node has a *last* arrival and may get the
next one when it has recovered, so that waves can circle, collide and die. What recovery is, the
caller says after each window through `FrontState.repolarised` and `FrontState.excited`; a wave is
slower where it follows the last one closely. The first wave, in tissue at rest, is the fixed point
of the same local updates as in `heart.numerics.eikonal`, so both give the same times.

A front that comes to a node too early does not vanish at once: the cells behind it stay
depolarised and go on pushing. It waits for `patience`, then it is blocked. That nodes of an
eikonal front are activated again once they have recovered is the idea of [BarriosEspinosa2024];
the algorithm (a priority queue for each window, nodes parked in front of refractory tissue) is
this project's own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
from numba import njit
from numpy.typing import NDArray

from heart.numerics.eikonal import EikonalMesh, Lengths
from heart.numerics.eikonal.local import through_cell, through_edge

Float = NDArray[np.float64]
Int = NDArray[np.int32]

# Waves closer than this cannot be two waves: the shortest action potentials last longer.
SAME_WAVE = 30.0
_ROUNDING = 1e-9
_EDGE = np.array([[-1, 0, 1, 2], [0, -1, 3, 4], [1, 3, -1, 5], [2, 4, 5, -1]], np.int64)
_SIDE = np.array([[0, 1, 2], [1, 2, 0], [2, 0, 1]], np.int64)


@dataclass
class FrontState:
    """What a front knows of each node, in the order of the mesh it runs on.

    Attributes
    ----------
    arrival
        (n,) ms, last activation; -inf before the first.
    repolarised
        (n,) ms, end of the last action potential; -inf before the first.
    pending
        (n,) ms, when the next wave reaches the node, inf if none is near.
    excited
        (n,) whether the node is activated and has not repolarised since.
    """

    arrival: Float
    repolarised: Float
    pending: Float
    excited: NDArray[np.bool_]

    @staticmethod
    def at_rest(count: int) -> FrontState:
        """Return the state of tissue that was never activated."""
        return FrontState(
            np.full(count, -np.inf),
            np.full(count, -np.inf),
            np.full(count, np.inf),
            np.zeros(count, bool),
        )


@dataclass(frozen=True)
class Recovery:
    """When each node can be activated again, and how fast the wave then is.

    Attributes
    ----------
    shortest
        (n,) ms, shortest diastolic interval after which a wave passes.
    kind
        (n,) row of `slowness` that holds for a node.
    slowness
        (k, length) squared slowness relative to tissue at rest, by diastolic interval in steps of
        `step`; it is 1 beyond the last.
    step
        Spacing of the table in ms.
    """

    shortest: Float
    kind: Int
    slowness: Float
    step: float


@dataclass(frozen=True)
class Front:
    """The eikonal problem on which waves run.

    Attributes
    ----------
    mesh, lengths
        Topology and material, as in `heart.numerics.eikonal.solve`.
    recovery
        Refractoriness and restitution of each node, in the order of the mesh.
    patience
        ms that a wave waits before tissue which is still refractory.
    """

    mesh: EikonalMesh
    lengths: Lengths
    recovery: Recovery
    patience: float

    def advance(self, state: FrontState, now: float, end: float) -> Int:
        """Accept all activations before `end` and return the nodes, each once.

        Parameters
        ----------
        state
            Changed in place. Repolarisation is known until `now`.
        now, end
            ms.

        Returns
        -------
        ndarray (k,) int32
            Nodes, in the order of the mesh, that were activated or whose arrival was corrected.
        """
        mesh, recovery = self.mesh, self.recovery
        out = np.empty(len(mesh.points), np.int32)
        count = _window(
            mesh.cells,
            mesh.star_start,
            mesh.star,
            self.lengths.edges,
            mesh.fan_start,
            mesh.fan,
            self.lengths.triangles,
            recovery.shortest,
            recovery.kind,
            recovery.slowness,
            recovery.step,
            state.arrival,
            state.repolarised,
            state.pending,
            state.excited,
            now,
            end,
            self.patience,
            out,
        )
        return out[:count].copy()


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _slowness(interval: float, row: NDArray[np.float64], step: float) -> float:
    place = interval / step
    if not place < row.size - 1:
        return 1.0
    if place <= 0.0:
        return row[0]
    k = int(place)
    part = place - k
    return (1.0 - part) * row[k] + part * row[k + 1]


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _time_of(later: float, than: float) -> float:
    return than + later if later < math.inf else -math.inf


@njit(cache=True, nogil=True, error_model="numpy")
def _offer(
    d: int,
    t: float,
    ready: float,
    arrival: NDArray[np.float64],
    pending: NDArray[np.float64],
    excited: NDArray[np.bool_],
    end: float,
    patience: float,
) -> float:
    """Record that a wave reaches node d at t; return when to take it from the queue, or inf."""
    last = arrival[d]
    if t < last:
        # The wave that activated d is found to be earlier.
        t = max(t, ready)
        if last - t < SAME_WAVE and t + _ROUNDING < min(last, pending[d]):
            pending[d] = t
            return t
        return math.inf
    if t - last < SAME_WAVE or not t < pending[d]:
        return math.inf
    pending[d] = t
    due = max(t, ready)
    if excited[d] or ready - t > patience or not due < end:
        return math.inf
    return due


@njit(cache=True, nogil=True, error_model="numpy")
def _window(
    cells: NDArray[np.int32],
    star_start: NDArray[np.int32],
    star: NDArray[np.int32],
    lengths: NDArray[np.float64],
    fan_start: NDArray[np.int32],
    fan: NDArray[np.int32],
    fan_lengths: NDArray[np.float64],
    shortest: NDArray[np.float64],
    kind: NDArray[np.int32],
    slowness: NDArray[np.float64],
    step: float,
    arrival: NDArray[np.float64],
    repolarised: NDArray[np.float64],
    pending: NDArray[np.float64],
    excited: NDArray[np.bool_],
    now: float,
    end: float,
    patience: float,
    out: NDArray[np.int32],
) -> int:
    heap: list[tuple[float, np.int64]] = [(0.0, np.int64(0))]
    heap.pop()
    listed = np.zeros(pending.size, np.bool_)
    count = 0
    for v in range(pending.size):
        if not pending[v] < end:
            continue
        due = max(pending[v], repolarised[v] + shortest[v])
        if excited[v]:
            if now - pending[v] > patience:
                pending[v] = math.inf
        elif due - pending[v] > patience:
            pending[v] = math.inf
        elif due < end:
            heappush(heap, (due, np.int64(v)))
    while len(heap) > 0:
        ti, i = heappop(heap)
        if ti > max(pending[i], repolarised[i] + shortest[i]) or not pending[i] < math.inf:
            continue
        pending[i] = math.inf
        arrival[i] = ti
        excited[i] = True
        if not listed[i]:
            listed[i] = True
            out[count] = i
            count += 1
        for e in range(star_start[i], star_start[i + 1]):
            c = star[e] >> 2
            ci = star[e] & 3
            if not lengths[c, 0] < math.inf:
                continue
            for turn in range(3):
                cd = (ci + 1 + turn) & 3
                ck = (ci + 1 + (turn + 1) % 3) & 3
                cl = (ci + 1 + (turn + 2) % 3) & 3
                d = cells[c, cd]
                uk = arrival[cells[c, ck]] - ti
                ul = arrival[cells[c, cl]] - ti
                uk = uk if abs(uk) < SAME_WAVE else math.inf
                ul = ul if abs(ul) < SAME_WAVE else math.inf
                ud = arrival[d] - ti
                # Nothing arrives before the earliest corner of the face it comes through.
                if abs(ud) < SAME_WAVE and ud <= min(0.0, min(uk, ul)):
                    continue
                # Taken at the latest corner and not at the one that asks, so that the result does
                # not depend on the order in which equal times leave the queue.
                latest = max(ti, max(_time_of(uk, ti), _time_of(ul, ti)))
                s = _slowness(latest - repolarised[d], slowness[kind[d]], step)
                t = ti + through_cell(
                    math.inf,
                    uk,
                    ul,
                    s * lengths[c, _EDGE[cd, ci]],
                    s * lengths[c, _EDGE[cd, ck]],
                    s * lengths[c, _EDGE[cd, cl]],
                    s * lengths[c, _EDGE[ci, ck]],
                    s * lengths[c, _EDGE[ci, cl]],
                    s * lengths[c, _EDGE[ck, cl]],
                )
                ready = repolarised[d] + shortest[d]
                due = _offer(d, t, ready, arrival, pending, excited, end, patience)
                if due < math.inf:
                    heappush(heap, (due, np.int64(d)))
        for e in range(fan_start[i], fan_start[i + 1]):
            c = fan[e, 0] >> 2
            ci = fan[e, 0] & 3
            ip = fan_lengths[c, _SIDE[ci, 0]]
            pq = fan_lengths[c, _SIDE[ci, 1]]
            iq = fan_lengths[c, _SIDE[ci, 2]]
            if not ip < math.inf:
                continue
            for turn in range(2):
                d = fan[e, 1 + turn]
                k = fan[e, 2 - turn]
                gii = iq if turn == 1 else ip
                gik = 0.5 * (gii + pq - (ip if turn == 1 else iq))
                uk = arrival[k] - ti
                uk = uk if abs(uk) < SAME_WAVE else math.inf
                latest = max(ti, _time_of(uk, ti))
                s = _slowness(latest - repolarised[d], slowness[kind[d]], step)
                t = ti + through_edge(math.inf, uk, s * gii, s * pq, s * gik)
                ready = repolarised[d] + shortest[d]
                due = _offer(d, t, ready, arrival, pending, excited, end, patience)
                if due < math.inf:
                    heappush(heap, (due, np.int64(d)))
    return count
