"""The meshed ventricles: tetrahedra with named boundaries and regions, in RAS millimetres.

Names are fixed enumerations so that no layer above passes strings or magic numbers around, and
the same integers are what ParaView shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import MeshInputError
from heart.numerics import tetrahedra

Float = NDArray[np.float64]
Int = NDArray[np.integer]


class Boundary(IntEnum):
    """Named parts of the outer surface."""

    EPI = 1
    LV_ENDO = 2
    RV_ENDO = 3
    MITRAL = 4
    AORTIC = 5
    TRICUSPID = 6
    PULMONARY = 7
    BASE = 8


RINGS = (
    Boundary.MITRAL,
    Boundary.AORTIC,
    Boundary.TRICUSPID,
    Boundary.PULMONARY,
    Boundary.BASE,
)


class Region(IntEnum):
    """Named parts of the wall."""

    LV_WALL = 1
    SEPTUM = 2
    RV_WALL = 3


class Tissue(IntEnum):
    """State of the muscle in a cell."""

    HEALTHY = 0
    BORDER = 1
    CORE = 2


@dataclass(frozen=True)
class HeartMesh:
    """Tetrahedra of the ventricular wall.

    Attributes
    ----------
    points
        (n, 3) mm, RAS scanner coordinates.
    cells
        (m, 4) int32 node indices, positive volume.
    facets
        (k, 3) int32 boundary triangles, oriented outward.
    facet_tags
        (k,) `Boundary` of each facet.
    regions
        (m,) `Region` of each cell.
    tissue
        (m,) `Tissue` of each cell.
    affine
        (4, 4) voxel → RAS of the image it came from; identity when there was none.
    """

    points: Float
    cells: Int
    facets: Int
    facet_tags: Int
    regions: Int
    tissue: Int
    affine: Float = field(default_factory=lambda: np.eye(4))

    def __post_init__(self) -> None:
        volume = tetrahedra.volumes(self.points, self.cells)
        if not np.isfinite(self.points).all():
            raise MeshInputError("the mesh has points that are not finite")
        if (volume <= 0).any():
            worst = int(np.argmin(volume))
            raise MeshInputError(
                f"{int((volume <= 0).sum())} cells have no volume or are inverted",
                where=f"cell {worst}",
                fix="mesh again, or orient the cells",
            )

    @property
    def has_rv(self) -> bool:
        """Whether there is a right ventricle."""
        return bool((self.facet_tags == Boundary.RV_ENDO).any())

    def facets_of(self, *tags: Boundary) -> Int:
        """Return the facets with one of `tags`, (j, 3)."""
        return self.facets[np.isin(self.facet_tags, tags)]

    def nodes_of(self, *tags: Boundary) -> Int:
        """Return the sorted nodes on the boundaries `tags`."""
        return np.unique(self.facets_of(*tags))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays by name, for caches and checkpoints."""
        return {
            "points": self.points,
            "cells": self.cells,
            "facets": self.facets,
            "facet_tags": self.facet_tags,
            "regions": self.regions,
            "tissue": self.tissue,
            "affine": self.affine,
        }

    @staticmethod
    def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> HeartMesh:
        """Rebuild a mesh from `arrays`; other entries are ignored."""
        names = ("points", "cells", "facets", "facet_tags", "regions", "tissue", "affine")
        return HeartMesh(**{name: np.asarray(arrays[name]) for name in names})
