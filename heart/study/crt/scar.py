"""Synthetic scar of a scenario painted onto a mesh; the same balls on every mesh of the heart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from heart.anatomy.heart import Heart
from heart.anatomy.heart_mesh import Tissue
from heart.electro.activation import PointLocator
from heart.scenario.crt import ScarPatch

_TISSUE = {"core": Tissue.CORE, "border": Tissue.BORDER}


def painted(heart: Heart, locator: PointLocator, patches: Sequence[ScarPatch]) -> Heart:
    """Return the heart with the cells inside each ball marked; where balls overlap, core wins."""
    if not patches:
        return heart
    tissue = np.array(heart.mesh.tissue, copy=True)
    centres = heart.mesh.points[heart.mesh.cells].mean(axis=1)
    for patch in patches:
        place = patch.centre
        point = locator.points_at(
            np.array([place.apicobasal]),
            np.array([place.transmural]),
            np.array([place.rotational]),
            np.array([place.chamber]),
        )[0]
        inside = np.linalg.norm(centres - point, axis=1) <= patch.radius
        tissue[inside] = np.maximum(tissue[inside], _TISSUE[patch.tissue])
    return replace(heart, mesh=replace(heart.mesh, tissue=tissue))
