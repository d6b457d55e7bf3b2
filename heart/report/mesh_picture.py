"""A picture of a mesh: named boundaries in colour, edges visible, from front and above."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyvista as pv

from heart.anatomy.heart_mesh import Boundary, HeartMesh
from heart.report.panels import compose, render
from heart.report.scene import surface
from heart.report.views import look

BASE = "from the base"
COLOURS: dict[Boundary, str] = {
    Boundary.EPI: "#e8dcd4",
    Boundary.LV_ENDO: "#d7504d",
    Boundary.RV_ENDO: "#4a7fb5",
    Boundary.MITRAL: "#f2b134",
    Boundary.AORTIC: "#8c2d19",
    Boundary.TRICUSPID: "#3a9d8f",
    Boundary.PULMONARY: "#7a5aa6",
    Boundary.BASE: "#9aa5ae",
}


def name(boundary: Boundary) -> str:
    """Return the words for a boundary."""
    special = {
        Boundary.EPI: "epicardium",
        Boundary.LV_ENDO: "LV endocardium",
        Boundary.RV_ENDO: "RV endocardium",
        Boundary.BASE: "base",
    }
    return special.get(boundary, f"{boundary.name.lower()} ring")


def write(path: Path, mesh: HeartMesh) -> Path:
    """Draw the boundaries of `mesh` from the front, from behind and from the base to a PNG."""
    whole = surface(mesh)
    present = [tag for tag in Boundary if (mesh.facet_tags == tag).any()]

    def draw(plotter: Any, view: str) -> None:
        for tag in present:
            plotter.add_mesh(
                whole.extract_cells(np.flatnonzero(mesh.facet_tags == tag)),
                color=COLOURS[tag],
                show_edges=True,
                edge_color="#7d7670",
                line_width=0.4,
                edge_opacity=0.35,
                ambient=0.3,
                diffuse=0.75,
            )
        if view == BASE:
            _from_base(plotter, mesh, whole)
        else:
            look(plotter, view, whole.bounds)

    views = ("AP", "Left posterior", BASE)
    images = [[render(partial(draw, view=view)) for view in views]]
    legend = [(name(tag), COLOURS[tag]) for tag in present]
    return compose(path, images, columns=views, legend=legend)


def _from_base(picture: pv.Plotter, mesh: HeartMesh, whole: pv.PolyData) -> None:
    rings = [tag for tag in Boundary if tag >= Boundary.MITRAL]
    centre = mesh.points.mean(axis=0)
    nodes = mesh.nodes_of(*rings)
    base = mesh.points[nodes].mean(axis=0) if len(nodes) else centre + np.array([0.0, 0.0, 1.0])
    direction = (base - centre) / np.linalg.norm(base - centre)
    size = whole.length
    picture.camera_position = [tuple(centre + 2 * size * direction), tuple(centre), (0, 1, 0)]
    picture.camera.parallel_projection = True
    picture.camera.parallel_scale = 0.36 * size
    picture.reset_camera_clipping_range()
