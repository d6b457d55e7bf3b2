"""A symmetric matrix with known row sums, in slices of eight rows, and its product with a vector.

Stiffness and mass of finite elements have row sums that are known: zero, and the lumped mass. A
product is then ``sum_i x_i + Σ_j a_ij (x_j - x_i)``: the diagonal is not stored, a constant stays
a constant to the last bit even with coefficients in single precision, and these halve the memory
that has to pass the bus. Eight rows side by side are what a processor takes in one instruction;
unsigned columns, because negative ones would be tested on every access.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float = NDArray[np.float64]
Real = NDArray[np.floating]
Int = NDArray[np.integer]

WIDTH = 8
_FAST = {"contract", "nsz", "arcp", "reassoc"}


@dataclass(frozen=True)
class Pattern:
    """Which columns each slice of eight rows has.

    Attributes
    ----------
    rows
        Number of rows n; vectors hold `padded` rows and then the ghosts.
    starts
        (slices + 1,) first slot of each slice.
    columns
        (slots, 8) column of each entry; its own row where a slice is padded.
    """

    rows: int
    starts: NDArray[np.uint32]
    columns: NDArray[np.uint32]
    slot: Int
    lane: Int

    @property
    def padded(self) -> int:
        """Number of rows with those that fill the last slice."""
        return WIDTH * (len(self.starts) - 1)

    def store(self, values: Float, dtype: type[np.floating]) -> Real:
        """Return entries given in the order of the pattern's rows as (slots, 8)."""
        stored = np.zeros(self.columns.shape, dtype)
        stored[self.slot, self.lane] = values
        return stored


def pattern(rows: Int, columns: Int, count: int) -> Pattern:
    """Return the pattern of entries (row, column), sorted by row, without the diagonal.

    Parameters
    ----------
    rows, columns
        (z,) of each entry. Columns at or beyond `count` are ghosts and move behind the padding.
    count
        Number of rows.
    """
    slices = max(1, -(-count // WIDTH))
    per_row = np.bincount(rows, minlength=slices * WIDTH)
    width = per_row.reshape(slices, WIDTH).max(axis=1)
    starts = np.concatenate([[0], np.cumsum(width)])
    first = np.concatenate([[0], np.cumsum(per_row)])[:-1]
    slot = starts[rows // WIDTH] + np.arange(len(rows)) - first[rows]
    lane = rows % WIDTH
    own = np.repeat(np.arange(slices) * WIDTH, width)[:, None] + np.arange(WIDTH)
    table = own.astype(np.uint32)
    table[slot, lane] = np.where(columns < count, columns, columns - count + slices * WIDTH)
    return Pattern(count, starts.astype(np.uint32), table, slot, lane)


@njit(cache=True, nogil=True, fastmath=_FAST)
def product(
    starts: NDArray[np.uint32],
    columns: NDArray[np.uint32],
    values: Real,
    sums: Float,
    x: Float,
    out: Float,
) -> None:
    """Write ``sums x + Σ values (x_j - x_i)`` to the rows of `out`."""
    for s in range(len(starts) - 1):
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


@njit(cache=True, nogil=True, fastmath=_FAST)
def left_by_two(
    starts: NDArray[np.uint32],
    columns: NDArray[np.uint32],
    first: Real,
    factor: float,
    second: Real,
    sums: Float,
    x: Float,
    y: Float,
    given: Float,
    out: Float,
) -> None:
    """Write what two products leave of `given` to the rows of `out`.

    ``given - factor Σ first (x_j - x_i) - sums y - Σ second (y_j - y_i)``
    """
    for s in range(len(starts) - 1):
        b = WIDTH * s
        x0, x1, x2, x3 = x[b], x[b + 1], x[b + 2], x[b + 3]
        x4, x5, x6, x7 = x[b + 4], x[b + 5], x[b + 6], x[b + 7]
        y0, y1, y2, y3 = y[b], y[b + 1], y[b + 2], y[b + 3]
        y4, y5, y6, y7 = y[b + 4], y[b + 5], y[b + 6], y[b + 7]
        a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = 0.0
        for k in range(starts[s], starts[s + 1]):
            j = columns[k, 0]
            a0 += factor * first[k, 0] * (x[j] - x0) + second[k, 0] * (y[j] - y0)
            j = columns[k, 1]
            a1 += factor * first[k, 1] * (x[j] - x1) + second[k, 1] * (y[j] - y1)
            j = columns[k, 2]
            a2 += factor * first[k, 2] * (x[j] - x2) + second[k, 2] * (y[j] - y2)
            j = columns[k, 3]
            a3 += factor * first[k, 3] * (x[j] - x3) + second[k, 3] * (y[j] - y3)
            j = columns[k, 4]
            a4 += factor * first[k, 4] * (x[j] - x4) + second[k, 4] * (y[j] - y4)
            j = columns[k, 5]
            a5 += factor * first[k, 5] * (x[j] - x5) + second[k, 5] * (y[j] - y5)
            j = columns[k, 6]
            a6 += factor * first[k, 6] * (x[j] - x6) + second[k, 6] * (y[j] - y6)
            j = columns[k, 7]
            a7 += factor * first[k, 7] * (x[j] - x7) + second[k, 7] * (y[j] - y7)
        out[b] = given[b] - sums[b] * y0 - a0
        out[b + 1] = given[b + 1] - sums[b + 1] * y1 - a1
        out[b + 2] = given[b + 2] - sums[b + 2] * y2 - a2
        out[b + 3] = given[b + 3] - sums[b + 3] * y3 - a3
        out[b + 4] = given[b + 4] - sums[b + 4] * y4 - a4
        out[b + 5] = given[b + 5] - sums[b + 5] * y5 - a5
        out[b + 6] = given[b + 6] - sums[b + 6] * y6 - a6
        out[b + 7] = given[b + 7] - sums[b + 7] * y7 - a7
