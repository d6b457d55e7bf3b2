"""Local updates of the eikonal equation: the cheapest way into a node through one element.

A node d is reached through the simplex of its neighbours by the Hopf–Lax formula
T(d) = min over the simplex of sum(w_i T_i) + || x_d − sum(w_i x_i) ||_M, a convex problem
[Bornemann2006].  Everything is written in the Gram matrix G_ij = <x_i − x_d, x_j − x_d>_M, which
follows from squared edge lengths alone, so no coordinates and no tensors enter the hot loop.

The functions answer 'by how much later than node i', the node whose time has just become known;
only ways in which i takes part are looked at, as the others were tried when their own last node
became known.  There are no branches: all candidates are computed and those that are no stationary
point of their simplex are masked, so that the compiler handles several cells with one instruction.
"""

import math

from numba import njit

_MATH = {"contract", "nsz", "arcp"}
_NEEDLE = 1e-13


@njit(cache=True, nogil=True, fastmath=_MATH, error_model="numpy", forceinline=True)
def _inside_edge(known: bool, uk: float, gii: float, gkk: float, gik: float) -> float:
    a = gii + gkk - 2.0 * gik
    b = (gii - gik) * uk
    c = gii * uk * uk - (gii * gkk - gik * gik)
    disc = b * b - a * c
    x = (b + math.sqrt(disc if disc > 0.0 else 0.0)) / a
    good = known & (a > 0.0) & (disc >= 0.0)
    good &= ((gkk - gik) * x + gik * uk >= 0.0) & ((gii - gik) * x - gii * uk >= 0.0)
    return x if good else math.inf


@njit(cache=True, nogil=True, fastmath=_MATH, error_model="numpy", forceinline=True)
def through_edge(best: float, uk: float, gii: float, gkk: float, gik: float) -> float:
    """Return the lateness of d behind node i through edge (i, k), or `best` if it is no better.

    Parameters
    ----------
    best : float
        Lateness of d behind i known so far (may be inf).
    uk : float
        Time of node k minus time of node i, inf where not yet known.
    gii, gkk, gik : float
        Gram matrix of the edge vectors from d, squared time.
    """
    known = uk < math.inf
    direct = math.sqrt(gii)
    best = direct if direct < best else best
    x = _inside_edge(known, uk if known else 0.0, gii, gkk, gik)
    return x if x < best else best


@njit(cache=True, nogil=True, fastmath=_MATH, error_model="numpy", forceinline=True)
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

    The minimiser over the plane of the face, and over each edge, has a closed form (a quadratic
    equation); it counts where it lies inside.

    Parameters
    ----------
    best : float
        Lateness of d behind i known so far (may be inf); returned where nothing is better.
    uk, ul : float
        Times of nodes k and l minus time of node i, inf where not yet known.
    di, dk, dl, ik, il, kl : float
        Squared lengths of the edges of the tetrahedron, squared time.
    """
    gik = 0.5 * (di + dk - ik)
    gil = 0.5 * (di + dl - il)
    gkl = 0.5 * (dk + dl - kl)
    has_k = uk < math.inf
    has_l = ul < math.inf
    uk = uk if has_k else 0.0
    ul = ul if has_l else 0.0
    direct = math.sqrt(di)
    best = direct if direct < best else best
    x = _inside_edge(has_k, uk, di, dk, gik)
    best = x if x < best else best
    x = _inside_edge(has_l, ul, di, dl, gil)
    best = x if x < best else best
    aii = dk * dl - gkl * gkl
    aik = gil * gkl - gik * dl
    ail = gik * gkl - gil * dk
    akk = di * dl - gil * gil
    akl = gik * gil - di * gkl
    all_ = di * dk - gik * gik
    det = di * aii + gik * aik + gil * ail
    bi = aii + aik + ail
    bk = aik + akk + akl
    bl = ail + akl + all_
    wk = akk * uk + akl * ul
    wl = akl * uk + all_ * ul
    a = bi + bk + bl
    b = bk * uk + bl * ul
    disc = b * b - a * (wk * uk + wl * ul - det)
    x = (b + math.sqrt(disc if disc > 0.0 else 0.0)) / a
    good = has_k & has_l & (a > 0.0) & (det > _NEEDLE * di * dk * dl) & (disc >= 0.0)
    good &= (bi * x >= aik * uk + ail * ul) & (bk * x >= wk) & (bl * x >= wl)
    return x if good & (x < best) else best
