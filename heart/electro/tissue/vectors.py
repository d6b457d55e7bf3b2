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
def extrapolate(order: int, n: int, now: Float, before: Float, earlier: Float, out: Float) -> None:
    """Write the value after `now` by a polynomial of degree `order` (−1: zero, 0, 1 or 2)."""
    if order < 0:
        out[:n] = 0.0
    elif order == 0:
        out[:n] = now[:n]
    elif order == 1:
        for i in range(n):
            out[i] = 2.0 * now[i] - before[i]
    else:
        for i in range(n):
            out[i] = 3.0 * (now[i] - before[i]) + earlier[i]


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
    n: int, factor: float, kx: Float, lumped: Float, delta: Float, residual: Float
) -> None:
    """Write ``factor kx - lumped delta``."""
    for i in range(n):
        residual[i] = factor * kx[i] - lumped[i] * delta[i]


@njit(cache=True, nogil=True, fastmath=_FAST)
def measure(n: int, residual: Float, inverse: Float) -> tuple[float, float]:
    """Return max |z| and r·z of the Jacobi-scaled residual z = r / diagonal."""
    largest = total = 0.0
    for i in range(n):
        z = residual[i] * inverse[i]
        total += residual[i] * z
        largest = max(largest, abs(z))
    return largest, total


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
    direction: Float,
    image: Float,
    inverse: Float,
    solution: Float,
    residual: Float,
) -> tuple[float, float]:
    """Go `alpha` along `direction`, whose product with the matrix is `image`.

    Returns max |z| and r·z of what is left.
    """
    largest = total = 0.0
    for i in range(n):
        solution[i] += alpha * direction[i]
        left = residual[i] - alpha * image[i]
        residual[i] = left
        z = left * inverse[i]
        total += left * z
        largest = max(largest, abs(z))
    return largest, total


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
