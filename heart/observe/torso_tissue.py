"""What each torso cell is made of: muscle, blood, lung or the rest, as volume fractions.

The torso mesh does not follow the heart's surface; a cell that is cut by it gets the mean of its
tissues, which keeps the volume of muscle and blood right on a coarse grid.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from heart.anatomy.heart_mesh import Boundary, HeartMesh
from heart.numerics import tetrahedra
from heart.observe.conductivity import Conductivities
from heart.observe.embedding import embed
from heart.observe.torso_shape import TorsoShape

Float = NDArray[np.float64]
Int = NDArray[np.integer]

QUARTERS = np.full((4, 4), 0.15) + 0.4 * np.eye(4)


@numba.njit(cache=True, nogil=True, fastmath=True)
def winding_numbers(corners: Float, targets: Float) -> Float:
    """Return the generalised winding number of triangles (k, 3, 3) around `targets` (n, 3).

    Near 1 (or −1) inside a cavity, also when the surface is open at the valves; 0 far outside.
    Triangles further away than three times their size count as their area vector over r³,
    which is ten times faster than the exact solid angle and wrong by about 1 %.
    """
    count = len(corners)
    centres, areas, limits = np.empty((count, 3)), np.empty((count, 3)), np.empty(count)
    for t in range(count):
        u, v = corners[t, 1] - corners[t, 0], corners[t, 2] - corners[t, 0]
        centres[t] = corners[t, 0] + (u + v) / 3.0
        areas[t] = 0.5 * np.cross(u, v)
        limits[t] = 9.0 * max((u * u).sum(), (v * v).sum())
    result = np.empty(len(targets))
    for p in range(len(targets)):
        total = 0.0
        x, y, z = targets[p]
        for t in range(count):
            rx, ry, rz = centres[t, 0] - x, centres[t, 1] - y, centres[t, 2] - z
            square = rx * rx + ry * ry + rz * rz
            if square > limits[t]:
                flux = areas[t, 0] * rx + areas[t, 1] * ry + areas[t, 2] * rz
                total += flux / (square * np.sqrt(square))
            else:
                total += _solid_angle(corners[t], targets[p])
        result[p] = total / (4.0 * np.pi)
    return result


@numba.njit(cache=True, nogil=True)
def _solid_angle(corners: Float, target: Float) -> float:
    """Return the solid angle of a triangle [VanOosterom1983]."""
    a, b, c = corners[0] - target, corners[1] - target, corners[2] - target
    la, lb, lc = np.sqrt((a * a).sum()), np.sqrt((b * b).sum()), np.sqrt((c * c).sum())
    triple = (a * np.cross(b, c)).sum()
    rest = la * lb * lc + (a * b).sum() * lc + (b * c).sum() * la + (c * a).sum() * lb
    return 2.0 * np.arctan2(triple, rest)


def muscle_fractions(points: Float, cells: Int, heart: HeartMesh) -> Float:
    """Return the part of each torso cell that is ventricular wall, (m,)."""
    held = _held(points, cells, heart, np.ones((len(heart.cells), 1)))[:, 0]
    return np.clip(held / tetrahedra.volumes(points, cells), 0.0, 1.0)


def fibre_anisotropy(points: Float, cells: Int, heart: HeartMesh, fibre: Float) -> Float:
    """Return the volume mean of f⊗f − 1/3 in each torso cell, (m, 3, 3); zero outside muscle.

    Times the difference of the bulk conductivity along and across the fibre it turns the
    isotropic bulk of muscle into the anisotropic one.
    """
    traceless = np.einsum("mi,mj->mij", fibre, fibre) - np.eye(3) / 3.0
    columns = np.column_stack([np.ones(len(fibre)), traceless.reshape(-1, 9)])
    held = _held(points, cells, heart, columns)
    whole = np.maximum(held[:, :1], tetrahedra.volumes(points, cells)[:, None])
    return (held[:, 1:] / whole).reshape(-1, 3, 3)


def _held(points: Float, cells: Int, heart: HeartMesh, values: Float) -> Float:
    """Return the integral over the heart inside each torso cell of per-cell `values` (k, c)."""
    volume = tetrahedra.volumes(heart.points, heart.cells)
    samples = np.einsum("qi,mij->mqj", QUARTERS, heart.points[heart.cells]).reshape(-1, 3)
    where = embed(points, cells, samples)
    owner = where.cells[where.inside]
    shares = np.repeat(0.25 * volume[:, None] * values, 4, axis=0)[where.inside]
    columns = [np.bincount(owner, column, minlength=len(cells)) for column in shares.T]
    return np.stack(columns, axis=1)


def blood_fractions(points: Float, cells: Int, heart: HeartMesh) -> Float:
    """Return the part of each torso cell that lies in a ventricular cavity, (m,)."""
    inside = np.zeros(len(points))
    for boundary in (Boundary.LV_ENDO, Boundary.RV_ENDO):
        facets = heart.facets_of(boundary)
        if not len(facets):
            continue
        corners = heart.points[facets]
        low, high = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
        near = np.flatnonzero(((points >= low) & (points <= high)).all(axis=1))
        turns = np.abs(winding_numbers(corners, np.ascontiguousarray(points[near])))
        inside[near[turns > 0.5]] = 1.0
    return inside[cells].mean(axis=1)


def lung_fractions(
    centres: Float, shape: TorsoShape, frame: tuple[Float, Float], heart: HeartMesh
) -> Float:
    """Return 1 in two ellipsoidal lungs that leave room for the heart, else 0; assumed shape.

    `frame` is the origin of the torso and the rotation from the heart's to the torso's axes.
    """
    origin, turn = frame
    local = (centres - origin) @ turn.T
    muscle = (heart.points - origin) @ turn.T
    low, high = muscle.min(axis=0) - 5.0, muscle.max(axis=0) + 5.0
    middle, reach = 0.5 * (low + high), 0.5 * (high - low)
    level = 0.74 * shape.length
    breadth, depth = (float(value) for value in shape.half_axes(level))
    radii = np.array([0.38 * breadth, 0.74 * depth, 0.24 * shape.length])
    lungs = np.zeros(len(local), bool)
    for side in (-1.0, 1.0):
        centre = np.array([side * 0.48 * breadth, 0.0, level])
        lungs |= (((local - centre) / radii) ** 2).sum(axis=1) < 1.0
    mediastinum = (((local - middle) / reach) ** 2).sum(axis=1) < 1.6
    return (lungs & ~mediastinum).astype(np.float64)


def cell_conductivity(
    points: Float,
    cells: Int,
    heart: HeartMesh,
    conductivities: Conductivities,
    shape: TorsoShape | None,
    frame: tuple[Float, Float] | None,
) -> Float:
    """Return the conductivity of each torso cell, (m,) mS/mm, from its tissue fractions.

    Lungs are added when both `shape` and `frame` are given (see `lung_fractions`).
    """
    muscle = muscle_fractions(points, cells, heart)
    blood = blood_fractions(points, cells, heart) * (1.0 - muscle)
    rest = 1.0 - muscle - blood
    around = np.full(len(cells), conductivities.torso)
    if shape is not None and frame is not None:
        lung = lung_fractions(points[cells].mean(axis=1), shape, frame, heart)
        around += lung * (conductivities.lung - conductivities.torso)
    return muscle * conductivities.muscle + blood * conductivities.blood + rest * around
