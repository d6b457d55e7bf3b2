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

from heart.numerics.eikonal.local import through_cell, through_edge

_BUCKETS = 4096
_NODE = (1 << 29) - 1

# Edges of a tetrahedron (01 02 03 12 13 23) seen from corner c, the others following cyclically:
# c-p, c-q, c-r, p-q, p-r, q-r.
_EDGES = np.array(
    [[0, 1, 2, 3, 4, 5], [3, 4, 0, 5, 1, 2], [5, 1, 3, 2, 4, 0], [2, 4, 5, 0, 1, 3]], dtype=np.int64
)
_TRIANGLE_EDGES = np.array([[0, 1, 2], [2, 0, 1], [1, 2, 0]], dtype=np.int64)


@njit(cache=True, nogil=True, fastmath={"contract", "nsz", "arcp"})
def march(
    star_start: NDArray[np.int32],
    star: NDArray[np.int32],
    names: NDArray[np.int32],
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
    names : (m, 4) int32
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
    todo = np.empty(most, np.int32)
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
        # Collecting first lets the memory reads of all cells overlap.
        count = 0
        for e in range(star_start[i], star_start[i + 1]):
            code = star[e]
            cell = code >> 2
            p = names[cell, (code + 1) & 3]
            q = names[cell, (code + 2) & 3]
            r = names[cell, (code + 3) & 3]
            late = max(state[p & _NODE, 0] - ti, state[q & _NODE, 0] - ti, state[r & _NODE, 0] - ti)
            keep = late > 0.0 or ((p | q | r) & ~_NODE) != 0
            todo[count] = code
            count += keep
        for e in range(count):
            code = todo[e]
            cell = code >> 2
            corner = code & 3
            p = names[cell, (code + 1) & 3] & _NODE
            q = names[cell, (code + 2) & 3] & _NODE
            r = names[cell, (code + 3) & 3] & _NODE
            yp = state[p, 0] - ti
            yq = state[q, 0] - ti
            yr = state[r, 0] - ti
            up = state[p, 1] - ti
            uq = state[q, 1] - ti
            ur = state[r, 1] - ti
            ip = lengths[cell, _EDGES[corner, 0]]
            if not ip < math.inf:
                continue
            iq = lengths[cell, _EDGES[corner, 1]]
            ir = lengths[cell, _EDGES[corner, 2]]
            pq = lengths[cell, _EDGES[corner, 3]]
            pr = lengths[cell, _EDGES[corner, 4]]
            qr = lengths[cell, _EDGES[corner, 5]]
            x = through_cell(yp, uq, ur, ip, pq, pr, iq, ir, qr)
            if x + tolerance < yp:
                state[p, 0] = ti + x
                state[p, 1] = math.inf
                improved[changed] = p
                changed += 1
            x = through_cell(yq, ur, up, iq, qr, pq, ir, ip, pr)
            if x + tolerance < yq:
                state[q, 0] = ti + x
                state[q, 1] = math.inf
                improved[changed] = q
                changed += 1
            x = through_cell(yr, up, uq, ir, pr, qr, ip, iq, pq)
            if x + tolerance < yr:
                state[r, 0] = ti + x
                state[r, 1] = math.inf
                improved[changed] = r
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
                uk = state[k, 1] - ti
                if uk < math.inf:
                    x = through_edge(y, uk, gii, gkk, gik)
                elif y > 0.0 and y * y > gii:
                    x = math.sqrt(gii)
                else:
                    continue
                if x + tolerance < y:
                    state[d, 0] = ti + x
                    state[d, 1] = math.inf
                    improved[changed] = d
                    changed += 1
    return popped
