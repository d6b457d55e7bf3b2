"""The marching loop: node times in nearly increasing order, corrected until nothing improves.

Anisotropy breaks the causality of fast marching (a node may be improved through a later one), so a
node is queued again whenever its time drops: the result is the fixed point of the local updates,
whatever the order.  The order only sets the cost, so a bucket queue, O(1) per operation, replaces
a heap.  Every element is tried when the last of its known nodes leaves the queue: a queued node is
not used, because it will be used, with its final value, when it leaves.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from heart.numerics.eikonal.batch import ROW, ROWS, collect, evaluate
from heart.numerics.eikonal.local import through_edge

_BUCKETS = 4096
_RESULT = np.uint64((ROWS - 1) * ROW)

_TRIANGLE_EDGES = np.array([[0, 1, 2], [1, 2, 0], [2, 0, 1]], dtype=np.int64)


@njit(cache=True, nogil=True, fastmath={"contract", "nsz", "arcp"}, error_model="numpy")
def march(
    star_start: NDArray[np.int32],
    star: NDArray[np.int32],
    names: NDArray[np.uint32],
    lengths: NDArray[np.float64],
    fan_start: NDArray[np.int32],
    fan: NDArray[np.int32],
    fan_lengths: NDArray[np.float64],
    nodes: NDArray[np.int32],
    times: NDArray[np.float64],
    width: float,
    tolerance: float,
    state: NDArray[np.float64],
) -> int:
    """Fill `state` with arrival times.

    Parameters
    ----------
    star_start, star, fan_start, fan
        Elements around each node, as in `EikonalMesh`.
    names : (m, 4) uint32
        Node numbers of the cells, with the obtuse angles at each in the top three bits.
    lengths, fan_lengths : (m, 6), (k, 3)
        Squared edge lengths, squared time; inf where an element does not conduct.
    nodes, times : (s,), ms
        Given times.
    width : float, ms
        Width of a bucket; changes the cost only.
    tolerance : float, ms
        Improvements below it are dropped.
    state : (n, 2), ms
        Overwritten: time, and the same once the node is out of the queue (else inf).

    Returns
    -------
    int
        How often a node left the queue.
    """
    n = state.shape[0]
    most = 0
    for v in range(n):
        state[v, 0] = math.inf
        state[v, 1] = math.inf
        most = max(
            most,
            3 * (star_start[v + 1] - star_start[v]) + 2 * (fan_start[v + 1] - fan_start[v]),
        )
    rows = np.ones(ROWS * ROW)
    whom = np.empty(ROW, np.uint32)
    cells = np.empty(ROW, np.uint32)
    codes = np.empty(ROW, np.uint8)
    improved = np.empty(max(most, nodes.size, 1), np.int32)
    head = np.full(_BUCKETS, -1, np.int32)
    tail = np.full(_BUCKETS, -1, np.int32)
    after = np.full(n, -1, np.int32)
    before = np.full(n, -1, np.int32)
    bucket = np.full(n, -1, np.int32)
    first = times.min() if times.size > 0 else 0.0
    per_width = 1.0 / width
    changed = nodes.size
    for s in range(changed):
        improved[s] = nodes[s]
        state[nodes[s], 0] = min(state[nodes[s], 0], times[s])
    current = 0
    queued = 0
    popped = 0
    # The queue is handled in this one place: passing its arrays to a function costs more than it.
    while True:
        for e in range(changed):
            v = improved[e]
            place = int(min((state[v, 0] - first) * per_width, 1e15))
            k = min(max(place, current), current + _BUCKETS - 1) & (_BUCKETS - 1)
            old = bucket[v]
            if old == k:
                continue
            if old >= 0:
                p = before[v]
                q = after[v]
                if p >= 0:
                    after[p] = q
                else:
                    head[old] = q
                if q >= 0:
                    before[q] = p
                else:
                    tail[old] = p
            else:
                queued += 1
            p = tail[k]
            before[v] = p
            after[v] = -1
            if p >= 0:
                after[p] = v
            else:
                head[k] = v
            tail[k] = v
            bucket[v] = k
        changed = 0
        if queued == 0:
            break
        while head[current & (_BUCKETS - 1)] < 0:
            current += 1
        here = current & (_BUCKETS - 1)
        i = head[here]
        q = after[i]
        head[here] = q
        if q >= 0:
            before[q] = -1
        else:
            tail[here] = -1
        bucket[i] = -1
        queued -= 1
        ti = state[i, 0]
        if int(min((ti - first) * per_width, 1e15)) > current and ti - first < 1e15 * width:
            improved[0] = i
            changed = 1
            continue
        popped += 1
        state[i, 1] = ti
        at = np.uint64(star_start[i])
        last = np.uint64(star_start[i + 1])
        while at < last:
            count, at = collect(star, at, last, names, lengths, state, ti, rows, whom, cells, codes)
            evaluate(rows, count)
            for j in range(count):
                late = np.uint64(whom[j])
                t = ti + rows[j + _RESULT]
                if t + tolerance < state[late, 0]:
                    state[late, 0] = t
                    state[late, 1] = math.inf
                    improved[changed] = late
                    changed += 1
        for e in range(fan_start[i], fan_start[i + 1]):
            code = fan[e, 0]
            p = fan[e, 1]
            q = fan[e, 2]
            cell = code >> 2
            corner = code & 3
            ip = fan_lengths[cell, _TRIANGLE_EDGES[corner, 0]]
            pq = fan_lengths[cell, _TRIANGLE_EDGES[corner, 1]]
            iq = fan_lengths[cell, _TRIANGLE_EDGES[corner, 2]]
            if not ip < math.inf:
                continue
            for target in range(2):
                if target == 0:
                    d, k = p, q
                    gii, gkk, gik = ip, pq, 0.5 * (ip + pq - iq)
                else:
                    d, k = q, p
                    gii, gkk, gik = iq, pq, 0.5 * (iq + pq - ip)
                y = state[d, 0] - ti
                x = through_edge(y, state[k, 1] - ti, gii, gkk, gik)
                if x + tolerance < y:
                    state[d, 0] = ti + x
                    state[d, 1] = math.inf
                    improved[changed] = d
                    changed += 1
    return popped
