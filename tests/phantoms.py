"""Small voxel hearts for tests: two ellipsoidal ventricles cut at a base, with or without atria."""

from __future__ import annotations

import numpy as np

from heart.anatomy.labels import Label, LabelVolume


def two_ventricles(
    spacing: tuple[float, float, float] = (1.5, 1.5, 1.5), *, rv: bool = True, atria: bool = True
) -> LabelVolume:
    """An LV (cavity 22 mm, wall 9 mm) with an RV beside it; base at z = 15 mm, S is up."""
    step = np.array(spacing)
    shape = np.round(np.array([130.0, 90.0, 110.0]) / step).astype(int)
    start = -np.array([75.0, 45.0, 70.0])
    axes = [start[axis] + step[axis] * np.arange(shape[axis]) for axis in range(3)]
    x, y, z = np.meshgrid(*axes, indexing="ij")

    def ellipsoid(cx: float, rx: float, ry: float, rz: float) -> np.ndarray:
        return ((x - cx) / rx) ** 2 + (y / ry) ** 2 + (z / rz) ** 2 < 1.0

    voxels = np.zeros(tuple(shape), np.uint8)
    below = z < 15.0
    if rv:
        voxels[ellipsoid(-18, 37, 30, 50) & below] = Label.RV_WALL
        voxels[ellipsoid(-18, 34, 27, 47) & below] = Label.RV_CAVITY
    voxels[ellipsoid(0, 31, 31, 60) & below] = Label.LV_WALL
    voxels[ellipsoid(0, 22, 22, 51) & below] = Label.LV_CAVITY
    if atria:
        roof = (z >= 15.0) & (z < 30.0)
        voxels[((x / 20) ** 2 + (y / 20) ** 2 < 1) & roof] = Label.LEFT_ATRIUM
        if rv:
            voxels[(((x + 38) / 12) ** 2 + (y / 15) ** 2 < 1) & roof] = Label.RIGHT_ATRIUM
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = start
    return LabelVolume(voxels, affine)


def changed(volume: LabelVolume, voxels: np.ndarray) -> LabelVolume:
    """The same grid with other voxels."""
    return LabelVolume(voxels.astype(np.uint8), volume.affine)
