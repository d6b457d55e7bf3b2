"""What is measured of each cell: stretch along the fibre, strains of the wall, volume ratio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heart.observe.wall_segments import Directions, cell_segments, heart_directions
from heart.study.mechanics.deformation import strain, stretch
from heart.study.mechanics.specimen import Specimen

Float = NDArray[np.float64]

NAMES = ("circumferential", "longitudinal", "radial", "cross_fibre")


@dataclass(frozen=True)
class Directed:
    """Directions and segments of the cells of a body.

    Attributes
    ----------
    fibre
        (m, 3)
    directions
        Of a heart; None elsewhere.
    segments
        (m,) AHA segment of a heart, 0 in the RV free wall; None elsewhere.
    """

    fibre: Float
    directions: Directions | None
    segments: NDArray[np.integer] | None

    def measured(self, gradient: Float) -> dict[str, NDArray[Any]]:
        """Return fields (m,) by name from deformation gradients (m, 3, 3).

        Strains are Green–Lagrange.
        """
        found = {
            "fibre_stretch": stretch(gradient, self.fibre),
            "fibre_strain": strain(gradient, self.fibre),
            "volume_ratio": np.linalg.det(gradient),
        }
        if self.directions is not None:
            for name in NAMES:
                found[f"{name}_strain"] = strain(gradient, getattr(self.directions, name))
        return found


def directed(specimen: Specimen) -> Directed:
    """Return the directions of a body."""
    heart, fibre = specimen.muscle.heart, specimen.muscle.fibres.fibre
    if heart is None:
        return Directed(fibre, None, None)
    directions = heart_directions(specimen.mesh, heart.coordinates, fibre)
    return Directed(fibre, directions, cell_segments(heart.coordinates, specimen.mesh.cells))
