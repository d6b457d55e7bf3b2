"""Short steps only where the wave is: cells elsewhere take one long step for many short ones.

Most of a heart is at rest or in its plateau at any time, and there a cell needs a tenth of the
steps that an upstroke needs. Which blocks of cells are near a wave is decided once per long step
from how fast the voltage of their nodes and of the neighbours of these has just changed, and from
the stimuli that are due. A block whose cells are on several ranks is near a wave when one of these
says so, so that the answer does not depend on the number of ranks. Diffusion takes short steps
everywhere while any block does, and long ones when none does. A long reaction of quiet cells stands
in the middle of its diffusion steps, so that the whole is centred as Strang's splitting is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from mpi4py import MPI
from numba import njit
from numpy.typing import NDArray

from heart.electro.ionic.kernel import BLOCK
from heart.electro.tissue import vectors
from heart.electro.tissue.operators import TissueOperators
from heart.electro.tissue.reaction import Reaction
from heart.electro.tissue.scheme import Multirate, Scheme, Splitting
from heart.electro.tissue.stepping import DiffusionStep, SplitStepper, Watch
from heart.electro.tissue.stimulus import LocalStimuli

Float = NDArray[np.float64]
Mask = NDArray[np.int8]


class Group(Protocol):
    """Cells of one model: where they stand among the unknowns."""

    @property
    def rows(self) -> NDArray[np.int64]:
        """(k,) unknown of each cell."""

    @property
    def blocks(self) -> NDArray[np.int64]:
        """(b,) number of each block over the whole tissue, −1 where it is on this rank only."""


class BlockedReaction(Reaction, Protocol):
    """Cells in groups that can be advanced block by block."""

    @property
    def groups(self) -> Sequence[Group]:
        """Groups, each in blocks of BLOCK consecutive cells."""

    def advance(
        self,
        voltage: Float,
        dt: float,
        *,
        time: float = 0.0,
        stimulus: Float | None = None,
        substeps: Sequence[Mask] | None = None,
    ) -> None:
        """Advance those blocks whose number of sub-steps is not 0."""


class MultirateStepper:
    """Split steps with long and short reactions.

    Attributes
    ----------
    work, whole
        Blocks of cells advanced so far, and how many it would have been without long steps.
    """

    def __init__(
        self,
        operators: TissueOperators,
        reaction: BlockedReaction,
        stimuli: LocalStimuli,
        scheme: Scheme,
        options: Multirate,
    ) -> None:
        self.operators, self.reaction, self.stimuli = operators, reaction, stimuli
        self.options, self.work, self.whole = options, 0, 0
        self._strang = scheme.splitting is Splitting.STRANG
        self._short = SplitStepper(operators, reaction, stimuli, scheme)
        self._long = SplitStepper(operators, reaction, stimuli, scheme)
        self.diffusion: DiffusionStep = self._short.diffusion
        self._before, self._flags = operators.vector(), operators.vector()
        self._near = np.zeros(operators.rows, np.bool_)
        self._between = np.zeros(operators.rows)
        self._common, count = _common_blocks(operators.comm, reaction.groups)
        self._told = np.zeros(count + 1, np.int8)
        self._since: float | None = None

    def forget(self) -> None:
        """Take every block for active in the next long step."""
        self._since = None
        self._short.forget()
        self._long.forget()

    def advance(
        self, voltage: Float, time: float, dt: float, count: int, watch: Watch | None
    ) -> None:
        """Take `count` steps of `dt` ms from `time`, in groups of `every` where they fit."""
        every, blocks = self.options.every, self._blocks()
        for first in range(0, count, every):
            begin, size = time + first * dt, min(every, count - first)
            if size < every:
                self._short.advance(voltage, begin, dt, size, watch)
                self._since = None
                self.work += size * blocks
                self.whole += size * blocks
                continue
            active = self._active(voltage, begin, begin + every * dt)
            rows = self.operators.rows
            self._before[:rows], self._since = voltage[:rows], begin
            anywhere = self._agree(active)
            here = sum(int(mask.sum()) for mask in active)
            if not anywhere:
                self._long.advance(voltage, begin, every * dt, 1, watch)
            else:
                self._group(voltage, begin, dt, active, watch)
            self.work += here * every + (blocks - here)
            self.whole += blocks * every

    def _agree(self, active: list[Mask]) -> bool:
        """Wake blocks that are active on another rank; return whether any is, on any rank."""
        comm, told = self.operators.comm, self._told
        told[:] = 0
        told[-1] = any(mask.any() for mask in active)
        if comm.size > 1:
            for mask, (mine, common) in zip(active, self._common, strict=True):
                told[common] = mask[mine]
            comm.Allreduce(MPI.IN_PLACE, told, op=MPI.MAX)
            for mask, (mine, common) in zip(active, self._common, strict=True):
                mask[mine] = told[common]
        return bool(told[-1])

    def _group(
        self, voltage: Float, time: float, dt: float, active: list[Mask], watch: Watch | None
    ) -> None:
        """Take `every` short steps of the active blocks around one long step of the others."""
        every = self.options.every
        quiet = [(1 - mask).astype(np.int8) for mask in active]
        rows = self.operators.rows
        cells, between = voltage[:rows], self._between
        shift = 0.5 * dt if self._strang else dt
        self._react(cells, time, time + shift, active)
        for step in range(1, every + 1):
            self.diffusion.advance(voltage, dt)
            now = time + step * dt
            if step == every // 2:
                self._react(cells, time, time + every * dt, quiet)
            if not self._strang:
                if watch is not None:
                    watch(now, cells)
                if step < every:
                    self._react(cells, now, now + dt, active)
                continue
            between[:] = cells
            last = step == every
            self._react(cells, now - shift, now if last else now + shift, active)
            if watch is not None:
                if not last:
                    vectors.combine(rows, 0.5, between, 0.5, cells, between)
                watch(now, cells if last else between)

    def _react(self, cells: Float, begin: float, end: float, blocks: list[Mask]) -> None:
        self.reaction.advance(
            cells,
            end - begin,
            time=begin,
            stimulus=self.stimuli.current(begin, end),
            substeps=blocks,
        )

    def _blocks(self) -> int:
        return sum(-(-len(group.rows) // BLOCK) for group in self.reaction.groups)

    def _active(self, voltage: Float, begin: float, end: float) -> list[Mask]:
        """Return for each group which of its blocks need short steps until `end`."""
        operators, rows = self.operators, self.operators.rows
        if self._since is None:
            return [
                np.ones(-(-len(group.rows) // BLOCK), np.int8) for group in self.reaction.groups
            ]
        limit = self.options.threshold * (begin - self._since)
        np.greater(np.abs(voltage[:rows] - self._before[:rows]), limit, out=self._near)
        stimulus = self.stimuli.current(begin, end)
        if stimulus is not None:
            self._near |= stimulus != 0.0
        self._flags[:rows] = self._near
        operators.halo.update(self._flags)
        _spread(operators.pattern.starts, operators.pattern.columns, self._flags, self._near)
        result = []
        for group in self.reaction.groups:
            padded = np.zeros(-(-len(group.rows) // BLOCK) * BLOCK, np.bool_)
            padded[: len(group.rows)] = self._near[group.rows]
            result.append(padded.reshape(-1, BLOCK).any(axis=1).astype(np.int8))
        return result


def _common_blocks(
    comm: MPI.Intracomm, groups: Sequence[Group]
) -> tuple[list[tuple[NDArray[np.int64], NDArray[np.int64]]], int]:
    """Find the blocks that several ranks have; return where they are in each group, and how many.

    Of each group the blocks that others have too, and their places among all such; collective.
    """
    numbers = [np.asarray(group.blocks) for group in groups]
    here = np.concatenate([np.zeros(0, np.int64), *numbers])
    highest = comm.allreduce(int(here.max(initial=-1)), op=MPI.MAX)
    ranks = np.bincount(here[here >= 0], minlength=highest + 1)
    comm.Allreduce(MPI.IN_PLACE, ranks, op=MPI.SUM)
    common = np.flatnonzero(ranks > 1)
    mine = [np.flatnonzero(np.isin(one, common)) for one in numbers]
    places = [np.searchsorted(common, one[at]) for one, at in zip(numbers, mine, strict=True)]
    return list(zip(mine, places, strict=True)), len(common)


@njit(cache=True, nogil=True)
def _spread(
    starts: NDArray[np.uint32],
    columns: NDArray[np.uint32],
    flags: Float,
    near: NDArray[np.bool_],
) -> None:
    """Mark the nodes that have a marked neighbour."""
    width = columns.shape[1]
    for s in range(len(starts) - 1):
        for k in range(starts[s], starts[s + 1]):
            for lane in range(width):
                i = s * width + lane
                if i < len(near) and flags[columns[k, lane]] > 0.0:
                    near[i] = True
