"""Figures of a mechanics run: the deformed body with its outline before, loads against volumes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyvista as pv
from matplotlib.figure import Figure
from numpy.typing import NDArray

from heart.numerics import tetrahedra
from heart.report import scene, theme
from heart.report.panels import ColourBar, compose, render
from heart.report.views import look, look_flat
from heart.study.mechanics.numbering import vertex_means
from heart.study.mechanics.qoi import CAVITY
from heart.study.mechanics.result import MechanicsResult, Moment

Float = NDArray[np.floating]
Int = NDArray[np.integer]

STRETCH_MAP = "RdBu_r"
OUTLINE = "#1c2733"
HEART_VIEWS = ("AP", "Left lateral")
CUT = "Cut, from the front"
MOMENTS_SHOWN = 4
POINTS_PER_LINE = 3
# A ten-node tetrahedron as eight of four nodes: corners, and the octahedron cut along one diagonal.
_EIGHT = np.array(
    [
        [0, 9, 8, 7], [9, 1, 6, 5], [8, 6, 2, 4], [7, 5, 4, 3],
        [9, 6, 8, 7], [9, 6, 7, 5], [8, 6, 4, 7], [6, 4, 7, 5],
    ]
)  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """A body as it is drawn: straight cells between all its nodes, and its outer triangles."""

    result: MechanicsResult

    @cached_property
    def cells(self) -> Int:
        """(k, 4) straight tetrahedra."""
        cells = np.asarray(self.result.cells)
        return cells if cells.shape[1] == 4 else cells[:, _EIGHT].reshape(-1, 4)

    @cached_property
    def faces(self) -> Int:
        """(j, 3) outer triangles."""
        faces, _ = tetrahedra.boundary_faces(self.cells)
        return faces

    def nodal(self, values: Float) -> Float:
        """Return a field of cells (m,) as one of nodes (N,)."""
        mesh = self.result.mesh
        nodes = tetrahedra.cells_to_nodes(mesh.points, mesh.cells, np.asarray(values, float))
        if len(self.result.nodes) == len(nodes):
            return nodes
        return vertex_means(nodes, mesh.cells, len(nodes))

    def surface(self, displacement: Float, values: Float | None = None) -> pv.PolyData:
        """Return the outer surface, moved by `displacement`, with the nodal field ``value``."""
        used, index = np.unique(self.faces, return_inverse=True)
        points = (self.result.nodes + displacement)[used]
        made = pv.PolyData.from_regular_faces(points, index.reshape(-1, 3).astype(np.int64))
        if values is not None:
            made.point_data["value"] = values[used]
        return made

    def half(self, displacement: Float, values: Float | None, origin: Float) -> pv.PolyData:
        """Return the posterior half of the body behind the plane y = const through `origin`."""
        grid = self._grid(displacement, values)
        cut = grid.clip(normal=(0.0, 1.0, 0.0), origin=origin)
        return cut.extract_surface(algorithm="dataset_surface")

    def section(self, displacement: Float, origin: Float) -> pv.PolyData:
        """Return the outline of the body in the plane y = const through `origin`."""
        surface = self.surface(displacement)
        return surface.slice(normal=(0.0, 1.0, 0.0), origin=origin)

    def _grid(self, displacement: Float, values: Float | None) -> pv.UnstructuredGrid:
        made = pv.UnstructuredGrid(
            {pv.CellType.TETRA: self.cells}, self.result.nodes + displacement
        )
        if values is not None:
            made.point_data["value"] = values
        return made


def scale(result: MechanicsResult) -> ColourBar:
    """Return the scale of the fibre stretch of all moments, centred on 1."""
    values = np.concatenate([one.fields["fibre_stretch"] for one in result.moments])
    reach = float(np.percentile(np.abs(values - 1.0), 98.0))
    reach = max(0.01, np.ceil(100.0 * reach) / 100.0)
    return ColourBar("stretch of the fibre", 1.0 - reach, 1.0 + reach, STRETCH_MAP)


def paint(plotter: pv.Plotter, body: pv.PolyData, bar: ColourBar, *, legend: bool = False) -> None:
    """Add a body coloured by its nodal field ``value``."""
    plotter.add_mesh(
        body,
        scalars="value",
        cmap=bar.map,
        clim=(bar.low, bar.high),
        smooth_shading=True,
        split_sharp_edges=True,
        specular=0.1,
        ambient=0.35,
        diffuse=0.75,
        show_scalar_bar=legend,
        scalar_bar_args={**scene.bar_style(bar.title), "fmt": "%.2f"},
    )


def draw_deformation(path: Path, result: MechanicsResult) -> Path:
    """Draw the body at each moment (rows), with its outline before, to a PNG."""
    shown, bar = Shown(result), scale(result)
    still = np.zeros_like(result.nodes)
    before = shown.surface(still)
    moments = result.moments[-MOMENTS_SHOWN:]
    bounds = _around([before, *(shown.surface(one.displacement) for one in moments)])
    origin = np.asarray(result.nodes.mean(axis=0))
    flat = result.heart is None
    rows = []
    for moment in moments:
        values = shown.nodal(moment.fields["fibre_stretch"])
        body = shown.surface(moment.displacement, values)
        outside = partial(_outside, body=body, before=before, bar=bar)
        if flat:
            rows.append([render(partial(_pointed, draw=outside, bounds=bounds, view=""))])
            continue
        half = shown.half(moment.displacement, values, origin)
        lines = shown.section(still, origin)
        inside = partial(_inside, half=half, lines=lines, bar=bar)
        rows.append(
            [render(partial(_pointed, draw=outside, bounds=bounds, view=v)) for v in HEART_VIEWS]
            + [render(partial(_pointed, draw=inside, bounds=bounds, view="AP"))]
        )
    names = [title(result, one) for one in moments]
    legend = [("outline before loading", OUTLINE)]
    if flat:
        return compose(path, [[row[0] for row in rows]], columns=names, bar=bar, legend=legend)
    return compose(path, rows, columns=[*HEART_VIEWS, CUT], rows=names, bar=bar, legend=legend)


def title(result: MechanicsResult, moment: Moment) -> str:
    """Return a moment in words: its label and loads."""
    traces = result.traces
    row = int(np.abs(traces.at - moment.at).argmin())
    loads = [
        f"{CAVITY.get(name, name).upper()} {_kilopascal(values[row])}"
        for name, values in traces.pressures.items()
    ]
    if traces.tension.any():
        loads.append(f"tension {_kilopascal(traces.tension[row])}")
    return f"{moment.label}: {', '.join(loads)}"


def _kilopascal(value: float) -> str:
    return f"{1000.0 * value:.3g} Pa" if 0.0 < abs(value) < 0.05 else f"{value:.3g} kPa"


def _pointed(
    plotter: Any, draw: Callable[[Any], None], bounds: tuple[float, ...], view: str
) -> None:
    draw(plotter)
    if view:
        look(plotter, view, bounds)
    else:
        look_flat(plotter, bounds)


def _outside(plotter: Any, body: pv.PolyData, before: pv.PolyData, bar: ColourBar) -> None:
    paint(plotter, body, bar)
    plotter.add_mesh(before, color=theme.TISSUE, opacity=0.12, smooth_shading=True)
    edges = before.extract_feature_edges(
        feature_angle=50.0, boundary_edges=True, manifold_edges=False, non_manifold_edges=False
    )
    if edges.n_points:
        plotter.add_mesh(edges, color=OUTLINE, line_width=1.5, opacity=0.6)


def _inside(plotter: Any, half: pv.PolyData, lines: pv.PolyData, bar: ColourBar) -> None:
    paint(plotter, half, bar)
    if lines.n_points:
        # In front of the cut, so that the wall that moved does not hide them.
        drawn = lines.translate((0.0, 0.5, 0.0), inplace=False)
        plotter.add_mesh(drawn, color=OUTLINE, line_width=2.0)


def _around(bodies: Sequence[pv.PolyData]) -> tuple[float, ...]:
    table = np.array([body.bounds for body in bodies])
    low, high = table[:, ::2].min(axis=0), table[:, 1::2].max(axis=0)
    return tuple(np.column_stack([low, high]).ravel().tolist())


def draw_loads(path: Path, result: MechanicsResult) -> Path | None:
    """Draw pressure against volume of each cavity, and the way of the probes, against the load."""
    traces = result.traces
    pairs = [
        (CAVITY[name].upper(), traces.volumes[name] / 1000.0, traces.pressures[name])
        for name in traces.volumes
        if name in traces.pressures
    ]
    panels = (1 if pairs else 0) + (1 if result.probes else 0)
    if not panels:
        return None
    figure = Figure(figsize=(4.9 * panels, 3.6), layout="constrained")
    grid = figure.subplots(1, panels, squeeze=False)[0]
    place = 0
    if pairs:
        axes, place = grid[0], 1
        for (name, volumes, pressures), colour in zip(
            pairs, (theme.AFTER, theme.BEST), strict=False
        ):
            axes.plot(volumes, pressures, ".-", label=name, color=colour, markersize=5)
        axes.set_xlabel("volume (mL)")
        axes.set_ylabel("pressure (kPa)")
        if len(pairs) > 1:
            axes.legend(frameon=False, fontsize=9)
    if result.probes:
        axes = grid[place]
        for probe, places in zip(result.probes, traces.places, strict=True):
            moved = np.linalg.norm(places - probe.point, axis=1)
            axes.plot(traces.at, moved, ".-", label=probe.label, markersize=5)
        axes.set_xlabel("load (1 is the end of the first stage)")
        axes.set_ylabel("displacement (mm)")
        axes.legend(frameon=False, fontsize=9)
    for axes in grid:
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.02)
    figure.savefig(path, dpi=130)
    return path
