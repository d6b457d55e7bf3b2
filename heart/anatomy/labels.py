"""A label map in canonical form: our own label numbers, an affine to RAS millimetres."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Label(IntEnum):
    """What a voxel is, whatever number the user's software gave it."""

    BACKGROUND = 0
    LV_CAVITY = 1
    RV_CAVITY = 2
    LV_WALL = 3
    RV_WALL = 4
    LEFT_ATRIUM = 5
    RIGHT_ATRIUM = 6
    AORTA = 7
    PULMONARY_ARTERY = 8
    SCAR = 9
    BORDER_ZONE = 10


LEFT_BLOOD = (Label.LV_CAVITY, Label.LEFT_ATRIUM, Label.AORTA)
RIGHT_BLOOD = (Label.RV_CAVITY, Label.RIGHT_ATRIUM, Label.PULMONARY_ARTERY)
LV_MUSCLE = (Label.LV_WALL, Label.SCAR, Label.BORDER_ZONE)


@dataclass(frozen=True)
class LabelVolume:
    """Voxels (i, j, k) of `Label` values and the (4, 4) affine from voxel index to RAS mm."""

    voxels: NDArray[np.uint8]
    affine: NDArray[np.float64]

    @property
    def voxel_volume(self) -> float:
        """Volume of one voxel in mm3."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @property
    def spacing(self) -> NDArray[np.float64]:
        """Edge lengths of a voxel along its three axes in mm, (3,)."""
        return np.asarray(np.linalg.norm(self.affine[:3, :3], axis=0))

    def mask(self, *labels: Label) -> NDArray[np.bool_]:
        """Return where the voxels carry one of `labels`."""
        return np.isin(self.voxels, labels)

    def volume(self, *labels: Label) -> float:
        """Return the volume of `labels` in mm3."""
        return float(self.mask(*labels).sum()) * self.voxel_volume
