"""Look at the fields of a run: a PyVista window, a screenshot, or a page to turn the heart in."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pyvista as pv

from heart.core.errors import MissingDataError, RendererError
from heart.report import interactive, theme
from heart.report.offscreen import plotter as offscreen_plotter
from heart.report.scene import bar_style
from heart.report.views import look


def open_run(
    run_dir: Path, *, screenshot: Path | None = None, html: Path | None = None, field: str = ""
) -> list[str]:
    """Show the first field file of `run_dir`.

    Parameters
    ----------
    run_dir
        Folder written by ``heart run`` or ``heart mesh``.
    screenshot, html
        Write a PNG or an offline page instead of opening a window.
    field
        Name of the array to colour by; the first activation when empty.

    Returns
    -------
    list of str
        Names of the arrays that can be shown.

    Raises
    ------
    MissingDataError
        No fields, or no array of that name.
    RendererError
        A window was asked for and there is no display.
    """
    files = sorted(run_dir.glob("fields/*.vtkhdf")) + sorted(run_dir.glob("*.vtkhdf"))
    if not files:
        raise MissingDataError(
            f"{run_dir.name} has no fields/*.vtkhdf", fix="give the folder of a finished run"
        )
    mesh: Any = pv.read(files[0])
    names = [*mesh.point_data.keys(), *mesh.cell_data.keys()]
    chosen = field or next((name for name in names if "activation" in name), names[0])
    if chosen not in names:
        raise MissingDataError(f"no field {chosen!r}", expected=f"one of {', '.join(names)}")
    outer = mesh.extract_surface(algorithm="dataset_surface")
    window = screenshot is None and html is None
    if window and not pv.system_supports_plotting():
        raise RendererError("no display to open a window on", fix="use --screenshot or --html")
    plotter = pv.Plotter(title="heart-twin") if window else offscreen_plotter((1200, 900))
    plotter.add_mesh(
        outer,
        scalars=chosen,
        cmap=theme.ACTIVATION_MAP if "activation" in chosen else theme.SCORE_MAP,
        smooth_shading=True,
        ambient=0.35,
        diffuse=0.75,
        scalar_bar_args=bar_style(chosen),
    )
    look(plotter, "AP", outer.bounds)
    if window:
        plotter.show()
    if screenshot is not None:
        plotter.screenshot(str(screenshot))
    if html is not None:
        html.write_text(_page(plotter), encoding="utf-8")
    plotter.close()
    return names


def _page(plotter: pv.Plotter) -> str:
    viewer = base64.b64decode(interactive.viewer_base64()).decode("utf-8")
    load = (
        "<script>function loadDataSet(){const c=document.querySelector('.content')||document.body;"
        f"OfflineLocalView.load(c,{{base64Str:'{interactive.scene_base64(plotter)}'}});}}</script>"
    )
    return viewer.replace("</body>", load + "</body>")
