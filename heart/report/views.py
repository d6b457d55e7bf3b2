"""The directions from which cardiologists look at a heart, in RAS scanner coordinates."""

from __future__ import annotations

import numpy as np
import pyvista as pv
from numpy.typing import NDArray

SUPERIOR = (0.0, 0.0, 1.0)


def _around(degrees_to_left: float) -> NDArray[np.float64]:
    angle = np.deg2rad(degrees_to_left)
    return np.array([-np.sin(angle), np.cos(angle), 0.0])


VIEWS: dict[str, NDArray[np.float64]] = {
    "AP": _around(0.0),
    "LAO 45°": _around(45.0),
    "RAO 30°": _around(-30.0),
    "Left lateral": _around(90.0),
    "Left posterior": _around(140.0),
    "Posterior": _around(180.0),
}


def look(plotter: pv.Plotter, view: str, bounds: tuple[float, ...], zoom: float = 1.0) -> None:
    """Point the camera of the active view from direction `view`, filling the frame."""
    low, high = np.array(bounds[::2]), np.array(bounds[1::2])
    centre, size = (low + high) / 2, float(np.linalg.norm(high - low))
    position = centre + VIEWS[view] * size * 2.0
    plotter.camera_position = [tuple(position), tuple(centre), SUPERIOR]
    plotter.camera.parallel_projection = True
    plotter.camera.parallel_scale = 0.34 * size / zoom
    plotter.reset_camera_clipping_range()


def look_flat(plotter: pv.Plotter, bounds: tuple[float, ...]) -> None:
    """Look straight at the largest face of a slab or strand, its longest side across."""
    low, high = np.array(bounds[::2]), np.array(bounds[1::2])
    centre, size = (low + high) / 2, high - low
    # Of equal sides the first comes first: a square slab is seen with x to the right, y up.
    across, up, through = np.argsort(-size, kind="stable")
    axes = np.eye(3)
    side = 1.0 if np.linalg.det(axes[[across, up, through]]) > 0 else -1.0
    position = centre + side * axes[through] * float(np.linalg.norm(size)) * 2.0
    plotter.camera_position = [tuple(position), tuple(centre), tuple(axes[up])]
    plotter.camera.parallel_projection = True
    width, height = plotter.window_size
    plotter.camera.parallel_scale = 0.54 * max(size[up], size[across] * height / width)
    plotter.reset_camera_clipping_range()
