"""A Purkinje tree while it grows: pieces that are joined at the end."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.purkinje.tree import Fascicle, PurkinjeTree

Float = NDArray[np.float64]
Int = NDArray[np.integer]


class Sprout:
    """Nodes so far, node 0 the root; each other node has one that comes before it."""

    def __init__(self, root: Float) -> None:
        self._points = [np.asarray(root, np.float64).reshape(1, 3)]
        self._before = [np.array([-1])]
        self._fascicle = [np.array([int(Fascicle.HIS)])]
        self._insulated = [np.array([True])]
        self.count = 1

    def add(self, points: Float, before: Int, fascicle: Fascicle | None, insulated: bool) -> Int:
        """Append nodes (k, 3), each after the node `before` it; return their numbers.

        A node that is given no fascicle has that of the node before it.
        """
        new = np.arange(self.count, self.count + len(points))
        self._points.append(points)
        self._before.append(np.asarray(before))
        self._fascicle.append(np.full(len(points), -1 if fascicle is None else int(fascicle)))
        self._insulated.append(np.full(len(points), insulated))
        self.count += len(points)
        return new

    def places(self) -> Float:
        """Return the points (k, 3) so far."""
        return np.concatenate(self._points)

    def leaves(self) -> Int:
        """Return the nodes after which there is none."""
        before = np.concatenate(self._before)
        return np.setdiff1d(np.arange(self.count), before)

    def tree(self) -> PurkinjeTree:
        """Return the tree."""
        before = np.concatenate(self._before)
        fascicle = np.concatenate(self._fascicle)
        while (unknown := np.flatnonzero(fascicle < 0)).size:
            fascicle[unknown] = fascicle[before[unknown]]
        return PurkinjeTree(
            np.concatenate(self._points),
            np.column_stack([before, np.arange(self.count)])[1:].astype(np.int32),
            fascicle[1:].astype(np.int32),
            np.concatenate(self._insulated)[1:],
            root=0,
        )
