"""One interface to the tetrahedral meshers, and which facet of the result is which boundary."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from heart.anatomy import triangles as topology
from heart.anatomy.surface import Surface
from heart.core.errors import MeshingError, UsageError
from heart.numerics import tetrahedra

Float = NDArray[np.float64]
Int = NDArray[np.integer]


VOLUME_CHANGE = 0.03


class Tetrahedraliser(Protocol):
    """Fills a closed surface with tetrahedra."""

    def __call__(self, points: Float, triangles: Int, edge: float) -> tuple[Float, Int]:
        """Return points (n, 3) and cells (m, 4) inside the closed surface.

        Parameters
        ----------
        points, triangles
            Closed manifold surface, oriented outward, mm.
        edge
            Target edge length in mm.
        """


def _gmsh() -> Tetrahedraliser:
    from heart.anatomy import gmsh_backend

    return gmsh_backend.fill


def _tetwild() -> Tetrahedraliser:
    from heart.anatomy import tetwild_backend

    return tetwild_backend.fill


BACKENDS: dict[str, Callable[[], Tetrahedraliser]] = {"gmsh": _gmsh, "tetwild": _tetwild}


def backend(name: str) -> Tetrahedraliser:
    """Return the mesher called `name`; its library is imported now, not before.

    Raises
    ------
    UsageError
        There is no such backend.
    MeshingError
        Its library is not installed.
    """
    if name not in BACKENDS:
        raise UsageError(f"no mesher {name!r}", expected=" or ".join(sorted(BACKENDS)))
    try:
        return BACKENDS[name]()
    except (ImportError, OSError) as error:
        raise MeshingError(
            f"the mesher {name!r} cannot be loaded ({error})",
            fix="pip install 'heart-twin[mesh]', or choose the other backend; see heart doctor",
        ) from error


def tetrahedralised(
    surface: Surface, edge: float, mesher: Tetrahedraliser
) -> tuple[Float, Int, Int, Int]:
    """Fill a tagged surface.

    Returns
    -------
    tuple
        points (n, 3), cells (m, 4), boundary facets (k, 3) oriented outward, tags (k,).

    Raises
    ------
    MeshingError
        The surface is open, or the result is empty or differs by more than 3 % in volume.
    """
    wanted = topology.enclosed_volume(surface.points, surface.triangles)
    if (topology.edge_table(surface.triangles).count != 2).any() or wanted <= 0:
        raise MeshingError("the surface to fill is not closed and oriented outward")
    points, cells = mesher(surface.points, surface.triangles, edge)
    if not len(cells):
        raise MeshingError("the mesher returned no tetrahedra")
    cells = tetrahedra.oriented(points, cells)
    volume = float(tetrahedra.volumes(points, cells).sum())
    if abs(volume / wanted - 1.0) > VOLUME_CHANGE:
        raise MeshingError(
            f"the tetrahedra fill {volume / 1000:.1f} mL of {wanted / 1000:.1f} mL",
            fix="use a shorter edge length or the other backend",
        )
    used, index = np.unique(cells, return_inverse=True)
    points, cells = points[used], index.reshape(cells.shape).astype(np.int32)
    facets, _ = tetrahedra.boundary_faces(cells)
    tags = transferred(surface, points, facets)
    return points, cells, facets.astype(np.int32), tags


def transferred(surface: Surface, points: Float, facets: Int) -> Int:
    """Return for each facet the tag of the surface triangle that is nearest and faces its way."""
    from_centre = surface.points[surface.triangles].mean(axis=1)
    centre = points[facets].mean(axis=1)
    tree = cKDTree(from_centre)
    closest, nearest = tree.query(centre)
    if np.max(closest, initial=0.0) < 1e-9:
        return np.asarray(surface.tags[nearest])
    normals = _unit(tetrahedra.face_normals(surface.points, surface.triangles))
    own = _unit(tetrahedra.face_normals(points, facets))
    distance, around = tree.query(centre, k=8)
    facing = np.einsum("kij,kj->ki", normals[around], own)
    best = np.argmin(distance * (2.0 - facing), axis=1)
    return np.asarray(surface.tags[around[np.arange(len(facets)), best]])


def _unit(vectors: Float) -> Float:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1), 1e-300)[:, None]
