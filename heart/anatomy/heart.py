"""A heart ready for physics: mesh with its ventricular coordinates, segments and fibres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.heart_mesh import HeartMesh

Float = NDArray[np.float64]
Int = NDArray[np.integer]


@dataclass(frozen=True)
class VentricularCoordinates:
    """Position in the ventricles, per node.

    Attributes
    ----------
    apicobasal
        (n,) 0 at the LV apex, 1 at the valve rings.
    transmural
        (n,) 0 at the endocardium, 1 at the epicardium; in the septum 0 at the LV and 1 at the
        RV endocardium (the septum belongs to the LV).
    rotational
        (n,) in [0, 1), 0 at the anterior RV insertion, through the LV free wall to 2/3 at the
        posterior insertion, then through the septum (or the RV free wall) back to 1.
    chamber
        (n,) −1 LV (with septum), +1 RV free wall.
    """

    apicobasal: Float
    transmural: Float
    rotational: Float
    chamber: Int


@dataclass(frozen=True)
class FibreField:
    """Orthonormal fibre, sheet and sheet-normal directions per cell, each (m, 3)."""

    fibre: Float
    sheet: Float
    normal: Float


@dataclass(frozen=True)
class Heart:
    """Mesh, coordinates, AHA-17 segments (n,; 0 in the RV free wall) and fibres."""

    mesh: HeartMesh
    coordinates: VentricularCoordinates
    segments: Int
    fibres: FibreField
