"""A box meshed as a heart is: by the same mesher, from the same kind of surface, cut as often.

What a mesh does to a wave depends on its kind and not on its edge alone: a wave that is as thin as
an edge runs from node to node. A lattice moved by chance has the edge of a heart's mesh but not
its kind; on a piece of the same kind a wave can be measured without the heart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyvista as pv
from numpy.typing import ArrayLike, NDArray

from heart.anatomy import tetrahedralise
from heart.anatomy.heart_mesh import Boundary, HeartMesh
from heart.anatomy.refinement import refined_mesh
from heart.anatomy.remesh import remeshed
from heart.anatomy.surface import Surface
from heart.core.cache import cached_arrays, content_hash
from heart.core.errors import ParameterError
from heart.numerics import tetrahedra

Float = NDArray[np.float64]
Int = NDArray[np.integer]

VERSION = 2
# mm: the surface edge that is asked for, and the mean edge of the tetrahedra then, whole and cut.
ASKED, MEAN, CUT = 1.5, 1.87, 0.99
# Triangles along a side of the box before it is meshed anew.
LEVEL = 40


@dataclass(frozen=True)
class Grain:
    """The kind of a mesh: its mesher, and whether each of its cells was then cut into eight."""

    backend: str = "gmsh"
    refined: bool = False


def block(size: ArrayLike, grain: Grain) -> tuple[Float, Int]:
    """Return points and cells of a box with one corner at the origin and a mean edge of 1.

    Parameters
    ----------
    size
        (3,) sides in mean edges, met to a few per cent; its corners are as blunt as the mesher
        leaves them.
    grain
        Kind of mesh.

    Raises
    ------
    MeshingError, UsageError
        The mesher is not there, or refuses.
    """
    sides = np.asarray(size, np.float64)
    if sides.shape != (3,) or not (sides >= 3.0).all() or not (sides <= 200.0).all():
        raise ParameterError(
            f"block of {sides.tolist()} edges", expected="3 to 200 along each side"
        )
    key = content_hash("block", VERSION, sides.round(6).tolist(), grain.backend, grain.refined)
    kept = cached_arrays("block", key, lambda: _made(sides, grain))
    return kept["points"], kept["cells"]


def _made(sides: Float, grain: Grain) -> dict[str, NDArray[np.generic]]:
    wide = sides * (CUT if grain.refined else MEAN)
    shape = pv.Box(
        bounds=(0.0, wide[0], 0.0, wide[1], 0.0, wide[2]), level=LEVEL, quads=False
    ).clean()
    triangles = np.asarray(shape.triangulate().regular_faces)
    tags = np.full(len(triangles), int(Boundary.EPI))
    surface = remeshed(Surface(np.asarray(shape.points, np.float64), triangles, tags), ASKED)
    points, cells, facets, named = tetrahedralise.tetrahedralised(
        surface, ASKED, tetrahedralise.backend(grain.backend)
    )
    if grain.refined:
        none = np.zeros(len(cells), np.int32)
        whole = HeartMesh(points, cells, facets, named.astype(np.int32), none, none, np.eye(4))
        mesh, _ = refined_mesh(whole)
        points, cells = mesh.points, mesh.cells
    ends = points[tetrahedra.edges(cells)]
    mean = float(np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1).mean())
    return {"points": (points - points.min(axis=0)) / mean, "cells": np.asarray(cells, np.int64)}
