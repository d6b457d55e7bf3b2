"""A field in time on disk: what is read at a step is what was written at it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyvista as pv

from heart.anatomy.idealised import slab
from heart.numerics import fields, series


def test_every_step_comes_back_with_its_time_and_the_mesh_is_stored_once(tmp_path: Path) -> None:
    """A movie whose frames are off by one shows a wave that never was."""
    mesh = slab((4.0, 2.0, 1.0), 1.0)
    times = [0.0, 2.5, 7.0, 20.0]
    rng = np.random.default_rng(1)
    frames = rng.normal(size=(4, len(mesh.points))).astype(np.float32)
    path = series.write(
        tmp_path / "deep" / "voltage.vtkhdf",
        fields.grid(mesh.points, mesh.cells),
        "voltage",
        times,
        lambda step: frames[step],
    )
    for step, time in enumerate(times):
        count, at, grid = series.read(path, step)
        assert (count, at) == (4, time)
        np.testing.assert_array_equal(grid.point_data["voltage"], frames[step])
        np.testing.assert_allclose(grid.points, mesh.points)
        assert grid.n_cells == len(mesh.cells)
    assert pv.read(path).n_points == len(mesh.points)
    assert [one.name for one in path.parent.iterdir()] == ["voltage.vtkhdf"]
