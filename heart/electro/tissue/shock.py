"""Current given into extracellular space: from an anode to a cathode, or from ground.

Such a current changes the voltage of cells far from the electrodes, with both signs; a current
across the membrane, as `TissueStimulus` gives it, only of those it reaches. A cathode draws current
out and depolarises the tissue beneath it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import ParameterError
from heart.electro.tissue.stimulus import TissueStimulus

Float = NDArray[np.float64]
Int = NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class ExtracellularStimulus:
    """A rectangular pulse of current between two electrodes, once or in a train.

    Parameters
    ----------
    cathode
        (k,) global nodes from which `current` is drawn.
    anode
        (l,) global nodes into which it is given; None: it enters through the grounded nodes.
    start, duration
        Of the first pulse, in ms.
    current
        Total in uA; a negative one exchanges the electrodes.
    period, count
        Of a train, as in `TissueStimulus`.
    name
        What messages call it.

    Raises
    ------
    ParameterError
        An electrode of no nodes, electrodes that share a node, or pulses that make no sense.
    """

    cathode: Int
    anode: Int | None
    start: float
    duration: float
    current: float
    period: float | None = None
    count: int = 1
    name: str = "shock"
    _pulses: TissueStimulus = field(init=False, repr=False)

    def __post_init__(self) -> None:
        pulses = TissueStimulus(
            self.cathode, self.start, self.duration, self.current,
            self.period, self.count, f"cathode of {self.name}",
        )  # fmt: skip
        object.__setattr__(self, "_pulses", pulses)
        object.__setattr__(self, "cathode", pulses.nodes)
        if self.anode is None:
            return
        anode = TissueStimulus(
            self.anode, self.start, self.duration, 0.0, name=f"anode of {self.name}"
        )
        shared = np.intersect1d(anode.nodes, pulses.nodes)
        if len(shared):
            raise ParameterError(
                f"cathode and anode of {self.name} share {len(shared)} nodes, one is {shared[0]}",
                expected="electrodes that do not touch",
            )
        object.__setattr__(self, "anode", anode.nodes)

    def share(self, begin: float, end: float) -> float:
        """Return the mean current between two times over the full one."""
        return self._pulses.overlap(begin, end) / (end - begin)

    def source(self, sizes: Float) -> Float:
        """Return the current in uA into each node (nodes,) while a pulse is on.

        Parameters
        ----------
        sizes
            (nodes,) volume around each node, by which an electrode's current is shared out.

        Raises
        ------
        ParameterError
            A node that does not exist.
        """
        result = np.zeros(len(sizes))
        for nodes, sign in ((self.cathode, -1.0), (self.anode, 1.0)):
            if nodes is None:
                continue
            if nodes.min() < 0 or nodes.max() >= len(sizes):
                raise ParameterError(
                    f"{self.name} names node {int(nodes.max())}",
                    expected=f"nodes from 0 to {len(sizes) - 1}",
                )
            result[nodes] += sign * self.current * sizes[nodes] / sizes[nodes].sum()
        return result
