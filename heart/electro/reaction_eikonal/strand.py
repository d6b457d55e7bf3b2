"""Restitution of conduction measured on a fine strand of the same cells.

A strand fine enough to carry the wave by itself is paced once and then early (S1–S2). What counts
is the speed relative to tissue at rest and the shortest diastolic interval that conducts: both
depend on the cell and hardly on the conductivity, which only sets the scale of length. So one
strand serves all conductivities, directions and meshes, and is kept in the cache.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from heart.core.cache import cached_arrays, content_hash
from heart.core.errors import NonPhysicalError
from heart.core.parameters import Parameter
from heart.electro.ionic.kernel import Cells, Method, compile_kernel
from heart.electro.ionic.model import CellModel
from heart.electro.reaction_eikonal.restitution import Restitution

Float = NDArray[np.float64]

PARAMETERS: dict[str, Parameter] = {
    "diffusivity": Parameter(
        0.095, "mm2/ms", 0.01, 1.0, "Niederer2011", "0.1334 mS/mm over 140 /mm and 0.01 uF/mm2"
    ),
    "spacing": Parameter(
        0.15, "mm", 0.02, 0.3, "assumed", "factors within 0.02 of 0.1 mm, half dt, beyond 40 ms"
    ),
    "dt": Parameter(0.04, "ms", 0.002, 0.05, "assumed", "explicit; stable to D dt / h2 = 0.5"),
    "repolarised": Parameter(0.9, "1", 0.5, 0.99, "assumed", "share of repolarisation at recovery"),
}

# One block of cells.
_NODES = 64
_STIMULATED = 8
_PUSH, _PUSH_DURATION = 100.0, 2.0
_FROM, _MIDDLE, _TO, _END = 22, 32, 42, 56
_LONGEST_ACTION, _TRANSIT, _CHUNK = 900.0, 100.0, 10.0
_RESOLUTION = 1.0
# Intervals beyond the shortest at which the speed is measured; after the last, tissue is at rest.
_LADDER = (4.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0)
_RESTED = 640.0
_UPSTROKE = -40.0


def measured(model: CellModel, method: Method = Method.GRL1) -> Restitution:
    """Return the restitution of conduction of a cell model, from the cache or a new strand.

    Raises
    ------
    NonPhysicalError
        The cells do not conduct, or do not repolarise.
    """
    numbers = [parameter.value for parameter in PARAMETERS.values()]
    key = content_hash("strand-2", model.hash, method.name, *numbers)
    found = cached_arrays("restitution_strand", key, lambda: _measure(model, method))
    return Restitution(
        found["intervals"], found["factors"], float(found["rest"]), float(found["recovered"])
    )


@dataclass
class _Strand:
    cells: Cells
    time: float

    def branch(self) -> _Strand:
        return _Strand(self.cells.copy(), self.time)

    def run(self, until: float, push: float | None, level: float) -> tuple[Float, Float]:
        """Advance; return first up- and first downward crossings of `level` at each node."""
        dt = PARAMETERS["dt"].value
        weight = PARAMETERS["diffusivity"].value * dt / PARAMETERS["spacing"].value ** 2
        up, down = np.full(_NODES, np.inf), np.full(_NODES, np.inf)
        stimulus, before = np.zeros(_NODES), self.cells.voltage.copy()
        while self.time < until - 0.5 * dt:
            on = push is not None and push <= self.time < push + _PUSH_DURATION
            stimulus[:_STIMULATED] = _PUSH if on else 0.0
            self.cells.advance(dt, time=self.time, stimulus=stimulus)
            _diffuse(self.cells.voltage, weight)
            _cross(before, self.cells.voltage, self.time, dt, level, up, down)
            self.time += dt
        return up, down


def _measure(model: CellModel, method: Method) -> dict[str, Float]:
    strand = _Strand(compile_kernel(model, method=method).allocate(_NODES), 0.0)
    rest = float(strand.cells.voltage[_MIDDLE])
    up, peak = _first_wave(strand, model)
    distance = PARAMETERS["spacing"].value * (_TO - _FROM)
    speed = distance / float(up[_TO] - up[_FROM])
    level = rest + (1.0 - PARAMETERS["repolarised"].value) * (peak - rest)

    branches = [strand.branch()]
    down = np.full(_NODES, np.inf)
    while not np.isfinite(down).all():
        if strand.time > _LONGEST_ACTION:
            raise NonPhysicalError(
                f"cells of model {model.name!r} do not repolarise within {_LONGEST_ACTION:g} ms",
                where="restitution strand",
            )
        _, some = strand.run(strand.time + _CHUNK, None, level)
        down = np.minimum(down, some)
        branches.append(strand.branch())

    def after(start: float) -> tuple[float, float] | None:
        """Pace at `start`; return diastolic interval and speed, None where it is blocked."""
        second = next(one for one in reversed(branches) if one.time <= start).branch()
        if start > second.time:
            second.run(start, None, level)
            branches.append(second.branch())
            branches.sort(key=lambda one: one.time)
        arrival = np.full(_NODES, np.inf)
        while not np.isfinite(arrival[[_FROM, _TO, _END]]).all():
            if second.time > start + _TRANSIT:
                return None
            some, _ = second.run(second.time + _CHUNK, start, _UPSTROKE)
            arrival = np.minimum(arrival, some)
        interval = float(arrival[_MIDDLE] - down[_MIDDLE])
        return interval, distance / float(arrival[_TO] - arrival[_FROM])

    low, high = float(down[0]) - 60.0, float(down[0]) + 200.0
    points = [after(high)]
    while high - low > _RESOLUTION:
        middle = 0.5 * (low + high)
        point = after(middle)
        low, high = (middle, high) if point is None else (low, middle)
        points.append(point)
    points += [after(high + more) for more in _LADDER]
    found = sorted(point for point in points if point is not None)
    if not found:
        raise NonPhysicalError(
            f"a strand of model {model.name!r} does not conduct a second wave",
            where="restitution strand",
        )
    intervals, speeds = np.array(found).T
    intervals, first = np.unique(np.maximum(intervals, 0.0).round(2), return_index=True)
    # A wave just behind the last one is not steady on a strand of finite length; what scatters is
    # brought into order.
    speeds = speeds[first]
    rising = np.maximum.accumulate(speeds)
    falling = np.minimum.accumulate(speeds[::-1])[::-1]
    factors = 0.5 * (rising + falling) / speed
    return {
        "intervals": np.append(intervals, intervals[-1] + _RESTED),
        "factors": np.append(factors, 1.0),
        "rest": np.array(rest),
        "recovered": np.array(level),
    }


def _first_wave(strand: _Strand, model: CellModel) -> tuple[Float, float]:
    """Pace at 0 until the wave has left the strand; return upstrokes and the peak potential."""
    up = np.full(_NODES, np.inf)
    peak = -np.inf
    while strand.time < _TRANSIT:
        some, _ = strand.run(strand.time + 0.5, 0.0, _UPSTROKE)
        up = np.minimum(up, some)
        peak = max(peak, float(strand.cells.voltage[_MIDDLE]))
        if np.isfinite(up).all() and strand.time > up.max() + 5.0:
            return up, peak
    raise NonPhysicalError(
        f"a strand of model {model.name!r} at rest does not conduct",
        where="restitution strand",
        fix="check the parameters of the cell model",
    )


@njit(cache=True, nogil=True)
def _diffuse(voltage: Float, weight: float) -> None:
    left = voltage[0]
    for i in range(voltage.size):
        here = voltage[i]
        right = voltage[i + 1] if i + 1 < voltage.size else here
        voltage[i] = here + weight * (left - 2.0 * here + right)
        left = here


@njit(cache=True, nogil=True)
def _cross(
    before: Float, voltage: Float, time: float, dt: float, level: float, up: Float, down: Float
) -> None:
    for i in range(voltage.size):
        was, now = before[i], voltage[i]
        if (was < level) != (now < level):
            when = time + dt * (level - was) / (now - was)
            if now >= level:
                up[i] = min(up[i], when)
            else:
                down[i] = min(down[i], when)
        before[i] = now
