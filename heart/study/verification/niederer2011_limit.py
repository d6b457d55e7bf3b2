"""Arrivals on the N-version slab for steps in space and time that go to zero, from several sides.

A power of the step is a bad guide from meshes that can be paid for: between 0.1 and 0.05 mm across
the fibre the error of a lumped scheme falls three times and not four. What a scheme does to a
plane wave is known from a cable at any step, for next to nothing; so errors on the slab are taken
in proportion to what the same scheme loses on a cable with the same step.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from heart.electro.tissue.conductivity import REGISTRY
from heart.study.verification.niederer2011_tensor import Derivative, TensorGrid, Wave, speed

Float = NDArray[np.float64]
Triple = tuple[float, float, float]

SIZE: Triple = (20.0, 7.0, 3.0)
CUBE, CURRENT, DURATION = 1.5, 50.0, 2.0
SURFACE_TO_VOLUME, CAPACITANCE = 140.0, 0.01
PROBES: dict[str, Triple] = {
    "P1": (0.0, 0.0, 0.0), "P2": (0.0, 7.0, 0.0), "P3": (20.0, 0.0, 0.0), "P4": (20.0, 7.0, 0.0),
    "P5": (0.0, 0.0, 3.0), "P6": (0.0, 7.0, 3.0), "P7": (20.0, 0.0, 3.0), "P8": (20.0, 7.0, 3.0),
    "P9": (10.0, 3.5, 1.5),
}  # fmt: skip
TENSOR_STEPS: Triple = (2.0 / 15.0, 1.0 / 15.0, 1.0 / 15.0)
FINEST = (0.05, 0.025)
"""Steps along and across the fibre at which a cable of cosines is the equation to 0.02 %."""


def diffusivities() -> Triple:
    """Return σ/(χ C_m) along and across the fibre in mm2/ms."""
    along, across, _ = REGISTRY["niederer2011"].conductivities.monodomain
    scale = SURFACE_TO_VOLUME * CAPACITANCE
    return along / scale, across / scale, across / scale


@cache
def slowness(derivative: Derivative, axis: int, step: float) -> float:
    """Return ms/mm of a plane wave along an axis (0: the fibre, else across) with a step in mm."""
    length = SIZE[min(axis, 1)]
    return 1.0 / speed(step, diffusivities()[axis], derivative, length=length)


def excess(derivative: Derivative, axis: int, step: float) -> float:
    """Return by how many ms/mm a scheme slows a plane wave along an axis down."""
    exact = slowness(Derivative.COSINES, axis, FINEST[min(axis, 1)])
    return slowness(derivative, axis, step) - exact


def extrapolated(steps: Sequence[Triple], times: Sequence[float]) -> float:
    """Return t₀ of arrivals t = t₀ + a e(h_x) + b e(h_y) of a lumped scheme on three grids.

    e is the excess of the slowness on a cable of differences, which row sums of the mass make of
    linear elements along an axis; with e ~ h² this is Richardson's extrapolation, axis by axis.

    Parameters
    ----------
    steps
        Of three grids in mm, the second step equal to the third, not all in proportion.
    times
        Arrival on each in ms.
    """
    matrix = [
        [1.0, *(excess(Derivative.DIFFERENCES, axis, step[axis]) for axis in (0, 1))]
        for step in steps
    ]
    return float(np.linalg.solve(np.array(matrix), np.asarray(times))[0])


def delay(derivative: Derivative, steps: Triple, probe: str) -> float:
    """Return by how many ms a wave is late at a probe on a tensor grid, from cables alone.

    The error of a second derivative goes with the fourth power of the wave number along each axis,
    so a plane wave at an angle has the sum of the relative errors of the axes times the fourth
    powers of its direction cosines, in coordinates in which the speed is the same everywhere.
    """
    exact = [slowness(Derivative.COSINES, axis, FINEST[min(axis, 1)]) for axis in range(3)]
    way = np.maximum(np.array(PROBES[probe]) - CUBE, 0.0) * exact
    time = float(np.linalg.norm(way))
    if time == 0.0:
        return 0.0
    lost = [excess(derivative, axis, steps[axis]) / exact[axis] for axis in range(3)]
    return float(time * ((way / time) ** 4 @ np.array(lost)))


def tensor_arrivals(
    derivative: Derivative, steps: Triple, dt: float, *, size: Triple = SIZE, until: float = 60.0
) -> dict[str, float]:
    """Return the arrival at the nine points of a tensor grid in ms.

    A smaller `size` keeps the points that lie in it.
    """
    grid = TensorGrid(size, steps, diffusivities(), derivative, dt)
    wave = Wave(
        grid,
        edge=CUBE,
        amplitude=CURRENT / (SURFACE_TO_VOLUME * CAPACITANCE),
        duration=DURATION,
    )
    inside = {
        name: place
        for name, place in PROBES.items()
        if all(x <= length + 1e-9 for x, length in zip(place, size, strict=True))
    }
    # The middle of the slab is no node of every grid, and a wave takes 0.1 ms for half a step.
    nodes, weights = zip(*(grid.around(place) for place in inside.values()), strict=True)
    times = wave.arrivals(np.concatenate(nodes), until).reshape(len(inside), -1)
    means = (times * np.array(weights)).sum(axis=1)
    return dict(zip(inside, means.tolist(), strict=True))


def without_dt(coarse: dict[str, float], fine: dict[str, float]) -> dict[str, float]:
    """Return arrivals at dt → 0 from those at a step and at half of it.

    The cells are of first order; what Strang's splitting adds, of second, is 0.24 % of a cable's
    arrival at 0.02 ms, so that from 0.02 and 0.01 ms this is 0.07 % early.
    """
    return {probe: 2.0 * fine[probe] - coarse[probe] for probe in fine}
