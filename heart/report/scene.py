"""The heart in 3D: activation in isochrone bands, candidate sites coloured by what they gain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyvista as pv
from numpy.typing import NDArray

from heart.anatomy.heart_mesh import Boundary, HeartMesh
from heart.report import theme
from heart.report.panels import ColourBar, compose, render
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


REACH = 18.0
"""mm from the nearest site up to which the benefit between sites is interpolated."""


def between_sites(mesh: HeartMesh, sites: SiteMarks) -> Float:
    """Return the value of the sites interpolated on the epicardium, NaN elsewhere."""
    field = np.full(len(mesh.points), np.nan)
    use = np.isfinite(sites.values)
    if not use.any():
        return field
    nodes = mesh.nodes_of(Boundary.EPI)
    gap = np.linalg.norm(mesh.points[nodes][:, None] - sites.points[use], axis=2)
    weight = 1.0 / (gap**3 + 1.0)
    near = gap.min(axis=1) < REACH
    value = weight @ sites.values[use] / weight.sum(axis=1)
    field[nodes[near]] = value[near]
    return field


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
        specular=0.1,
        ambient=0.35,
        diffuse=0.75,
        nan_color=theme.TISSUE,
        show_scalar_bar=bar,
        scalar_bar_args=bar_style("activation (ms)"),
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
        balls: Any = cloud.glyph(
            geom=pv.Sphere(radius=radius, theta_resolution=16, phi_resolution=12),
            scale=False,
            orient=False,
        )
        colours = scale(sites)
        plotter.add_mesh(
            balls,
            scalars=sites.title,
            cmap=colours.map,
            clim=(colours.low, colours.high),
            show_scalar_bar=bar,
            scalar_bar_args=bar_style(sites.title),
            smooth_shading=True,
        )
    if (~finite).any():
        lost: Any = pv.PolyData(sites.points[~finite]).glyph(
            geom=pv.Cube(x_length=3, y_length=3, z_length=3), scale=False, orient=False
        )
        plotter.add_mesh(lost, color=theme.MUTED)
    best = pv.Sphere(radius=1.75 * radius, center=sites.points[sites.best])
    plotter.add_mesh(best, color=theme.BEST, smooth_shading=True, specular=0.4)
    if sites.partner is not None:
        partner = pv.Sphere(radius=1.5 * radius, center=sites.partner)
        plotter.add_mesh(partner, color=theme.INK, smooth_shading=True, specular=0.4)


def add_wall(plotter: pv.Plotter, heart: pv.PolyData, colours: ColourBar | None = None) -> None:
    """Add the heart as tissue, coloured by its field ``benefit`` when a scale is given."""
    plotter.add_mesh(
        heart,
        color=None if colours else theme.TISSUE,
        scalars="benefit" if colours else None,
        cmap=colours.map if colours else None,
        clim=(colours.low, colours.high) if colours else None,
        nan_color=theme.TISSUE,
        show_scalar_bar=False,
        smooth_shading=True,
        specular=0.1,
        ambient=0.3,
        diffuse=0.75,
    )


def write_activation(
    path: Path,
    mesh: HeartMesh,
    maps: Mapping[str, Float],
    *,
    leads: Mapping[str, Float] | None = None,
    views: Sequence[str] = ("AP", "Left lateral", "Left posterior"),
) -> Path:
    """Draw activation maps (rows, one colour scale) from several views (columns) to a PNG."""
    values = [field[np.isfinite(field)] for field in maps.values()]
    limits = (min(float(v.min()) for v in values), max(float(v.max()) for v in values))
    images = []
    for name, field in maps.items():
        heart = surface(mesh, {"activation": np.where(np.isfinite(field), field, np.nan)})
        points = (leads or {}).get(name, np.zeros((0, 3)))

        def draw(plotter: Any, view: str, heart: pv.PolyData = heart, at: Float = points) -> None:
            add_activation(plotter, heart, limits, bar=False)
            for point in at:
                plotter.add_mesh(pv.Sphere(radius=3.5, center=point), color=theme.INK)
            look(plotter, view, heart.bounds)

        images.append([render(partial(draw, view=view)) for view in views])
    low, high, count = theme.bands(*limits)
    bar = ColourBar("activation time (ms)", low, high, theme.ACTIVATION_MAP, count)
    return compose(path, images, columns=views, rows=list(maps), bar=bar)


def write_difference(
    path: Path,
    mesh: HeartMesh,
    maps: Mapping[str, Float],
    *,
    title: str,
    views: Sequence[str] = ("AP", "Left lateral", "Left posterior"),
) -> Path:
    """Draw differences in ms (rows) from several views (columns) in steps of 5 ms to a PNG.

    One scale, centred on 0, reaches the 99th percentile of all maps; what is beyond has the colour
    of its end.
    """
    sizes = np.concatenate([np.abs(field[np.isfinite(field)]) for field in maps.values()])
    reach = float(np.percentile(sizes, 99.0)) if sizes.size else 0.0
    # The middle band is 0 ± half a step, so that what agrees is white and not one of two tints.
    step = theme.DIFFERENCE_STEP
    steps = max(1, int(np.ceil((reach - 0.5 * step) / step)))
    high = (steps + 0.5) * step
    bar = ColourBar(title, -high, high, theme.DIFFERENCE_MAP, 2 * steps + 1)
    images = []
    for field in maps.values():
        heart = surface(mesh, {"difference": field})

        def draw(plotter: Any, view: str, heart: pv.PolyData = heart) -> None:
            plotter.add_mesh(
                heart, scalars="difference", cmap=bar.map, n_colors=bar.bands,
                clim=(bar.low, bar.high), interpolate_before_map=True, smooth_shading=True,
                specular=0.1, ambient=0.35, diffuse=0.75, nan_color=theme.MUTED,
                show_scalar_bar=False,
            )  # fmt: skip
            look(plotter, view, heart.bounds)

        images.append([render(partial(draw, view=view)) for view in views])
    legend = [("not activated", theme.MUTED)] if _some_missing(mesh, maps) else []
    return compose(path, images, columns=views, rows=list(maps), bar=bar, legend=legend)


def _some_missing(mesh: HeartMesh, maps: Mapping[str, Float]) -> bool:
    nodes = np.unique(mesh.facets)
    return any(bool(np.isnan(field[nodes]).any()) for field in maps.values())


def write_lead_map(
    path: Path,
    mesh: HeartMesh,
    sites: SiteMarks,
    *,
    views: Sequence[str] = ("AP", "Left lateral", "Left posterior"),
) -> Path:
    """Draw the candidate sites on the heart from several views to a PNG."""
    bar = scale(sites)
    heart = surface(mesh, {"benefit": between_sites(mesh, sites)})

    def draw(plotter: Any, view: str) -> None:
        add_wall(plotter, heart, bar)
        add_sites(plotter, sites, bar=False)
        look(plotter, view, heart.bounds)

    images = [[render(partial(draw, view=view)) for view in views]]
    legend = [("best epicardial position", theme.BEST)]
    if sites.partner is not None:
        legend.append(("RV lead (inside)", theme.INK))
    if not np.isfinite(sites.values).all():
        legend.append(("does not capture", theme.MUTED))
    return compose(path, images, columns=views, bar=bar, legend=legend)


def scale(sites: SiteMarks) -> ColourBar:
    """Return the colour scale of the sites: from worst to best, centred on 0 if some lose."""
    finite = sites.values[np.isfinite(sites.values)]
    if not finite.size:
        return ColourBar(sites.title, 0.0, 1.0, theme.SCORE_MAP)
    low, high = float(np.floor(finite.min())), float(np.ceil(finite.max()))
    if low >= 0.0:
        return ColourBar(sites.title, low, max(high, low + 1.0), theme.SCORE_MAP)
    reach = max(-low, high)
    return ColourBar(sites.title, -reach, reach, theme.BENEFIT_MAP)


def bar_style(title: str) -> dict[str, Any]:
    """Return the look of a colour bar inside a scene."""
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
