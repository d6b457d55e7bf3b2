"""Tetrahedra by gmsh. The only file that imports it: gmsh is GPL and optional.

Its state is global and not thread-safe, so each call initialises, meshes and finalises under a
lock. HXT is used because it is the fastest and its optimiser leaves the fewest flat cells; with
one thread it gives the same mesh each time.
"""

from __future__ import annotations

import threading

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
