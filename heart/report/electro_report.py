"""The report of an electrophysiology run: figures as files, and one page that opens offline."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from heart.core.errors import StorageError
from heart.report import electro_figures as figures
from heart.report import interactive, theme
from heart.report.electro_page import page
from heart.report.offscreen import plotter as new_plotter
from heart.report.page_file import embedded, write_page
from heart.study.electro.result import ElectroResult


def write_report(result: ElectroResult, run_dir: Path) -> Path:
    """Draw the figures of a result and write ``report.html``.

    Parameters
    ----------
    result
        From `heart.study.electro.run.run_electro`.
    run_dir
        Folder of the run, with its fields where the wave in time is to be shown.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    RendererError
        There is no off-screen renderer for the pictures.
    StorageError
        A file cannot be written.
    """
    folder = run_dir / "figures"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        drawn = _draw(result, folder, run_dir)
        images = {name: embedded(path) for name, path in drawn.items()}
        scenes = (
            _scenes(result) if result.scenario.get("output", {}).get("interactive", True) else []
        )
        context = page(result, images, scenes)
        context["viewer"] = interactive.viewer_base64() if scenes else ""
    except OSError as error:
        raise StorageError(f"cannot write the report: {error}") from error
    return write_page("electro.html.j2", context, run_dir)


def _draw(result: ElectroResult, folder: Path, run_dir: Path) -> dict[str, Path]:
    first = result.branches[0]
    made: dict[str, Path | None] = {}
    if np.isfinite(first.first_activation).any():
        made["activation"] = figures.draw_map(
            folder / "activation.png",
            result,
            {"first activation": first.first_activation},
            "activation time (ms)",
            theme.ACTIVATION_MAP,
            theme.BAND,
        )
    duration = figures.durations(result.branches)
    if np.isfinite(duration).any():
        made["duration"] = figures.draw_map(
            folder / "duration.png", result, {"APD90": duration}, "APD90 (ms)",
            theme.DURATION_MAP, 5.0,
        )  # fmt: skip
    made["frames"] = figures.draw_frames(folder / "frames.png", result, run_dir)
    made["ecg"] = figures.draw_ecg(folder / "ecg.png", result)
    made["traces"] = figures.draw_traces(folder / "traces.png", result)
    made["restitution"] = figures.draw_restitution(folder / "restitution.png", result)
    return {name: path for name, path in made.items() if path is not None}


def _scenes(result: ElectroResult) -> list[dict[str, str]]:
    first = result.branches[0]
    fields = {
        "activation": ("Activation", first.first_activation, theme.ACTIVATION_MAP, theme.BAND),
        "duration": ("APD90", figures.durations(result.branches), theme.DURATION_MAP, 5.0),
    }
    point = next(iter(figures.views(result).values()))
    scenes = []
    for identity, (name, values, colours, band) in fields.items():
        if not np.isfinite(values).any():
            continue
        plotter = new_plotter((900, 700))
        surface = figures.body(result, values)
        scale = figures.Scale.of(f"{name} (ms)", values, colours, band)
        figures.paint(plotter, surface, scale, bar=True)
        point(plotter, surface.bounds)
        data = interactive.scene_base64(plotter)
        scenes.append({"id": f"scene-{identity}", "name": name, "data": data})
        plotter.close()
    return scenes
