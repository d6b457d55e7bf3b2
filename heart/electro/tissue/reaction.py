"""What the tissue needs of the cells: advance, current, states; whoever offers it can be coupled.

`heart.electro.ionic.population.CellPopulation` is one; a manufactured solution brings another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


class Reaction(Protocol):
    """Cells at this rank's n unknowns, in their order."""

    @property
    def voltage(self) -> Float:
        """(n,) membrane potential that the cells hold, in mV: the start of a run."""

    def advance(
        self, voltage: Float, dt: float, *, time: float = 0.0, stimulus: Float | None = None
    ) -> None:
        """Advance states and `voltage` (n,) in place by `dt` ms.

        `stimulus` is (n,) mV/ms, positive depolarises, or None.
        """

    def ionic_current(self, voltage: Float) -> Float:
        """Return (n,) A/F so that dV/dt = −I, with the present states."""

    def advance_gates(self, voltage: Float, dt: float, *, time: float = 0.0) -> None:
        """Advance everything but the voltage by `dt` ms at a voltage that is held."""

    def states_by_node(self) -> dict[str, NDArray[Any]]:
        """Return the states as arrays whose first axis are the unknowns."""

    def restore(self, states: dict[str, NDArray[Any]]) -> None:
        """Put back what `states_by_node` returned."""

    def check(self, name_node: Callable[[int], str] | None = None) -> None:
        """Raise NonFiniteError or NonPhysicalError when a state cannot be.

        `name_node` turns a global node number into words for the message.
        """
