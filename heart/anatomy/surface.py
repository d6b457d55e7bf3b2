"""From the wall function to one closed triangle surface at the target edge length."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import marching_cubes

from heart.anatomy import triangles as topology
from heart.anatomy.heart_mesh import Boundary
from heart.anatomy.implicit import WallFunction
from heart.anatomy.labels import Label
from heart.anatomy.valves import Valve
from heart.core.errors import MeshingError

Float = NDArray[np.float64]
Int = NDArray[np.integer]

BODIES = (Boundary.EPI, Boundary.LV_ENDO, Boundary.RV_ENDO)
LONGEST_PORE = 15.0
"""mm; a shorter opening of a cavity is a pore of the label map, not a valve."""


@dataclass(frozen=True)
class Surface:
    """A triangle surface: (n, 3) points in RAS mm, (k, 3) triangles oriented outward, tags (k,)."""

    points: Float
    triangles: Int
    tags: Int


def contour(function: WallFunction) -> tuple[Surface, list[str]]:
    """Return the closed surface of the wall with its pores closed, and what was changed.

    Facets carry EPI, LV_ENDO or RV_ENDO, after the body that bounds the wall there.

    Raises
    ------
    MeshingError
        The wall has no surface, or it does not close.
    """
    wall = function.wall()
    changes: list[str] = []
    pores: list[tuple[Float, float]] = []
    for _ in range(4):
        surface = _contoured(wall, function)
        pores = _pores(surface)
        if not pores:
            return surface, changes
        for centre, radius in pores:
            _fill(wall, function, centre, radius)
            place = ", ".join(f"{x:.0f}" for x in centre)
            changes.append(f"closed a pore of {2 * radius:.1f} mm in the wall at ({place}) mm")
    raise MeshingError(
        f"{len(pores)} pores in the wall cannot be closed",
        where=f"at {np.round(pores[0][0], 1).tolist()} mm",
        fix="repair the label map there: the wall is missing",
    )


def lids(function: WallFunction, valves: list[Valve]) -> dict[Boundary, Float]:
    """Return what closes each cavity at its valves, as corners (t, 3, 3) oriented outward.

    It is the surface of the ventricles inside the blood, which is where the label map ends a
    cavity; a flat lid may be several mL off.
    """
    found = {}
    for cavity, blood in ((Label.LV_CAVITY, 1), (Label.RV_CAVITY, 2)):
        faces = [v.faces for v in valves if v.cavity == cavity and v.ring != Boundary.BASE]
        if not faces:
            continue
        at = function.indices(np.concatenate(faces))
        low = np.maximum(at.min(axis=1).astype(int) - 6, 0)
        high = np.minimum(at.max(axis=1).astype(int) + 8, function.bodies.shape[1:])
        box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        index, triangles, _, _ = marching_cubes(function.bodies[0][box], 0.0)
        points = (index + low) @ function.affine[:3, :3].T + function.affine[:3, 3]
        centre = points[triangles].mean(axis=1)
        kept = function.at(centre)[blood] > 0
        corners = points[triangles[kept]]
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normal /= np.maximum(np.linalg.norm(normal, axis=1), 1e-12)[:, None]
        if np.median(function.at(centre[kept] + 0.5 * normal)[0]) > 0:
            corners = corners[:, ::-1]
        found[BODIES[blood]] = corners
    return found


def _contoured(wall: NDArray[np.float32], function: WallFunction) -> Surface:
    if not (wall > 0).any():
        raise MeshingError("the wall is empty after smoothing", fix="use a finer label map")
    # A grid value of exactly zero makes triangles without area, which clean to a surface that
    # does not close.
    values = np.where(np.abs(wall) < 1e-3, np.float32(1e-3), wall)
    values = np.pad(values, 1, constant_values=-1.0)
    index, triangles, _, _ = marching_cubes(values, 0.0)
    points = (index - 1.0) @ function.affine[:3, :3].T + function.affine[:3, 3]
    part = topology.components(len(points), np.concatenate([triangles[:, :2], triangles[:, 1:]]))
    largest = np.argmax(np.bincount(part))
    points, triangles = topology.compacted(points, triangles[part[triangles[:, 0]] == largest])
    if topology.enclosed_volume(points, triangles) < 0:
        triangles = triangles[:, ::-1]
    if (topology.edge_table(triangles).count != 2).any():
        raise MeshingError("the contour of the wall does not close", fix="use a finer label map")
    nearest = np.abs(function.at(points[triangles].mean(axis=1))).argmin(axis=0)
    return Surface(points, triangles, np.array(BODIES)[nearest])


def _pores(surface: Surface) -> list[tuple[Float, float]]:
    """Return centre and radius of the openings of a cavity that are too short to be valves."""
    found = []
    for tag in (Boundary.LV_ENDO, Boundary.RV_ENDO):
        patch = surface.triangles[surface.tags == tag]
        part = topology.components(
            len(surface.points), np.concatenate([patch[:, :2], patch[:, 1:]])
        )
        if not len(patch):
            continue
        sizes = np.bincount(part[patch[:, 0]])
        for loop in topology.boundary_loops(patch[part[patch[:, 0]] == sizes.argmax()]):
            length = topology.loop_length(surface.points, loop)
            if length < LONGEST_PORE:
                found.append((surface.points[loop].mean(axis=0), length / (2.0 * np.pi)))
    return found


def _fill(wall: NDArray[np.float32], function: WallFunction, centre: Float, radius: float) -> None:
    """Put a ball of muscle over a pore, in place; it reaches two grid steps beyond the rim."""
    spacing = np.linalg.norm(function.affine[:3, :3], axis=0)
    reach = radius + 2.0 * float(spacing.max())
    at = np.rint(function.indices(centre[None])[:, 0]).astype(int)
    width = np.ceil(2.0 * reach / spacing).astype(int)
    box = tuple(
        slice(max(c - w, 0), min(c + w + 1, n))
        for c, w, n in zip(at, width, wall.shape, strict=True)
    )
    index = np.stack(np.meshgrid(*(np.arange(s.start, s.stop) for s in box), indexing="ij"), -1)
    points = index @ function.affine[:3, :3].T + function.affine[:3, 3]
    distance = np.linalg.norm(points - centre, axis=-1)
    patch = ndimage.gaussian_filter(np.maximum(wall[box], reach - distance), 0.7)
    wall[box] = np.where(distance < 1.5 * reach, np.maximum(wall[box], patch), wall[box])
