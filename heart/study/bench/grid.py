"""A box of structured tetrahedra: six in each cube of a grid, as published slabs have them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def grid(size: Sequence[float], spacing: float) -> tuple[NDArray[np.float64], NDArray[np.integer]]:
    """Return points (n, 3) and positively oriented cells (m, 4) of a box from the origin."""
    counts = [max(1, round(side / spacing)) for side in size]
    axes = [np.linspace(0.0, side, n + 1) for side, n in zip(size, counts, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    strides = np.array([(counts[1] + 1) * (counts[2] + 1), counts[2] + 1, 1])
    corner = np.stack(np.meshgrid(*map(np.arange, counts), indexing="ij"), -1).reshape(-1, 3)
    base = corner @ strides
    cells = []
    for order in itertools.permutations(range(3)):
        path = [base + sum(strides[list(order[:k])]) for k in range(4)]
        even = np.linalg.det(np.eye(3)[list(order)]) > 0
        cells.append(np.stack(path if even else [path[0], path[2], path[1], path[3]], axis=1))
    return points, np.concatenate(cells)
