"""Blocks of cells of a whole tissue: a node is in the same block on any number of ranks.

A kernel gives each block of cells its own number of sub-steps, so where short steps are chosen by
block the answer depends on which nodes are in a block. Blocks are therefore cut from one order of
all nodes and not from those of a rank. A rank that has a part of a block fills the rest with copies
of its last cell: they do what that cell does, cost nothing that a padded block would not cost, and
nobody has to know of them.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from heart.electro.ionic.kernel import BLOCK

Float = NDArray[np.float64]
Int = NDArray[np.integer]


def blocks_along(order: Int, kinds: Int, present: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the block (N,) of each node of a tissue, −1 where no cell stands.

    Parameters
    ----------
    order
        (N,) place of each node along a curve that keeps neighbours together.
    kinds
        (N,) model of each node; a block has cells of one.
    present
        (N,) nodes that have a cell.
    """
    result = np.full(len(order), -1, np.int64)
    first = 0
    for kind in np.unique(kinds[present]):
        nodes = np.flatnonzero(present & (kinds == kind))
        nodes = nodes[np.argsort(order[nodes], kind="stable")]
        result[nodes] = first + np.arange(len(nodes)) // BLOCK
        first += -(-len(nodes) // BLOCK)
    return result


def arranged(blocks: Int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the cells of a rank block by block, and the number of each block.

    Parameters
    ----------
    blocks
        (k,) block of each cell of this rank.

    Returns
    -------
    cells : (n,)
        Indices into `blocks`, BLOCK for each block but the last; the last cell that is here of a
        block is repeated where others of it are on other ranks.
    numbers : (b,)
        The blocks, ascending.
    """
    numbers, counts = np.unique(blocks, return_counts=True)
    if not len(numbers):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    start = np.cumsum(counts) - counts
    places = start[:, None] + np.minimum(np.arange(BLOCK), counts[:, None] - 1)
    used = BLOCK * (len(numbers) - 1) + int(counts[-1])
    cells = np.argsort(blocks, kind="stable")[places.ravel()[:used]]
    return cells.astype(np.int64), numbers.astype(np.int64)


@njit(cache=True, nogil=True)
def load(rows: NDArray[np.int64], steps: NDArray[np.int8], values: Float, cells: Float) -> None:
    """Copy (N,) `values` by node to the (n,) cells of those blocks that are to step."""
    for block in range(steps.size):
        if steps[block]:
            for j in range(BLOCK * block, min(BLOCK * (block + 1), rows.size)):
                cells[j] = values[rows[j]]


@njit(cache=True, nogil=True)
def store(rows: NDArray[np.int64], steps: NDArray[np.int8], cells: Float, values: Float) -> None:
    """Copy the (n,) cells of those blocks that have stepped back to (N,) `values` by node."""
    for block in range(steps.size):
        if steps[block]:
            for j in range(BLOCK * block, min(BLOCK * (block + 1), rows.size)):
                values[rows[j]] = cells[j]
