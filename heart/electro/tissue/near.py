"""Rows of a matrix near which something is to be done, and a matrix product over these alone.

After a good prediction the residual of a diffusion step is above its tolerance only where a wave
passes. Conjugate gradients over those rows and their neighbours leave the same residual behind as
over all rows, for the price of a part of the matrix. Rows are chosen one by one, so that the choice
is the same on any number of ranks; products go by slices that have such a row or touch one.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from heart.electro.tissue.slices import WIDTH, Pattern, Real

Float = NDArray[np.float64]
Slices = NDArray[np.int64]

_FAST = {"contract", "nsz", "arcp", "reassoc"}


def border(pattern: Pattern) -> Slices:
    """Return the slices that have columns of other ranks."""
    starts = pattern.starts.astype(np.int64)
    counts = starts[1:] - starts[:-1]
    foreign = (pattern.columns >= pattern.padded).any(axis=1)
    return np.unique(np.repeat(np.arange(len(counts)), counts)[foreign])


@njit(cache=True, nogil=True)
def choose(
    slices: int, level: float, tolerance: float, residual: Float, inverse: Float, mask: Float
) -> tuple[Slices, float, float]:
    """Write 1 to `mask` where the scaled residual is above `level`, else 0.

    Returns slices with such a row, the number of rows above `tolerance`, and r·z.
    """
    found = np.empty(slices, np.int64)
    count = 0
    over = total = 0.0
    for s in range(slices):
        here = 0.0
        for i in range(WIDTH * s, WIDTH * (s + 1)):
            z = residual[i] * inverse[i]
            total += residual[i] * z
            over += 0.0 if abs(z) <= tolerance else 1.0
            mask[i] = 0.0 if abs(z) <= level else 1.0
            here += mask[i]
        if here > 0.0:
            found[count] = s
            count += 1
    return found[:count], over, total


@njit(cache=True, nogil=True)
def spread(
    starts: NDArray[np.uint32],
    columns: NDArray[np.uint32],
    chosen: Slices,
    edge: Slices,
    mask: Float,
    cleared: Slices,
    out: Float,
) -> tuple[Slices, int]:
    """Write 1 to `out` in rows of `mask` and next to one, else 0; return its slices and rows.

    Parameters
    ----------
    chosen
        Slices that have a row of `mask`.
    edge
        Slices with columns of other ranks, whose ghosts in `mask` are filled.
    cleared
        Slices in which `out` is not zero before.
    out
        Its ghosts are left.
    """
    slices = len(starts) - 1
    padded = WIDTH * slices
    seen = np.zeros(slices, np.uint8)
    for s in cleared:
        out[WIDTH * s : WIDTH * (s + 1)] = 0.0
    for s in chosen:
        for lane in range(WIDTH):
            i = WIDTH * s + lane
            if mask[i] > 0.0:
                out[i] = 1.0
                seen[s] = 1
                for k in range(starts[s], starts[s + 1]):
                    j = columns[k, lane]
                    if j < padded:
                        out[j] = 1.0
                        seen[j // WIDTH] = 1
    for s in edge:
        for k in range(starts[s], starts[s + 1]):
            for lane in range(WIDTH):
                j = columns[k, lane]
                if j >= padded and mask[j] > 0.0:
                    out[WIDTH * s + lane] = 1.0
                    seen[s] = 1
    found = _listed(seen)
    rows = 0
    for s in found:
        for i in range(WIDTH * s, WIDTH * (s + 1)):
            rows += out[i] > 0.0
    return found, rows


@njit(cache=True, nogil=True)
def beside(
    starts: NDArray[np.uint32],
    columns: NDArray[np.uint32],
    chosen: Slices,
    edge: Slices,
    mask: Float,
    inner: Float,
) -> Slices:
    """Return the slices that have a row of `mask` or next to one; arguments as of `spread`.

    The neighbours on this rank of rows of `inner` are all in `mask`.
    """
    slices = len(starts) - 1
    padded = WIDTH * slices
    seen = np.zeros(slices, np.uint8)
    for s in chosen:
        seen[s] = 1
        for lane in range(WIDTH):
            i = WIDTH * s + lane
            if mask[i] > inner[i]:
                for k in range(starts[s], starts[s + 1]):
                    j = columns[k, lane]
                    if j < padded:
                        seen[j // WIDTH] = 1
    for s in edge:
        for k in range(starts[s], starts[s + 1]):
            for lane in range(WIDTH):
                j = columns[k, lane]
                if j >= padded and mask[j] > 0.0:
                    seen[s] = 1
    return _listed(seen)


@njit(cache=True, nogil=True)
def _listed(seen: NDArray[np.uint8]) -> Slices:
    found = np.empty(len(seen), np.int64)
    count = 0
    for s in range(len(seen)):
        if seen[s]:
            found[count] = s
            count += 1
    return found[:count]


@njit(cache=True, nogil=True, fastmath=_FAST)
def product_at(
    chosen: Slices,
    starts: NDArray[np.uint32],
    columns: NDArray[np.uint32],
    values: Real,
    sums: Float,
    x: Float,
    out: Float,
) -> float:
    """Write ``sums x + Σ values (x_j - x_i)`` to the rows of some slices; return x·out there."""
    total = 0.0
    for s in chosen:
        b = WIDTH * s
        x0, x1, x2, x3 = x[b], x[b + 1], x[b + 2], x[b + 3]
        x4, x5, x6, x7 = x[b + 4], x[b + 5], x[b + 6], x[b + 7]
        a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = 0.0
        for k in range(starts[s], starts[s + 1]):
            a0 += values[k, 0] * (x[columns[k, 0]] - x0)
            a1 += values[k, 1] * (x[columns[k, 1]] - x1)
            a2 += values[k, 2] * (x[columns[k, 2]] - x2)
            a3 += values[k, 3] * (x[columns[k, 3]] - x3)
            a4 += values[k, 4] * (x[columns[k, 4]] - x4)
            a5 += values[k, 5] * (x[columns[k, 5]] - x5)
            a6 += values[k, 6] * (x[columns[k, 6]] - x6)
            a7 += values[k, 7] * (x[columns[k, 7]] - x7)
        out[b] = sums[b] * x0 + a0
        out[b + 1] = sums[b + 1] * x1 + a1
        out[b + 2] = sums[b + 2] * x2 + a2
        out[b + 3] = sums[b + 3] * x3 + a3
        out[b + 4] = sums[b + 4] * x4 + a4
        out[b + 5] = sums[b + 5] * x5 + a5
        out[b + 6] = sums[b + 6] * x6 + a6
        out[b + 7] = sums[b + 7] * x7 + a7
        for lane in range(WIDTH):
            total += x[b + lane] * out[b + lane]
    return total


@njit(cache=True, nogil=True, fastmath=_FAST)
def begin_at(
    chosen: Slices, residual: Float, inverse: Float, mask: Float, direction: Float
) -> float:
    """Write the first search direction to the rows of `mask`, zero beside; return r·z."""
    total = 0.0
    for s in chosen:
        for i in range(WIDTH * s, WIDTH * (s + 1)):
            z = mask[i] * residual[i] * inverse[i]
            direction[i] = z
            total += residual[i] * z
    return total


@njit(cache=True, nogil=True, fastmath=_FAST)
def direct_at(
    chosen: Slices, beta: float, residual: Float, inverse: Float, mask: Float, direction: Float
) -> None:
    """Turn to the next search direction in the rows of `mask`."""
    for s in chosen:
        for i in range(WIDTH * s, WIDTH * (s + 1)):
            direction[i] = mask[i] * residual[i] * inverse[i] + beta * direction[i]


@njit(cache=True, nogil=True)
def clear_at(chosen: Slices, x: Float) -> None:
    """Write zero to all rows of the slices."""
    for s in chosen:
        x[WIDTH * s : WIDTH * (s + 1)] = 0.0


@njit(cache=True, nogil=True, fastmath=_FAST)
def advance_at(
    chosen: Slices,
    alpha: float,
    tolerance: float,
    level: float,
    direction: Float,
    image: Float,
    inverse: Float,
    mask: Float,
    solution: Float,
    residual: Float,
) -> tuple[float, float, float]:
    """Go `alpha` along `direction`, whose product with the matrix is `image`.

    Returns how many rows of the slices have |z| above `tolerance` then, how many of `mask` above
    `level`, and r·z of these: sums, so that ranks agree with one reduction.
    """
    over = inside = total = 0.0
    for s in chosen:
        for i in range(WIDTH * s, WIDTH * (s + 1)):
            solution[i] += alpha * direction[i]
            left = residual[i] - alpha * image[i]
            residual[i] = left
            z = left * inverse[i]
            total += mask[i] * left * z
            over += 0.0 if abs(z) <= tolerance else 1.0
            inside += 0.0 if mask[i] * abs(z) <= level else 1.0
    return over, inside, total


def load(pattern: Pattern, values: Real, sums: Float, x: Float) -> None:
    """Load what is compiled, so that a rank does not when the first wave comes, all others waiting.

    `x` is a vector, which stays as it is.
    """
    none, shape = np.zeros(0, np.int64), (pattern.starts, pattern.columns)
    choose(0, 1.0, 1.0, x, x, x)
    spread(*shape, none, none, x, none, x)
    beside(*shape, none, none, x, x)
    begin_at(none, x, x, x, x)
    product_at(none, *shape, values, sums, x, x)
    advance_at(none, 0.0, 1.0, 1.0, x, x, x, x, x, x)
    direct_at(none, 0.0, x, x, x, x)
    clear_at(none, x)
