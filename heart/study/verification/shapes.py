"""Meshes on which closed forms hold: boxes with moved nodes, balls."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heart.anatomy import idealised
from heart.numerics import tetrahedra
from heart.observe.torso import structured_cells

Float = NDArray[np.float64]
Int = NDArray[np.integer]


def box(
    size: tuple[float, float, float],
    edge: float,
    jitter: float = 0.0,
    generator: np.random.Generator | None = None,
) -> tuple[Float, Int]:
    """Return points and tetrahedra of a box of edges of `edge` mm.

    Parameters
    ----------
    size
        Lengths in mm.
    edge
        Grid step in mm.
    jitter
        Nodes are moved by up to this share of an edge; those of a side stay in its plane.
    generator
        Needed with `jitter`.
    """
    mesh = idealised.slab(size, edge)
    points = mesh.points.copy()
    if jitter > 0.0 and generator is not None:
        move = generator.uniform(-jitter * edge, jitter * edge, points.shape)
        move[(points <= points.min(axis=0)) | (points >= points.max(axis=0))] = 0.0
        points += move
    return points, mesh.cells


def ball(radius: float, steps: int) -> tuple[Float, Int]:
    """Return a ball in mm: a grid of 2 × `steps` boxes per edge, pulled onto the sphere."""
    line = np.linspace(-1.0, 1.0, 2 * steps + 1)
    cube = np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1).reshape(-1, 3)
    largest = np.abs(cube).max(axis=1, keepdims=True)
    length = np.maximum(np.linalg.norm(cube, axis=1, keepdims=True), 1e-12)
    points = radius * cube * (1.0 + largest * (largest / length - 1.0))
    cells = structured_cells((len(line),) * 3, (steps,) * 3)
    return points, tetrahedra.oriented(points, cells)
