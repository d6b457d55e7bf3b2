"""The rotational coordinate: an angle around the LV's long axis, anchored at the RV insertions.

An angle is used for the LV rather than a Laplace solution between two cut surfaces, because it
has no cut: the seam at the anterior insertion is a jump of the number, not of anything solved.
The RV free wall has no axis of its own, so there the coordinate is harmonic between the values
of the LV at the junction.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.frames import VentricularFields, ring_nodes
from heart.anatomy.heart_mesh import Boundary, HeartMesh
from heart.core.parameters import Parameter
from heart.numerics import tetrahedra
from heart.numerics.geodesic import DirichletSolver
from heart.numerics.p1 import P1Space

Float = NDArray[np.float64]
Int = NDArray[np.integer]

log = logging.getLogger(__name__)

FREE_ARC = 2.0 / 3.0
ASSUMED_ARC = Parameter(
    np.pi / 3.0,
    "rad",
    0.3,
    1.5,
    "Cerqueira2002",
    "half septum of a heart without RV: 2 of 6 sectors",
)
_FULL_CIRCLE = (0.1, 0.7)


@dataclass(frozen=True)
class LongAxis:
    """The gently curved LV axis with its directions.

    Attributes
    ----------
    apex
        (3,) mm, where the axis starts.
    up
        (3,) unit vector from the apex to the base.
    bend
        (2, 3) mm: the axis is apex + s (up·length) + s bend[0] + s² bend[1].
    length
        mm from apex to base.
    septal, anterior
        (3,) unit vectors across: towards the RV, and to the anterior wall.
    """

    apex: Float
    up: Float
    bend: Float
    length: float
    septal: Float
    anterior: Float

    def angle(self, points: Float) -> Float:
        """Return the angle in (−π, π] around the axis: 0 septal, positive anterior."""
        offset = points - self.apex
        s = offset @ self.up / self.length
        bent = np.clip(s, 0.0, _FULL_CIRCLE[1])
        slope = np.maximum(s - _FULL_CIRCLE[1], 0.0)
        last = self.bend[0] + 2.0 * _FULL_CIRCLE[1] * self.bend[1]
        across = offset - np.outer(bent, self.bend[0]) - np.outer(bent**2, self.bend[1])
        across -= np.outer(slope, last)
        result: Float = np.arctan2(across @ self.anterior, across @ self.septal)
        return result


def long_axis(mesh: HeartMesh, fields: VentricularFields) -> LongAxis:
    """Fit the axis to the LV cavity, and find the septal and the anterior side.

    Seen along the axis with the apex down, the anterior wall is where septal × (base → apex)
    points: true for any heart that is not mirrored.  Without RV the septum is assumed to face
    right-anterior in the scanner frame.
    """
    apex = mesh.points[fields.apex[-1]]
    all_rings, _ = ring_nodes(mesh, fields.chamber)
    all_rings = all_rings[fields.chamber[all_rings] < 0.5]
    rings = np.intersect1d(all_rings, mesh.nodes_of(Boundary.LV_ENDO))
    if len(rings) == 0:
        rings = all_rings
    up = mesh.points[rings].mean(axis=0) - apex
    length = float(np.linalg.norm(up))
    up /= length
    faces = mesh.facets_of(Boundary.LV_ENDO)
    middle = mesh.points[faces].mean(axis=1) - apex
    area = np.linalg.norm(tetrahedra.face_normals(mesh.points, faces), axis=1)
    s = middle @ up / length
    inside = (s > _FULL_CIRCLE[0]) & (s < _FULL_CIRCLE[1])
    basis = np.stack([s, s**2], axis=1)[inside]
    across = (middle - np.outer(middle @ up, up))[inside]
    root = np.sqrt(area[inside])[:, None]
    bend = np.linalg.lstsq(basis * root, across * root, rcond=None)[0]
    if mesh.has_rv:
        rv = mesh.facets_of(Boundary.RV_ENDO)
        weight = np.linalg.norm(tetrahedra.face_normals(mesh.points, rv), axis=1)
        towards = np.average(mesh.points[rv].mean(axis=1), axis=0, weights=weight) - apex
        height = np.clip(towards @ up / length, 0.0, 1.0)
        towards = towards - height * bend[0] - height**2 * bend[1]
    else:
        towards = np.array([1.0, 1.0, 0.0])
        if np.linalg.norm(np.cross(towards, up)) < 0.5:
            towards = np.array([0.0, 0.0, 1.0])
        log.info("no right ventricle: the septum is assumed to face right-anterior")
    septal = towards - (towards @ up) * up
    septal /= np.linalg.norm(septal)
    return LongAxis(apex, up, bend, length, septal, np.cross(septal, -up))


def rotational(mesh: HeartMesh, fields: VentricularFields) -> Float:
    """Return the rotational coordinate of every node, (n,) in [0, 1); 0 on the apical line."""
    axis = long_axis(mesh, fields)
    angle = axis.angle(mesh.points)
    anterior, posterior = _insertions(mesh, fields, angle)
    septal_arc = anterior - posterior
    in_septum = (angle >= posterior) & (angle <= anterior)
    beyond = np.mod(angle - anterior, 2.0 * np.pi)
    result = np.where(
        in_septum,
        FREE_ARC + (1.0 - FREE_ARC) * (angle - posterior) / septal_arc,
        FREE_ARC * beyond / (2.0 * np.pi - septal_arc),
    )
    if mesh.has_rv:
        _right(mesh, fields, angle, anterior, posterior, result)
    result = np.mod(result, 1.0)
    result[result >= 1.0] = 0.0
    result[fields.apex] = 0.0
    return result


def _insertions(mesh: HeartMesh, fields: VentricularFields, angle: Float) -> tuple[Float, Float]:
    """Return the angles of the anterior and the posterior RV insertion at every node, (n,) each.

    A parabola in the apicobasal coordinate through the junction of the chambers, by robust least
    squares; constant below the height where the RV ends.
    """
    if not mesh.has_rv:
        half = np.full(len(mesh.points), ASSUMED_ARC.value)
        return half, -half
    edge = mesh.cells[:, tetrahedra.EDGES].reshape(-1, 2)
    side = fields.chamber[edge] >= 0.5
    nodes = np.unique(edge[side[:, 0] != side[:, 1]])
    height = fields.apicobasal
    low = height[nodes].min()
    floor = low + 0.3 * (1.0 - low)
    nodes = nodes[(height[nodes] > floor) & (height[nodes] < 0.95)]
    clipped = np.clip(height, floor, 0.95)
    fitted = []
    for sign in (1.0, -1.0):
        own = nodes[sign * angle[nodes] > 0.0]
        if len(own) < 4:
            fitted.append(np.full(len(mesh.points), sign * ASSUMED_ARC.value))
            continue
        basis = np.stack([np.ones(len(own)), height[own], height[own] ** 2], axis=1)
        weight = np.ones(len(own))
        found = np.zeros(3)
        for _ in range(10):
            root = np.sqrt(weight)[:, None]
            found = np.linalg.lstsq(basis * root, angle[own] * root[:, 0], rcond=None)[0]
            weight = 1.0 / np.maximum(np.abs(angle[own] - basis @ found), 0.02)
        value = found[0] + found[1] * clipped + found[2] * clipped**2
        fitted.append(sign * np.clip(sign * value, 0.2, 2.4))
    return fitted[0], fitted[1]


def _right(
    mesh: HeartMesh,
    fields: VentricularFields,
    angle: Float,
    anterior: Float,
    posterior: Float,
    result: Float,
) -> None:
    """Replace the values in the RV free wall by the harmonic field between the insertions."""
    right = fields.chamber >= 0.5
    own = right[mesh.cells].any(axis=1)
    nodes, cells = np.unique(mesh.cells[own], return_inverse=True)
    fixed = np.flatnonzero(~right[nodes])
    if len(fixed) == 0:
        return
    at = nodes[fixed]
    share = (angle[at] - posterior[at]) / (anterior[at] - posterior[at])
    values = FREE_ARC + (1.0 - FREE_ARC) * np.clip(share, 0.0, 1.0)
    space = P1Space(mesh.points[nodes], cells.reshape(-1, 4))
    stiffness = space.stiffness()
    solver = DirichletSolver(space, stiffness, fixed, values, "elliptic_gamg")
    field = solver.solve()
    solver.destroy()
    stiffness.destroy()
    inside = right[nodes]
    result[nodes[inside]] = np.clip(field[inside], FREE_ARC, 1.0)
