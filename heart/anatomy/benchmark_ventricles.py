"""The single ventricle of the elastodynamics benchmark, and a pair of own making.

The single one [Arostica2025] lies between two ellipsoids about the x axis, apex at negative x. The
base joins their rims by straight lines, so it is a cone, not a plane. Its fibres need a depth that
the benchmark takes from Laplace's equation; the rule that makes axes of it is here, without a mesh.
The benchmark's pair of ventricles was given as a mesh; the nodes on its boundary lie on four half
ellipsoids to the last digit, so that it can be meshed again. Its fibres were given too, and ours
are by our own rule. An idealised pair needs no mesher and is no copy of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.curved import second_order
from heart.anatomy.heart_mesh import Boundary, HeartMesh, Region, Tissue
from heart.anatomy.idealised import biv_ellipsoid, lv_ellipsoid, lv_ellipsoid_transmural
from heart.core.parameters import Parameter
from heart.numerics import tetrahedra

Float = NDArray[np.float64]
Int = NDArray[np.integer]
Bool = NDArray[np.bool_]

_SOURCE = "Arostica2025"
SHORT_ENDO = Parameter(25.0, "mm", 5.0, 60.0, _SOURCE, "endocardium: short radius")
SHORT_EPI = Parameter(35.0, "mm", 6.0, 80.0, _SOURCE, "epicardium: short radius")
LONG_ENDO = Parameter(90.0, "mm", 10.0, 150.0, _SOURCE, "endocardium: long radius")
LONG_EPI = Parameter(97.0, "mm", 11.0, 160.0, _SOURCE, "epicardium: long radius")
RIM_ENDO = Parameter(5.0 / 17.0, "1", 0.0, 0.9, _SOURCE, "cosine of the angle of the inner rim")
RIM_EPI = Parameter(5.0 / 20.0, "1", 0.0, 0.9, _SOURCE, "cosine of the angle of the outer rim")
HELIX_ENDO = Parameter(-60.0, "deg", -90.0, 90.0, _SOURCE, "fibre angle; its sign is of the rule")
HELIX_EPI = Parameter(60.0, "deg", -90.0, 90.0, _SOURCE, "fibre angle; its sign is of the rule")
PAIR_BASE = Parameter(25.0, "mm", 0.0, 60.0, "assumed", "pair: height of the base plane")
PAIR_WALL = Parameter(10.0, "mm", 4.0, 20.0, "assumed", "pair: wall of the left ventricle")
PAIR_RV_WALL = Parameter(5.0, "mm", 1.0, 15.0, "assumed", "pair: wall of the right ventricle")
PAIR_RV_WIDTH = Parameter(36.0, "mm", 5.0, 60.0, "assumed", "pair: wall at (25, 0, 72) mm")
PAIR_RV_ARC = Parameter(1.4, "rad", 0.3, 1.5, "assumed", "pair: half of the septal arc")
PAIR_RV_DEPTH = Parameter(0.85, "1", 0.2, 0.9, "assumed", "pair: length of the right ventricle")

PROBES: dict[str, tuple[float, float, float]] = {"p0": (25.0, 30.0, 0.0), "p1": (0.0, 30.0, 0.0)}
"""Points in mm whose motion is compared [Arostica2025]."""
PAIR_PROBES = {**PROBES, "p2": (25.0, 0.0, 72.0)}
LONG_AXIS = (1.0, 0.0, 0.0)
PAIR_SURFACES: Mapping[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "left_endo": ((0.0, 0.0, 0.0), (69.0, 25.0, 25.0)),
    "left_epi": ((0.0, 0.0, 0.0), (80.0, 39.0, 39.0)),
    "right_endo": ((0.0, 0.0, 21.08), (70.0, 33.0, 54.0)),
    "right_epi": ((0.0, 0.0, 20.0), (75.0, 38.0, 59.0)),
}
"""Centres and half axes in mm of the benchmark's pair, base at x = 0 and apex at positive x: fitted
to nodes of its published mesh [Arostica2025], off by less than 1e-4 mm."""
_POLAR_ENDO, _POLAR_EPI = (np.pi - np.arccos(rim.value) for rim in (RIM_ENDO, RIM_EPI))
_POLAR = 0.5 * (_POLAR_ENDO + _POLAR_EPI)
ON_BASE = 1e-9
ON_CUT, ON_SURFACE = 1e-6, 1e-6  # of the mesher's own geometry


def monoventricle(
    edge_length: float = 5.0, *, layers: int | None = None, apex_edge: float | None = None
) -> HeartMesh:
    """Return the single ventricle; boundaries are `LV_ENDO`, `EPI` and `BASE`.

    Parameters
    ----------
    edge_length
        Wanted edge in mm.
    layers
        Cells through the wall; None takes as many as fit the edge, at least two.
    apex_edge
        Wanted edge at the apex in mm; None is `edge_length`.
    """
    mesh = _sphere_like(edge_length, layers, apex_edge)
    return replace(mesh, points=_place(_parameters(mesh)))


def curved_monoventricle(
    edge_length: float = 5.0, *, layers: int | None = None, apex_edge: float | None = None
) -> tuple[HeartMesh, Float, Int]:
    """Return the single ventricle, and its points and ten-node cells on the exact surfaces."""
    mesh = _sphere_like(edge_length, layers, apex_edge)
    parameters = _parameters(mesh)
    points, cells = second_order(parameters, np.asarray(mesh.cells), _place)
    return replace(mesh, points=points[: len(mesh.points)]), points, cells


def irregular_monoventricle(edge_length: float = 5.0, *, seed: int = 1) -> HeartMesh:
    """Return the single ventricle on cells without a pattern, straight as those of the teams.

    At 5 mm the benchmark's mesh has 4,577 nodes and 17,625 cells, 2,500 triangles on the
    endocardium and 3,474 on the epicardium, 177.69 cm³; gmsh 4.15 gives the same two surfaces from
    the same sizes, half as long at the apex [Arostica2025]. The mesher is imported only here.

    Parameters
    ----------
    edge_length
        Wanted edge at the base in mm; half of it at the apex.
    seed
        Of the mesher.

    Raises
    ------
    MeshingError
        The mesher fails.
    """
    from heart.anatomy import gmsh_backend

    points, cells, triangles, side = gmsh_backend.revolved(
        gmsh_backend.Meridian(LONG_ENDO.value, SHORT_ENDO.value, RIM_ENDO.value),
        gmsh_backend.Meridian(LONG_EPI.value, SHORT_EPI.value, RIM_EPI.value),
        edge_length,
        0.5 * edge_length,
        seed,
    )
    cells = tetrahedra.oriented(points, cells)
    facets, _ = tetrahedra.boundary_faces(cells)
    places = np.array([Boundary.LV_ENDO, Boundary.EPI, Boundary.BASE], np.int32)
    return HeartMesh(
        points=points,
        cells=cells.astype(np.int32),
        facets=facets.astype(np.int32),
        facet_tags=places[side[_same_triangles(triangles, facets)]],
        regions=np.full(len(cells), Region.LV_WALL, np.int32),
        tissue=np.full(len(cells), Tissue.HEALTHY, np.int32),
    )


def published_pair(edge_length: float = 8.0, *, seed: int = 1) -> HeartMesh:
    """Return the benchmark's pair of ventricles, meshed anew: base at x = 0, apex at x = 80 mm.

    Its published meshes have edges of about 2.8 mm (11,444 nodes, 45,304 cells) and less.

    Parameters
    ----------
    edge_length
        Wanted edge in mm.
    seed
        Of the mesher.

    Raises
    ------
    MeshingError
        The mesher fails.
    """
    from heart.anatomy import gmsh_backend

    half = {name: gmsh_backend.HalfEllipsoid(*shape) for name, shape in PAIR_SURFACES.items()}
    points, cells = gmsh_backend.two_chambers(
        (half["left_endo"], half["left_epi"]), (half["right_endo"], half["right_epi"]),
        edge_length, seed,
    )  # fmt: skip
    points[np.abs(points[:, 0]) < ON_CUT, 0] = 0.0
    cells = tetrahedra.oriented(points, cells)
    facets, _ = tetrahedra.boundary_faces(cells)
    level = {name: one.level(points) for name, one in half.items()}

    def on(name: str) -> Bool:
        return np.asarray((np.abs(level[name] - 1.0) < ON_SURFACE)[facets].all(axis=1))

    centres = points[facets].mean(axis=1)
    septal = on("left_epi") & (half["right_endo"].level(centres) < 1.0)
    tags = np.full(len(facets), Boundary.EPI, np.int32)
    tags[on("left_endo")] = Boundary.LV_ENDO
    tags[on("right_endo") | septal] = Boundary.RV_ENDO
    tags[(points[facets][:, :, 0] == 0.0).all(axis=1)] = Boundary.BASE
    outside = half["left_epi"].level(points[cells].mean(axis=1)) > 1.0
    return HeartMesh(
        points=points,
        cells=cells.astype(np.int32),
        facets=facets.astype(np.int32),
        facet_tags=tags,
        regions=np.where(outside, Region.RV_WALL, Region.LV_WALL).astype(np.int32),
        tissue=np.full(len(cells), Tissue.HEALTHY, np.int32),
    )


def biventricle(edge_length: float = 5.0) -> HeartMesh:
    """Return an own pair of ventricles: left along x, right towards z, base plane at x = 25 mm."""
    mesh = biv_ellipsoid(
        edge_length, short=SHORT_ENDO.value, long=LONG_ENDO.value, wall=PAIR_WALL.value,
        base=PAIR_BASE.value, rv_wall=PAIR_RV_WALL.value, rv_width=PAIR_RV_WIDTH.value,
        rv_arc=PAIR_RV_ARC.value, rv_depth=PAIR_RV_DEPTH.value,
    )  # fmt: skip
    # The idealised right ventricle is towards x; here it is towards z.
    return replace(mesh, points=mesh.points[:, [2, 1, 0]] * [1.0, -1.0, 1.0])


def fibre_axes(
    points: Float, depth: Float, helix: tuple[float, float] | None = None
) -> tuple[Float, Float, Float]:
    """Return fibre, sheet and normal by the rule of the benchmark [Arostica2025].

    With e_u and e_v the unit tangents, towards the apex and around, of the ellipsoid of the family
    at that depth, f = sin α e_u + cos α e_v, the normal is e_u × e_v, across the wall, and the
    sheet f × normal lies in the wall: the law's second axis is not transmural here.

    Parameters
    ----------
    points
        (n, 3) mm.
    depth
        (n,) 0 on the endocardium, 1 on the epicardium.
    helix
        Angles α in degrees at both surfaces; None takes the benchmark's.
    """
    inner, outer = (HELIX_ENDO.value, HELIX_EPI.value) if helix is None else helix
    short = SHORT_ENDO.value + (SHORT_EPI.value - SHORT_ENDO.value) * depth
    long = LONG_ENDO.value + (LONG_EPI.value - LONG_ENDO.value) * depth
    polar = np.arctan2(np.hypot(points[:, 1], points[:, 2]) / short, points[:, 0] / long)
    angle = np.arctan2(points[:, 2], points[:, 1])
    cosine, sine, none = np.cos(angle), np.sin(angle), np.zeros_like(angle)
    along = np.column_stack(
        [-long * np.sin(polar), short * np.cos(polar) * cosine, short * np.cos(polar) * sine]
    )
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    around = np.column_stack([none, -sine, cosine])
    turn = np.radians(inner + (outer - inner) * depth)[:, None]
    fibre = np.sin(turn) * along + np.cos(turn) * around
    normal = np.cross(along, around)
    return fibre, np.cross(fibre, normal), normal


def _same_triangles(known: Int, wanted: Int) -> Int:
    """Return for each triangle which known one has the same nodes; both are the same set."""
    orders = [np.lexsort(np.sort(faces, axis=1).T) for faces in (known, wanted)]
    found = np.empty(len(wanted), np.int64)
    found[orders[1]] = orders[0]
    return found


def _sphere_like(edge_length: float, layers: int | None, apex_edge: float | None) -> HeartMesh:
    """Return a truncated ellipsoid of about the right size, of which only the grid is used."""
    short, long, wall, base = _donor()
    return lv_ellipsoid(
        edge_length, short=short, long=long, wall=wall, base=base, layers=layers,
        apex_edge=apex_edge,
    )  # fmt: skip


def _donor() -> tuple[float, float, float, float]:
    wall = SHORT_EPI.value - SHORT_ENDO.value
    middle = 0.5 * (LONG_ENDO.value + LONG_EPI.value)
    return SHORT_ENDO.value, middle - 0.5 * wall, wall, -middle * float(np.cos(_POLAR))


def _parameters(mesh: HeartMesh) -> Float:
    """Return depth, direction on a unit sphere and whether on the base, (n, 5), of a donor."""
    short, long, wall, base = _donor()
    x, y, z = mesh.points.T
    depth = lv_ellipsoid_transmural(mesh.points, short=short, long=long, wall=wall)
    polar = np.arccos(np.clip(-z / (long + wall * depth), -1.0, 1.0))
    polar *= _POLAR / np.arccos(-base / (long + wall * depth))
    angle = np.arctan2(y, x)
    direction = _on_sphere(polar, angle)
    return np.column_stack([depth, direction, np.abs(z - base) < ON_BASE])


def _on_sphere(polar: Float, angle: Float) -> Float:
    return np.column_stack(
        [-np.cos(polar), np.sin(polar) * np.cos(angle), np.sin(polar) * np.sin(angle)]
    )


def _place(parameters: Float) -> Float:
    """Return points on straight lines between places of equal height on the two ellipsoids."""
    depth, flat = parameters[:, :1], parameters[:, 4] > 1.0 - ON_BASE
    x, y, z = parameters[:, 1:4].T
    share = np.arctan2(np.hypot(y, z), -x) / _POLAR
    share[flat] = 1.0
    angle = np.arctan2(z, y)
    inner = _on_sphere(share * _POLAR_ENDO, angle) * _radii(LONG_ENDO.value, SHORT_ENDO.value)
    outer = _on_sphere(share * _POLAR_EPI, angle) * _radii(LONG_EPI.value, SHORT_EPI.value)
    return np.asarray((1.0 - depth) * inner + depth * outer)


def _radii(long: float, short: float) -> Float:
    return np.array([long, short, short])
