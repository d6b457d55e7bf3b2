"""Where and when waves start: nodes with times, once or periodically.

A stimulus does not have to push current through the mesh, which on a coarse one would need an
amplitude that depends on the cell size: it offers an activation to its nodes, and the trigger of
the front does the rest. A node that is refractory does not take the offer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heart.core.errors import ParameterError
from heart.electro.reaction_eikonal.front import FrontState

Float = NDArray[np.float64]


class Stimulus(Protocol):
    """What is needed of `heart.electro.tissue.stimulus.TissueStimulus`."""

    @property
    def nodes(self) -> NDArray[np.integer]:
        """(k,) nodes."""

    @property
    def start(self) -> float:
        """Onset in ms."""

    @property
    def period(self) -> float | None:
        """Interval of repetition in ms."""

    @property
    def count(self) -> int:
        """How often it is given."""


@dataclass(frozen=True)
class Excitation:
    """Nodes (k,) of the caller's numbering that fire at times (k,) ms, `count` times.

    Attributes
    ----------
    nodes, times
        What `heart.numerics.eikonal.solve` takes.
    period
        ms between repetitions; needed where `count` is not 1.
    count
        How often it is given.
    """

    nodes: ArrayLike
    times: ArrayLike
    period: float | None = None
    count: int = 1

    def __post_init__(self) -> None:
        nodes = np.atleast_1d(np.asarray(self.nodes))
        times = np.broadcast_to(np.asarray(self.times, np.float64), nodes.shape)
        if nodes.ndim != 1 or not nodes.size or nodes.dtype.kind not in "iu":
            raise ParameterError(
                "stimulus has no nodes", where="reaction-eikonal", expected="at least one node"
            )
        if not np.isfinite(times).all():
            raise ParameterError("stimulus time is not finite", where="reaction-eikonal")
        if self.count < 1 or (self.count > 1 and not (self.period or 0.0) > 0.0):
            raise ParameterError(
                f"stimulus is given {self.count} times with period {self.period}",
                where="reaction-eikonal",
                expected="a count of at least 1, with a positive period where it is more",
            )
        object.__setattr__(self, "nodes", nodes)
        object.__setattr__(self, "times", np.ascontiguousarray(times))

    @staticmethod
    def of(stimulus: Stimulus) -> Excitation:
        """Return a stimulus of the tissue as an excitation: its nodes fire at its onset."""
        nodes = np.asarray(stimulus.nodes)
        return Excitation(nodes, stimulus.start, stimulus.period, stimulus.count)


def offer(
    excitations: Sequence[Excitation],
    rank: NDArray[np.int32],
    state: FrontState,
    begin: float,
    end: float,
) -> None:
    """Offer the activations of begin <= t < end to the front; `rank` gives own node numbers."""
    for excitation in excitations:
        nodes, times = np.asarray(excitation.nodes), np.asarray(excitation.times)
        period = excitation.period or 0.0
        first, last = 0, excitation.count - 1
        if period > 0.0 and np.isfinite(begin):
            first = max(first, int(np.floor((begin - times.max()) / period)))
        if period > 0.0 and np.isfinite(end):
            last = min(last, int(np.ceil((end - times.min()) / period)))
        for beat in range(first, last + 1):
            shifted = times + beat * period
            due = (shifted >= begin) & (shifted < end)
            if due.any():
                np.minimum.at(state.pending, rank[nodes[due]], shifted[due])
