"""Which part of the wall a cell belongs to, and the state of its muscle.

Every point of the wall lies between two of the three surfaces LV endocardium, RV endocardium and
epicardium: the one farthest away does not bound the wall there. That needs no labels, so surfaces
and label maps get the same rule; scar and border zone come from the labels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from heart.anatomy import triangles as topology
from heart.anatomy.heart_mesh import Boundary, Region, Tissue
from heart.anatomy.labels import Label, LabelVolume
from heart.numerics import tetrahedra

Float = NDArray[np.float64]
Int = NDArray[np.integer]

WALL_BETWEEN_THE_OTHERS = {
    Boundary.RV_ENDO: Region.LV_WALL,
    Boundary.EPI: Region.SEPTUM,
    Boundary.LV_ENDO: Region.RV_WALL,
}


def regions(points: Float, cells: Int, facets: Int, tags: Int) -> Int:
    """Return the `Region` of each cell, (m,); each region is one connected part."""
    if not (tags == Boundary.RV_ENDO).any():
        return np.full(len(cells), Region.LV_WALL, np.int32)
    middle = points[facets].mean(axis=1)
    distance = np.stack(
        [cKDTree(middle[tags == tag]).query(points)[0] for tag in WALL_BETWEEN_THE_OTHERS]
    )
    distance = distance[:, cells].sum(axis=2)
    names = np.array(list(WALL_BETWEEN_THE_OTHERS.values()), np.int32)
    return _connected(cells, names[distance.argmax(axis=0)])


def _connected(cells: Int, region: Int) -> Int:
    """Give every crumb of a region to the region around it."""
    faces = np.sort(cells[:, tetrahedra.FACES].reshape(-1, 3), axis=1).astype(np.int64)
    size = int(cells.max()) + 1
    key = (faces[:, 0] * size + faces[:, 1]) * size + faces[:, 2]
    order = np.argsort(key, kind="stable")
    twin = key[order[1:]] == key[order[:-1]]
    pairs = np.stack([order[:-1][twin], order[1:][twin]], axis=1) // 4
    result = region.copy()
    for _ in range(5):
        same = result[pairs[:, 0]] == result[pairs[:, 1]]
        part = topology.components(len(cells), pairs[same])
        count = np.bincount(part)
        main = {int(np.bincount(part[result == value]).argmax()) for value in np.unique(result)}
        crumb = ~np.isin(part, list(main))
        if not crumb.any():
            break
        border = np.concatenate([pairs[~same], pairs[~same][:, ::-1]])
        border = border[crumb[border[:, 0]]]
        votes = np.zeros((len(count), int(result.max()) + 1), np.int64)
        np.add.at(votes, (part[border[:, 0]], result[border[:, 1]]), 1)
        result[crumb] = votes.argmax(axis=1)[part[crumb]]
    return result


def tissue(points: Float, cells: Int, volume: LabelVolume | None) -> Int:
    """Return the `Tissue` of each cell, (m,), from the label of the voxel at its centre."""
    state = np.full(len(cells), Tissue.HEALTHY, np.int32)
    if volume is None or not volume.mask(Label.SCAR, Label.BORDER_ZONE).any():
        return state
    inverse = np.linalg.inv(volume.affine)
    at = (points[cells].mean(axis=1) @ inverse[:3, :3].T + inverse[:3, 3]).T
    label = ndimage.map_coordinates(volume.voxels, at, order=0, mode="constant")
    state[label == Label.BORDER_ZONE] = Tissue.BORDER
    state[label == Label.SCAR] = Tissue.CORE
    return state
