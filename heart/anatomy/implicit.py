"""The wall as smooth functions of space, from a label map.

The 3 mm wall of a right ventricle is two voxels thick: smoothing its mask eats it. So the thin
wall is never smoothed. Three fat bodies are, each almost without loss: the ventricles with their
blood, the left blood and the right blood. The wall is the first minus the other two, and its
surface is where the smallest of the three functions is zero. The blood is prolonged through the
valves, so that the valves come out open with sharp, clean rims.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special
from scipy.spatial import cKDTree

from heart.anatomy.labels import Label, LabelVolume
from heart.anatomy.valves import Plane, Valve
from heart.core.parameters import Parameter

Float = NDArray[np.float64]
Mask = NDArray[np.bool_]

SMOOTHING = Parameter(
    1.0, "voxel", 0.5, 2.0, "assumed", "Gaussian width: removes the voxel staircase, keeps volume"
)
PROLONGATION = Parameter(
    9.0, "mm", 3.0, 20.0, "assumed", "how far the blood is prolonged beyond a valve"
)
GRID = Parameter(0.75, "mm", 0.2, 2.0, "assumed", "grid on which the surface is contoured")
THINNEST = Parameter(
    2.0, "mm", 0.5, 5.0, "assumed", "least wall between blood and outside, away from the valves"
)
OPENING = 2.0
"""mm around the faces of a valve within which the blood may reach the outside."""
MARGIN = 8.0
LEVELS = (1e-4, 1.0 - 1e-4)


@dataclass(frozen=True)
class WallFunction:
    """Signed distances in mm on a regular grid, positive inside each body.

    Attributes
    ----------
    bodies
        (3, i, j, k): ventricles with blood, left blood, right blood (−∞ like where absent).
    affine
        (4, 4) grid index → RAS mm.
    """

    bodies: NDArray[np.float32]
    affine: Float

    def wall(self) -> NDArray[np.float32]:
        """Return the wall function, (i, j, k): positive in muscle."""
        body, left, right = self.bodies
        return np.asarray(np.minimum(body, -np.maximum(left, right)))

    def indices(self, points: Float) -> Float:
        """Return grid indices (3, k) of points (k, 3) in RAS mm."""
        inverse = np.linalg.inv(self.affine)
        return np.asarray((points @ inverse[:3, :3].T + inverse[:3, 3]).T)

    def at(self, points: Float) -> Float:
        """Return the three functions at points (k, 3), as (3, k)."""
        where = self.indices(points)
        return np.stack(
            [ndimage.map_coordinates(b, where, order=1, mode="nearest") for b in self.bodies]
        )


def signed_distance(mask: Mask, spacing: Float, factors: tuple[int, ...], width: float) -> Float:
    """Turn a mask into a smooth signed distance in mm on a grid `factors` times as fine.

    A half space blurred by a Gaussian of width σ has the value Φ(d/σ) at distance d from its
    face, so σ Φ⁻¹ of the blurred mask is the distance, exact for a flat face at any angle.
    """
    sigma = width * float(np.max(spacing))
    blurred = ndimage.gaussian_filter(mask.astype(np.float32), sigma / spacing, mode="nearest")
    for axis, factor in enumerate(factors):
        blurred = _refined(blurred, axis, factor)
    return np.asarray(sigma * special.ndtri(np.clip(blurred, *LEVELS)))


def _refined(values: NDArray[np.float32], axis: int, factor: int) -> NDArray[np.float32]:
    """Refine one axis by a cubic through four neighbours (Catmull–Rom): n → (n − 1) factor + 1."""
    if factor == 1:
        return values
    v = np.moveaxis(values, axis, 0)
    padded = np.concatenate([v[:1], v, v[-1:]])
    before, here, after, beyond = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    fine = np.empty(((len(v) - 1) * factor + 1, *v.shape[1:]), np.float32)
    for part in range(factor):
        t = part / factor
        a, b = -0.5 * t + t**2 - 0.5 * t**3, 1.0 - 2.5 * t**2 + 1.5 * t**3
        c, d = 0.5 * t + 2.0 * t**2 - 1.5 * t**3, -0.5 * t**2 + 0.5 * t**3
        fine[part:-1:factor] = (
            np.float32(a) * before + np.float32(b) * here + np.float32(c) * after
        ) + np.float32(d) * beyond
    fine[-1] = v[-1]
    return np.moveaxis(fine, 0, axis)


def prolonged(volume: LabelVolume, valves: list[Valve], cavity: Label) -> Mask:
    """Return the mask of `cavity` with its cross-section pushed out through its valves.

    A voxel beyond a valve's plane belongs to the prolonged blood when its projection on that
    plane lies within a voxel of the projection of a face of the valve.
    """
    mask = volume.mask(cavity)
    free = np.argwhere(~volume.mask(Label.LV_CAVITY, Label.RV_CAVITY, Label.LV_WALL, Label.RV_WALL))
    points = free @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    reach = 0.75 * float(volume.spacing.max())
    for valve in valves:
        if valve.cavity != cavity or len(valve.faces) < 2:
            continue
        height = valve.plane.height(points)
        near = np.flatnonzero((height > -3.0 * reach) & (height < PROLONGATION.value))
        tree = cKDTree(_on_plane(valve.faces, valve.plane))
        distance, _ = tree.query(_on_plane(points[near], valve.plane), distance_upper_bound=reach)
        inside = near[np.isfinite(distance)]
        mask[tuple(free[inside].T)] = True
    return mask


def _on_plane(points: Float, plane: Plane) -> Float:
    """Return 2-D coordinates of points (k, 3) projected along the normal of `plane`."""
    axes = np.linalg.svd(plane.normal[None])[2][1:]
    return np.asarray((points - plane.centre) @ axes.T)


def extruded(volume: LabelVolume, plane: Plane) -> LabelVolume:
    """Repeat the section just below `plane` above it, so that a cut there has sharp edges."""
    index = np.argwhere(np.ones(volume.voxels.shape, bool))
    points = index @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    depth = 0.5 * float(np.abs(plane.normal @ volume.affine[:3, :3]).sum())
    height = plane.height(points)
    above = (height > -depth) & (height < PROLONGATION.value)
    source = points[above] - (height[above] + depth)[:, None] * plane.normal
    inverse = np.linalg.inv(volume.affine)
    at = (source @ inverse[:3, :3].T + inverse[:3, 3]).T
    voxels = volume.voxels.copy()
    voxels[tuple(index[above].T)] = ndimage.map_coordinates(
        volume.voxels, at, order=0, mode="nearest"
    )
    return LabelVolume(voxels, volume.affine)


def cropped(volume: LabelVolume, mask: Mask, margin: float = MARGIN) -> LabelVolume:
    """Return the box around `mask` with a margin in mm, padded with background if need be."""
    pad = np.ceil(margin / volume.spacing).astype(int)
    where = np.argwhere(mask)
    low, high = where.min(axis=0) - pad, where.max(axis=0) + pad + 1
    before, after = np.maximum(-low, 0), np.maximum(high - mask.shape, 0)
    voxels = np.pad(volume.voxels, np.stack([before, after], axis=1))
    start = low + before
    box = tuple(slice(int(a), int(a + n)) for a, n in zip(start, high - low, strict=True))
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ low
    return LabelVolume(voxels[box], affine)


def wall_function(
    volume: LabelVolume, valves: list[Valve], plane: Plane | None, grid: float = GRID.value
) -> WallFunction:
    """Build the three smooth bodies of a repaired label map.

    Their levels are chosen so that the ventricles and each cavity keep the volume of their
    labels.

    Parameters
    ----------
    volume
        Repaired label map.
    valves, plane
        From `valves.openings`.
    grid
        Largest spacing of the contouring grid in mm.
    """
    muscle = (Label.LV_WALL, Label.RV_WALL, Label.SCAR, Label.BORDER_ZONE)
    cavities = (Label.LV_CAVITY, Label.RV_CAVITY)
    small = cropped(volume, volume.mask(*muscle, *cavities))
    longer = small if plane is None else extruded(small, plane)
    spacing = small.spacing
    factors = tuple(int(n) for n in np.maximum(np.ceil(spacing / grid - 1e-6), 1))
    affine = small.affine.copy()
    affine[:3, :3] /= np.asarray(factors)
    below = None if plane is None else _below(plane, affine, small.voxels.shape, factors)

    def distance(mask: Mask) -> Float:
        return signed_distance(mask, spacing, factors, SMOOTHING.value)

    element = small.voxel_volume / float(np.prod(factors))
    inside = small.mask(*muscle, *cavities)
    body = distance(longer.mask(*muscle, *cavities))
    if below is not None:
        body = np.minimum(body, below)
    else:
        body = body - _level(body, inside.sum() * small.voxel_volume / element)
    bodies = [body]
    for cavity in cavities:
        mask = small.mask(cavity)
        if not mask.any():
            bodies.append(np.full_like(body, -MARGIN))
            continue
        blood = distance(longer.mask(cavity) if plane else prolonged(small, valves, cavity))
        kept = mask if below is None else mask & (below[_every(factors)] > 0)
        blood = blood - _level(blood[body > 0], kept.sum() * small.voxel_volume / element)
        bodies.append(walled(blood, body, affine, [v for v in valves if v.cavity == cavity], plane))
    return WallFunction(np.stack(bodies).astype(np.float32), affine)


def walled(
    blood: Float, body: Float, affine: Float, valves: list[Valve], plane: Plane | None
) -> Float:
    """Keep the blood under a wall of at least `THINNEST` everywhere but at its openings.

    Where a label map lets a cavity touch the outside by a voxel, the two smooth bodies cross and
    leave a pore; its rim would be an opening that no valve explains.
    """
    near = np.argwhere((blood > -1.0) & (body < THINNEST.value) & (body > -1.0))
    points = near @ affine[:3, :3].T + affine[:3, 3]
    distance = np.full(len(near), np.inf)
    for valve in valves:
        to = (
            np.abs(plane.height(points))
            if plane is not None
            else cKDTree(valve.faces).query(points, distance_upper_bound=2 * OPENING)[0]
        )
        distance = np.minimum(distance, to)
    wall = THINNEST.value * np.clip(distance / OPENING - 1.0, 0.0, 1.0)
    at = tuple(near.T)
    result = blood.copy()
    closed = distance > OPENING
    result[at] = np.where(closed, np.minimum(blood[at], body[at] - wall), blood[at])
    return result


def _every(factors: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slice(None, None, factor) for factor in factors)


def _below(plane: Plane, affine: Float, shape: tuple[int, ...], factors: tuple[int, ...]) -> Float:
    """Return the depth below `plane` on the fine grid, in mm."""
    slope = plane.normal @ affine[:3, :3]
    start = plane.normal @ (affine[:3, 3] - plane.centre)
    axes = [
        slope[i] * np.arange((n - 1) * f + 1)
        for i, (n, f) in enumerate(zip(shape, factors, strict=True))
    ]
    return np.asarray(-(axes[0][:, None, None] + axes[1][:, None] + axes[2] + start))


def _level(values: Float, count: float) -> float:
    """Return the level above which `count` of the values lie, at most 0.5 mm from zero."""
    flat = values.ravel()
    rank = int(np.clip(len(flat) - round(float(count)), 0, len(flat) - 1))
    return float(np.clip(np.partition(flat, rank)[rank], -0.5, 0.5))
