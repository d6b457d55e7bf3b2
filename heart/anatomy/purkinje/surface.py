"""An endocardium to grow on: triangles, who their neighbours are, and short ways across them.

Ways between two nodes are found in a graph of the edges and of the straight lines across two
triangles that share an edge; the latter take most of the zigzag out.  All points of a way lie on
the surface exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from heart.anatomy.heart import Heart
from heart.anatomy.heart_mesh import Boundary
from heart.anatomy.triangles import edge_table
from heart.core.errors import MeshInputError, MissingDataError

Float = NDArray[np.float64]
Int = NDArray[np.integer]


@dataclass(frozen=True)
class GrowthSurface:
    """A triangulated endocardium.

    Attributes
    ----------
    points
        (n, 3) mm.
    triangles
        (k, 3) int32.
    adjacent
        (k, 3) int32, triangle beyond side 01, 12, 20; −1 at a rim or a side of three triangles.
    height
        (n,) apicobasal coordinate.
    node
        (n,) node of the heart's mesh.
    graph
        (n, n) lengths in mm of edges and of lines across two triangles.
    key, crossing
        (c,) sorted ``smaller * n + larger`` of the lines, (c, 3) where they cross the shared edge.
    """

    points: Float
    triangles: Int
    adjacent: Int
    height: Float
    node: Int
    graph: csr_array
    key: Int
    crossing: Float

    @staticmethod
    def of(heart: Heart, boundary: Boundary) -> GrowthSurface:
        """Return the endocardium `boundary` of a heart.

        Raises
        ------
        MissingDataError
            The heart has no such boundary.
        """
        facets = heart.mesh.facets_of(boundary)
        if not len(facets):
            raise MissingDataError(
                f"this heart has no {boundary.name.lower()} for a Purkinje tree to grow on"
            )
        node, own = np.unique(facets, return_inverse=True)
        return GrowthSurface.from_triangles(
            heart.mesh.points[node],
            own.reshape(facets.shape),
            heart.coordinates.apicobasal[node],
            node,
        )

    @staticmethod
    def from_triangles(
        points: Float, triangles: Int, height: Float, node: Int | None = None
    ) -> GrowthSurface:
        """Build the topology of triangles (k, 3) on points (n, 3)."""
        triangles = np.ascontiguousarray(triangles, np.int32)
        table = edge_table(triangles)
        side = table.index.ravel()
        order = np.argsort(side, kind="stable")
        pairs = order[table.count[side[order]] == 2].reshape(-1, 2)
        adjacent = np.full(triangles.size, -1, np.int32)
        adjacent[pairs[:, 0]] = pairs[:, 1] // 3
        adjacent[pairs[:, 1]] = pairs[:, 0] // 3

        count = len(points)
        edges = table.edges
        one, two = pairs.T
        a, b = triangles[one // 3, one % 3], triangles[one // 3, (one % 3 + 1) % 3]
        c, d = (triangles[p // 3, (p % 3 + 2) % 3] for p in (one, two))
        along = points[b] - points[a]
        size = np.linalg.norm(along, axis=1)
        along = along / size[:, None]
        flat = []
        for corner in (c, d):
            offset = points[corner] - points[a]
            x = np.einsum("ij,ij->i", offset, along)
            flat.append((x, np.linalg.norm(offset - x[:, None] * along, axis=1)))
        (xc, yc), (xd, yd) = flat
        cut = (xc * yd + xd * yc) / np.maximum(yc + yd, 1e-300)
        use = (cut > 1e-6 * size) & (cut < (1.0 - 1e-6) * size) & (c != d)
        first, second = np.minimum(c, d)[use], np.maximum(c, d)[use]
        key, keep = np.unique(first.astype(np.int64) * count + second, return_index=True)
        # A line may coincide with an edge where two triangles share two sides.
        new = ~np.isin(key, edges[:, 0] * count + edges[:, 1])
        key, keep = key[new], keep[new]
        lines = np.hypot(xc - xd, yc + yd)[use][keep]
        crossing = (points[a] + cut[:, None] * along)[use][keep]
        rows = np.concatenate([edges[:, 0], key // count])
        columns = np.concatenate([edges[:, 1], key % count])
        lengths = np.concatenate(
            [np.linalg.norm(points[edges[:, 1]] - points[edges[:, 0]], axis=1), lines]
        )
        graph = coo_array((lengths, (rows, columns)), shape=(count, count)).tocsr()
        return GrowthSurface(
            points=np.ascontiguousarray(points, np.float64),
            triangles=triangles,
            adjacent=adjacent.reshape(-1, 3),
            height=np.ascontiguousarray(height, np.float64),
            node=np.arange(count) if node is None else node,
            graph=graph + graph.T,
            key=key,
            crossing=crossing,
        )

    def nearest(self, points: Float) -> Int:
        """Return the nearest node to each of points (k, 3)."""
        return np.asarray(cKDTree(self.points).query(points)[1])

    def corner_triangle(self) -> Int:
        """Return one triangle (n,) at each node."""
        result = np.full(len(self.points), -1, np.int64)
        result[self.triangles.ravel()] = np.repeat(np.arange(len(self.triangles)), 3)
        return result

    def expanded(self, way: Int) -> Float:
        """Return the points of a way given by its nodes, with the crossings of edges put in."""
        return self._between(way)[0]

    def is_corner(self, way: Int) -> NDArray[np.bool_]:
        """Tell which of the points that `expanded` returns are nodes, not crossings."""
        return self._between(way)[1]

    def _between(self, way: Int) -> tuple[Float, NDArray[np.bool_]]:
        pair = np.sort(np.column_stack([way[:-1], way[1:]]), axis=1).astype(np.int64)
        key = pair[:, 0] * len(self.points) + pair[:, 1]
        at = np.minimum(np.searchsorted(self.key, key), max(len(self.key) - 1, 0))
        line = self.key[at] == key if len(self.key) else np.zeros(len(key), bool)
        places = np.repeat(self.points[way], 2, axis=0)[:-1]
        places[1::2][line] = self.crossing[at[line]]
        keep = np.ones(len(places), bool)
        keep[1::2] = line
        corner = np.ones(len(places), bool)
        corner[1::2] = False
        return places[keep], corner[keep]

    def way(self, stops: Int) -> Float:
        """Return the points of the shortest way over nodes `stops`, the first stop included.

        Raises
        ------
        MeshInputError
            The surface is torn between two stops.
        """
        nodes = [int(stops[0])]
        for start, end in zip(stops[:-1].tolist(), stops[1:].tolist(), strict=True):
            reach, before = dijkstra(
                self.graph, directed=False, indices=end, return_predecessors=True
            )
            if not np.isfinite(reach[start]):
                place = ", ".join(f"{x:.1f}" for x in self.points[start])
                raise MeshInputError(
                    "the endocardium is torn: a bundle of the Purkinje tree cannot get across",
                    where=f"from ({place}) mm",
                    fix="repair the surface, or mesh the heart from its labels",
                )
            here = start
            while here != end:
                here = int(before[here])
                nodes.append(here)
        return self.expanded(np.array(nodes))
