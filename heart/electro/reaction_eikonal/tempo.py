"""How often each block of cells is stepped: in an upstroke, in a plateau, at rest.

Most of a heart is at rest or in a plateau most of the time. Blocks of cells that lie together get
the step they need: parts of a step in an upstroke, one step per window in a plateau, and one for
several windows where nothing happens. A block at rest is behind and catches up when something
does. What a block needs is decided from all its nodes, which every rank knows, and not from those
that a rank steps: ranks then agree without a word.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from heart.electro.ionic.population import CellPopulation
from heart.electro.reaction_eikonal.scheme import ReactionEikonalScheme

Float = NDArray[np.float64]
Masks = list[NDArray[np.int8]]

_RESTS, _CALM, _ACTIVE = 0, 1, 2
# mV/ms below which a block of cells that are not excited counts as at rest.
_STILL = 0.02


class Tempo:
    """Steps of the blocks of each group of a population.

    Parameters
    ----------
    cells
        Cells of this rank, made with these blocks.
    blocks
        (n,) block of each node of the front's mesh, −1 where no cell stands.
    scheme
        Steps.

    Attributes
    ----------
    parts
        For each group, sub-steps of each block in a step; 0 for blocks that are calm or at rest.
    calm
        For each group, 1 for the blocks that take one step for the window.
    behind
        For each group, windows that each block has not taken yet, with the present one.
    active
        Whether any block of the tissue, on any rank, is stepped in parts.
    """

    def __init__(
        self, cells: CellPopulation, blocks: NDArray[np.int64], scheme: ReactionEikonalScheme
    ) -> None:
        order = np.argsort(blocks, kind="stable")
        numbers = np.arange(blocks.max(initial=-1) + 2)
        self._nodes, self._starts = order, np.searchsorted(blocks[order], numbers)
        self._blocks = [group.blocks for group in cells.groups]
        self._every = np.arange(len(numbers) - 1)
        self._scheme = scheme
        sizes = [group.cells.blocks for group in cells.groups]
        self.parts, self.calm = ([np.zeros(size, np.int8) for size in sizes] for _ in range(2))
        self.behind = [np.zeros(size, np.int16) for size in sizes]
        self.active = False

    @property
    def any_calm(self) -> bool:
        """Whether a block of this rank takes one step for the window."""
        return any(bool(calm.any()) for calm in self.calm)

    def decide(self, rate: Float, excited: NDArray[np.bool_], trigger: Float, now: float) -> None:
        """Decide for each block how it is stepped for a window from `now` ms.

        Parameters
        ----------
        rate
            (n,) mV/ms of the last window.
        excited, trigger
            (n,) state, and time in ms at which the last foot current starts.
        """
        scheme = self._scheme
        paces = np.empty(len(self._every), np.int8)
        _decide(
            self._nodes, self._starts, rate, excited, trigger, now, now + scheme.window,
            scheme.upstroke_duration, scheme.calm_rate, paces,
        )  # fmt: skip
        self.active = bool((paces == _ACTIVE).any())
        for blocks, parts, calm in zip(self._blocks, self.parts, self.calm, strict=True):
            pace = paces[blocks]
            parts[:] = scheme.upstroke_substeps * (pace == _ACTIVE)
            calm[:] = pace == _CALM

    def catching_up(self) -> list[tuple[int, Masks]]:
        """Return the blocks that are behind and must not be, by the number of windows.

        These are the ones that are no longer at rest, and those that have waited long enough.
        Call it once per window: blocks at rest are one more behind from then on.
        """
        longest = self._scheme.windows_at_rest
        resting = [(p == 0) & (c == 0) for p, c in zip(self.parts, self.calm, strict=True)]
        chosen = [
            (late > 0) & (~rest | (late >= longest))
            for late, rest in zip(self.behind, resting, strict=True)
        ]
        counts = np.unique(
            np.concatenate([late[one] for late, one in zip(self.behind, chosen, strict=True)])
        )
        found = [
            (
                int(count),
                [
                    (one & (late == count)).astype(np.int8)
                    for late, one in zip(self.behind, chosen, strict=True)
                ],
            )
            for count in counts
        ]
        for late, one, rest in zip(self.behind, chosen, resting, strict=True):
            late[one] = 0
            late += rest
        return found


@njit(cache=True, nogil=True)
def _decide(
    nodes: NDArray[np.int64],
    starts: NDArray[np.int64],
    rate: NDArray[np.float64],
    excited: NDArray[np.bool_],
    trigger: NDArray[np.float64],
    now: float,
    end: float,
    duration: float,
    calm: float,
    paces: NDArray[np.int8],
) -> None:
    for block in range(paces.size):
        pace = _RESTS
        for j in range(starts[block], starts[block + 1]):
            v = nodes[j]
            if (trigger[v] < end and now < trigger[v] + duration) or abs(rate[v]) >= calm:
                pace = _ACTIVE
                break
            if excited[v] or abs(rate[v]) >= _STILL:
                pace = _CALM
        paces[block] = pace
