"""Figures of an electrophysiology run: maps, the wave in time, ECG, traces, restitution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyvista as pv
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from heart.numerics import fields, series
from heart.report import ecg_paper, scene, theme
from heart.report.panels import ColourBar, compose, render
from heart.report.views import look, look_flat
from heart.study.electro.outputs import suffix
from heart.study.electro.result import Branch, ElectroResult

Float = NDArray[np.floating]

HEART_VIEWS = ("AP", "Left lateral", "Left posterior")
CUT = "Cut, from the front"
FRAMES_SHOWN = 6
BRANCHES_SHOWN = 3
TRACES_SHOWN = 9
POINTS_SHOWN = 20_000


@dataclass(frozen=True)
class Scale:
    """How a nodal field is coloured: title, limits, map and width of a band (0: smooth)."""

    title: str
    low: float
    high: float
    map: str
    band: float = 0.0

    @staticmethod
    def of(title: str, values: Float, colours: str, band: float = 0.0) -> Scale:
        """Return the scale that holds all finite `values`, in whole bands of at most 25."""
        known = values[np.isfinite(values)]
        low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
        if band:
            while (high - low) / band > 25:
                band *= 2.0
            low, high, _ = theme.bands(low, high, band)
        elif high <= low:
            high = low + 1.0
        return Scale(title, low, high, colours, band)

    @property
    def count(self) -> int:
        """Number of bands."""
        return round((self.high - self.low) / self.band) if self.band else 0

    @property
    def bar(self) -> ColourBar:
        """The colour bar of a figure."""
        return ColourBar(self.title, self.low, self.high, self.map, self.count)


def paint(plotter: pv.Plotter, body: pv.PolyData, scale: Scale, *, bar: bool = False) -> None:
    """Add `body` coloured by its nodal field ``value``, with isochrones where there are bands."""
    plotter.add_mesh(
        body,
        scalars="value",
        cmap=scale.map,
        n_colors=scale.count or 256,
        clim=(scale.low, scale.high),
        smooth_shading=False,
        interpolate_before_map=True,
        specular=0.05,
        ambient=0.45,
        diffuse=0.65,
        nan_color=theme.TISSUE,
        show_scalar_bar=bar,
        scalar_bar_args=scene.bar_style(scale.title),
    )
    if scale.band and np.isfinite(body.point_data["value"]).any():
        edges = np.arange(scale.low + scale.band, scale.high, scale.band)
        lines = body.contour(edges, scalars="value") if len(edges) else pv.PolyData()
        if lines.n_points:
            plotter.add_mesh(lines, color=theme.INK, line_width=1.0, opacity=0.5)


def views(result: ElectroResult) -> dict[str, Callable[[Any, Any], None]]:
    """Return the views of the body by name: three of a heart, one of a slab or strand."""
    if result.heart is None:
        return {"": lambda plotter, bounds: look_flat(plotter, bounds)}
    return {name: partial(_look, name) for name in HEART_VIEWS}


def _look(name: str, plotter: pv.Plotter, bounds: tuple[float, ...]) -> None:
    look(plotter, name, bounds)


def body(result: ElectroResult, values: Float) -> pv.PolyData:
    """Return the outer surface with the nodal field ``value``."""
    return scene.surface(result.mesh, {"value": np.asarray(values, float)})


def draw_map(
    path: Path, result: ElectroResult, maps: dict[str, Float], title: str, colours: str, band: float
) -> Path:
    """Draw nodal maps (rows, one scale) from the views of the body to a PNG."""
    scale = Scale.of(title, np.concatenate(list(maps.values())), colours, band)
    seen = views(result)
    cut = result.heart is not None
    rows = []
    for values in maps.values():
        surface = body(result, values)

        def draw(
            plotter: Any,
            point: Callable[[Any, Any], None],
            surface: pv.PolyData = surface,
        ) -> None:
            paint(plotter, surface, scale)
            point(plotter, surface.bounds)

        rows.append([render(partial(draw, point=point)) for point in seen.values()])
        if cut:
            half = _half(result, values)
            rows[-1].append(render(partial(draw, point=partial(_look, "AP"), surface=half)))
    if len(seen) == 1:
        return compose(path, [[row[0] for row in rows]], columns=list(maps), bar=scale.bar)
    columns = [*seen, CUT] if cut else list(seen)
    return compose(path, rows, columns=columns, rows=list(maps), bar=scale.bar)


def _half(result: ElectroResult, values: Float) -> pv.PolyData:
    """Return the posterior half of the wall, where the layers from inside to outside show."""
    mesh = result.mesh
    whole = fields.grid(mesh.points, mesh.cells, {"value": np.asarray(values, float)})
    return whole.clip(normal=(0.0, 1.0, 0.0), origin=whole.center).extract_surface(
        algorithm="dataset_surface"
    )


def draw_frames(path: Path, result: ElectroResult, run_dir: Path) -> Path | None:
    """Draw the potential at a few times, a row for each branch; None where no fields are kept."""
    chosen = interesting(result)
    point = next(reversed(views(result).values()))
    rows, names, columns = [], [], []
    for branch in chosen:
        file = run_dir / "fields" / f"voltage{suffix(result, branch)}.vtkhdf"
        if not branch.frames or not file.is_file():
            continue
        steps, times = moments(branch)
        pictures = []
        for step in steps:
            _, _, grid = series.read(file, int(step))
            surface = body(result, np.asarray(grid.point_data["voltage"]))

            def draw(plotter: Any, surface: pv.PolyData = surface) -> None:
                paint(plotter, surface, POTENTIAL)
                point(plotter, surface.bounds)

            pictures.append(render(draw, (420, 380)))
        rows.append(pictures)
        names.append(_title(branch))
        columns = [f"{time:.0f} ms" for time in times]
        if len(chosen) > 1:
            names[-1] += ": " + ", ".join(columns)
    if not rows:
        return None
    shown = columns if len(rows) == 1 else [""] * len(columns)
    return compose(
        path, rows, columns=shown, rows=names if len(rows) > 1 else (), bar=POTENTIAL.bar
    )


POTENTIAL = Scale("membrane potential (mV)", -90.0, 40.0, theme.VOLTAGE_MAP)


def interesting(result: ElectroResult) -> list[Branch]:
    """Return the branches to show: those with re-entry first, then in the order of the run."""
    order = sorted(result.branches, key=lambda one: not one.reentry)
    return order[:BRANCHES_SHOWN]


def moments(branch: Branch) -> tuple[NDArray[np.integer], Float]:
    """Return indices and times (ms) of the frames to show, from the last stimulus to the end."""
    times = np.asarray(branch.frames, float)
    begin = branch.last_stimulus
    wanted = begin + (branch.ended - begin) * (np.arange(FRAMES_SHOWN) + 0.5) / FRAMES_SHOWN
    last = branch.repolarisation[-1:]
    if not branch.reentry and np.isfinite(last).any():
        # One wave: half of the pictures while it comes to the outside, half while it goes.
        came = np.nanquantile(branch.activation[-1], (0.4, 0.65, 0.9))
        wanted = np.concatenate([came, np.nanquantile(last, (0.05, 0.3, 0.7))])
    steps = np.abs(times[None, :] - wanted[:, None]).argmin(axis=1)
    return steps, times[steps]


def _title(branch: Branch) -> str:
    if branch.coupling is None:
        return branch.name
    return f"S2 after {branch.coupling:.0f} ms"


def draw_ecg(path: Path, result: ElectroResult) -> Path | None:
    """Draw the ECG of the first branch from its last stimulus on; None where there is none."""
    branch = result.branches[0]
    if branch.ecg is None:
        return None
    keep = branch.ecg.times >= branch.last_stimulus - 20.0
    trace = ecg_paper.Trace(
        np.asarray(branch.ecg.times[keep] - branch.last_stimulus, float),
        np.asarray(branch.ecg.leads[:, keep], float),
        result.engine.replace("_", "-"),
        theme.BEFORE,
    )
    return ecg_paper.draw(path, [trace], f"{result.title}: ECG")


def draw_traces(path: Path, result: ElectroResult) -> Path | None:
    """Draw the potential at the probes and the electrograms, each branch that is shown."""
    if not result.probes and not result.electrodes:
        return None
    branches = interesting(result)
    panels: list[tuple[str, Callable[[Axes, Branch], None]]] = []
    if result.probes:
        panels.append(("potential (mV)", partial(_potentials, result)))
    if result.electrodes:
        panels.append(("electrogram (mV)", partial(_electrograms, result)))
    figure = Figure(figsize=(9.0, 0.6 + 2.3 * len(panels) * len(branches)), layout="constrained")
    grid = figure.subplots(len(panels) * len(branches), 1, squeeze=False)[:, 0]
    for k, branch in enumerate(branches):
        for j, (label, draw) in enumerate(panels):
            axes = grid[k * len(panels) + j]
            draw(axes, branch)
            axes.set_ylabel(label)
            if len(branches) > 1 and j == 0:
                axes.set_title(_title(branch), fontsize=10, loc="left", color=theme.INK)
            for pulse in branch.pulses:
                axes.axvline(pulse.time, color=theme.BEST, linewidth=0.8, alpha=0.6)
            axes.spines[["top", "right"]].set_visible(False)
            axes.margins(x=0.01)
    grid[-1].set_xlabel("time (ms); red: stimuli")
    figure.savefig(path, dpi=130)
    return path


def _potentials(result: ElectroResult, axes: Axes, branch: Branch) -> None:
    first = branch.first_activation[[probe.node for probe in result.probes]]
    order = np.argsort(np.where(np.isfinite(first), first, np.inf), kind="stable")
    shown = np.sort(
        order[np.linspace(0, len(order) - 1, min(TRACES_SHOWN, len(order))).astype(int)]
    )
    for k in shown:
        axes.plot(branch.times, branch.traces[k], label=result.probes[k].label, linewidth=1.1)
    axes.legend(frameon=False, ncols=1, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _electrograms(result: ElectroResult, axes: Axes, branch: Branch) -> None:
    for name, signal in zip(result.electrodes, branch.electrograms, strict=True):
        axes.plot(branch.times, signal, label=name, linewidth=1.1)
    axes.legend(frameon=False, ncols=1, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))


def draw_restitution(path: Path, result: ElectroResult) -> Path | None:
    """Draw duration against diastolic interval of all nodes and beats; None with one beat."""
    pairs = [
        (_title(branch), *result.restitution(k))
        for k, branch in enumerate(result.branches)
        if len(branch.activation) > 1
    ]
    pairs = [item for item in pairs if len(item[1]) >= 20]
    if not pairs:
        return None
    figure = Figure(figsize=(5.2, 3.4), layout="constrained")
    axes = figure.subplots()
    rng = np.random.default_rng(0)
    for name, interval, duration in pairs:
        some = rng.permutation(len(interval))[: POINTS_SHOWN // len(pairs)]
        axes.plot(interval[some], duration[some], ".", markersize=1.6, alpha=0.4, label=name)
    axes.set_xlabel("diastolic interval (ms)")
    axes.set_ylabel("APD90 (ms)")
    axes.spines[["top", "right"]].set_visible(False)
    if len(pairs) > 1:
        axes.legend(frameon=False, fontsize=8, markerscale=6)
    figure.savefig(path, dpi=130)
    return path


def durations(branches: Sequence[Branch]) -> Float:
    """Return APD90 (n,) ms of the first beat of the first branch."""
    one = branches[0]
    if not len(one.activation):
        return np.full(one.activation.shape[1], np.nan)
    return np.asarray(one.repolarisation[0] - one.activation[0])
