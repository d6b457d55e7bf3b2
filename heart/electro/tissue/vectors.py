"""Passes over vectors that a step needs beside matrix products, each fused into one loop.

A vector is read from memory in the time of about a hundred additions, so what can be done in one
pass is done in one: an update together with the norm that decides whether another is needed.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float = NDArray[np.float64]

_FAST = {"contract", "nsz", "arcp", "reassoc"}


@njit(cache=True, nogil=True, fastmath=_FAST)
def predict(
    order: int,
    n: int,
    level: float,
    paid: float,
    changes: tuple[Float, Float, Float],
    inverse: Float,
    debt: Float,
    out: Float,
) -> None:
    """Write the change after `changes`, newest first, and what is `paid` of the debt.

    A change that moves by more than `level` follows a polynomial of degree `order` (0, 1 or 2); a
    steadier one is held, because a polynomial would only amplify its errors. With an order of −1
    nothing is known, and zero is written.
    """
    now, before, earlier = changes
    if order < 0:
        out[:n] = 0.0
    elif order == 0:
        for i in range(n):
            out[i] = now[i] + paid * inverse[i] * debt[i]
    elif order == 1:
        for i in range(n):
            slope = now[i] - before[i]
            further = slope if abs(slope) > level else 0.0
            out[i] = now[i] + further + paid * inverse[i] * debt[i]
    else:
        for i in range(n):
            slope = now[i] - before[i]
            further = 2.0 * slope - (before[i] - earlier[i]) if abs(slope) > level else 0.0
            out[i] = now[i] + further + paid * inverse[i] * debt[i]


@njit(cache=True, nogil=True, fastmath=_FAST)
def settle(n: int, paid: float, inverse: Float, debt: Float, change: Float, voltage: Float) -> None:
    """Add `change` to the voltage, then take what was `paid` of the debt out of it."""
    for i in range(n):
        voltage[i] += change[i]
        change[i] -= paid * inverse[i] * debt[i]


@njit(cache=True, nogil=True, fastmath=_FAST)
def combine(n: int, a: float, x: Float, b: float, y: Float, out: Float) -> None:
    """Write a x + b y."""
    for i in range(n):
        out[i] = a * x[i] + b * y[i]


@njit(cache=True, nogil=True, fastmath=_FAST)
def add_to(n: int, x: Float, out: Float) -> None:
    """Add x to `out`."""
    for i in range(n):
        out[i] += x[i]


@njit(cache=True, nogil=True, fastmath=_FAST)
def lumped_residual(
    n: int, given: Float, factor: float, kx: Float, lumped: Float, delta: Float, residual: Float
) -> None:
    """Write ``given + factor kx - lumped delta``."""
    for i in range(n):
        residual[i] = given[i] + factor * kx[i] - lumped[i] * delta[i]


@njit(cache=True, nogil=True, fastmath=_FAST)
def measure(n: int, tolerance: float, residual: Float, inverse: Float) -> tuple[float, float]:
    """Return rows with |z| above `tolerance`, and r·z, of z = r / diagonal."""
    over = total = 0.0
    for i in range(n):
        z = residual[i] * inverse[i]
        total += residual[i] * z
        over += 0.0 if abs(z) <= tolerance else 1.0
    return over, total


@njit(cache=True, nogil=True, fastmath=_FAST)
def direct(n: int, beta: float, residual: Float, inverse: Float, direction: Float) -> None:
    """Turn to the next search direction: ``z + beta direction``."""
    for i in range(n):
        direction[i] = residual[i] * inverse[i] + beta * direction[i]


@njit(cache=True, nogil=True, fastmath=_FAST)
def dot(n: int, x: Float, y: Float) -> float:
    """Return x·y."""
    total = 0.0
    for i in range(n):
        total += x[i] * y[i]
    return total


@njit(cache=True, nogil=True, fastmath=_FAST)
def advance(
    n: int,
    alpha: float,
    tolerance: float,
    direction: Float,
    image: Float,
    inverse: Float,
    solution: Float,
    residual: Float,
) -> tuple[float, float]:
    """Go `alpha` along `direction`, whose product with the matrix is `image`.

    Returns rows with |z| above `tolerance`, and r·z, of what is left.
    """
    over = total = 0.0
    for i in range(n):
        solution[i] += alpha * direction[i]
        left = residual[i] - alpha * image[i]
        residual[i] = left
        z = left * inverse[i]
        total += left * z
        over += 0.0 if abs(z) <= tolerance else 1.0
    return over, total


@njit(cache=True, nogil=True, fastmath=_FAST)
def stage(
    n: int,
    weights: tuple[float, float, float, float, float],
    inverse: Float,
    start: Float,
    first: Float,
    now: Float,
    slope: Float,
    before: Float,
) -> None:
    """Overwrite `before` with one stage of a Runge–Kutta–Chebyshev step.

    ``w0 start + w1 now + w2 before - inverse (w3 slope + w4 first)``
    """
    w0, w1, w2, w3, w4 = weights
    for i in range(n):
        before[i] = (
            w0 * start[i]
            + w1 * now[i]
            + w2 * before[i]
            - inverse[i] * (w3 * slope[i] + w4 * first[i])
        )
