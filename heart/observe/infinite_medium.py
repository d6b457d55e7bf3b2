"""Pseudo-ECG: the lead field of a point electrode in an infinite homogeneous medium.

No torso is needed and it costs one pass over the heart. Only indicative: a finite body at least
doubles the surface potential, and the skin and the blood in the cavities bend the current, so the
lateral leads may differ in shape too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.heart import Heart
from heart.core.errors import ParameterError
from heart.observe.conductivity import Conductivities
from heart.observe.electrodes import Electrodes
from heart.observe.lead_field import LeadField, source_weights
from heart.observe.leads import LEAD_MATRIX

Float = NDArray[np.float64]


def point_fields(points: Float, positions: Float, conductivity: float) -> Float:
    """Return 1/(4πσ|x − y|) of each electrode y (k, 3) at `points` (n, 3), as (k, n).

    Raises
    ------
    ParameterError
        An electrode touches the heart.
    """
    fields = np.empty((len(positions), len(points)))
    for row, position in zip(fields, positions, strict=True):
        distance = np.linalg.norm(points - position, axis=1)
        if distance.min() < 1.0:
            raise ParameterError(
                "an electrode lies within 1 mm of the heart",
                where=f"point {np.round(position, 1)}",
                fix="check the frame and unit of the electrodes",
            )
        row[:] = 1.0 / (4.0 * np.pi * conductivity * distance)
    return fields


def infinite_medium(
    heart: Heart, electrodes: Electrodes, conductivities: Conductivities | None = None
) -> LeadField:
    """Return the pseudo-ECG lead field of the 12 leads.

    Parameters
    ----------
    heart
        Mesh and fibres.
    electrodes
        Ten positions in the frame of the heart.
    conductivities
        Literature values when None; the medium has the torso's.

    Returns
    -------
    LeadField
        Weights (12, n), dimensionless.
    """
    chosen = conductivities or Conductivities()
    fields = LEAD_MATRIX @ point_fields(heart.mesh.points, electrodes.positions, chosen.torso)
    sigma = chosen.intracellular(heart.fibres.fibre, heart.mesh.tissue)
    weights = source_weights(heart.mesh.points, heart.mesh.cells, sigma, fields)
    return LeadField(weights, "infinite homogeneous medium (pseudo-ECG), no torso")
