"""The delay of curved fronts against its closed form, in all directions of a metric."""

from __future__ import annotations

import numpy as np
import pytest

from heart.core.errors import ParameterError
from heart.numerics.eikonal import (
    EikonalMesh,
    FibreMetric,
    Lengths,
    delayed,
    solve,
    tetrahedron_lengths,
    triangle_lengths,
)

SPEEDS = np.array([0.6, 0.4, 0.3])
FRONT = 0.3


@pytest.fixture(scope="module")
def box() -> tuple[EikonalMesh, Lengths, np.ndarray]:
    """An irregular box as large in the metric along all axes, with its exact plane distances."""
    rng = np.random.default_rng(1)
    count = 26
    grid = np.stack(np.meshgrid(*3 * (np.arange(count + 1.0),), indexing="ij"), axis=-1)
    inner = grid[1:-1, 1:-1, 1:-1]
    inner += rng.uniform(-0.15, 0.15, inner.shape)
    points = grid.reshape(-1, 3) * SPEEDS
    first = np.arange(count)
    corner = np.stack(np.meshgrid(first, first, first, indexing="ij"), -1).reshape(-1, 3)
    strides = np.array([(count + 1) ** 2, count + 1, 1])
    orders = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
    base = corner @ strides
    cells = np.concatenate(
        [
            np.stack([base + sum(strides[list(order[:k])]) for k in range(4)], axis=1)
            for order in orders
        ]
    )
    mesh = EikonalMesh.from_cells(points, cells)
    axes = np.tile(np.eye(3), (len(cells), 1, 1))
    metric = FibreMetric(axes[:, 0], np.tile(SPEEDS, (len(cells), 1)), axes[:, 1])
    lengths = Lengths(tetrahedron_lengths(mesh, metric), triangle_lengths(mesh, 0.0))
    return mesh, lengths, points / SPEEDS - 0.5 * count


def test_spreading_wave_is_late_by_the_logarithm(box) -> None:
    """Twice the front time for each e-fold of the radius, whatever the direction [Franzone1990]."""
    mesh, lengths, place = box
    radius = np.linalg.norm(place, axis=1)
    fired = np.flatnonzero(radius <= 4.0)
    time = solve(mesh, lengths, fired, radius[fired], accuracy="second")
    late = delayed(mesh, lengths, time, fired, FRONT) - time
    assert (late[fired] == 0.0).all()
    far = (radius > 6.0) & (radius < 12.0)
    way = np.abs(place) / np.maximum(radius, 1e-9)[:, None]
    for part in (far, *(far & (way[:, axis] > 0.95) for axis in range(3))):
        slope, begin = np.polyfit(np.log(radius[part]), late[part], 1)
        assert slope == pytest.approx(2.0 * FRONT, rel=0.06)
        # The nodes that are fired end up to an edge before the radius that was asked for.
        assert 3.0 < np.exp(-begin / slope) < 4.0
        scatter = late[part] - slope * np.log(radius[part]) - begin
        assert np.std(scatter) < 0.05


def test_plane_wave_is_not_late(box) -> None:
    """What does not bend keeps the speed of the eikonal equation."""
    mesh, lengths, place = box
    fired = np.flatnonzero(place[:, 0] <= place[:, 0].min() + 1e-9)
    time = solve(mesh, lengths, fired, 0.0)
    late = delayed(mesh, lengths, time, fired, FRONT) - time
    assert np.abs(late).max() < 0.02 * time.max()


def test_nothing_arrives_stays_so_and_bad_input_is_named(box) -> None:
    """A delay makes no wave, and a front time in seconds is refused."""
    mesh, lengths, _ = box
    time = np.full(len(mesh.points), np.inf)
    time[0] = 0.0
    assert np.isinf(delayed(mesh, lengths, time, [0], FRONT)[1:]).all()
    with pytest.raises(ParameterError, match="front time"):
        delayed(mesh, lengths, time, [0], 300.0)
    with pytest.raises(ParameterError, match="no nodes are fired"):
        delayed(mesh, lengths, time, np.zeros(0, int), FRONT)
    with pytest.raises(ParameterError, match="arrival has shape"):
        delayed(mesh, lengths, time[1:], [0], FRONT)
