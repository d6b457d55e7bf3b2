"""All updates that a node offers its neighbours, gathered and evaluated together.

Most of the cost of marching was waiting: for square roots, and for branches that no processor can
guess.  Copying the few numbers of each update into rows first lets one compiled loop without
branches treat several updates with each instruction.  Indices are unsigned throughout, since a
signed one costs a test for Python's negative indices at every access.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from heart.numerics.eikonal.local import through_cell

_MATH = {"contract", "nsz", "arcp"}
# Length of a row; eight rows of input and one of results together fit the first-level cache.
ROW = 320
ROWS = 9
_LANES = np.uint64(4)

_U = np.uint64
_ROW = _U(ROW)
_NODE = np.uint32((1 << 29) - 1)
_EDGE = {(0, 1): 0, (0, 2): 1, (0, 3): 2, (1, 2): 3, (1, 3): 4, (2, 3): 5}


def _edge(a: int, b: int) -> int:
    return _EDGE[min(a, b), max(a, b)]


def _layout() -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    """Tabulate, for each corner i of a cell and each target d = i + 1, 2, 3 (cyclic), what to read.

    Returns
    -------
    order : (128,) uint64
        At 8 (4 i + step): corners k, l, then edges di dk dl ik il kl.
    mask : (12,) uint32
        At 3 i + step - 1: bits of d's packed name for the angles at d between i and k, i and l.
    """
    order = np.zeros((16, 8), np.uint64)
    mask = np.zeros(12, np.uint32)
    for i in range(4):
        for step in (1, 2, 3):
            d, k, el = ((i + s) % 4 for s in (step, step % 3 + 1, (step + 1) % 3 + 1))
            pairs = ((d, i), (d, k), (d, el), (i, k), (i, el), (k, el))
            order[4 * i + step] = [k, el] + [_edge(*pair) for pair in pairs]
            place = [corner for corner in range(4) if corner != d].index(i)
            mask[3 * i + step - 1] = (3, 5, 6)[place] << 29
    return order.ravel(), mask


_ORDER, _MASK = _layout()


@njit(cache=True, nogil=True, fastmath=_MATH, error_model="numpy", forceinline=True)
def collect(
    star: NDArray[np.int32],
    first: np.uint64,
    last: np.uint64,
    names: NDArray[np.uint32],
    lengths: NDArray[np.float64],
    state: NDArray[np.float64],
    ti: float,
    rows: NDArray[np.float64],
    target: NDArray[np.uint32],
    cells: NDArray[np.uint32],
    codes: NDArray[np.uint8],
) -> tuple[np.uint64, np.uint64]:
    """Gather the updates through the cells ``star[first:last]`` of a node known since `ti`.

    A target that is earlier than the node can gain only where an angle at it is obtuse; all other
    such updates are left out.

    Returns
    -------
    count : uint64
        Updates gathered, in the first eight of `rows`; their targets are in `target`.
    next : uint64
        Where to go on, `last` if all are done.
    """
    count = _U(0)
    at = first
    while at < last and count < _U(ROW - 3):
        code = _U(star[at])
        at += _U(1)
        cell = code >> _U(2)
        corner = code & _U(3)
        for step in range(_U(1), _U(4)):
            name = names[cell, (corner + step) & _U(3)]
            node = name & _NODE
            # Written always, kept if needed: cheaper than a branch that is taken at random.
            target[count] = node
            cells[count] = cell
            codes[count] = (corner << _U(2)) | step
            obtuse = (name & _MASK[_U(3) * corner + step - _U(1)]) != 0
            count += _U((state[_U(node), _U(0)] > ti) | obtuse)
    for j in range(count):
        cell = _U(cells[j])
        order = _U(codes[j]) * _U(8)
        for r in range(_U(2)):
            other = names[cell, _ORDER[order + r]] & _NODE
            rows[j + r * _ROW] = state[_U(other), _U(1)] - ti
        for r in range(_U(2), _U(8)):
            rows[j + r * _ROW] = lengths[cell, _ORDER[order + r]]
    return count, at


@njit(cache=True, nogil=True, fastmath=_MATH, error_model="numpy")
def evaluate(rows: NDArray[np.float64], count: np.uint64) -> None:
    """Write the lateness of each gathered update into the ninth row."""
    # Whole vectors only; what lies beyond the count is stale and not read.
    for j in range((count + _LANES - _U(1)) & ~(_LANES - _U(1))):
        rows[j + _U(8) * _ROW] = through_cell(
            math.inf,
            rows[j],
            rows[j + _ROW],
            rows[j + _U(2) * _ROW],
            rows[j + _U(3) * _ROW],
            rows[j + _U(4) * _ROW],
            rows[j + _U(5) * _ROW],
            rows[j + _U(6) * _ROW],
            rows[j + _U(7) * _ROW],
        )
