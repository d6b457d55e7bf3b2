"""Ventricular coordinates of every node: where in the heart a point is, whatever its shape.

Apicobasal and transmural are ratios of distances, so that halfway means halfway; the rotational
coordinate is an angle anchored at the RV insertions; the chamber splits the wall where a harmonic
field between septum and RV free wall crosses one half.
"""

from __future__ import annotations

import numpy as np

from heart.anatomy.frames import VentricularFields, ventricular_fields
from heart.anatomy.heart import VentricularCoordinates
from heart.anatomy.heart_mesh import HeartMesh
from heart.anatomy.rotation import rotational

LV, RV = -1, 1


def compute(mesh: HeartMesh, fields: VentricularFields | None = None) -> VentricularCoordinates:
    """Return the coordinates of every node.

    Parameters
    ----------
    mesh
        With `lv_endo`, `epi` and valve rings or `base`; `rv_endo` where there is an RV.
    fields
        From `ventricular_fields` when the caller has them already.

    Raises
    ------
    MeshInputError
        A boundary is missing.
    """
    if fields is None:
        fields = ventricular_fields(mesh)
    right = fields.chamber >= 0.5
    return VentricularCoordinates(
        apicobasal=fields.apicobasal,
        transmural=np.where(right, fields.depth_rv, fields.depth_lv),
        rotational=rotational(mesh, fields),
        chamber=np.where(right, RV, LV).astype(np.int32),
    )
