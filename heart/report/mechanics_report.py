"""The report of a mechanics run: figures as files, and one page that opens offline."""

from __future__ import annotations

from pathlib import Path

from heart.core.errors import StorageError
from heart.report import interactive
from heart.report import mechanics_figures as figures
from heart.report import mechanics_systole as systole
from heart.report.mechanics_klotz import draw_klotz
from heart.report.mechanics_page import page
from heart.report.offscreen import plotter as new_plotter
from heart.report.page_file import embedded, write_page
from heart.report.views import look, look_flat
from heart.study.mechanics.result import MechanicsResult


def write_report(result: MechanicsResult, run_dir: Path) -> Path:
    """Draw the figures of a result and write ``report.html``.

    Parameters
    ----------
    result
        From `heart.study.mechanics.run.run_mechanics`.
    run_dir
        Folder of the run.

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
    wanted = result.scenario.get("output", {})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        drawn = _draw(result, folder) if wanted.get("figures", True) else {}
        images = {name: embedded(path) for name, path in drawn.items()}
        scenes = _scenes(result) if wanted.get("interactive", True) else []
        context = page(result, images, scenes)
        context["viewer"] = interactive.viewer_base64() if scenes else ""
    except OSError as error:
        raise StorageError(f"cannot write the report: {error}") from error
    return write_page("mechanics.html.j2", context, run_dir)


def _draw(result: MechanicsResult, folder: Path) -> dict[str, Path]:
    made: dict[str, Path | None] = {
        "deformation": figures.draw_deformation(folder / "deformation.png", result),
        "loads": figures.draw_loads(folder / "loads.png", result),
        "strain": figures.draw_strain(folder / "strain.png", result),
        "longitudinal": systole.draw_longitudinal(folder / "longitudinal.png", result),
        "thickening": systole.draw_thickening(folder / "thickening.png", result),
        "stress": systole.draw_stress(folder / "stress.png", result),
        "klotz": draw_klotz(folder / "klotz.png", result),
    }
    return {name: path for name, path in made.items() if path is not None}


def _scenes(result: MechanicsResult) -> list[dict[str, str]]:
    """Return the body at the end of each stage, to be turned."""
    shown, bar = figures.Shown(result), figures.scale(result)
    scenes = []
    for number, moment in enumerate(result.moments[-figures.MOMENTS_SHOWN :]):
        plotter = new_plotter((900, 700))
        body = shown.surface(moment.displacement, shown.nodal(moment.fields["fibre_stretch"]))
        figures.paint(plotter, body, bar, legend=True)
        if result.heart is None:
            look_flat(plotter, body.bounds)
        else:
            look(plotter, "AP", body.bounds)
        data = interactive.scene_base64(plotter)
        scenes.append(
            {"id": f"scene-{number}", "name": moment.label.replace("_", " "), "data": data}
        )
        plotter.close()
    return scenes
