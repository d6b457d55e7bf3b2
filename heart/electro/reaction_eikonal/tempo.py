"""How often each block of cells is stepped: in an upstroke, in a plateau, at rest.

Most of a heart is at rest or in a plateau most of the time. Blocks of cells that lie together get
the step they need: parts of a step during an upstroke, one step in a plateau, and one step per
window where nothing happens.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from heart.electro.ionic.kernel import BLOCK
from heart.electro.ionic.population import CellPopulation

Float = NDArray[np.float64]

# mV/ms below which a block of cells that are not excited counts as at rest.
_STILL = 0.02


class Tempo:
    """Sub-steps of the blocks of each group of a population until the next window.

    Attributes
    ----------
    parts
        For each group, sub-steps of each block in a step; 0 at rest.
    resting
        For each group, 1 for the blocks at rest, which take one step per window.
    """

    def __init__(self, cells: CellPopulation) -> None:
        self._rows = [np.ascontiguousarray(group.rows, np.int64) for group in cells.groups]
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
            (rows,) mV/ms of the last window.
        excited, trigger
            (rows,) state, and time in ms at which the last foot current starts.
        duration
            Length of an upstroke in ms.
        most
            Sub-steps in an upstroke.
        """
        for rows, parts, resting in zip(self._rows, self.parts, self.resting, strict=True):
            _decide(rows, rate, excited, trigger, now, end, duration, most, parts, resting)


@njit(cache=True, nogil=True)
def _decide(
    rows: NDArray[np.int64],
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
        for j in range(BLOCK * block, min(BLOCK * (block + 1), rows.size)):
            r = rows[j]
            still &= (not excited[r]) & (abs(rate[r]) < _STILL)
            upstroke |= (trigger[r] < end) & (now < trigger[r] + duration)
        still &= not upstroke
        parts[block] = 0 if still else (most if upstroke else 1)
        resting[block] = 1 if still else 0
