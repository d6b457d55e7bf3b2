"""How often each block of cells is stepped: in an upstroke, in a plateau, at rest.

Most of a heart is at rest or in a plateau most of the time. Blocks of cells that lie together get
the step they need: parts of a step during an upstroke, one step in a plateau, and one step per
window where nothing happens. What a block needs is decided from all its nodes, which every rank
knows, and not from those that a rank steps: ranks then agree without a word.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from heart.electro.ionic.population import CellPopulation

Float = NDArray[np.float64]

# mV/ms below which a block of cells that are not excited counts as at rest.
_STILL = 0.02


class Tempo:
    """Sub-steps of the blocks of each group of a population until the next window.

    Parameters
    ----------
    cells
        Cells of this rank, made with these blocks.
    blocks
        (n,) block of each node of the front's mesh, −1 where no cell stands.

    Attributes
    ----------
    parts
        For each group, sub-steps of each block in a step; 0 at rest.
    resting
        For each group, 1 for the blocks at rest, which take one step per window.
    """

    def __init__(self, cells: CellPopulation, blocks: NDArray[np.int64]) -> None:
        order = np.argsort(blocks, kind="stable")
        numbers = np.arange(blocks.max(initial=-1) + 2)
        self._nodes, self._starts = order, np.searchsorted(blocks[order], numbers)
        self._blocks = [group.blocks for group in cells.groups]
        self.parts = [np.ones(group.cells.blocks, np.int8) for group in cells.groups]
        self.resting = [np.zeros(group.cells.blocks, np.int8) for group in cells.groups]

    @property
    def any_resting(self) -> bool:
        """Whether a block is at rest."""
        return any(bool(blocks.any()) for blocks in self.resting)

    def decide(
        self,
        rate: Float,
        excited: NDArray[np.bool_],
        trigger: Float,
        now: float,
        end: float,
        duration: float,
        most: int,
    ) -> None:
        """Decide for each block how it is stepped from `now` to `end` ms.

        Parameters
        ----------
        rate
            (n,) mV/ms of the last window.
        excited, trigger
            (n,) state, and time in ms at which the last foot current starts.
        duration
            Length of an upstroke in ms.
        most
            Sub-steps in an upstroke.
        """
        nodes, starts = self._nodes, self._starts
        for blocks, parts, resting in zip(self._blocks, self.parts, self.resting, strict=True):
            _decide(
                nodes, starts, blocks, rate, excited, trigger, now, end, duration, most,
                parts, resting,
            )  # fmt: skip


@njit(cache=True, nogil=True)
def _decide(
    nodes: NDArray[np.int64],
    starts: NDArray[np.int64],
    blocks: NDArray[np.int64],
    rate: NDArray[np.float64],
    excited: NDArray[np.bool_],
    trigger: NDArray[np.float64],
    now: float,
    end: float,
    duration: float,
    most: int,
    parts: NDArray[np.int8],
    resting: NDArray[np.int8],
) -> None:
    for block in range(parts.size):
        still = True
        upstroke = False
        for j in range(starts[blocks[block]], starts[blocks[block] + 1]):
            v = nodes[j]
            still &= (not excited[v]) & (abs(rate[v]) < _STILL)
            upstroke |= (trigger[v] < end) & (now < trigger[v] + duration)
        still &= not upstroke
        parts[block] = 0 if still else (most if upstroke else 1)
        resting[block] = 1 if still else 0
