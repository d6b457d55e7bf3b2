"""Local updates of the eikonal equation: the cheapest way into a node through one element.

A node d is reached through the simplex of its neighbours by the Hopf–Lax formula
T(d) = min over the simplex of sum(w_i T_i) + || x_d − sum(w_i x_i) ||_M, a convex problem
[Bornemann2006].  Everything is written in the Gram matrix G_ij = <x_i − x_d, x_j − x_d>_M, which
follows from squared edge lengths alone, so no coordinates and no tensors enter the hot loop.

The functions answer 'by how much later than node i', the node whose time has just become known;
only ways in which i takes part are looked at, as the others were tried when their own last node
became known.  `best` is the lateness that d already has: whatever cannot beat it is dropped before
the first square root.
"""

import math

from numba import njit

_MATH = {"contract", "nsz", "arcp"}


@njit(cache=True, nogil=True, fastmath=_MATH)
def through_edge(best: float, uk: float, gii: float, gkk: float, gik: float) -> float:
    """Return the lateness of d behind node i through edge (i, k), or `best` if it is no better.

    Parameters
    ----------
    best : float
        Lateness of d behind i known so far (may be inf).
    uk : float
        Time of node k minus time of node i.
    gii, gkk, gik : float
        Gram matrix of the edge vectors from d, squared time.
    """
    a = gii + gkk - 2.0 * gik
    b = (gii - gik) * uk
    c = gii * uk * uk - (gii * gkk - gik * gik)
    if (a * best - 2.0 * b) * best + c <= 0.0:
        return best
    disc = b * b - a * c
    if disc >= 0.0 and a > 0.0:
        if a * best <= b:
            return best
        x = (b + math.sqrt(disc)) / a
        if (gkk - gik) * x + gik * uk < 0.0:
            return best
        if (gii - gik) * x - gii * uk >= 0.0:
            return min(x, best)
    if best > 0.0 and best * best > gii:
        return math.sqrt(gii)
    return best


@njit(cache=True, nogil=True, fastmath=_MATH)
def through_face(
    best: float,
    uk: float,
    ul: float,
    gii: float,
    gkk: float,
    gll: float,
    gik: float,
    gil: float,
    gkl: float,
) -> float:
    """Return the lateness of d behind node i through face (i, k, l), or `best` if it is no better.

    The minimiser over the plane of the face has a closed form (a quadratic equation).  Where it
    lies outside the face, convexity puts the constrained minimum on an edge that it violates.

    Parameters
    ----------
    best : float
        Lateness of d behind i known so far (may be inf).
    uk, ul : float
        Times of nodes k and l minus time of node i.
    gii, gkk, gll, gik, gil, gkl : float
        Gram matrix of the edge vectors from d, squared time.
    """
    aii = gkk * gll - gkl * gkl
    aik = gil * gkl - gik * gll
    ail = gik * gkl - gil * gkk
    akk = gii * gll - gil * gil
    akl = gik * gil - gii * gkl
    all_ = gii * gkk - gik * gik
    det = gii * aii + gik * aik + gil * ail
    bk = aik + akk + akl
    bl = ail + akl + all_
    wk = akk * uk + akl * ul
    wl = akl * uk + all_ * ul
    bi = aii + aik + ail
    a = bi + bk + bl
    b = bk * uk + bl * ul
    c = wk * uk + wl * ul - det
    try_k = True
    try_l = True
    if a > 0.0 and det > 1e-13 * gii * gkk * gll:
        if (a * best - 2.0 * b) * best + c <= 0.0:
            return best
        disc = b * b - a * c
        if disc >= 0.0:
            if a * best <= b:
                return best
            x = (b + math.sqrt(disc)) / a
            try_l = bk * x < wk
            try_k = bl * x < wl
            if not (try_k or try_l):
                if bi * x < aik * uk + ail * ul:
                    return best
                return min(x, best)
    if try_k:
        best = through_edge(best, uk, gii, gkk, gik)
    if try_l:
        best = through_edge(best, ul, gii, gll, gil)
    return best


@njit(cache=True, nogil=True, fastmath=_MATH)
def through_cell(
    best: float,
    uk: float,
    ul: float,
    di: float,
    dk: float,
    dl: float,
    ik: float,
    il: float,
    kl: float,
) -> float:
    """Return the lateness of d behind node i through what is known of the face (i, k, l).

    Parameters
    ----------
    best : float
        Lateness of d behind i known so far (may be inf).
    uk, ul : float
        Times of nodes k and l minus time of node i, inf where not yet known.
    di, dk, dl, ik, il, kl : float
        Squared lengths of the edges of the tetrahedron, squared time.
    """
    gik = 0.5 * (di + dk - ik)
    gil = 0.5 * (di + dl - il)
    if best <= 0.0 and ((gik >= 0.0 and gil >= 0.0) or (best <= uk and best <= ul)):
        return best
    if uk < math.inf:
        if ul < math.inf:
            return through_face(best, uk, ul, di, dk, dl, gik, gil, 0.5 * (dk + dl - kl))
        return through_edge(best, uk, di, dk, gik)
    if ul < math.inf:
        return through_edge(best, ul, di, dl, gil)
    if best > 0.0 and best * best > di:
        return math.sqrt(di)
    return best
