"""The outer surface of a torso mesh: electrodes are projected onto it.

An electrode acts at the nearest point of the nearest triangle with the weights of its three
corners, not at the nearest node: so a small displacement changes the lead field by a little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from heart.numerics import tetrahedra

Float = NDArray[np.float64]
Int = NDArray[np.integer]

CANDIDATES = 24


@dataclass(frozen=True)
class Contact:
    """Points on the skin: (k, 3) positions, their triangles' nodes (k, 3) and weights (k, 3)."""

    positions: Float
    nodes: Int
    weights: Float


@dataclass(frozen=True)
class Skin:
    """Outer triangles of a torso mesh."""

    points: Float
    triangles: Int

    @staticmethod
    def of(points: Float, cells: Int) -> Skin:
        """Return the outer surface of a tetrahedral mesh.

        One integer key per face sorts several times faster than rows of three, which counts on
        the two million faces of a torso.
        """
        faces = cells[:, tetrahedra.FACES].reshape(-1, 3)
        low, middle, high = np.sort(faces, axis=1).astype(np.int64).T
        key = (low * len(points) + middle) * len(points) + high
        order = np.argsort(key, kind="stable")
        ordered = key[order]
        same = ordered[1:] == ordered[:-1]
        single = np.append(True, ~same) & np.append(~same, True)
        return Skin(points, faces[np.sort(order[single])])

    def project(self, targets: Float) -> Contact:
        """Return the nearest points of the skin to `targets` (k, 3).

        The candidates are the triangles with the nearest centres, which is exact for surfaces
        whose triangles vary slowly in size.
        """
        corners = self.points[self.triangles]
        count = min(CANDIDATES, len(corners))
        _, near = cKDTree(corners.mean(axis=1)).query(targets, k=count)
        near = np.asarray(near).reshape(len(targets), count)
        weights = closest_weights(corners[near], targets[:, None, :])
        foot = np.einsum("kti,ktij->ktj", weights, corners[near])
        best = np.argmin(((foot - targets[:, None]) ** 2).sum(axis=2), axis=1)
        row = np.arange(len(targets))
        return Contact(foot[row, best], self.triangles[near[row, best]], weights[row, best])


def closest_weights(corners: Float, targets: Float) -> Float:
    """Return barycentric weights (…, 3) of the point of each triangle nearest to each target.

    Parameters
    ----------
    corners
        (…, 3, 3) corners of the triangles.
    targets
        (…, 3), broadcast against them.
    """
    a, b, c = corners[..., 0, :], corners[..., 1, :], corners[..., 2, :]
    u, v, w = b - a, c - a, targets - a
    uu, uv, vv = (u * u).sum(-1), (u * v).sum(-1), (v * v).sum(-1)
    wu, wv = (w * u).sum(-1), (w * v).sum(-1)
    scale = np.maximum(uu * vv - uv * uv, 1e-300)
    s, t = (vv * wu - uv * wv) / scale, (uu * wv - uv * wu) / scale
    inside = np.stack([1.0 - s - t, s, t], axis=-1)
    options, distances = [inside], [np.where((inside >= 0).all(-1), 0.0, np.inf)]
    for first, second in ((0, 1), (1, 2), (2, 0)):
        start, edge = corners[..., first, :], corners[..., second, :] - corners[..., first, :]
        length = np.maximum((edge * edge).sum(-1), 1e-300)
        share = np.clip(((targets - start) * edge).sum(-1) / length, 0.0, 1.0)
        weights = np.zeros_like(inside)
        weights[..., first], weights[..., second] = 1.0 - share, share
        options.append(weights)
        foot = start + share[..., None] * edge
        distances.append(((targets - foot) ** 2).sum(-1) + 1e-30)
    best = np.argmin(np.stack(distances, axis=-1), axis=-1)
    chosen: Float = np.take_along_axis(
        np.stack(options, axis=-2), best[..., None, None], axis=-2
    ).squeeze(-2)
    return chosen
