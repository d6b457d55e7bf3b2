"""Loads in stages: from what acts now to what the end of a stage says, in one proportion.

A stage that was broken off is gone on with from the loads that were reached, along the same line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heart.mechanics.static import StaticProblem
from heart.numerics.newton import NonlinearOutcome
from heart.numerics.profiles import Profile
from heart.numerics.step_controller import Worst

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Loads:
    """Pressures in kPa by name of the boundary, and tension in kPa."""

    pressure: Mapping[str, float] = field(default_factory=dict)
    tension: float = 0.0

    def towards(self, end: Loads, share: float) -> Loads:
        """Return what acts at a share of the way to `end`."""
        pressure = {
            name: (1.0 - share) * self.pressure.get(name, 0.0) + share * value
            for name, value in end.pressure.items()
        }
        return Loads(pressure, (1.0 - share) * self.tension + share * end.tension)


class StagedProblem:
    """A static problem that is loaded from one state of loads to another.

    Parameters
    ----------
    problem
        Solved and put back.
    tags
        Tags of each boundary that has a pressure.
    tension
        Constant of the active tension; None where the muscle is passive.
    """

    def __init__(
        self, problem: StaticProblem, tags: Mapping[str, tuple[int, ...]], tension: Any
    ) -> None:
        self.problem, self._tags, self._tension = problem, tags, tension
        self.start, self.end = Loads(), Loads()
        self.now = Loads()
        self.apply(0.0)

    def between(self, start: Loads, end: Loads) -> None:
        """Set what share 0 and share 1 of the load are."""
        self.start, self.end = start, end

    def apply(self, fraction: float) -> None:
        """Set the loads to a share of the way."""
        self.now = self.start.towards(self.end, fraction)
        pressures = {
            tag: value for name, value in self.now.pressure.items() for tag in self._tags[name]
        }
        self.problem.set_pressures(pressures)
        if self._tension is not None:
            self._tension.value = self.now.tension

    def solve(self, profile: Profile) -> NonlinearOutcome:
        """Solve at the present loads."""
        return self.problem.solve(profile)

    def values(self) -> Float:
        """Return a copy of this rank's unknowns."""
        return self.problem.values()

    def set_values(self, values: Float) -> None:
        """Put unknowns back."""
        self.problem.set_values(values)

    def worst(self) -> Worst:
        """Return the cell that is squeezed most."""
        return self.problem.worst()

    def jump(self, before: Float) -> float:
        """Return how far the body moved since `before`, in sizes of the body."""
        return self.problem.jump(before)
