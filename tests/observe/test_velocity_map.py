"""The speed of a plane wave is exact on linear elements, and meetings are not speeds."""

from __future__ import annotations

import numpy as np

from heart.anatomy.idealised import slab
from heart.observe.velocity_map import velocity_map


def test_plane_wave_is_exact_and_directed() -> None:
    """A linear arrival has one gradient: the speed is exact in every cell of any mesh."""
    mesh = slab((6.0, 4.0, 3.0), 1.0)
    way = np.array([2.0, 1.0, 2.0]) / 3.0
    found = velocity_map(mesh.points, mesh.cells, mesh.points @ way / 0.6)
    np.testing.assert_allclose(found.speed, 0.6, rtol=1e-10)
    np.testing.assert_allclose(found.direction, np.tile(way, (len(mesh.cells), 1)), atol=1e-10)
    axis = np.tile([1.0, 0.0, 0.0], (len(mesh.cells), 1))
    np.testing.assert_allclose(found.along(axis), np.arccos(2.0 / 3.0), atol=1e-10)
    assert not found.meeting.any()


def test_collision_and_block_have_no_speed() -> None:
    """Where two waves meet 1/|∇T| is arbitrarily large, and where none came there is none."""
    mesh = slab((8.0, 2.0, 2.0), 1.0)
    x = mesh.points[:, 0]
    meet = velocity_map(mesh.points, mesh.cells, np.minimum(x, 8.0 - x) / 0.6)
    centre = np.abs(mesh.points[mesh.cells].mean(axis=1)[:, 0] - 4.0)
    np.testing.assert_allclose(meet.speed[centre > 1.0], 0.6, rtol=1e-10)
    flat = velocity_map(mesh.points, mesh.cells, np.full(len(x), 5.0))
    assert flat.meeting.all()
    assert np.isnan(flat.speed).all()
    blocked = velocity_map(mesh.points, mesh.cells, np.where(x > 4.0, np.inf, x / 0.6))
    assert np.isnan(blocked.speed[mesh.points[mesh.cells][:, :, 0].max(axis=1) > 4.0]).all()
