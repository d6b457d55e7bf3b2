"""Fibres of the contracting ventricle of [Land2015], exact on the family of its ellipsoids.

The depth t is that of the family rs = 7 + 3t, rl = 17 + 3t. A depth from Laplace's equation would
turn the fibres by 5.8° on average and by 30° at most.
"""

from __future__ import annotations

import basix
import basix.ufl
import numpy as np
import ufl
from dolfinx import fem
from numpy.typing import NDArray

from heart.anatomy.idealised import LAND_LONG, LAND_SHORT, LAND_WALL, lv_ellipsoid_transmural
from heart.mechanics.axes import Axes
from heart.mechanics.space import MechanicsSpace

Float = NDArray[np.float64]


def family_axes(space: MechanicsSpace) -> Axes:
    """Return the axes of problem 3 at the quadrature points, of the exact family of ellipsoids.

    f = x̂_u sin α + x̂_v cos α with α from +90° at the endocardium to −90° at the epicardium.
    """
    degree = space.quadrature_degree
    rule, _ = basix.make_quadrature(space.mesh.basix_cell(), degree)
    element = basix.ufl.quadrature_element("tetrahedron", value_shape=(3,), degree=degree)
    values = fem.functionspace(space.mesh, element)
    place = fem.Expression(ufl.SpatialCoordinate(space.mesh), rule, comm=space.comm)
    layout = space.mesh.topology.index_map(3)
    cells = np.arange(layout.size_local + layout.num_ghosts, dtype=np.int32)
    points = place.eval(space.mesh, cells).reshape(-1, 3)
    functions = []
    for field in family(points):
        function = fem.Function(values)
        function.x.array.reshape(-1, 3)[values.dofmap.list.ravel()] = field
        functions.append(function)
    return Axes(*functions)


def family(points: Float) -> tuple[Float, Float, Float]:
    """Return fibre, sheet and normal (n, 3) of problem 3 at points (n, 3)."""
    t = lv_ellipsoid_transmural(points)
    short, long = LAND_SHORT.value + LAND_WALL.value * t, LAND_LONG.value + LAND_WALL.value * t
    polar = -np.arccos(np.clip(points[:, 2] / long, -1.0, 1.0))
    angle = np.arctan2(-points[:, 1], -points[:, 0])
    sine, cosine = np.sin(polar), np.cos(polar)
    along = np.column_stack(
        [short * cosine * np.cos(angle), short * cosine * np.sin(angle), -long * sine]
    )
    around = np.column_stack([-np.sin(angle), np.cos(angle), 0.0 * angle])
    around *= np.sign(sine)[:, None]
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    turn = (0.5 * np.pi * (1.0 - 2.0 * t))[:, None]
    fibre = np.sin(turn) * along + np.cos(turn) * around
    normal = np.cross(along, around)
    return fibre, np.cross(normal, fibre), normal
