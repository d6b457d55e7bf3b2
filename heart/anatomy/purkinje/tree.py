"""A Purkinje tree as data: points, edges from the root outwards, and the fascicle of each edge.

Diseases of the conduction system are cuts of named edges, so each edge knows the fascicle it
belongs to; what grows out of a fascicle keeps its name.  A block cuts the *stem* of a fascicle,
the edges by which it leaves another one: the part beyond stays and can be entered from behind.
A network read from a file may contain loops; a loop simply offers another way round a block.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from heart.core.errors import MeshInputError, MissingDataError

Float = NDArray[np.float64]
Int = NDArray[np.integer]
Bool = NDArray[np.bool_]


class Fascicle(IntEnum):
    """Named parts of the conduction system, with all that grows out of each."""

    HIS = 0
    LEFT_BUNDLE = 1
    LEFT_ANTERIOR = 2
    LEFT_SEPTAL = 3
    LEFT_POSTERIOR = 4
    RIGHT_BUNDLE = 5
    MODERATOR_BAND = 6


LEFT = (
    Fascicle.LEFT_BUNDLE,
    Fascicle.LEFT_ANTERIOR,
    Fascicle.LEFT_SEPTAL,
    Fascicle.LEFT_POSTERIOR,
)
RIGHT = (Fascicle.RIGHT_BUNDLE, Fascicle.MODERATOR_BAND)


@dataclass(frozen=True)
class PurkinjeTree:
    """A one-dimensional conduction system.

    Attributes
    ----------
    points
        (k, 3) mm, RAS.
    edges
        (e, 2) node numbers, the one nearer to the root first.
    fascicle
        (e,) `Fascicle` of each edge.
    insulated
        (e,) bundles and fascicles, which no twig leaves and which may cross wall or cavity.
    root
        Node at which the wave from the atria enters.
    """

    points: Float
    edges: Int
    fascicle: Int
    insulated: Bool
    root: int

    def __post_init__(self) -> None:
        count = len(self.points)
        if not count or not np.isfinite(self.points).all():
            raise MeshInputError("a Purkinje tree has no points or points that are not finite")
        if len(self.edges) == 0 or self.edges.min() < 0 or self.edges.max() >= count:
            raise MeshInputError(
                f"a Purkinje tree of {count} points has edges that name other points",
                expected=f"node numbers 0 to {count - 1}",
            )
        if not 0 <= self.root < count:
            raise MeshInputError(f"the root {self.root} is no node of the Purkinje tree")
        parts, label = connected_components(self._graph(), directed=False)
        if parts > 1:
            stray = int(np.flatnonzero(label != label[self.root])[0])
            raise MeshInputError(
                f"the Purkinje tree falls into {parts} parts",
                where=f"node {stray} is not joined to the root {self.root}",
                fix="join the parts, or give one file for each ventricle",
            )

    @property
    def lengths(self) -> Float:
        """(e,) length of each edge in mm."""
        return np.asarray(
            np.linalg.norm(self.points[self.edges[:, 1]] - self.points[self.edges[:, 0]], axis=1)
        )

    @property
    def junctions(self) -> Int:
        """Nodes where the tree meets the muscle: all free ends but the root."""
        degree = np.bincount(self.edges.ravel(), minlength=len(self.points))
        ends = np.flatnonzero(degree == 1)
        return np.asarray(ends[ends != self.root])

    @property
    def loops(self) -> int:
        """How many edges could be taken out without losing connection; 0 for a tree."""
        return len(self.edges) - len(self.points) + 1

    @property
    def of_node(self) -> Int:
        """(k,) `Fascicle` of each node: that of the edge by which the wave reaches it."""
        result = np.full(len(self.points), Fascicle.HIS, np.int32)
        result[self.edges[:, 1]] = self.fascicle
        return result

    def stems(self, *fascicles: Fascicle) -> Int:
        """Return the edges by which the fascicles leave the ones before them.

        Raises
        ------
        MissingDataError
            The tree has no such fascicle, as when it was read from a file without names.
        """
        before = self.of_node[self.edges[:, 0]]
        before[self.edges[:, 0] == self.root] = -1
        rows = []
        for name in fascicles:
            own = np.flatnonzero((self.fascicle == name) & (before != name))
            if not len(own):
                raise MissingDataError(
                    f"the Purkinje tree has no {name.name.lower().replace('_', ' ')} to block",
                    fix="grow the tree, or name the fascicles in the file",
                )
            rows.append(own)
        return np.concatenate(rows) if rows else np.empty(0, np.int64)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays by name, for caches and files."""
        return {
            "points": self.points,
            "edges": self.edges,
            "fascicle": self.fascicle,
            "insulated": self.insulated,
            "root": np.array(self.root),
        }

    @staticmethod
    def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> PurkinjeTree:
        """Rebuild a tree from `arrays`."""
        return PurkinjeTree(
            arrays["points"],
            arrays["edges"],
            arrays["fascicle"],
            arrays["insulated"].astype(bool),
            int(arrays["root"]),
        )

    def _graph(self) -> coo_array:
        size = len(self.points)
        ones = np.ones(len(self.edges), np.int8)
        return coo_array((ones, (self.edges[:, 0], self.edges[:, 1])), shape=(size, size))


def from_root(edges: Int, count: int, root: int) -> Int:
    """Return edges (e, 2) turned so that the node nearer to the root, in edges, comes first."""
    graph = coo_array(
        (np.ones(len(edges), np.int8), (edges[:, 0], edges[:, 1])), shape=(count, count)
    ).tocsr()
    order = breadth_first_order(graph, root, directed=False, return_predecessors=False)
    rank = np.full(count, count)
    rank[order] = np.arange(len(order))
    return np.asarray(np.where((rank[edges[:, :1]] < rank[edges[:, 1:]]), edges, edges[:, ::-1]))
