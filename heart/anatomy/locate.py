"""Point ↔ coordinates, in both directions and for many points at once.

A point is found in its tetrahedron and the coordinates are interpolated there, the rotational one
through its cosine and sine so that the seam does not exist.  The way back looks for the cells
whose corners surround the wanted coordinates, in a space where a step of any coordinate is about
as long as in millimetres, and inverts the coordinates inside the best cell.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from heart.anatomy.heart import VentricularCoordinates
from heart.anatomy.heart_mesh import Boundary, HeartMesh
from heart.core.errors import MeshInputError
from heart.numerics import tetrahedra

Float = NDArray[np.float64]
Int = NDArray[np.integer]

_CANDIDATES = 24
_CHUNK = 20000


class CoordinateLocator:
    """Search structures for one mesh and its coordinates; make it once.

    Parameters
    ----------
    mesh, coordinates
        The heart and the coordinates of its nodes.
    """

    def __init__(self, mesh: HeartMesh, coordinates: VentricularCoordinates) -> None:
        self._mesh, self._coordinates = mesh, coordinates
        self._trees: dict[tuple[Boundary, ...], tuple[cKDTree, Int]] = {}
        corners = mesh.points[mesh.cells]
        self._centroids = cKDTree(corners.mean(axis=1))
        self._origin = corners[:, 0]
        self._gradients = tetrahedra.shape_gradients(mesh.points, mesh.cells)

        side = coordinates.chamber[mesh.cells]
        pure = (side == side[:, :1]).all(axis=1)
        self._scale = self._lengths(pure)
        self._embedded = self._embed(
            coordinates.apicobasal, coordinates.transmural, coordinates.rotational
        )
        self._by_chamber: dict[int, tuple[cKDTree, Int]] = {}
        for chamber in (-1, 1):
            own = np.flatnonzero(pure & (side[:, 0] == chamber))
            if len(own):
                centres = self._embedded[mesh.cells[own]].mean(axis=1)
                self._by_chamber[chamber] = (cKDTree(centres), own)

    def coordinates_at(self, points: ArrayLike) -> VentricularCoordinates:
        """Return the coordinates of points (k, 3) in mm.

        A point outside the wall gets those of the nearest place in the cell that is closest to
        holding it.  Where the chambers meet, the nearer chamber's corners alone are used.
        """
        where = np.atleast_2d(np.asarray(points, np.float64))
        parts = [self._interpolated(chunk) for chunk in _chunks(where)]
        apicobasal, transmural, rotational, chamber = (
            np.concatenate(column) for column in zip(*parts, strict=True)
        )
        return VentricularCoordinates(apicobasal, transmural, rotational, chamber)

    def points_at(
        self,
        apicobasal: ArrayLike,
        transmural: ArrayLike,
        rotational: ArrayLike,
        chamber: ArrayLike,
    ) -> Float:
        """Return the points with the given coordinates, (k, 3) mm.

        Coordinates that no point has (a hole for a valve, say) give the nearest that exists.

        Raises
        ------
        MeshInputError
            A point in the RV is asked of a heart without one.
        """
        wanted = np.broadcast_arrays(*(np.atleast_1d(x) for x in (apicobasal, transmural)))
        arrays = np.broadcast_arrays(
            *wanted, np.atleast_1d(np.asarray(rotational)), np.atleast_1d(np.asarray(chamber))
        )
        height, depth, turn = (np.asarray(x, np.float64) for x in arrays[:3])
        side = np.where(np.asarray(arrays[3]) > 0, 1, -1)
        target = self._embed(height, depth, turn)
        result = np.empty((len(target), 3))
        for value in np.unique(side):
            if int(value) not in self._by_chamber:
                raise MeshInputError(
                    "a point in the right ventricle is asked of a heart that has none",
                    fix="use chamber lv",
                )
            tree, cells = self._by_chamber[int(value)]
            own = np.flatnonzero(side == value)
            for chunk in np.array_split(own, max(1, -(-len(own) // _CHUNK))):
                result[chunk] = self._inverted(target[chunk], tree, cells)
        return result

    def nearest_surface_node(self, points: ArrayLike, *boundaries: Boundary) -> tuple[Int, Float]:
        """Return the nearest node on `boundaries` for points (k, 3), and the distances in mm.

        Raises
        ------
        MeshInputError
            The mesh has none of the boundaries.
        """
        if boundaries not in self._trees:
            nodes = self._mesh.nodes_of(*boundaries)
            if len(nodes) == 0:
                names = ", ".join(tag.name.lower() for tag in boundaries)
                raise MeshInputError(f"the mesh has no boundary {names}")
            self._trees[boundaries] = (cKDTree(self._mesh.points[nodes]), nodes)
        tree, nodes = self._trees[boundaries]
        distance, index = tree.query(np.atleast_2d(np.asarray(points, np.float64)))
        return nodes[index], np.asarray(distance)

    def _lengths(self, pure: NDArray[np.bool_]) -> tuple[float, float, float]:
        """Return mm per unit of height, depth and rotational circle radius, as medians."""
        c, mesh = self._coordinates, self._mesh
        cells = mesh.cells[pure]
        turn = 2.0 * np.pi * c.rotational
        slopes = [
            np.linalg.norm(tetrahedra.cell_gradients(mesh.points, cells, f), axis=1)
            for f in (c.apicobasal, c.transmural, np.cos(turn), np.sin(turn))
        ]
        circle = np.hypot(slopes[2], slopes[3])
        high = c.apicobasal[cells].mean(axis=1) > 0.4
        if not high.any():
            high[:] = True
        medians = [float(np.median(x[high])) for x in (slopes[0], slopes[1], circle)]
        height, depth, radius = (1.0 / max(x, 1e-9) for x in medians)
        return height, depth, radius

    def _embed(self, height: Float, depth: Float, turn: Float) -> Float:
        """Return (k, 4) places in mm-like coordinates; circles shrink towards the apex."""
        length, thickness, radius = self._scale
        h = np.clip(height, 0.0, 1.0)
        circle = radius * np.sqrt(h * (2.0 - h))
        angle = 2.0 * np.pi * turn
        return np.stack(
            [length * height, thickness * depth, circle * np.cos(angle), circle * np.sin(angle)],
            axis=-1,
        )

    def _barycentric(self, cells: Int, points: Float) -> Float:
        """Return the barycentric coordinates of points (k, 3) in cells (k, c), (k, c, 4)."""
        offset = points[:, None, :] - self._origin[cells]
        result: Float = np.einsum("kcij,kcj->kci", self._gradients[cells], offset)
        result[..., 0] += 1.0
        return result

    def _interpolated(self, points: Float) -> tuple[Float, Float, Float, Int]:
        count = min(_CANDIDATES, len(self._mesh.cells))
        _, near = self._centroids.query(points, k=count)
        near = near.reshape(len(points), count)
        share = self._barycentric(near, points)
        best = np.argmax(share.min(axis=2), axis=1)
        rows = np.arange(len(points))
        cell, weight = near[rows, best], np.clip(share[rows, best], 0.0, None)
        weight /= weight.sum(axis=1, keepdims=True)
        nodes = self._mesh.cells[cell]
        side = self._coordinates.chamber[nodes]
        chamber = np.where((weight * side).sum(axis=1) > 0.0, 1, -1)
        weight = np.where(side == chamber[:, None], weight, 0.0)
        weight /= weight.sum(axis=1, keepdims=True)
        c = self._coordinates
        angle = 2.0 * np.pi * c.rotational[nodes]
        turn = np.arctan2(
            (weight * np.sin(angle)).sum(axis=1), (weight * np.cos(angle)).sum(axis=1)
        )
        turn = np.mod(turn / (2.0 * np.pi), 1.0)
        turn[turn >= 1.0] = 0.0
        height, depth = ((weight * f[nodes]).sum(axis=1) for f in (c.apicobasal, c.transmural))
        return height, depth, turn, chamber

    def _inverted(self, target: Float, tree: cKDTree, own: Int) -> Float:
        count = min(_CANDIDATES, len(own))
        _, near = tree.query(target, k=count)
        cells = own[near.reshape(len(target), count)]
        corners = self._embedded[self._mesh.cells[cells]]
        heavy = 1e3 * np.linalg.norm(np.array(self._scale))
        system = np.swapaxes(corners, 2, 3)
        system = np.concatenate([system, np.full((*cells.shape, 1, 4), heavy)], axis=2)
        right = np.concatenate([target, np.full((len(target), 1), heavy)], axis=1)
        transposed = np.swapaxes(system, 2, 3)
        normal = transposed @ system
        trace = np.trace(normal, axis1=2, axis2=3)[..., None, None]
        normal = normal + 1e-12 * trace * np.eye(4)
        load = np.einsum("kcij,kj->kci", transposed, right)
        share = np.clip(np.linalg.solve(normal, load[..., None])[..., 0], 0.0, None)
        share /= np.maximum(share.sum(axis=2, keepdims=True), 1e-12)
        reached = np.einsum("kci,kcij->kcj", share, corners)
        miss = np.linalg.norm(reached - target[:, None, :], axis=2)
        best = np.argmin(miss, axis=1)
        rows = np.arange(len(target))
        corner_points = self._mesh.points[self._mesh.cells[cells[rows, best]]]
        result: Float = np.einsum("ki,kij->kj", share[rows, best], corner_points)
        return result


def _chunks(points: Float) -> list[Float]:
    return list(np.array_split(points, max(1, -(-len(points) // _CHUNK))))
