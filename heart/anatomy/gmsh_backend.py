"""Tetrahedra by gmsh. The only file that imports it: gmsh is GPL and optional.

Its state is global and not thread-safe, so each call initialises, meshes and finalises under a
lock. HXT is used because it is the fastest and its optimiser leaves the fewest flat cells; with
one thread it gives the same mesh each time.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass

import gmsh
import numpy as np
from numpy.typing import NDArray

from heart.core.errors import MeshingError

Float = NDArray[np.float64]
Int = NDArray[np.integer]

LOCK = threading.Lock()
ALGORITHMS = {"hxt": 10, "delaunay": 1}
OPTIONS = {
    "General.Terminal": 0,
    "General.NumThreads": 1,
    "Mesh.MaxNumThreads3D": 1,
    "Mesh.Optimize": 1,
    "Mesh.OptimizeNetgen": 0,
    "Mesh.OptimizeThreshold": 0.35,
    "Mesh.RandomSeed": 1,
}


@dataclass(frozen=True)
class Meridian:
    """A part of an ellipse about the x axis, from the apex at −long to a rim.

    Attributes
    ----------
    long, short
        Half axes along x and across, mm.
    rim
        Cosine of the polar angle of the rim, from +x.
    """

    long: float
    short: float
    rim: float


@dataclass(frozen=True)
class HalfEllipsoid:
    """The half of an ellipsoid on the side of positive x of its centre.

    Attributes
    ----------
    centre, half_axes
        (x, y, z) in mm; axes along the coordinates.
    """

    centre: tuple[float, float, float]
    half_axes: tuple[float, float, float]

    def level(self, points: Float) -> Float:
        """Return 1 on the surface, less inside, (n,)."""
        away = (points - np.array(self.centre)) / np.array(self.half_axes)
        return np.asarray(np.sum(away**2, axis=1))


def fill(points: Float, triangles: Int, edge: float) -> tuple[Float, Int]:
    """Fill a closed surface; see `tetrahedralise.Tetrahedraliser`. The surface is kept as it is.

    Raises
    ------
    MeshingError
        gmsh refuses the surface with both algorithms.
    """
    failures = []
    for name, number in ALGORITHMS.items():
        try:
            return _generate(points, triangles, edge, number)
        except Exception as error:  # gmsh raises bare Exception for everything
            if type(error) is not Exception:
                raise
            failures.append(f"{name}: {error}")
    raise MeshingError(
        f"gmsh could not fill the surface ({'; '.join(failures)})",
        fix="use a shorter edge length, or backend tetwild",
    )


def _generate(points: Float, triangles: Int, edge: float, algorithm: int) -> tuple[Float, Int]:
    with LOCK:
        # Without interruptible=False gmsh takes over SIGINT, and a run could not stop cleanly.
        gmsh.initialize(interruptible=False)
        try:
            for option, value in OPTIONS.items():
                gmsh.option.setNumber(option, value)
            gmsh.option.setNumber("Mesh.Algorithm3D", algorithm)
            gmsh.option.setNumber("Mesh.MeshSizeMax", edge)
            gmsh.model.add("wall")
            gmsh.model.addDiscreteEntity(2, 1)
            number = np.arange(1, len(points) + 1)
            gmsh.model.mesh.addNodes(2, 1, number, np.asarray(points, np.float64).ravel())
            gmsh.model.mesh.addElementsByType(1, 2, [], (triangles + 1).ravel())
            gmsh.model.geo.addSurfaceLoop([1], 1)
            gmsh.model.geo.addVolume([1], 1)
            gmsh.model.geo.synchronize()
            gmsh.model.mesh.generate(3)
            tags, coordinates, _ = gmsh.model.mesh.getNodes()
            _, nodes = gmsh.model.mesh.getElementsByType(4)
        finally:
            gmsh.finalize()
    position = np.zeros(int(tags.max()) + 1, np.int64)
    position[tags.astype(np.int64)] = np.arange(len(tags))
    return coordinates.reshape(-1, 3), position[nodes.astype(np.int64)].reshape(-1, 4)


def revolved(
    inner: Meridian, outer: Meridian, edge: float, apex_edge: float, seed: int = 1
) -> tuple[Float, Int, Int, Int]:
    """Mesh the wall between two ellipsoids of revolution, joined at their rims by a cone.

    The wall is swept by quarter turns of its section, as in the mesh that the teams of
    [Arostica2025] shared; gmsh meshes its surfaces and its inside without any regular pattern.

    Parameters
    ----------
    inner, outer
        Meridians of both surfaces.
    edge, apex_edge
        Wanted edges in mm at the rims and at the apex, linear between along the meridians.
    seed
        Of gmsh's own perturbations.

    Returns
    -------
    tuple
        Points (n, 3) in mm, cells (m, 4), boundary triangles (k, 3), and for each of these 0 on
        the inner surface, 1 on the outer one, 2 on the cone.

    Raises
    ------
    MeshingError
        gmsh fails.
    """

    def build() -> list[list[int]]:
        return _sweep(inner, outer, edge, apex_edge)

    points, cells, faces = _meshed(build, edge, seed)
    side_of = np.repeat(np.arange(len(faces)), [len(face) for face in faces])
    return points, cells, np.concatenate(faces), side_of


def two_chambers(
    left: tuple[HalfEllipsoid, HalfEllipsoid],
    right: tuple[HalfEllipsoid, HalfEllipsoid],
    edge: float,
    seed: int = 1,
) -> tuple[Float, Int]:
    """Mesh the wall of two chambers: inner and outer half ellipsoids, cut at x = 0.

    The right cavity ends at the outer surface of the left chamber, which is its septum.

    Parameters
    ----------
    left, right
        Inner and outer surface of each.
    edge, seed
        Wanted edge in mm; seed as in `revolved`.

    Returns
    -------
    tuple
        Points (n, 3) in mm and cells (m, 4); nodes of the boundary lie on the ellipsoids.

    Raises
    ------
    MeshingError
        gmsh fails.
    """

    def build() -> list[list[int]]:
        solids = gmsh.model.occ
        left_inner, left_outer = (_half(one) for one in left)
        right_inner, right_outer = (_half(one) for one in right)
        cavity, _ = solids.cut([right_inner], solids.copy([left_outer]))
        body, _ = solids.fuse([left_outer], [right_outer])
        solids.cut(body, [left_inner, *cavity])
        solids.synchronize()
        gmsh.option.setNumber("Mesh.MeshSizeMin", edge)
        return []

    points, cells, _ = _meshed(build, edge, seed)
    return points, cells


def _half(one: HalfEllipsoid) -> tuple[int, int]:
    solids = gmsh.model.occ
    half = (3, solids.addSphere(0.0, 0.0, 0.0, 1.0, -1, -0.5 * math.pi, 0.5 * math.pi, math.pi))
    solids.rotate([half], 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, -0.5 * math.pi)
    solids.dilate([half], 0.0, 0.0, 0.0, *one.half_axes)
    solids.translate([half], *one.centre)
    return half


def _meshed(
    build: Callable[[], list[list[int]]], edge: float, seed: int
) -> tuple[Float, Int, list[Int]]:
    """Mesh what `build` makes; return points, cells and the triangles of each of its groups."""
    with LOCK:
        gmsh.initialize(interruptible=False)
        try:
            for option in ("General.NumThreads", "Mesh.MaxNumThreads3D"):
                gmsh.option.setNumber(option, 1)
            gmsh.option.setNumber("General.Terminal", 0)
            gmsh.option.setNumber("Mesh.RandomSeed", seed)
            gmsh.option.setNumber("Mesh.OptimizeNetgen", 1)
            gmsh.option.setNumber("Mesh.MeshSizeMax", edge)
            gmsh.model.add("wall")
            groups = build()
            gmsh.model.mesh.generate(3)
            tags, coordinates, _ = gmsh.model.mesh.getNodes()
            _, nodes = gmsh.model.mesh.getElementsByType(4)
            faces = [
                np.concatenate([gmsh.model.mesh.getElementsByType(2, one)[1] for one in group])
                for group in groups
            ]
        except Exception as error:  # gmsh raises bare Exception for everything
            if type(error) is not Exception:
                raise
            raise MeshingError(
                f"gmsh could not mesh the wall ({error})", fix="use a shorter edge"
            ) from error
        finally:
            gmsh.finalize()
    used = np.unique(nodes)  # the centres of the arcs are nodes of no cell
    position = np.zeros(int(tags.max()) + 1, np.int64)
    position[tags.astype(np.int64)] = np.arange(len(tags))
    points = coordinates.reshape(-1, 3)[position[used.astype(np.int64)]]
    cells = np.searchsorted(used, nodes).reshape(-1, 4)
    return points, cells, [np.searchsorted(used, face).reshape(-1, 3) for face in faces]


def _sweep(inner: Meridian, outer: Meridian, edge: float, apex_edge: float) -> list[list[int]]:
    """Build the wall in gmsh and return its surfaces: inner, outer and cone."""
    shape = gmsh.model.geo
    centre = shape.addPoint(0.0, 0.0, 0.0)
    arcs, tips, rims = [], [], []
    for one in (inner, outer):
        tip = shape.addPoint(-one.long, 0.0, 0.0, apex_edge)
        across = one.short * math.sqrt(1.0 - one.rim**2)
        rim = shape.addPoint(one.long * one.rim, -across, 0.0, edge)
        arcs.append(shape.addEllipseArc(tip, centre, tip, rim))
        tips.append(tip)
        rims.append(rim)
    apex, base = shape.addLine(*tips), shape.addLine(*rims)
    section = shape.addPlaneSurface([shape.addCurveLoop([apex, arcs[1], -base, -arcs[0]])])
    sides: list[list[int]] = [[], [], []]
    for _ in range(4):
        swept = shape.revolve([(2, section)], 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.5 * math.pi)
        section = swept[0][1]
        for side, place in zip(sides, (4, 2, 3), strict=True):
            side.append(swept[place][1])
    shape.synchronize()
    return sides
