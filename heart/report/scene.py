"""The heart in 3D: activation in isochrone bands, candidate sites coloured by what they gain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyvista as pv
from numpy.typing import NDArray

from heart.anatomy.heart_mesh import HeartMesh
from heart.report import theme
from heart.report.offscreen import plotter as new_plotter
from heart.report.views import look

Float = NDArray[np.floating]


@dataclass(frozen=True)
class SiteMarks:
    """Candidate sites to draw.

    Attributes
    ----------
    points
        (s, 3) mm.
    values
        (s,) what colours them, NaN for sites that do not capture.
    title
        Title of the colour bar.
    best
        Index of the best site.
    partner
        (3,) position of the other lead (the RV lead), or None.
    """

    points: Float
    values: Float
    title: str
    best: int
    partner: Float | None = None


def surface(mesh: HeartMesh, fields: Mapping[str, NDArray[Any]] | None = None) -> pv.PolyData:
    """Return the outer surface of the wall with nodal fields and its boundary tags."""
    nodes, index = np.unique(mesh.facets, return_inverse=True)
    result = pv.PolyData.from_regular_faces(
        mesh.points[nodes], index.reshape(mesh.facets.shape).astype(np.int64)
    )
    result.cell_data["boundary"] = np.asarray(mesh.facet_tags)
    for name, values in (fields or {}).items():
        result.point_data[name] = np.asarray(values)[nodes]
    return result


def add_activation(
    plotter: pv.Plotter, heart: pv.PolyData, limits: tuple[float, float], *, bar: bool
) -> None:
    """Add the heart coloured by its field ``activation`` in bands with isochrones."""
    low, high, count = theme.bands(*limits)
    plotter.add_mesh(
        heart,
        scalars="activation",
        cmap=theme.ACTIVATION_MAP,
        n_colors=count,
        clim=(low, high),
        smooth_shading=True,
        interpolate_before_map=True,
        specular=0.15,
        ambient=0.25,
        nan_color=theme.TISSUE,
        show_scalar_bar=bar,
        scalar_bar_args=_bar("activation (ms)"),
    )
    isochrones = heart.contour(np.arange(low + theme.BAND, high, theme.BAND), scalars="activation")
    if isochrones.n_points:
        plotter.add_mesh(isochrones, color=theme.INK, line_width=1.2, opacity=0.55)


def add_sites(plotter: pv.Plotter, sites: SiteMarks, *, bar: bool, radius: float = 2.6) -> None:
    """Add the candidate sites as spheres; the best one is larger, with a ring."""
    finite = np.isfinite(sites.values)
    if finite.any():
        cloud = pv.PolyData(sites.points[finite])
        cloud.point_data[sites.title] = sites.values[finite]
        balls: Any = cloud.glyph(geom=pv.Sphere(radius=radius), scale=False, orient=False)
        reach = max(float(np.abs(sites.values[finite]).max()), 1e-9)
        plotter.add_mesh(
            balls,
            scalars=sites.title,
            cmap=theme.BENEFIT_MAP,
            clim=(-reach, reach),
            show_scalar_bar=bar,
            scalar_bar_args=_bar(sites.title),
            smooth_shading=True,
        )
    if (~finite).any():
        lost: Any = pv.PolyData(sites.points[~finite]).glyph(
            geom=pv.Cube(x_length=3, y_length=3, z_length=3), scale=False, orient=False
        )
        plotter.add_mesh(lost, color=theme.MUTED)
    best = pv.Sphere(radius=1.75 * radius, center=sites.points[sites.best])
    plotter.add_mesh(best, color="#d7191c", smooth_shading=True, specular=0.4)
    if sites.partner is not None:
        partner = pv.Sphere(radius=1.5 * radius, center=sites.partner)
        plotter.add_mesh(partner, color=theme.INK, smooth_shading=True, specular=0.4)


def add_wall(plotter: pv.Plotter, heart: pv.PolyData, opacity: float = 1.0) -> None:
    """Add the heart as plain tissue."""
    plotter.add_mesh(
        heart, color=theme.TISSUE, smooth_shading=True, specular=0.1, ambient=0.2, opacity=opacity
    )


def write_activation(
    path: Path,
    mesh: HeartMesh,
    maps: Mapping[str, Float],
    *,
    leads: Mapping[str, Float] | None = None,
    views: Sequence[str] = ("AP", "LAO 45°", "Left posterior"),
) -> Path:
    """Draw activation maps (rows, one colour scale) from several views (columns) to a PNG."""
    values = [field[np.isfinite(field)] for field in maps.values()]
    limits = (min(float(v.min()) for v in values), max(float(v.max()) for v in values))
    picture = new_plotter((560 * len(views), 480 * len(maps)), (len(maps), len(views)))
    for row, (name, field) in enumerate(maps.items()):
        heart = surface(mesh, {"activation": np.where(np.isfinite(field), field, np.nan)})
        for column, view in enumerate(views):
            picture.subplot(row, column)
            last = row == len(maps) - 1 and column == len(views) - 1
            add_activation(picture, heart, limits, bar=last)
            points = (leads or {}).get(name)
            for point in points if points is not None else ():
                picture.add_mesh(pv.Sphere(radius=3.5, center=point), color=theme.INK)
            title = f"{name}\n{view}" if column == 0 else f"\n{view}"
            picture.add_text(title, font_size=11, color=theme.INK, position="upper_left")
            look(picture, view, heart.bounds)
    picture.screenshot(str(path))
    picture.close()
    return path


def write_lead_map(
    path: Path,
    mesh: HeartMesh,
    sites: SiteMarks,
    *,
    views: Sequence[str] = ("LAO 45°", "Left lateral", "Left posterior"),
) -> Path:
    """Draw the candidate sites on the heart from several views to a PNG."""
    heart = surface(mesh)
    picture = new_plotter((640 * len(views), 620), (1, len(views)))
    for column, view in enumerate(views):
        picture.subplot(0, column)
        add_wall(picture, heart)
        add_sites(picture, sites, bar=column == len(views) - 1)
        picture.add_text(view, font_size=11, color=theme.INK, position="upper_left")
        look(picture, view, heart.bounds)
    picture.screenshot(str(path))
    picture.close()
    return path


def _bar(title: str) -> dict[str, Any]:
    return {
        "title": title,
        "vertical": False,
        "width": 0.7,
        "height": 0.06,
        "position_x": 0.15,
        "position_y": 0.02,
        "title_font_size": 15,
        "label_font_size": 13,
        "color": theme.INK,
        "fmt": "%.0f",
        "n_labels": 5,
    }
