"""Valve planes from a label map: where the ventricles end and which ring a facet belongs to.

A valve is the set of voxel faces between a ventricle's cavity and the atrium or artery behind
it. Where no such label exists the heart ends at one basal plane instead, given by the case or
fitted to the faces through which the cavity meets the background.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from heart.anatomy.heart_mesh import Boundary
from heart.anatomy.labels import Label, LabelVolume
from heart.core.errors import LabelError

Float = NDArray[np.float64]

NEIGHBOURS = {
    Boundary.MITRAL: (Label.LV_CAVITY, Label.LEFT_ATRIUM),
    Boundary.AORTIC: (Label.LV_CAVITY, Label.AORTA),
    Boundary.TRICUSPID: (Label.RV_CAVITY, Label.RIGHT_ATRIUM),
    Boundary.PULMONARY: (Label.RV_CAVITY, Label.PULMONARY_ARTERY),
}
SMALLEST_AREA = 20.0
"""mm2; a smaller contact is a stray voxel, not a valve."""


@dataclass(frozen=True)
class Plane:
    """A plane in RAS mm; `normal` (unit) points out of the ventricle."""

    centre: Float
    normal: Float

    def height(self, points: Float) -> Float:
        """Return the signed distance of points (k, 3) from the plane, positive outside."""
        return np.asarray((points - self.centre) @ self.normal)


@dataclass(frozen=True)
class Valve:
    """One opening of a ventricle: its ring, plane, and the centres of its voxel faces (k, 3)."""

    ring: Boundary
    plane: Plane
    faces: Float
    cavity: Label


def contact(volume: LabelVolume, inside: Label, outside: Label) -> tuple[Float, Float]:
    """Return centres (k, 3) and directions (k, 3) of the voxel faces between two labels.

    Centres are in RAS mm; the unit direction leads from `inside` to `outside`.
    """
    centres, directions = [], []
    matrix, offset = volume.affine[:3, :3], volume.affine[:3, 3]
    for axis in range(3):
        step = np.eye(3)[axis]
        for sign in (1, -1):
            near = np.moveaxis(volume.voxels, axis, 0)[::sign]
            index = np.argwhere((near[:-1] == inside) & (near[1:] == outside)).astype(float)
            if sign < 0:
                index[:, 0] = len(near) - 1 - index[:, 0]
            index = np.insert(index[:, 1:], axis, index[:, 0], axis=1)
            centres.append((index + 0.5 * sign * step) @ matrix.T + offset)
            direction = matrix @ (sign * step)
            directions.append(np.tile(direction / np.linalg.norm(direction), (len(index), 1)))
    return np.concatenate(centres), np.concatenate(directions)


def largest_patch(faces: Float, directions: Float, volume: LabelVolume) -> tuple[Float, Float]:
    """Keep the largest connected patch of voxel faces: a stray voxel is no part of a valve."""
    if len(faces) < 2:
        return faces, directions
    pairs = cKDTree(faces).query_pairs(1.01 * float(volume.spacing.max()), output_type="ndarray")
    graph = coo_array((np.ones(len(pairs)), tuple(pairs.T)), shape=(len(faces), len(faces)))
    component = connected_components(graph, directed=False)[1]
    kept = component == np.argmax(np.bincount(component))
    return faces[kept], directions[kept]


def fit_plane(faces: Float, directions: Float) -> Plane:
    """Fit a plane to face centres; the normal agrees with the mean of the face directions.

    The faces of a flat oblique cut are a staircase whose mean direction is the normal of the
    cut, and so is the direction of least scatter; the latter is less noisy.
    """
    centre = faces.mean(axis=0)
    normal = np.linalg.svd(faces - centre, full_matrices=False)[2][2]
    mean = directions.mean(axis=0)
    return Plane(centre, normal if normal @ mean >= 0 else -normal)


def find_valves(volume: LabelVolume) -> list[Valve]:
    """Return the valves that the labels show, mitral first; empty when there are none."""
    face_area = volume.voxel_volume ** (2.0 / 3.0)
    found = []
    for ring, (cavity, beyond) in NEIGHBOURS.items():
        faces, directions = largest_patch(*contact(volume, cavity, beyond), volume)
        if len(faces) * face_area >= SMALLEST_AREA:
            found.append(Valve(ring, fit_plane(faces, directions), faces, cavity))
    return found


def basal_opening(volume: LabelVolume, cavity: Label) -> Valve | None:
    """Return the opening of `cavity` to the background as a BASE valve, or None."""
    faces, directions = largest_patch(*contact(volume, cavity, Label.BACKGROUND), volume)
    face_area = volume.voxel_volume ** (2.0 / 3.0)
    if len(faces) * face_area < SMALLEST_AREA:
        return None
    mean = directions.mean(axis=0)
    along = directions @ (mean / max(float(np.linalg.norm(mean)), 1e-12)) > 0.5
    kept = faces[along] if along.sum() >= 3 else faces
    return Valve(Boundary.BASE, fit_plane(kept, directions), kept, cavity)


def openings(volume: LabelVolume, plane: Plane | None = None) -> tuple[list[Valve], Plane | None]:
    """Return the openings of all ventricles, and the basal plane where one is needed.

    Parameters
    ----------
    volume
        Repaired label map.
    plane
        Basal plane given by the case; then it alone bounds the ventricles.

    Returns
    -------
    tuple
        The valves, and the plane at which to cut (None where every ventricle has valves).

    Raises
    ------
    LabelError
        A ventricle has neither a valve nor an open base, so nothing says where it ends.
    """
    valves = find_valves(volume)
    cavities = [c for c in (Label.LV_CAVITY, Label.RV_CAVITY) if volume.mask(c).any()]
    closed = [c for c in cavities if not any(v.cavity == c for v in valves)]
    if plane is not None:
        at = [Valve(Boundary.BASE, plane, plane.centre[None], cavity) for cavity in cavities]
        return at, plane
    if not closed:
        return valves, None
    bases = [(cavity, basal_opening(volume, cavity)) for cavity in cavities]
    for cavity, base in bases:
        if base is None and cavity in closed:
            raise LabelError(
                f"{cavity.name} meets no atrium, artery or open base: nothing says where it ends",
                expected="atrial and arterial labels, or a map cut at the base",
                fix="add these labels, or give base_plane (point and normal) in case.yaml",
            )
    open_bases = [base for _, base in bases if base is not None]
    main = open_bases[0]
    return [Valve(Boundary.BASE, b.plane, b.faces, b.cavity) for b in open_bases], main.plane
