"""A uniform triangle surface at the target edge length, by approximate centroidal Voronoi cells.

pyacvd groups the points of the fine surface into clusters of equal area; the dual of the
clusters is the new surface. The dual is made here: pyacvd's own takes minutes for what is two
lines of indexing, and loses the orientation. Where a cluster is in two parts the dual has a flap,
a triangle that hangs on one edge of an otherwise closed surface; flaps are cut off where no count
of clusters is free of them, as on large surfaces with few points to a cluster.
"""

from __future__ import annotations

import numpy as np
import pyacvd
import pyvista as pv
from numpy.typing import NDArray

from heart.anatomy import triangles as topology
from heart.anatomy.surface import Surface
from heart.core.errors import MeshingError
from heart.core.parameters import Parameter

Float = NDArray[np.float64]
Int = NDArray[np.integer]

EDGE = Parameter(1.5, "mm", 0.3, 6.0, "assumed", "target edge length of the mesh")
POINTS_PER_CLUSTER = 4.0
TRIES = 4


def remeshed(surface: Surface, edge: float) -> Surface:
    """Return the surface with triangles of about `edge` mm; the tags of the nearest facets.

    Parameters
    ----------
    surface
        Closed, finer than `edge` (it is subdivided where it is not).
    edge
        Target edge length in mm.

    Raises
    ------
    MeshingError
        The surface cannot be represented at this edge length: a part is thinner than it.
    """
    EDGE.check(edge, name="edge length")
    fine = pv.PolyData.from_regular_faces(surface.points, surface.triangles)
    wanted = fine.area / (0.5 * np.sqrt(3.0) * edge**2)
    clustering = pyacvd.Clustering(fine.copy())
    if wanted * POINTS_PER_CLUSTER > fine.n_points:
        clustering.subdivide(
            int(np.ceil(np.log(wanted * POINTS_PER_CLUSTER / fine.n_points) / np.log(4)))
        )
    points, triangles, faults = _closed(clustering, wanted)
    if faults:
        raise MeshingError(
            f"the surface has parts thinner than the edge length {edge:g} mm ({faults} edges)",
            fix="use a shorter edge length",
        )
    _, points = fine.find_closest_cell(points, return_closest_point=True)
    middle, _ = fine.find_closest_cell(points[triangles].mean(axis=1), return_closest_point=True)
    return Surface(np.asarray(points), triangles, surface.tags[middle])


def _closed(clustering: pyacvd.Clustering, wanted: float) -> tuple[Float, Int, int]:
    """Return the first dual that closes, whole or, failing that, without its flaps; its faults."""
    duals = []
    for attempt in range(TRIES):
        points, triangles, faults = _dual(clustering, round(wanted * 1.1**attempt))
        if not faults:
            return points, triangles, 0
        duals.append((points, triangles, faults))
    for points, triangles, _ in duals:
        kept = without_flaps(triangles)
        if not _faults(kept):
            return *topology.compacted(points, kept), 0
    return duals[-1]


def without_flaps(triangles: Int) -> Int:
    """Return the triangles (k, 3) without those that hang on a single edge, until none does.

    A flap has two free edges, and its third is shared by three triangles: without it the surface
    around is closed.
    """
    while True:
        table = topology.edge_table(triangles)
        count = table.count[table.index]
        flap = ((count == 1).sum(axis=1) >= 2) & (count != 2).all(axis=1)
        if not flap.any():
            return triangles
        triangles = triangles[~flap]


def _faults(triangles: Int) -> int:
    return int((topology.edge_table(triangles).count != 2).sum())


def _dual(clustering: pyacvd.Clustering, count: int) -> tuple[Float, Int, int]:
    """Return the points and triangles of the dual of `count` clusters, and its faulty edges."""
    clusters = np.asarray(clustering.cluster(count))
    triangles = clusters[np.asarray(clustering.mesh.regular_faces)]
    a, b, c = triangles.T
    triangles = triangles[(a != b) & (b != c) & (c != a)]
    _, first = np.unique(np.sort(triangles, axis=1), axis=0, return_index=True)
    weight = np.bincount(clusters, clustering.area)
    points = np.stack(
        [np.bincount(clusters, clustering.area * x) for x in clustering.mesh.points.T], axis=1
    )
    points, triangles = topology.compacted(points / weight[:, None], triangles[first])
    return points, triangles, _faults(triangles)
