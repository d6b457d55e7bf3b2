"""From a place in words to nodes and cells of this mesh.

A place that holds nothing is an error that says why: a stimulus of no nodes would be a run in
which nothing happens, and a scar that is not there a wrong answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from heart.anatomy.heart_mesh import RINGS, Boundary, Region, Tissue
from heart.core.errors import ParameterError
from heart.scenario.electro_places import (
    Ball,
    Box,
    Coordinates,
    Segments,
    Surface,
    TissueKind,
    Wall,
)
from heart.study.electro.body import Muscle

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
AnyPlace = Box | Ball | Surface | Coordinates | Segments | TissueKind | Wall

# Nodes of structured meshes lie on the edge of a box up to rounding.
ROUNDING = 1e-9

_BOUNDARIES = {
    "epi": (Boundary.EPI,),
    "lv_endo": (Boundary.LV_ENDO,),
    "rv_endo": (Boundary.RV_ENDO,),
    "base": RINGS,
}


def nodes_in(muscle: Muscle, place: AnyPlace | None, name: str) -> Bool:
    """Return which nodes (n,) a place holds; all of them when it is None.

    Raises
    ------
    ParameterError
        It holds none.
    MissingDataError
        It needs a heart, and this is a slab or strand.
    """
    if place is None:
        return np.ones(len(muscle.mesh.points), np.bool_)
    inside = np.asarray(_NODES[type(place)](muscle, place), np.bool_)
    return _some(muscle, place, inside, muscle.mesh.points, name, "node")


def cells_in(muscle: Muscle, place: AnyPlace | None, name: str) -> Bool:
    """Return which cells (m,) a place holds: by centroid, or by two or more of the corners.

    Errors as in `nodes_in`.
    """
    mesh = muscle.mesh
    if place is None:
        return np.ones(len(mesh.cells), np.bool_)
    if isinstance(place, (Box, Ball)):
        inside = _GEOMETRIC[type(place)](place, muscle.centres)
    elif isinstance(place, TissueKind):
        inside = mesh.tissue == Tissue[place.tissue.upper()]
    elif isinstance(place, Wall):
        inside = mesh.regions == Region[place.wall.upper()]
    else:
        inside = np.asarray(_NODES[type(place)](muscle, place))[mesh.cells].sum(axis=1) >= 2
    return _some(muscle, place, np.asarray(inside, np.bool_), muscle.centres, name, "cell")


def nearest_node(muscle: Muscle, position: Float, name: str, furthest: float) -> int:
    """Return the node nearest to `position` (3,) mm.

    Raises
    ------
    ParameterError
        It is more than `furthest` mm away.
    """
    gap, node = cKDTree(muscle.mesh.points).query(position)
    if gap > furthest:
        raise ParameterError(
            f"{name} is {gap:.1f} mm outside the tissue",
            expected=f"at most {furthest:.2g} mm; the tissue lies in {extent(muscle)}",
        )
    return int(node)


def extent(muscle: Muscle) -> str:
    """Return the bounding box of the tissue, in words."""
    low, high = muscle.mesh.points.min(axis=0), muscle.mesh.points.max(axis=0)
    corners = [", ".join(f"{value:.4g}" for value in corner) for corner in (low, high)]
    return f"({corners[0]}) to ({corners[1]}) mm"


def _in_box(place: Box, points: Float) -> Bool:
    low, high = np.array(place.low), np.array(place.high)
    return np.asarray(((points >= low - ROUNDING) & (points <= high + ROUNDING)).all(axis=1))


def _in_ball(place: Ball, points: Float) -> Bool:
    gap = np.linalg.norm(points - np.array(place.centre), axis=1)
    return np.asarray(gap <= place.radius + ROUNDING)


def _near_surface(muscle: Muscle, place: Surface) -> Bool:
    on = muscle.mesh.nodes_of(*_BOUNDARIES[place.boundary])
    inside = np.zeros(len(muscle.mesh.points), np.bool_)
    inside[on] = True
    if place.depth > 0.0 and len(on):
        gap, _ = cKDTree(muscle.mesh.points[on]).query(muscle.mesh.points)
        inside |= gap <= place.depth + ROUNDING
    return inside


def _in_coordinates(muscle: Muscle, place: Coordinates) -> Bool:
    where = muscle.heart_for("a range of coordinates").coordinates
    inside = np.ones(len(muscle.mesh.points), np.bool_)
    for name in ("apicobasal", "transmural"):
        low, high = getattr(place, name)
        values = getattr(where, name)
        inside &= (values >= low - ROUNDING) & (values <= high + ROUNDING)
    low, high = place.rotational
    turn = where.rotational
    within = (turn >= low) & (turn <= high) if low <= high else (turn >= low) | (turn <= high)
    inside &= within
    if place.chamber is not None:
        inside &= where.chamber == place.chamber
    return inside


def _in_segments(muscle: Muscle, place: Segments) -> Bool:
    return np.isin(muscle.heart_for("an AHA segment").segments, place.segments)


def _in_tissue(muscle: Muscle, place: TissueKind) -> Bool:
    return np.asarray(muscle.node_tissue == Tissue[place.tissue.upper()])


def _in_wall(muscle: Muscle, place: Wall) -> Bool:
    inside = np.zeros(len(muscle.mesh.points), np.bool_)
    inside[muscle.mesh.cells[muscle.mesh.regions == Region[place.wall.upper()]]] = True
    return inside


_GEOMETRIC: dict[type, Callable[..., Bool]] = {Box: _in_box, Ball: _in_ball}
_NODES: dict[type, Callable[..., Bool]] = {
    Box: lambda muscle, place: _in_box(place, muscle.mesh.points),
    Ball: lambda muscle, place: _in_ball(place, muscle.mesh.points),
    Surface: _near_surface,
    Coordinates: _in_coordinates,
    Segments: _in_segments,
    TissueKind: _in_tissue,
    Wall: _in_wall,
}


def _some(
    muscle: Muscle, place: AnyPlace, inside: Bool, points: Float, name: str, what: str
) -> Bool:
    if inside.any():
        return inside
    fix = ""
    expected = f"a place in the tissue, which lies in {extent(muscle)}"
    if isinstance(place, (Box, Ball)):
        gap = _distance(place, points)
        reach = muscle.edge
        if gap <= reach:
            expected, fix = "", f"enlarge it: the nearest {what} is {gap:.2g} mm away"
        else:
            fix = f"move it: the nearest {what} is {gap:.3g} mm away"
    raise ParameterError(
        f"{name} holds no {what} of the tissue: its {place.kind} is empty",
        expected=expected,
        fix=fix,
    )


def _distance(place: Any, points: Float) -> float:
    """Return the smallest distance in mm of any point from a box or ball."""
    if isinstance(place, Box):
        outside = np.maximum(np.array(place.low) - points, points - np.array(place.high))
        return float(np.linalg.norm(np.maximum(outside, 0.0), axis=1).min())
    gap = np.linalg.norm(points - np.array(place.centre), axis=1).min()
    return float(max(gap - place.radius, 0.0))
