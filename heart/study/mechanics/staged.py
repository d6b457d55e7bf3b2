"""Loads in stages: from what acts now to what the end of a stage says, in one proportion.

A cavity has a pressure or a volume in a stage, and may change from one to the other between
stages. A stage that was broken off is gone on with from the loads that were reached, along the
same line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heart.mechanics.cavities import CavityProblem
from heart.mechanics.relations import WEIGHT
from heart.mechanics.static import StaticProblem
from heart.numerics.newton import NonlinearOutcome
from heart.numerics.profiles import Profile
from heart.numerics.step_controller import Worst
from heart.study.mechanics.model import sums

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Loads:
    """Pressures in kPa and volumes in mm³ by boundary, and tension in kPa.

    At the end of a stage a boundary is in one of the two; what was reached has both.
    """

    pressure: Mapping[str, float] = field(default_factory=dict)
    volume: Mapping[str, float] = field(default_factory=dict)
    tension: float = 0.0


class StagedRelation:
    """Pressure or volume of each cavity, along a line; see `heart.mechanics.cavities.Relation`.

    Both are written as a volume, a pressure of 1 kPa as that at rest, so that equations keep
    their weight when a cavity changes from one to the other.

    Parameters
    ----------
    rest
        Volumes (k,) in mm³.
    """

    def __init__(self, rest: Float) -> None:
        self._rest = np.asarray(rest, float)
        self.start, self.scale = np.zeros(len(rest)), WEIGHT.value / self._rest
        self._by_volume = np.zeros(len(rest), np.bool_)
        self._begin, self._end = np.zeros(len(rest)), np.zeros(len(rest))
        self._wanted = np.zeros(len(rest))

    def between(self, begin: Float, end: Float, by_volume: NDArray[np.bool_]) -> None:
        """Set what is prescribed at share 0 and share 1: volumes, else pressures."""
        self._begin, self._end, self._by_volume = begin, end, by_volume

    def apply(self, fraction: float) -> None:
        """Set what is prescribed to a share of the way."""
        self._wanted = self._begin + fraction * (self._end - self._begin)

    def residual(self, unknowns: Float, volumes: Float) -> Float:
        """Return by how much each cavity is off."""
        pressures = self._rest * (unknowns - self._wanted)
        return np.where(self._by_volume, volumes - self._wanted, pressures)

    def slopes(self, unknowns: Float, volumes: Float) -> tuple[Float, Float]:
        """Return the derivatives by pressures and by volumes."""
        del unknowns, volumes
        return np.diag(np.where(self._by_volume, 0.0, self._rest)), np.diag(
            self._by_volume.astype(float)
        )


class StagedProblem:
    """A static problem that is loaded from one state of loads to another.

    Parameters
    ----------
    problem
        Solved and put back: with pressures as numbers, or with cavities by `StagedRelation`.
    acting
        By boundary that is loaded, the tags on which its pressure acts, and how many times.
    tension
        Constant of the active tension; None where the muscle is passive.
    cavities, relation
        Names of the cavities of a problem with cavities, in its order, and their relation.
    """

    def __init__(
        self,
        problem: StaticProblem | CavityProblem,
        acting: Mapping[str, Mapping[int, float]],
        tension: Any,
        cavities: Sequence[str] = (),
        relation: StagedRelation | None = None,
    ) -> None:
        self._inner, self._acting, self._tension = problem, acting, tension
        self._cavities, self._relation = tuple(cavities), relation
        self._start, self._end = Loads(), Loads()
        self._pressure: dict[str, float] = {}
        self.tension = 0.0

    @property
    def problem(self) -> StaticProblem:
        """The muscle alone."""
        inner = self._inner
        return inner.problem if isinstance(inner, CavityProblem) else inner

    @property
    def state(self) -> Any:
        """Function that holds the unknowns of the muscle."""
        return self.problem.state

    def pressures(self) -> dict[str, float]:
        """Return the pressures that act now, in kPa."""
        if isinstance(self._inner, CavityProblem):
            found = zip(self._cavities, self._inner.pressures, strict=True)
            return {name: float(value) for name, value in found}
        return dict(self._pressure)

    def between(self, start: Loads, end: Loads) -> None:
        """Set what share 0 and share 1 of the load are; `start` has the present volumes."""
        self._start, self._end = start, end
        if self._relation is not None:
            by_volume = np.array([name in end.volume for name in self._cavities])
            first = [_either(start, name, name in end.volume) for name in self._cavities]
            last = [_either(end, name, name in end.volume) for name in self._cavities]
            self._relation.between(np.array(first), np.array(last), by_volume)

    def apply(self, fraction: float) -> None:
        """Set the loads to a share of the way."""
        start, end = self._start, self._end
        self._pressure = {
            name: (1.0 - fraction) * start.pressure.get(name, 0.0) + fraction * value
            for name, value in end.pressure.items()
        }
        self.tension = (1.0 - fraction) * start.tension + fraction * end.tension
        if self._tension is not None:
            self._tension.value = self.tension
        if self._relation is not None:
            self._relation.apply(fraction)
        if isinstance(self._inner, CavityProblem):
            return
        self._inner.set_pressures(sums(self._pressure, self._acting))

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Return unknowns beside those of the muscle: pressures and traction on the base."""
        if not isinstance(self._inner, CavityProblem):
            return {}
        return {"border": self._inner.system.small.copy()}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Put back what `snapshot` returned, after the state of the muscle. Collective."""
        if isinstance(self._inner, CavityProblem) and "border" in arrays:
            values = self._inner.values()
            owned = self._inner.system.owned
            values[owned:] = np.asarray(arrays["border"])[: len(values) - owned]
            self._inner.set_values(values)

    def solve(self, profile: Profile) -> NonlinearOutcome:
        """Solve at the present loads."""
        return self._inner.solve(profile)

    def values(self) -> Float:
        """Return a copy of this rank's unknowns."""
        return self._inner.values()

    def set_values(self, values: Float) -> None:
        """Put unknowns back."""
        self._inner.set_values(values)

    def worst(self) -> Worst:
        """Return the cell that is squeezed most."""
        return self._inner.worst()

    def jump(self, before: Float) -> float:
        """Return how far the body moved since `before`, in sizes of the body."""
        return self._inner.jump(before)


def _either(loads: Loads, name: str, by_volume: bool) -> float:
    return loads.volume[name] if by_volume else loads.pressure.get(name, 0.0)
