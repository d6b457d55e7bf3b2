"""Twigs for the parts of an endocardium that the fractal tree left out.

The farthest node from all junctions gets one, then the farthest from those too, until none is
farther than asked.  Each follows the shortest way along the surface from the tree; ways that meet
run on as one, so that the result is a tree again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import block_array, coo_array, csr_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from heart.anatomy.purkinje.sprout import Sprout
from heart.anatomy.purkinje.surface import GrowthSurface

Float = NDArray[np.float64]
Int = NDArray[np.integer]

_ROUNDS = 4


@dataclass(frozen=True)
class Perches:
    """Corners of the surface from which the tree can be reached in a straight line.

    Attributes
    ----------
    corner
        (p,) node of the surface.
    reach
        (p,) mm to the tree.
    number
        (p,) node of the tree.
    """

    corner: Int
    reach: Float
    number: Int

    @staticmethod
    def of(
        surface: GrowthSurface, places: Float, triangle: Int, number: Int, first: int, last: int
    ) -> Perches:
        """Return those around nodes `first` to `last` of a tree, which lie in triangles."""
        corner = surface.triangles[triangle[first:last]]
        gap = np.linalg.norm(surface.points[corner] - places[first:last, None], axis=2)
        return Perches(corner.ravel(), gap.ravel(), np.repeat(number[first:last], 3))

    def and_also(self, corner: Int, number: Int) -> Perches:
        """Return these and nodes of the tree that are corners themselves."""
        return Perches(
            np.concatenate([self.corner, corner]),
            np.concatenate([self.reach, np.zeros(len(corner))]),
            np.concatenate([self.number, number]),
        )

    def nearest(self, leaves: Int) -> Perches:
        """Return the nearest for each corner; free ends, which are junctions, only if need be."""
        inner = ~np.isin(self.number, leaves)
        use = inner if inner.any() else np.ones(len(inner), bool)
        corner, reach, number = self.corner[use], self.reach[use], self.number[use]
        order = np.lexsort((number, reach, corner))
        _, first = np.unique(corner[order], return_index=True)
        keep = order[first]
        return Perches(corner[keep], reach[keep], number[keep])


def twigs(
    sprout: Sprout, surface: GrowthSurface, perches: Perches, extent: float, gap: float
) -> None:
    """Add twigs to `sprout` until no node of the surface is farther than `gap` from a junction.

    Parameters
    ----------
    sprout
        The tree, changed in place.
    surface
        Where it grows.
    perches
        Where twigs may leave.
    extent
        Nodes above this apicobasal coordinate are left alone.
    gap
        mm, in a straight line.
    """
    for _ in range(_ROUNDS):
        leaves = sprout.leaves()
        base = perches.nearest(leaves)
        size = len(surface.points)
        source = coo_array(
            (np.maximum(base.reach, 1e-9), (np.full(len(base.corner), size), base.corner)),
            shape=(size + 1, size + 1),
        ).tocsr()
        graph = block_array([[surface.graph, None], [None, csr_array((1, 1))]], format="csr")
        reach, before = dijkstra(
            graph + source, directed=True, indices=size, return_predecessors=True
        )
        low = np.flatnonzero((surface.height <= extent) & np.isfinite(reach[:size]))
        targets = _far(surface.points[low], sprout.places()[leaves], gap)
        if not len(targets):
            return
        corner, number = _attach(sprout, surface, base, before, low[targets])
        perches = perches.and_also(corner, number)


def _far(points: Float, junctions: Float, gap: float) -> Int:
    """Return the points to add to the junctions, farthest first, so that none is beyond `gap`."""
    distance = np.asarray(cKDTree(junctions).query(points)[0])
    chosen: list[int] = []
    while len(distance) and distance[worst := int(np.argmax(distance))] > gap:
        chosen.append(worst)
        distance = np.minimum(distance, np.linalg.norm(points - points[worst], axis=1))
    return np.array(chosen, np.int64)


def _attach(
    sprout: Sprout, surface: GrowthSurface, base: Perches, before: Int, targets: Int
) -> tuple[Int, Int]:
    """Add the ways to `targets`; return the corners passed and their numbers in the tree."""
    size = len(surface.points)
    ground = np.full(size, -1)
    ground[base.corner] = base.number
    number = np.full(size, -1)
    for target in targets.tolist():
        way = [target]
        while number[way[-1]] < 0 and before[way[-1]] != size:
            way.append(int(before[way[-1]]))
        joined = number[way[-1]] >= 0
        start = int(number[way[-1]] if joined else ground[way[-1]])
        nodes = np.array(way[::-1])
        if len(nodes) == 1 and joined:
            continue
        run = surface.expanded(nodes)[1 if joined else 0 :]
        chain = np.concatenate([[start], sprout.count + np.arange(len(run) - 1)])
        new = sprout.add(run, chain, None, insulated=False)
        fresh = nodes[1 if joined else 0 :]
        number[fresh] = new[surface.is_corner(nodes)[1 if joined else 0 :]]
    passed = np.flatnonzero(number >= 0)
    return passed, number[passed]
