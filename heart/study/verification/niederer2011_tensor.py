"""The slab of the N-version benchmark a second time, with nothing but the cells in common.

On a regular grid of a box without flux diffusion is a product of three one-dimensional ones, each
of which can be taken over a step exactly: a small dense matrix per axis. No element, no sparse
matrix and no solve of the tissue engine is used. What the matrix is made of is free: differences
(row sums of the mass) make waves late, linear elements with their consistent mass make them early,
and the derivative of the cosine series through the nodes is right at any wave that the grid can
hold, so that arrivals hardly depend on the grid. The same program on one axis is a cable.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from heart.core.errors import NonPhysicalError
from heart.electro.ionic.kernel import BLOCK, compile_kernel
from heart.electro.ionic.registry import cell_model

Float = NDArray[np.float64]

QUIET = 1.0
"""mV/ms: cells whose voltage and that of whose neighbours changes less take long steps."""

MARGIN = 5
"""Nodes, two to each side, over which a change makes neighbours take short steps."""


class Derivative(Enum):
    """What stands for the second derivative along an axis."""

    DIFFERENCES = "differences"
    ELEMENTS = "consistent elements"
    COSINES = "cosines"

    def symbol(self, angles: Float, step: float) -> Float:
        """Return minus its eigenvalues in 1/mm2 at angles of 0 to π from node to node."""
        if self is Derivative.COSINES:
            return np.asarray((angles / step) ** 2)
        half = np.sin(0.5 * angles) ** 2
        mass = 1.0 - 2.0 / 3.0 * half if self is Derivative.ELEMENTS else 1.0
        return np.asarray(4.0 / step**2 * half / mass)


@dataclass(frozen=True)
class TensorGrid:
    """A box or a cable: regular nodes on all axes, and how waves on it are stepped.

    Attributes
    ----------
    size, steps
        Of the box and from node to node, in mm, an entry per axis.
    diffusivities
        Along the axes, in mm2/ms.
    derivative
        Along each axis.
    dt
        Step of Strang's splitting in ms.
    parts
        Sub-steps of cells near a wave in each.
    every
        Steps that quiet cells take at once; even.
    """

    size: tuple[float, ...]
    steps: tuple[float, ...]
    diffusivities: tuple[float, ...]
    derivative: Derivative
    dt: float
    parts: int = 1
    every: int = 10

    @property
    def shape(self) -> tuple[int, ...]:
        """Nodes along the axes."""
        return tuple(
            round(length / step) + 1 for length, step in zip(self.size, self.steps, strict=True)
        )

    def propagators(self) -> list[Float]:
        """Return for each axis the matrix that diffuses nodal values for one dt, exactly."""
        result = []
        for count, step, rate in zip(self.shape, self.steps, self.diffusivities, strict=True):
            number = np.arange(count, dtype=np.float64)
            waves = np.cos(np.pi / (count - 1) * np.outer(number, number))
            weight = np.ones(count)
            weight[[0, -1]] = 0.5
            inverse = 2.0 / (count - 1) * weight[:, None] * waves * weight
            symbol = self.derivative.symbol(np.pi / (count - 1) * number, step)
            result.append(np.ascontiguousarray(waves * np.exp(-self.dt * rate * symbol) @ inverse))
        return result

    def share(self, edge: float) -> Float:
        """Return which part of the box around each node lies in [0, edge] on every axis."""
        result = np.ones(())
        for count, step in zip(self.shape, self.steps, strict=True):
            result = np.multiply.outer(
                result, share(np.arange(count, dtype=np.float64) * step, step, edge)
            )
        return result

    def nearest(self, place: tuple[float, ...]) -> int:
        """Return the number of the node at `place`."""
        index = [round(x / step) for x, step in zip(place, self.steps, strict=True)]
        return int(np.ravel_multi_index(index, self.shape))

    def around(self, place: tuple[float, ...]) -> tuple[NDArray[np.int64], Float]:
        """Return nodes (2^d,) of the box around `place`, and their weights in linear interpolation.

        A node at the place itself has the whole weight, and is there as often as needed.
        """
        nodes, weights = np.zeros(1, np.int64), np.ones(1)
        for x, step, count in zip(place, self.steps, self.shape, strict=True):
            low = min(int(x / step + 1e-9), count - 1)
            rest = max(0.0, x / step - low) if low < count - 1 else 0.0
            ends = np.array([low, min(low + 1, count - 1)])
            nodes = np.add.outer(nodes * count, ends).ravel()
            weights = np.multiply.outer(weights, np.array([1.0 - rest, rest])).ravel()
        return nodes, weights


def share(x: Float, step: float, edge: float) -> Float:
    """Return which part of the interval of `step` mm around each x lies in [0, edge].

    The half interval of a node at 0 counts as a whole one, because it is all the node has.
    """
    inside = np.clip((edge - x) / step + 0.5, 0.0, 1.0)
    return np.asarray(np.where(x < 1e-9, 1.0, inside))


class Wave:
    """The wave that a stimulus at the corner of a grid sends out.

    Parameters
    ----------
    grid
        Where and how.
    edge, amplitude, duration
        Of the stimulated corner in mm, and of the stimulus in mV/ms and ms.
    """

    def __init__(self, grid: TensorGrid, *, edge: float, amplitude: float, duration: float) -> None:
        self.grid, self._duration, self.time = grid, duration, 0.0
        nodes = int(np.prod(grid.shape))
        self._cells = compile_kernel(cell_model("tt2006_epi", "niederer2011")).allocate(nodes)
        self._current = amplitude * grid.share(edge).ravel()
        self._matrices = grid.propagators()
        self.voltage = self._cells.voltage.copy()
        self._spare = np.empty(nodes)
        self._before: Float | None = None

    def arrivals(self, nodes: NDArray[np.int64], until: float) -> Float:
        """Return when V of each of (k,) nodes first exceeds 0 mV, linear in time.

        Raises
        ------
        NonPhysicalError
            The wave is not at all of them by `until`.
        """
        grid, times, old = self.grid, np.full(len(nodes), np.nan), self.voltage[nodes]
        while np.isnan(times).any():
            if self.time > until:
                raise NonPhysicalError(
                    f"no wave at {int(np.isnan(times).sum())} of {len(nodes)} nodes by {until} ms",
                    expected="an arrival at each",
                    fix="take a finer grid",
                )
            begin, dt, every = self.time, grid.dt, grid.every
            near = self._near(begin)
            fast = (grid.parts * near).astype(np.int8)
            self._before = self.voltage.copy()
            self._react(begin, begin + 0.5 * dt, fast)
            for step in range(1, every + 1):
                self.diffuse()
                now = begin + step * dt
                if 2 * step == every and not near.all():
                    self._react(begin, begin + every * dt, (~near).astype(np.int8))
                middle = self.voltage[nodes]
                self._react(now - 0.5 * dt, now + (0.5 * dt if step < every else 0.0), fast)
                new = self.voltage[nodes]
                if step < every:
                    new = 0.5 * (middle + new)
                first = (new > 0.0) & np.isnan(times)
                times[first] = now - dt * new[first] / (new[first] - old[first])
                old = new
            self.time = begin + every * dt
        return times

    def _near(self, begin: float) -> NDArray[np.bool_]:
        """Return which blocks of cells a wave or the stimulus is near to."""
        size = self._cells.blocks * BLOCK
        if self._before is None:
            return np.ones(self._cells.blocks, bool)
        limit = QUIET * self.grid.every * self.grid.dt
        change = np.abs(self.voltage - self._before) > limit
        if begin < self._duration:
            change |= self._current > 0.0
        flags = change.reshape(self.grid.shape).astype(np.uint8)
        for axis in range(flags.ndim):
            flags = maximum_filter1d(flags, MARGIN, axis=axis)
        padded = np.zeros(size, bool)
        padded[: flags.size] = flags.ravel()
        return np.asarray(padded.reshape(-1, BLOCK).any(axis=1))

    def _react(self, begin: float, end: float, substeps: NDArray[np.int8]) -> None:
        on = max(0.0, min(end, self._duration) - begin) / (end - begin)
        self._cells.voltage[:] = self.voltage
        self._cells.advance(
            end - begin,
            time=begin,
            stimulus=self._current * on if on > 0.0 else None,
            substeps=substeps,
        )
        self.voltage[:] = self._cells.voltage

    def diffuse(self) -> None:
        """Diffuse the voltage for one dt: a product with the matrix of each axis in turn."""
        shape = self.grid.shape
        for axis, matrix in enumerate(self._matrices):
            before, behind = int(np.prod(shape[:axis])), int(np.prod(shape[axis + 1 :]))
            old, new = self.voltage, self._spare
            if behind == 1:
                rows = (before, shape[axis])
                np.matmul(old.reshape(rows), matrix.T, out=new.reshape(rows))
            else:
                whole = (before, shape[axis], behind)
                np.matmul(matrix, old.reshape(whole), out=new.reshape(whole))
            self.voltage, self._spare = new, old


def speed(
    step: float,
    diffusivity: float,
    derivative: Derivative,
    *,
    length: float,
    dt: float = 0.01,
    parts: int = 4,
) -> float:
    """Return the speed in mm/ms of a plane wave: from 0.5 to 0.8 of a cable of `length` mm.

    Parameters
    ----------
    step
        From node to node in mm.
    diffusivity
        Along the cable, in mm2/ms.
    derivative
        Along the cable.
    length
        Of the cable in mm.
    dt, parts
        Step in ms, and sub-steps of cells in it.
    """
    grid = TensorGrid((length,), (step,), (diffusivity,), derivative, dt, parts=parts, every=2)
    first, last = grid.nearest((0.5 * length,)), grid.nearest((0.8 * length,))
    wave = Wave(grid, edge=1.5, amplitude=50.0 / 1.4, duration=2.0)
    times = wave.arrivals(np.array([first, last]), until=100.0)
    return float((last - first) * step / (times[1] - times[0]))
