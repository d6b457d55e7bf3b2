"""Where and when current is injected: nodes, pulses, and how much of a pulse falls into a step.

The part of a pulse that overlaps a step is given in that step, so that the charge does not depend
on whether pulses begin on the grid of steps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import ParameterError
from heart.core.parameters import Parameter

Float = NDArray[np.float64]
Int = NDArray[np.integer]

PARAMETERS: dict[str, Parameter] = {
    "amplitude": Parameter(50.0, "mV/ms", 0.1, 2000.0, "Niederer2011", "its cube has 35.7"),
    "duration": Parameter(2.0, "ms", 0.05, 100.0, "Niederer2011", "0.5 to 5 usual"),
}


@dataclass(frozen=True, eq=False)
class TissueStimulus:
    """A rectangular pulse at some nodes, once or in a train.

    Parameters
    ----------
    nodes
        (k,) global node indices.
    start, duration
        Of the first pulse, in ms.
    amplitude
        mV/ms, positive depolarises.
    period
        ms from pulse to pulse; needed where `count` is not 1.
    count
        Number of pulses.
    name
        What messages call it.

    Raises
    ------
    ParameterError
        No nodes, a duration or period that is not positive, or pulses that overlap.
    """

    nodes: Int
    start: float
    duration: float
    amplitude: float
    period: float | None = None
    count: int = 1
    name: str = "stimulus"

    def __post_init__(self) -> None:
        nodes = np.unique(np.atleast_1d(np.asarray(self.nodes)))
        if not nodes.size or nodes.dtype.kind not in "iu":
            raise ParameterError(
                f"{self.name} reaches no node of the tissue",
                expected="at least one node",
                fix="check its place and radius against the mesh",
            )
        if not all(map(math.isfinite, (self.start, self.duration, self.amplitude))):
            raise ParameterError(f"{self.name} has a time or amplitude that is not finite")
        if self.duration <= 0.0:
            raise ParameterError(
                f"{self.name} lasts {self.duration:g} ms", expected="a positive duration"
            )
        if self.count < 1 or (self.count > 1 and self.period is None):
            raise ParameterError(
                f"{self.name} is given {self.count} times",
                expected="once, or more often with a period",
            )
        if self.count > 1 and self.period is not None and self.period <= self.duration:
            raise ParameterError(
                f"{self.name} repeats every {self.period:g} ms but lasts {self.duration:g} ms",
                expected="a period longer than the pulse",
            )
        object.__setattr__(self, "nodes", nodes)

    @property
    def end(self) -> float:
        """When the last pulse ends, in ms."""
        return self.start + (self.count - 1) * (self.period or 0.0) + self.duration

    def overlap(self, begin: float, end: float) -> float:
        """Return for how many ms a pulse is on between `begin` and `end`."""
        if end <= self.start or begin >= self.end:
            return 0.0
        period = self.period if self.period is not None and self.count > 1 else math.inf
        first = 0 if math.isinf(period) else max(0, math.floor((begin - self.start) / period))
        last = 0 if math.isinf(period) else math.floor((end - self.start) / period)
        total = 0.0
        for beat in range(first, min(last, self.count - 1) + 1):
            onset = self.start + (beat * period if beat else 0.0)
            total += max(0.0, min(end, onset + self.duration) - max(begin, onset))
        return total


def amplitude(current: float, surface_to_volume: float, capacitance: float) -> float:
    """Return mV/ms of a current per volume in uA/mm3: I / (χ C_m)."""
    return current / (surface_to_volume * capacitance)


def nodes_within(points: Float, centre: Sequence[float], radius: float, name: str) -> Int:
    """Return the nodes at most `radius` mm from `centre`.

    Raises
    ------
    ParameterError
        None; says how far the nearest is.
    """
    distance = np.linalg.norm(points - np.asarray(centre, np.float64), axis=1)
    nodes: Int = np.flatnonzero(distance <= radius)
    if not nodes.size:
        raise ParameterError(
            f"{name} at ({', '.join(f'{c:g}' for c in centre)}) mm reaches no node of the tissue",
            expected=f"a node within {radius:g} mm; the nearest is {distance.min():.2f} mm away",
            fix="move it into the tissue or enlarge its radius",
        )
    return nodes


class LocalStimuli:
    """Stimuli over this rank's unknowns: the current of a step as one array, or none.

    Parameters
    ----------
    stimuli
        What is given; nodes in the global order.
    nodes
        (n,) global index of each unknown of this rank.
    total
        Number of nodes over all ranks.
    conducts
        (total,) whether any rank has the node, to refuse stimuli in scar.

    Raises
    ------
    ParameterError
        A stimulus has no node that conducts, or a node that does not exist.
    """

    def __init__(
        self,
        stimuli: Sequence[TissueStimulus],
        nodes: Int,
        total: int,
        conducts: NDArray[np.bool_],
    ) -> None:
        place = np.full(total, -1, np.int64)
        place[nodes] = np.arange(len(nodes))
        self.stimuli = tuple(stimuli)
        self._places: list[Int] = []
        for one in stimuli:
            if one.nodes.min() < 0 or one.nodes.max() >= total:
                raise ParameterError(
                    f"{one.name} names node {int(one.nodes.max())}",
                    expected=f"nodes from 0 to {total - 1}",
                )
            if not conducts[one.nodes].any():
                raise ParameterError(
                    f"{one.name} lies wholly in tissue that does not conduct",
                    expected="at least one node of living tissue",
                    fix="move it out of the scar",
                )
            here = place[one.nodes]
            self._places.append(here[here >= 0])
        self._current = np.zeros(len(nodes))
        self._given: tuple[float, ...] = (0.0,) * len(self.stimuli)

    def current(self, begin: float, end: float) -> Float | None:
        """Return the mean current between two times in mV/ms, (n,), or None where all are off."""
        shares = tuple(one.overlap(begin, end) / (end - begin) for one in self.stimuli)
        if not any(shares):
            return None
        if shares != self._given:
            self._current[:] = 0.0
            for one, place, share in zip(self.stimuli, self._places, shares, strict=True):
                self._current[place] += share * one.amplitude
            self._given = shares
        return self._current

    def next_edge(self, time: float) -> float:
        """Return when the next pulse is on or begins, at or after `time`; infinite when none."""
        result = math.inf
        for one in self.stimuli:
            if time >= one.end:
                continue
            period = one.period if one.period is not None and one.count > 1 else math.inf
            beat = 0 if math.isinf(period) else max(0, math.floor((time - one.start) / period))
            onset = one.start + (beat * period if beat else 0.0)
            if time >= onset + one.duration and not math.isinf(period):
                onset += period
            result = min(result, max(time, onset))
        return result
