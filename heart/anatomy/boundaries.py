"""Names for the facets of the wall's surface: endocardia, epicardium, valve rings, base.

The surface comes with what bounds it (outside, left or right blood). Which part of the outside
is the ring of a valve follows from the valve's voxel faces: facets that look the way of the
valve, within a wall thickness of it. Then every name is made one connected patch, and the
endocardia are bounded by rings only, because the coordinates are solved between these patches.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from heart.anatomy import triangles as topology
from heart.anatomy.heart_mesh import RINGS, Boundary
from heart.anatomy.labels import Label
from heart.anatomy.surface import Surface
from heart.anatomy.valves import Plane, Valve
from heart.core.errors import MeshingError
from heart.numerics.tetrahedra import face_normals

Float = NDArray[np.float64]
Int = NDArray[np.integer]

ENDO = {Label.LV_CAVITY: Boundary.LV_ENDO, Label.RV_CAVITY: Boundary.RV_ENDO}
ENDO_TAGS = tuple(ENDO.values())
THICKNESS_RANGE = (2.5, 12.0)
FACING = 0.35
"""Least cosine between the normal of a ring's facet and that of its valve."""


def named(surface: Surface, valves: list[Valve], plane: Plane | None) -> Surface:
    """Return the surface with `Boundary` tags.

    Parameters
    ----------
    surface
        Tags EPI, LV_ENDO, RV_ENDO.
    valves, plane
        From `valves.openings`.

    Raises
    ------
    MeshingError
        An endocardium has no rim: nothing opens that cavity.
    """
    tags = joined(surface.triangles, surface.tags)
    tags = _based(surface, tags, plane) if plane is not None else _ringed(surface, tags, valves)
    return sealed(surface, tags, {v.ring: v.faces for v in valves})


def sealed(surface: Surface, tags: Int, rings: Mapping[Boundary, Float]) -> Surface:
    """Return the surface with tags of one patch each, no endocardium touching the epicardium.

    Parameters
    ----------
    surface
        Points and triangles.
    tags
        (k,) `Boundary` of each triangle, as good as is known.
    rings
        Points (j, 3) on or near each ring: a facet between is given to the nearest.

    Raises
    ------
    MeshingError
        An endocardium has no rim, or a name is left with several patches.
    """
    for _ in range(6):
        before = tags
        tags = _sealed(surface, joined(surface.triangles, tags), rings)
        if np.array_equal(tags, before):
            break
    check(surface.triangles, tags)
    return Surface(surface.points, surface.triangles, tags)


def _based(surface: Surface, tags: Int, plane: Plane) -> Int:
    centre, normal, size = _facets(surface)
    flat = (np.abs(plane.height(centre)) < 0.35 * size) & (normal @ plane.normal > 0.7)
    result = tags.copy()
    result[flat] = Boundary.BASE
    return result


def _ringed(surface: Surface, tags: Int, valves: list[Valve]) -> Int:
    centre, normal, _ = _facets(surface)
    outside = np.flatnonzero(tags == Boundary.EPI)
    distance = np.stack([cKDTree(v.faces).query(centre[outside])[0] for v in valves])
    nearest = distance.argmin(axis=0)
    result = tags.copy()
    for number, valve in enumerate(valves):
        wall = _thickness_near(valve, centre, tags)
        ring = (
            (nearest == number)
            & (distance[number] < wall)
            & (normal[outside] @ valve.plane.normal > FACING)
        )
        result[outside[ring]] = valve.ring
    return result


def _thickness_near(valve: Valve, centre: Float, tags: Int) -> float:
    """Return the median wall thickness between 4 and 15 mm below a valve, in mm."""
    endo, epi = centre[tags == ENDO[valve.cavity]], centre[tags == Boundary.EPI]
    depth = -valve.plane.height(epi)
    reach = cKDTree(valve.faces).query(epi)[0]
    beside = epi[(depth > 4.0) & (depth < 15.0) & (reach < 25.0)]
    if not len(beside) or not len(endo):
        return THICKNESS_RANGE[0]
    wall = cKDTree(endo).query(beside)[0]
    return float(np.clip(np.quantile(wall, 0.25), *THICKNESS_RANGE))


def _facets(surface: Surface) -> tuple[Float, Float, float]:
    """Return centroids (k, 3), unit normals (k, 3) and the mean edge length."""
    corners = surface.points[surface.triangles]
    area = face_normals(surface.points, surface.triangles)
    size = np.linalg.norm(area, axis=1)
    normal = area / np.maximum(size, 1e-12)[:, None]
    return corners.mean(axis=1), normal, float(np.sqrt(size.mean() * 4.0 / np.sqrt(3.0)))


def _sealed(surface: Surface, tags: Int, rings: Mapping[Boundary, Float]) -> Int:
    """Give facets outside that touch an endocardium at a node to the nearest ring.

    A node may not belong to an endocardium and the epicardium at once: a coordinate would have to
    be 0 and 1 there.
    """
    centre = surface.points[surface.triangles].mean(axis=1)
    result = tags.copy()
    faces = list(rings.values())
    owner = np.repeat(np.arange(len(rings)), [len(f) for f in faces])
    names = np.array(list(rings))
    tree = cKDTree(np.concatenate(faces))
    endo = np.isin(result, (Boundary.LV_ENDO, Boundary.RV_ENDO))
    touched = np.zeros(len(surface.points), bool)
    touched[surface.triangles[endo]] = True
    found = np.flatnonzero((result == Boundary.EPI) & touched[surface.triangles].any(axis=1))
    if len(found):
        result[found] = names[owner[tree.query(centre[found])[1]]]
    return result


def joined(triangles: Int, tags: Int) -> Int:
    """Make each tag one connected patch with a smooth edge.

    A facet two of whose three neighbours agree on another tag takes it; smaller patches of a tag
    take the tag that they share most edges with, a crumb of a ring that of a ring or of the
    endocardium beside it: as epicardium it would touch the endocardium again.
    """
    pairs = topology.neighbours(triangles)
    result = np.array(tags, copy=True)
    values = np.unique(result)
    for _ in range(3):
        votes = np.zeros((len(result), len(values)), np.int8)
        column = np.searchsorted(values, result)
        np.add.at(votes, (pairs[:, 0], column[pairs[:, 1]]), 1)
        np.add.at(votes, (pairs[:, 1], column[pairs[:, 0]]), 1)
        winner = votes.argmax(axis=1)
        change = (votes.max(axis=1) >= 2) & (winner != column)
        result[change] = values[winner[change]]
    for _ in range(10):
        same = result[pairs[:, 0]] == result[pairs[:, 1]]
        part = topology.components(len(result), pairs[same])
        size = np.bincount(part)
        largest = np.zeros(len(size), bool)
        for value in np.unique(result):
            of = np.unique(part[result == value])
            largest[of[np.argmax(size[of])]] = True
        island = ~largest[part]
        if not island.any():
            break
        edge = pairs[~same]
        edge = np.concatenate([edge, edge[:, ::-1]])
        edge = edge[island[edge[:, 0]]]
        for number in np.unique(part[edge[:, 0]]):
            around = result[edge[part[edge[:, 0]] == number, 1]]
            own = result[np.argmax(part == number)]
            if own in RINGS and np.isin(around, RINGS).any():
                around = around[np.isin(around, RINGS)]
            elif own in RINGS and np.isin(around, ENDO_TAGS).any():
                around = around[np.isin(around, ENDO_TAGS)]
            result[part == number] = np.bincount(around).argmax()
    return result


def check(triangles: Int, tags: Int) -> None:
    """Raise MeshingError unless each name is one patch and every endocardium has a rim."""
    pairs = topology.neighbours(triangles)
    same = tags[pairs[:, 0]] == tags[pairs[:, 1]]
    part = topology.components(len(tags), pairs[same])
    for tag in np.unique(tags):
        patches = len(np.unique(part[tags == tag]))
        if patches != 1:
            raise MeshingError(
                f"boundary {Boundary(tag).name} has {patches} patches",
                expected="one connected patch",
                fix="use a shorter edge length, or repair the label map near the valves",
            )
    for endo in (Boundary.LV_ENDO, Boundary.RV_ENDO):
        across = pairs[(tags[pairs] == endo).sum(axis=1) == 1]
        if (tags == endo).any() and not len(across):
            raise MeshingError(f"{endo.name} has no rim: no valve or base opens this cavity")
        if (tags[across] == Boundary.EPI).any() and np.isin(tags, RINGS).any():
            raise MeshingError(f"{endo.name} touches the epicardium without a ring between")
