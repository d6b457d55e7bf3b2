"""Restitution of the wave: how soon tissue conducts again, and how slowly at first.

The duration of the next action potential comes from the cell model itself; only what an eikonal
front cannot know is tabulated: the shortest diastolic interval that conducts, and the speed by
diastolic interval. Both come from a fine strand of the same cells (`strand`), or from a curve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import ParameterError
from heart.electro.reaction_eikonal.front import Recovery

Float = NDArray[np.float64]

_STEP = 1.0
_LONGEST = 4000.0
# A wave that is slower than this share of its speed at rest has never been seen to last.
_SLOWEST = 0.05


@dataclass(frozen=True)
class Restitution:
    """Conduction after an action potential, of one cell model.

    Attributes
    ----------
    intervals
        (k,) ms, ascending diastolic intervals from repolarisation to the next activation. The
        first is the shortest that conducts.
    factors
        (k,) speed at each, relative to tissue at rest; the last holds for longer ones.
    rest, recovered
        mV, membrane potential at rest, and below which an action potential counts as ended.
    """

    intervals: Float
    factors: Float
    rest: float
    recovered: float

    def __post_init__(self) -> None:
        intervals, factors = np.asarray(self.intervals), np.asarray(self.factors)
        if intervals.ndim != 1 or intervals.shape != factors.shape or not intervals.size:
            raise ParameterError(
                "restitution curve needs as many factors as intervals",
                where="reaction-eikonal",
                expected="two rows of equal length",
            )
        if not (np.diff(intervals) > 0.0).all() or not intervals[0] >= 0.0:
            raise ParameterError(
                "diastolic intervals of the restitution curve are not ascending from 0",
                where="reaction-eikonal",
            )
        if not ((factors >= _SLOWEST) & (factors <= 2.0)).all():
            raise ParameterError(
                f"restitution factors from {factors.min():g} to {factors.max():g}",
                where="reaction-eikonal",
                expected=f"shares of the speed at rest between {_SLOWEST:g} and 2",
            )
        if not self.recovered > self.rest or intervals[-1] > _LONGEST:
            raise ParameterError(
                f"recovery at {self.recovered:g} mV, rest at {self.rest:g} mV, longest interval "
                f"{intervals[-1]:g} ms",
                where="reaction-eikonal",
                expected=f"recovery above rest, intervals up to {_LONGEST:g} ms",
            )

    @property
    def shortest(self) -> float:
        """Shortest diastolic interval that conducts, ms."""
        return float(self.intervals[0])

    def speed(self, interval: float) -> float:
        """Return the speed after a diastolic interval relative to tissue at rest."""
        return float(np.interp(interval, self.intervals, self.factors))


def tabulate(curves: tuple[Restitution, ...], of_node: NDArray[np.integer]) -> Recovery:
    """Return what a front needs: `of_node` (n,) names the curve of each node."""
    length = max(float(curve.intervals[-1]) for curve in curves)
    grid = _STEP * np.arange(int(np.ceil(length / _STEP)) + 2)
    factors = np.array([np.interp(grid, curve.intervals, curve.factors) for curve in curves])
    # Longer than the table means at rest, so the last value has to be that of rest.
    factors /= factors[:, -1:]
    kind = np.ascontiguousarray(of_node, np.int32)
    return Recovery(
        shortest=np.array([curve.shortest for curve in curves])[kind],
        kind=kind,
        slowness=np.ascontiguousarray(factors**-2.0),
        step=_STEP,
    )
