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

from heart.numerics.eikonal.local import through_edge, through_face

_BUCKETS = 4096

# Edges of a tetrahedron (01 02 03 12 13 23) seen from corner c, the others following cyclically:
# c-p, c-q, c-r, p-q, p-r, q-r.
_EDGES = np.array(
    [[0, 1, 2, 3, 4, 5], [3, 4, 0, 5, 1, 2], [5, 1, 3, 2, 4, 0], [2, 4, 5, 0, 1, 3]], dtype=np.int64
)
_TRIANGLE_EDGES = np.array([[0, 1, 2], [2, 0, 1], [1, 2, 0]], dtype=np.int64)


@njit(cache=True, nogil=True)
def _unlink(v, head, tail, nxt, prv, where):
    b = where[v]
    p = prv[v]
    q = nxt[v]
    if p >= 0:
        nxt[p] = q
    else:
        head[b] = q
    if q >= 0:
        prv[q] = p
    else:
        tail[b] = p
    where[v] = -1


@njit(cache=True, nogil=True)
def _append(v, b, head, tail, nxt, prv, where):
    t = tail[b]
    prv[v] = t
    nxt[v] = -1
    if t >= 0:
        nxt[t] = v
    else:
        head[b] = v
    tail[b] = v
    where[v] = b


@njit(cache=True, nogil=True)
def _improve(v, t, first, width, current, state, head, tail, nxt, prv, where):
    """Give node v the time t and queue it; return 1 when it was not queued before."""
    state[v, 0] = t
    state[v, 1] = math.inf
    k = int(min((t - first) / width, 1e15))
    k = min(max(k, current), current + _BUCKETS - 1) & (_BUCKETS - 1)
    if where[v] == k:
        return 0
    new = 1
    if where[v] >= 0:
        _unlink(v, head, tail, nxt, prv, where)
        new = 0
    _append(v, k, head, tail, nxt, prv, where)
    return new


@njit(cache=True, nogil=True, fastmath={"contract", "nsz", "arcp"})
def march(
    star_start,
    star,
    lengths,
    obtuse,
    fan_start,
    fan,
    fan_lengths,
    nodes,
    times,
    width,
    tolerance,
    state,
):
    """Fill state[:, 0] with arrival times; state is (n, 2): time, and time once out of the queue.

    Returns the number of times a node left the queue.
    """
    n = state.shape[0]
    head = np.full(_BUCKETS, -1, np.int32)
    tail = np.full(_BUCKETS, -1, np.int32)
    nxt = np.full(n, -1, np.int32)
    prv = np.full(n, -1, np.int32)
    where = np.full(n, -1, np.int32)
    for v in range(n):
        state[v, 0] = math.inf
        state[v, 1] = math.inf
    if nodes.size == 0:
        return 0
    first = times.min()
    current = 0
    queued = 0
    for s in range(nodes.size):
        if times[s] < state[nodes[s], 0]:
            queued += _improve(
                nodes[s], times[s], first, width, current, state, head, tail, nxt, prv, where
            )
    popped = 0
    while queued > 0:
        i = head[current & (_BUCKETS - 1)]
        if i < 0:
            current += 1
            continue
        ti = state[i, 0]
        _unlink(i, head, tail, nxt, prv, where)
        if (ti - first) / width >= current + 1.0 and (ti - first) / width < 1e15:
            _improve(i, ti, first, width, current, state, head, tail, nxt, prv, where)
            continue
        queued -= 1
        popped += 1
        state[i, 1] = ti
        for e in range(star_start[i], star_start[i + 1]):
            code = star[e, 0]
            p = star[e, 1]
            q = star[e, 2]
            r = star[e, 3]
            yp = state[p, 0] - ti
            yq = state[q, 0] - ti
            yr = state[r, 0] - ti
            bits = obtuse[code >> 2]
            if bits == 0 and yp <= 0.0 and yq <= 0.0 and yr <= 0.0:
                continue
            up = state[p, 1] - ti
            uq = state[q, 1] - ti
            ur = state[r, 1] - ti
            row = lengths[code >> 2]
            order = _EDGES[code & 3]
            ip = row[order[0]]
            if not ip < math.inf:
                continue
            iq = row[order[1]]
            ir = row[order[2]]
            pq = row[order[3]]
            pr = row[order[4]]
            qr = row[order[5]]
            for target in range(3):
                if target == 0:
                    d, y, uk, ul = p, yp, uq, ur
                    gii, gkk, gll = ip, pq, pr
                    gik, gil, gkl = 0.5 * (ip + pq - iq), 0.5 * (ip + pr - ir), 0.5 * (pq + pr - qr)
                elif target == 1:
                    d, y, uk, ul = q, yq, ur, up
                    gii, gkk, gll = iq, qr, pq
                    gik, gil, gkl = 0.5 * (iq + qr - ir), 0.5 * (iq + pq - ip), 0.5 * (qr + pq - pr)
                else:
                    d, y, uk, ul = r, yr, up, uq
                    gii, gkk, gll = ir, pr, qr
                    gik, gil, gkl = 0.5 * (ir + pr - ip), 0.5 * (ir + qr - iq), 0.5 * (pr + qr - pq)
                if y <= 0.0 and gik >= 0.0 and gil >= 0.0:
                    continue
                if uk < math.inf:
                    if ul < math.inf:
                        x = through_face(y, uk, ul, gii, gkk, gll, gik, gil, gkl)
                    else:
                        x = through_edge(y, uk, gii, gkk, gik)
                elif ul < math.inf:
                    x = through_edge(y, ul, gii, gll, gil)
                elif y > 0.0 and y * y > gii:
                    x = math.sqrt(gii)
                else:
                    continue
                if x + tolerance < y:
                    queued += _improve(
                        d, ti + x, first, width, current, state, head, tail, nxt, prv, where
                    )
        for e in range(fan_start[i], fan_start[i + 1]):
            code = fan[e, 0]
            p = fan[e, 1]
            q = fan[e, 2]
            row3 = fan_lengths[code >> 2]
            order3 = _TRIANGLE_EDGES[code & 3]
            ip = row3[order3[0]]
            pq = row3[order3[1]]
            iq = row3[order3[2]]
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
                    queued += _improve(
                        d, ti + x, first, width, current, state, head, tail, nxt, prv, where
                    )
    return popped
