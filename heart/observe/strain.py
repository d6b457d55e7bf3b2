"""Strains of the wall along fibre, across it, around, along and through the wall.

Stretches λ = |F a| of material lines are what is measured; Green–Lagrange strain ½(λ² − 1) and
engineering strain λ − 1 are two ways to write them. The mean of the engineering strain over a
line is the relative change of its length, which is what echocardiography calls global strain;
Green–Lagrange strain is what tagged images and constitutive laws use [Land2015].
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from heart.observe.wall_points import WallPoints
from heart.observe.wall_segments import Directions, segment_means

Float = NDArray[np.float64]
Int = NDArray[np.integer]
Bool = NDArray[np.bool_]


class Measure(Enum):
    """How a stretch is written as a strain."""

    GREEN_LAGRANGE = "½(λ² − 1)"
    ENGINEERING = "λ − 1"


class Component(Enum):
    """The direction of a strain, by its name in `Directions`."""

    FIBRE = "fibre"
    CROSS_FIBRE = "cross_fibre"
    CIRCUMFERENTIAL = "circumferential"
    LONGITUDINAL = "longitudinal"
    RADIAL = "radial"


class Strains:
    """Strains for the state that `observe` saw last.

    Parameters
    ----------
    points
        Where the deformation gradient is evaluated.
    directions
        Per cell of this rank, see `local_directions`.
    """

    def __init__(self, points: WallPoints, directions: Directions) -> None:
        self.points = points
        self._axes = {one: getattr(directions, one.value) for one in Component}
        self._rest: Mapping[Component, Float] | None = None
        self.observe()

    def observe(self) -> None:
        """Take the present state."""
        self._stretch = self._stretches()

    def set_reference(self) -> None:
        """Measure from the present state on, as images do from end diastole."""
        self._rest = self._stretches()

    def _stretches(self) -> Mapping[Component, Float]:
        F = self.points.gradient()
        return {
            one: np.linalg.norm(np.einsum("mqij,mj->mqi", F, axis), axis=-1)
            for one, axis in self._axes.items()
        }

    def at_points(self, component: Component, measure: Measure = Measure.GREEN_LAGRANGE) -> Float:
        """Return the strain (m, q) at the quadrature points."""
        stretch = self._stretch[component]
        if self._rest is not None:
            stretch = stretch / self._rest[component]
        if measure is Measure.ENGINEERING:
            return stretch - 1.0
        return 0.5 * (stretch**2 - 1.0)

    def per_cell(self, component: Component, measure: Measure = Measure.GREEN_LAGRANGE) -> Float:
        """Return the mean strain (m,) of each of this rank's cells."""
        return self.points.cell_means(self.at_points(component, measure))

    def by_segment(
        self, component: Component, labels: Int, measure: Measure = Measure.ENGINEERING
    ) -> dict[int, float]:
        """Return the mean strain of each AHA segment, weighted by volume. Collective.

        Parameters
        ----------
        component, measure
            Which strain.
        labels
            (m,) segment of each of this rank's cells.
        """
        found = segment_means(self.points, labels, self.at_points(component, measure))
        return {segment: float(value) for segment, value in found.items()}

    def overall(self, component: Component, where: Bool | None = None) -> float:
        """Return the mean engineering strain of the wall, or of the cells `where`. Collective.

        Longitudinal, circumferential and radial give numbers like GLS, GCS and GRS: of the whole
        depth of the wall, where echocardiography follows its middle.
        """
        values = self.at_points(component, Measure.ENGINEERING)
        return float(self.points.mean(values, where))


def local_directions(points: WallPoints, directions: Directions) -> Directions:
    """Return this rank's rows of directions over all cells of the mesh."""
    return Directions(**{one.value: points.per_cell(getattr(directions, one.value))
                         for one in Component})  # fmt: skip
