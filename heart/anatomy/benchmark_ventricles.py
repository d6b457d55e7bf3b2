"""The single ventricle of the elastodynamics benchmark, and a pair of own making.

The single one [Arostica2025] lies between two ellipsoids about the x axis, apex at negative x. The
base joins their rims by straight lines, so it is a cone, not a plane. Its fibres need a depth that
the benchmark takes from Laplace's equation; the rule that makes axes of it is here, without a mesh.
The benchmark's pair of ventricles is a mesh that cannot be written down; ours is an idealised one
with walls where its probes are, and is no copy of it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.curved import second_order
from heart.anatomy.heart_mesh import HeartMesh
from heart.anatomy.idealised import biv_ellipsoid, lv_ellipsoid, lv_ellipsoid_transmural
from heart.core.parameters import Parameter

Float = NDArray[np.float64]
Int = NDArray[np.integer]

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
_POLAR_ENDO, _POLAR_EPI = (np.pi - np.arccos(rim.value) for rim in (RIM_ENDO, RIM_EPI))
_POLAR = 0.5 * (_POLAR_ENDO + _POLAR_EPI)
ON_BASE = 1e-9


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
