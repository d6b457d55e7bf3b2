"""Idealised hearts, made without a mesher: the same arrays on every machine, exact coordinates.

A surface of revolution is triangulated once in its conformal plane (rings of nodes, Delaunay),
then extruded through the wall; each prism is cut into three tetrahedra by the order of its node
columns, which makes neighbours fit.  The right ventricle is a second stack of layers on part of
the left epicardium.  There is no fan of slivers at the apex.

Axis: base up (+z), apex at −z, RV towards +x; anterior is then +y (RAS).
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from heart.anatomy.heart_mesh import Boundary, HeartMesh, Region, Tissue
from heart.core.errors import ParameterError
from heart.core.parameters import Parameter
from heart.numerics import tetrahedra

Float = NDArray[np.float64]
Int = NDArray[np.integer]
Bool = NDArray[np.bool_]

LAND_SHORT = Parameter(7.0, "mm", 1.0, 60.0, "Land2015", "short endocardial radius")
LAND_LONG = Parameter(17.0, "mm", 2.0, 120.0, "Land2015", "long endocardial radius")
LAND_WALL = Parameter(3.0, "mm", 0.2, 30.0, "Land2015", "wall thickness")
LAND_BASE = Parameter(5.0, "mm", -50.0, 60.0, "Land2015", "height of the base plane")
BIV_SHORT = Parameter(22.0, "mm", 10.0, 50.0, "assumed", "adult LV, 44 mm across")
BIV_LONG = Parameter(60.0, "mm", 20.0, 120.0, "assumed", "adult LV, 75 mm from base to apex")
BIV_WALL = Parameter(10.0, "mm", 2.0, 30.0, "assumed", "adult LV wall")
BIV_BASE = Parameter(15.0, "mm", -50.0, 60.0, "assumed", "height of the base plane")
RV_WALL = Parameter(3.5, "mm", 1.0, 15.0, "assumed", "adult RV free wall")
RV_WIDTH = Parameter(24.0, "mm", 5.0, 60.0, "assumed", "septum to RV free wall at the base")
RV_ARC = Parameter(1.15, "rad", 0.3, 1.5, "assumed", "half of the septal arc at the base")
RV_DEPTH = Parameter(0.72, "1", 0.2, 0.9, "assumed", "length of the RV as a fraction of the LV")
APEX_GROWTH = 0.25


def slab(
    size: tuple[float, float, float] = (20.0, 7.0, 3.0), edge_length: float = 1.0
) -> HeartMesh:
    """Return a box of muscle: endocardium at z = 0, epicardium on top, `BASE` at the sides.

    Parameters
    ----------
    size
        Lengths along x, y, z in mm.
    edge_length
        Wanted edge in mm.
    """
    counts = [max(1, round(length / edge_length)) for length in size]
    axes = [np.linspace(0.0, s, c + 1) for s, c in zip(size, counts, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    index = np.arange(len(points)).reshape([c + 1 for c in counts])
    corner = index[:-1, :-1, :-1].ravel()
    stride = np.array([index[1, 0, 0], index[0, 1, 0], index[0, 0, 1]])
    paths = [
        np.stack([corner, *(corner + step for step in np.cumsum(stride[list(order)]))], axis=1)
        for order in itertools.permutations(range(3))
    ]
    cells = tetrahedra.oriented(points, np.concatenate(paths))
    facets, _ = tetrahedra.boundary_faces(cells)
    z = points[facets][:, :, 2]
    tags = np.full(len(facets), Boundary.BASE, np.int32)
    tags[(z < 1e-9).all(axis=1)] = Boundary.LV_ENDO
    tags[(z > size[2] - 1e-9).all(axis=1)] = Boundary.EPI
    return _heart_mesh(points, cells, facets, tags, np.full(len(cells), Region.LV_WALL))


def lv_ellipsoid(
    edge_length: float = 1.5,
    *,
    short: float = LAND_SHORT.value,
    long: float = LAND_LONG.value,
    wall: float = LAND_WALL.value,
    base: float = LAND_BASE.value,
    layers: int | None = None,
    apex_edge: float | None = None,
) -> HeartMesh:
    """Return the truncated ellipsoid of [Land2015]: rs = short + wall t, rl = long + wall t.

    Parameters
    ----------
    edge_length
        Wanted edge in mm.
    short, long, wall, base
        Endocardial radii, wall thickness and height of the base plane in mm; multiply all by the
        same factor to scale.
    layers
        Cells through the wall; None takes as many as fit the edge, at least two.
    apex_edge
        Wanted edge at the apex in mm, from where edges grow to `edge_length`; None for no change.
        The apex is most curved, and fibres of a family meet there.

    Raises
    ------
    ParameterError
        Sizes that make no ellipsoid, fewer than one layer, or an edge at the apex that is longer.
    """
    _check(edge_length, short, long, wall, base)
    if layers is None:
        layers = max(2, round(wall / edge_length))
    finest = edge_length if apex_edge is None else apex_edge
    if layers < 1 or not 0.0 < finest <= edge_length:
        raise ParameterError(
            f"ellipsoid of {layers} layers with edges of {finest:g} mm at the apex and "
            f"{edge_length:g} mm elsewhere",
            expected="at least one layer, 0 < edge at the apex <= edge elsewhere",
        )
    plane = _SurfaceGrid(edge_length, short, long, wall, base, apex_edge)
    points, columns = plane.wall(layers)
    cells = tetrahedra.oriented(points, _stack(plane.triangles, columns))
    facets, _ = tetrahedra.boundary_faces(cells)
    level = np.arange(layers + 1)[None, :].repeat(plane.size, 0).ravel()
    tags = np.full(len(facets), Boundary.EPI, np.int32)
    tags[(level[facets] == 0).all(axis=1)] = Boundary.LV_ENDO
    rim = plane.rim.repeat(layers + 1)
    tags[rim[facets].all(axis=1)] = Boundary.BASE
    return _heart_mesh(points, cells, facets, tags, np.full(len(cells), Region.LV_WALL))


def lv_ellipsoid_transmural(
    points: Float,
    *,
    short: float = LAND_SHORT.value,
    long: float = LAND_LONG.value,
    wall: float = LAND_WALL.value,
) -> Float:
    """Return the t of the family rs = short + wall t, rl = long + wall t that holds each point.

    Returns
    -------
    ndarray
        (k,) 0 on the endocardium, 1 on the epicardium; exact to 1e-12.
    """
    radius2, z2 = points[:, 0] ** 2 + points[:, 1] ** 2, points[:, 2] ** 2
    low, high = np.full(len(points), -0.9 * short / wall), np.full(len(points), 10.0)
    for _ in range(60):
        middle = 0.5 * (low + high)
        outside = radius2 / (short + wall * middle) ** 2 + z2 / (long + wall * middle) ** 2 > 1.0
        low, high = np.where(outside, middle, low), np.where(outside, high, middle)
    return 0.5 * (low + high)


def biv_ellipsoid(
    edge_length: float = 3.0,
    *,
    short: float = BIV_SHORT.value,
    long: float = BIV_LONG.value,
    wall: float = BIV_WALL.value,
    base: float = BIV_BASE.value,
    rv_wall: float = RV_WALL.value,
    rv_width: float = RV_WIDTH.value,
    rv_arc: float = RV_ARC.value,
    rv_depth: float = RV_DEPTH.value,
) -> HeartMesh:
    """Return an LV ellipsoid with an RV shell around part of it, cut by one base plane.

    Parameters
    ----------
    edge_length
        Wanted edge in mm.
    short, long, wall, base
        As in `lv_ellipsoid`.
    rv_wall, rv_width
        RV wall thickness, and largest distance between septum and RV free wall, in mm.
    rv_arc
        Half of the septal arc at the base in radians.
    rv_depth
        How far the RV reaches towards the LV apex, as a fraction of the LV's length.
    """
    _check(edge_length, short, long, wall, base)
    plane = _SurfaceGrid(edge_length, short, long, wall, base)
    layers = max(2, round(wall / edge_length))
    points, columns = plane.wall(layers)
    lv_cells = _stack(plane.triangles, columns)
    lv_triangle = np.tile(np.repeat(np.arange(len(plane.triangles)), layers), 3)

    reach = np.hypot(plane.angle / rv_arc, (1.0 - plane.height) / rv_depth)
    reach[np.abs(plane.angle) > 1.5] = np.inf
    rv_layers = max(1, round(rv_wall / edge_length))
    patch = (reach[plane.triangles] < 1.0).all(axis=1)
    patches, interiors = [patch], [_interior(plane, patch)]
    for _ in range(rv_layers):
        touched = np.zeros(plane.size, bool)
        touched[plane.triangles[patches[-1]]] = True
        patches.append(touched[plane.triangles].any(axis=1))
        interiors.append(_interior(plane, patches[-1]))
    ring = rv_layers + 1 - np.sum(interiors[1:], axis=0)
    ring[interiors[0]] = 1
    gap = rv_width * np.sqrt(np.clip(1.0 - reach**2, 0.0, 1.0))
    gap = np.where(interiors[0], np.maximum(gap, 0.4 * edge_length), 0.0)
    outer = columns[:, -1]
    outward = points[outer] / np.array(
        [(short + wall) ** 2, (short + wall) ** 2, (long + wall) ** 2]
    )
    outward[:, 2] *= 1.0 - plane.height**4
    outward[plane.rim, 2] = 0.0
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    rv_columns = np.tile(outer[:, None], (1, rv_layers + 1))
    node_level = [np.full(len(points), -1)]
    pieces, count = [points], len(points)
    for level, inside in enumerate(interiors):
        rise = gap + rv_wall * (level - ring + 1) / rv_layers
        chosen = np.flatnonzero(inside)
        pieces.append(points[outer[chosen]] + rise[chosen, None] * outward[chosen])
        node_level.append(np.full(len(chosen), level))
        rv_columns[chosen, level] = count + np.arange(len(chosen))
        count += len(chosen)
    everything = np.concatenate(pieces)
    levels = np.concatenate(node_level)
    rv_cells = np.concatenate(
        [
            _stack(plane.triangles[patches[m + 1]], rv_columns[:, m : m + 2])
            for m in range(rv_layers)
        ]
    )
    distinct = np.sort(rv_cells, axis=1)
    rv_cells = rv_cells[(np.diff(distinct, axis=1) > 0).all(axis=1)]
    cells = tetrahedra.oriented(everything, np.concatenate([lv_cells, rv_cells]))
    regions = np.full(len(cells), Region.RV_WALL)
    regions[: len(lv_cells)] = np.where(patch[lv_triangle], Region.SEPTUM, Region.LV_WALL)

    facets, owner = tetrahedra.boundary_faces(cells)
    depth = np.full(len(everything), -1)
    depth[columns.ravel()] = np.tile(np.arange(layers + 1), plane.size)
    rim = np.zeros(len(everything), bool)
    rim[columns[plane.rim].ravel()] = True
    rim[rv_columns[plane.rim].ravel()] = True
    tags = np.full(len(facets), Boundary.EPI, np.int32)
    of_lv = owner < len(lv_cells)
    tags[(depth[facets] == 0).all(axis=1)] = Boundary.LV_ENDO
    septal = of_lv & (depth[facets] == layers).all(axis=1)
    septal[septal] = patch[lv_triangle[owner[septal]]]
    free = ~of_lv & (levels[facets].max(axis=1) == 0)
    tags[septal | free] = Boundary.RV_ENDO
    tags[rim[facets].all(axis=1)] = Boundary.BASE
    used, small = np.unique(cells, return_inverse=True)
    renumber = np.full(len(everything), -1)
    renumber[used] = np.arange(len(used))
    return _heart_mesh(
        everything[used], small.reshape(cells.shape), renumber[facets], tags, regions
    )


class _SurfaceGrid:
    """Triangles on the mid-wall ellipsoid, as (height, angle) of each node column.

    `height` is 0 at the apex and 1 at the base (as a fraction of the polar angle), `angle` is in
    (−π, π] around the axis, 0 towards +x.
    """

    def __init__(
        self,
        edge_length: float,
        short: float,
        long: float,
        wall: float,
        base: float,
        apex_edge: float | None = None,
    ) -> None:
        self._short, self._long, self._wall, self._base = short, long, wall, base
        middle_short, middle_long = short + 0.5 * wall, long + 0.5 * wall
        polar = np.linspace(0.0, np.arccos(-base / middle_long), 4001)
        radius = middle_short * np.sin(polar)
        speed = np.hypot(middle_short * np.cos(polar), middle_long * np.sin(polar))
        arc = _integral(speed, polar)
        row_arc, row_edge = _rows(arc, edge_length, apex_edge)
        rows = len(row_arc) - 1
        row_radius = np.interp(row_arc, arc, radius)
        safe = np.maximum(radius, 1e-9)
        stretch = np.concatenate([[0.0], np.cumsum(np.diff(arc) * 2.0 / (safe[1:] + safe[:-1]))])
        log_radius = np.interp(row_arc, arc, stretch) - stretch[-1]
        heights, angles, plane = [np.zeros(1)], [np.zeros(1)], [np.zeros((1, 2))]
        row_height = np.interp(row_arc, arc, polar) / polar[-1]
        for row in range(1, rows + 1):
            count = max(6, round(2.0 * np.pi * row_radius[row] / row_edge[row]))
            angle = 2.0 * np.pi * (np.arange(count) + 0.5 * (row % 2)) / count
            heights.append(np.full(count, row_height[row]))
            angles.append(angle)
            plane.append(np.exp(log_radius[row]) * np.stack([np.cos(angle), np.sin(angle)], axis=1))
        self.height = np.concatenate(heights)
        turned = np.concatenate(angles)
        self.angle: Float = np.arctan2(np.sin(turned), np.cos(turned))
        self.size = len(self.height)
        self.rim: Bool = self.height > 1.0 - 1e-9
        triangles = Delaunay(np.concatenate(plane)).simplices
        corner = np.concatenate(plane)[triangles]
        u, v = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
        area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
        flat = self.rim[triangles].all(axis=1) & (np.abs(area) < 1e-6)
        self.triangles: Int = triangles[~flat].astype(np.int64)

    def wall(self, layers: int) -> tuple[Float, Int]:
        """Return the points (size × (layers + 1), 3) and the node of each column and layer."""
        t = np.arange(layers + 1)[None, :] / layers
        short, long = self._short + self._wall * t, self._long + self._wall * t
        polar = self.height[:, None] * np.arccos(-self._base / long)
        angle = self.angle[:, None]
        points = np.stack(
            [
                short * np.sin(polar) * np.cos(angle),
                short * np.sin(polar) * np.sin(angle),
                -long * np.cos(polar),
            ],
            axis=-1,
        )
        columns = np.arange(points.shape[0] * points.shape[1]).reshape(points.shape[:2])
        return points.reshape(-1, 3), columns


def _rows(arc: Float, edge_length: float, apex_edge: float | None) -> tuple[Float, Float]:
    """Return where along the arc from the apex the rings of nodes are, and the edge there."""
    if apex_edge is None:
        rows = max(3, round(arc[-1] / edge_length))
        return arc[-1] * np.arange(rows + 1) / rows, np.full(rows + 1, edge_length)
    edge = np.minimum(edge_length, apex_edge + APEX_GROWTH * arc)
    passed = _integral(1.0 / edge, arc)
    rows = max(3, round(passed[-1]))
    found = np.interp(passed[-1] * np.arange(rows + 1) / rows, passed, arc)
    return found, np.interp(found, arc, edge)


def _integral(values: Float, places: Float) -> Float:
    """Return the integral up to each place, by trapezia."""
    parts = np.diff(places) * 0.5 * (values[1:] + values[:-1])
    return np.concatenate([[0.0], np.cumsum(parts)])


def _stack(triangles: Int, columns: Int) -> Int:
    """Cut the prisms over `triangles` into tetrahedra; faces fit because columns are ordered."""
    ordered = np.sort(triangles, axis=1)
    low, high = columns[ordered][:, :, :-1], columns[ordered][:, :, 1:]
    a, b, c = (low[:, i].ravel() for i in range(3))
    d, e, f = (high[:, i].ravel() for i in range(3))
    return np.concatenate(
        [np.stack(corner, axis=1) for corner in ((a, b, c, f), (a, b, e, f), (a, d, e, f))]
    )


def _interior(plane: _SurfaceGrid, patch: Bool) -> Bool:
    """Return the nodes whose triangles all belong to the patch."""
    inside = np.ones(plane.size, bool)
    inside[plane.triangles[~patch]] = False
    return inside


def _heart_mesh(points: Float, cells: Int, facets: Int, tags: Int, regions: Int) -> HeartMesh:
    """Return the mesh with the integer types that the rest expects."""
    return HeartMesh(
        points=points,
        cells=cells.astype(np.int32),
        facets=facets.astype(np.int32),
        facet_tags=tags.astype(np.int32),
        regions=regions.astype(np.int32),
        tissue=np.full(len(cells), Tissue.HEALTHY, np.int32),
    )


def _check(edge_length: float, short: float, long: float, wall: float, base: float) -> None:
    """Refuse radii that make no ellipsoid."""
    if not 0.0 < edge_length < short or wall <= 0.0 or long < short or abs(base) >= long:
        raise ParameterError(
            f"ellipsoid with radii {short:g} and {long:g} mm, wall {wall:g} mm, base {base:g} mm "
            f"and edge {edge_length:g} mm",
            expected="0 < edge < short <= long, wall > 0, |base| < long",
        )
