"""Figures of a mechanics run: the deformed body with its outline before, loads against volumes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyvista as pv
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from heart.numerics import tetrahedra
from heart.report import bullseye, scene, theme
from heart.report.panels import ColourBar, compose, render
from heart.report.views import VIEWS, look, look_flat
from heart.study.mechanics.numbering import vertex_means
from heart.study.mechanics.result import MechanicsResult, Moment
from heart.study.mechanics.systole import CAVITY, means, stretch_since

Float = NDArray[np.floating]
Int = NDArray[np.integer]

STRETCH_MAP = "RdBu_r"
OUTLINE = "#1c2733"
COLOURS = {"lv_endo": theme.AFTER, "rv_endo": theme.BEST}
SERIES = (theme.AFTER, theme.BEST, theme.INK, theme.MUTED, "#b08a2e")
WALL_PANELS = {
    "rotation.": "rotation, apex seen from below (°)",
    "descent.": "towards the apex (mm)",
}
HEART_VIEWS = ("AP", "Left lateral")
CUT = "Cut, from the front"
MOMENTS_SHOWN = 4
UPRIGHT, FLAT = (640, 560), (760, 440)
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

    @cached_property
    def size(self) -> float:
        """Diagonal of the body in mm."""
        return float(np.linalg.norm(np.ptp(self.result.nodes, axis=0)))

    def nodal(self, values: Float) -> Float:
        """Return a field of cells (m,) as one of nodes (N,)."""
        mesh = self.result.mesh
        nodes = tetrahedra.cells_to_nodes(mesh.points, mesh.cells, np.asarray(values, float))
        if len(self.result.nodes) == len(nodes):
            return nodes
        return vertex_means(nodes, mesh.cells, len(nodes))

    def at_vertices(self, values: Float) -> Float:
        """Return a field of vertices (n,) as one of nodes (N,)."""
        mesh = self.result.mesh
        if len(self.result.nodes) == len(values):
            return values
        return vertex_means(np.asarray(values, np.float64), mesh.cells, len(values))

    def surface(self, displacement: Float, values: Float | None = None) -> pv.PolyData:
        """Return the outer surface, moved by `displacement`, with the nodal field ``value``."""
        used, index = np.unique(self.faces, return_inverse=True)
        points = (self.result.nodes + displacement)[used]
        made = pv.PolyData.from_regular_faces(points, index.reshape(-1, 3).astype(np.int64))
        if values is not None:
            made.point_data["value"] = values[used]
        return made

    def half(
        self, displacement: Float, values: Float | None, origin: Float, towards: Float
    ) -> pv.PolyData:
        """Return the part of the body behind the plane through `origin` that faces `towards`."""
        cut = self._grid(displacement, values).clip(normal=tuple(towards), origin=tuple(origin))
        return cut.extract_surface(algorithm="dataset_surface")

    def section(self, displacement: Float, origin: Float, towards: Float) -> pv.PolyData:
        """Return the outline of the body in that plane."""
        surface = self.surface(displacement)
        return surface.slice(normal=tuple(towards), origin=tuple(origin))

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
    reach = max(0.01, float(np.ceil(20.0 * reach - 1e-6) / 20.0) if reach > 0.1 else reach)
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
    """Draw the body at each moment with its outline before, and cut open where it is hollow."""
    shown, bar = Shown(result), scale(result)
    still = np.zeros_like(result.nodes)
    before = shown.surface(still)
    moments = result.moments[-MOMENTS_SHOWN:]
    bounds = _around([before, *(shown.surface(one.displacement) for one in moments)])
    origin = np.asarray(result.nodes.mean(axis=0))
    hollow, heart = bool(result.traces.volumes), result.heart is not None
    views, shape = (HEART_VIEWS, UPRIGHT) if heart else (("",), FLAT)
    facing = VIEWS["AP"] if heart else through(bounds)
    lines = shown.section(still, origin, facing) if hollow else None
    rows = []
    for moment in moments:
        values = shown.nodal(moment.fields["fibre_stretch"])
        body = shown.surface(moment.displacement, values)
        outside = partial(_outside, body=body, before=before, bar=bar)
        row = [render(partial(_pointed, draw=outside, bounds=bounds, view=v), shape) for v in views]
        if lines is not None:
            half = shown.half(moment.displacement, values, origin, facing)
            drawn = lines.translate(tuple(0.01 * shown.size * facing), inplace=False)
            inside = partial(_inside, half=half, lines=drawn, bar=bar)
            view = "AP" if heart else ""
            row.append(render(partial(_pointed, draw=inside, bounds=bounds, view=view), shape))
        rows.append(row)
    names = [title(result, one) for one in moments]
    legend = [("outline before loading", OUTLINE)]
    if not hollow:
        return compose(path, [[row[0] for row in rows]], columns=names, bar=bar, legend=legend)
    columns = [*HEART_VIEWS, CUT] if heart else ["from outside", "cut open"]
    return compose(path, rows, columns=columns, rows=names, bar=bar, legend=legend)


def through(bounds: tuple[float, ...]) -> Float:
    """Return the direction from which `look_flat` looks at a body."""
    size = np.array(bounds[1::2]) - np.array(bounds[::2])
    across, up, depth = np.argsort(-size, kind="stable")
    axes = np.eye(3)
    side = 1.0 if np.linalg.det(axes[[across, up, depth]]) > 0 else -1.0
    return np.asarray(side * axes[depth])


def shortened(boundary: str) -> str:
    """Return the name of a loaded boundary as it is shown: LV, RV, or the face."""
    return CAVITY[boundary].upper() if boundary in CAVITY else boundary.replace("_", " ")


def title(result: MechanicsResult, moment: Moment) -> str:
    """Return a moment in words: its label and loads."""
    traces = result.traces
    row = int(np.abs(traces.at - moment.at).argmin())
    loads = [
        f"{shortened(name)} {_kilopascal(values[row], values)}"
        for name, values in traces.pressures.items()
    ]
    if traces.tension.any():
        loads.append(f"tension {_kilopascal(traces.tension[row], traces.tension)}")
    name = f"{moment.at:.0f} ms" if result.in_time else moment.label.replace("_", " ")
    return f"{name}: {', '.join(loads)}" if loads else name


def _kilopascal(value: float, course: Float) -> str:
    if abs(value) < 1e-3 * np.abs(course).max():
        return "0 kPa"
    return f"{1000.0 * value:.3g} Pa" if abs(value) < 0.05 else f"{value:.3g} kPa"


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
    plotter.add_silhouette(before, color=OUTLINE, line_width=1.8, opacity=0.8)


def _inside(plotter: Any, half: pv.PolyData, lines: pv.PolyData, bar: ColourBar) -> None:
    paint(plotter, half, bar)
    if lines.n_points:
        plotter.add_mesh(lines, color=OUTLINE, line_width=2.0)


def outside_view(
    plotter: Any, body: pv.PolyData, bar: ColourBar, bounds: tuple[float, ...], view: str
) -> None:
    """Draw a coloured body from one of the views of a heart."""
    paint(plotter, body, bar)
    look(plotter, view, bounds)


def half_view(
    plotter: Any,
    shown: Shown,
    moved: Float,
    values: Float,
    bar: ColourBar,
    bounds: tuple[float, ...],
) -> None:
    """Draw a heart cut open from the front, coloured by values of nodes."""
    origin = np.asarray(shown.result.nodes.mean(axis=0))
    paint(plotter, shown.half(moved, values, origin, VIEWS["AP"]), bar)
    look(plotter, "AP", bounds)


def _around(bodies: Sequence[pv.PolyData]) -> tuple[float, ...]:
    table = np.array([body.bounds for body in bodies])
    low, high = table[:, ::2].min(axis=0), table[:, 1::2].max(axis=0)
    return tuple(np.column_stack([low, high]).ravel().tolist())


def draw_loads(path: Path, result: MechanicsResult) -> Path | None:
    """Draw pressure against volume, loads against time, and the way of the probes."""
    traces = result.traces
    panels: list[Callable[[Axes], None]] = []
    if any(name in traces.volumes for name in traces.pressures):
        panels.append(partial(_loops, result))
    if result.in_time:
        panels.append(partial(_courses, result))
    if result.probes:
        panels.append(partial(_ways, result))
    panels += [
        partial(_wall, result, kind)
        for kind in WALL_PANELS
        if any(name.startswith(kind) for name in traces.wall)
    ]
    if not panels:
        return None
    figure = Figure(figsize=(4.6 * len(panels), 3.5), layout="constrained")
    for axes, draw in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        draw(axes)
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.02)
    figure.savefig(path, dpi=130)
    return path


def _loops(result: MechanicsResult, axes: Axes) -> None:
    """Pressure against volume of each cavity."""
    traces = result.traces
    style = "-" if result.in_time else ".-"
    names = [name for name in traces.volumes if name in traces.pressures]
    for name in names:
        volumes, pressures = traces.volumes[name] / 1000.0, traces.pressures[name]
        label, colour = CAVITY[name].upper(), COLOURS[name]
        axes.plot(volumes, pressures, style, label=label, color=colour, markersize=5)
        if result.image is not None and name in result.image.volumes:
            pressure = result.image.pressures.get(name, 0.0)
            axes.plot(
                result.image.volumes[name] / 1000.0, pressure, "o", markerfacecolor="none",
                color=colour, markersize=9, label=f"{label} in the image",
            )  # fmt: skip
    axes.set_xlabel("volume (mL)")
    axes.set_ylabel("pressure (kPa)")
    if len(names) > 1 or result.image is not None:
        axes.legend(frameon=False, fontsize=8.5)


def _courses(result: MechanicsResult, axes: Axes) -> None:
    """Pressures and tension in time."""
    traces = result.traces
    for name, pressures in traces.pressures.items():
        label = f"{shortened(name)} pressure"
        axes.plot(traces.at, pressures, label=label, color=COLOURS.get(name, theme.MUTED))
    if traces.tension.any():
        axes.plot(traces.at, traces.tension, label="tension", color=theme.INK, linestyle="--")
    axes.set_xlabel("time (ms)")
    axes.set_ylabel("pressure, tension (kPa)")
    axes.legend(frameon=False, fontsize=8.5)


def _ways(result: MechanicsResult, axes: Axes) -> None:
    """How far each probe is from where it began."""
    traces = result.traces
    style = "-" if result.in_time else ".-"
    for probe, places in zip(result.probes, traces.places, strict=True):
        moved = np.linalg.norm(places - probe.point, axis=1)
        axes.plot(traces.at, moved, style, label=probe.label, markersize=5)
    axes.set_xlabel("time (ms)" if result.in_time else _stages(result))
    axes.set_ylabel("displacement (mm)")
    axes.legend(frameon=False, fontsize=8.5)


def _wall(result: MechanicsResult, kind: str, axes: Axes) -> None:
    """How slices of the left ventricle turn, or rings descend: a kind of `WALL_PANELS`."""
    traces = result.traces
    factor = float(np.degrees(1.0)) if kind == "rotation." else 1.0
    names = [name for name in traces.wall if name.startswith(kind)]
    style = "-" if result.in_time else ".-"
    for name, colour in zip(names, SERIES, strict=False):
        axes.plot(
            traces.at, factor * traces.wall[name], style, label=name.removeprefix(kind),
            color=colour, markersize=5,
        )  # fmt: skip
    axes.axhline(0.0, color=theme.MUTED, linewidth=0.6)
    axes.set_xlabel("time (ms)" if result.in_time else _stages(result))
    axes.set_ylabel(WALL_PANELS[kind])
    axes.legend(frameon=False, fontsize=8.5)


def _stages(result: MechanicsResult) -> str:
    return "share of the load" if len(result.moments) == 1 else "load (k: end of stage k)"


def draw_strain(path: Path, result: MechanicsResult) -> Path | None:
    """Draw the strain of each AHA segment in the last moment as a bull's-eye; None without one.

    It is the circumferential strain, measured from the unloaded shape or, with several stages,
    from the one before: systolic strain is measured from the end of filling.
    """
    values = segment_strains(result)
    if values is None:
        return None
    return bullseye.draw(path, 100.0 * values, title="circumferential strain", unit="%", note="")


def segment_strains(result: MechanicsResult) -> NDArray[np.float64] | None:
    """Return the mean circumferential engineering strain (17,) of the last moment.

    Relative to the moment before, where there is one.
    """
    stretch = stretch_since(
        result.moments[-1], result.moments[-2] if len(result.moments) > 1 else None,
        "circumferential",
    )  # fmt: skip
    if result.segments is None or stretch is None:
        return None
    return means(result, stretch - 1.0)[1]
