"""The CRT report: figures as files, and one page with everything inside that opens offline."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from heart.core.progress import Telemetry, silent
from heart.report import (
    bullseye,
    confirm_section,
    ecg_paper,
    interactive,
    mesh_picture,
    scene,
    theme,
)
from heart.report.crt_page import best_lv, page
from heart.report.offscreen import plotter as new_plotter
from heart.report.page_file import embedded, write_page
from heart.report.techniques import EPICARDIAL, shown_on_map
from heart.report.views import look
from heart.study.crt.result import CrtResult


def write_report(result: CrtResult, run_dir: Path, *, telemetry: Telemetry | None = None) -> Path:
    """Draw the figures of a result and write ``report.html``.

    Parameters
    ----------
    result
        From `heart.study.crt.run_crt`.
    run_dir
        Folder of the run.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    RendererError
        There is no off-screen renderer for the 3D pictures.
    StorageError
        A file cannot be written.
    """
    watch = telemetry or silent()
    output = result.scenario.get("output", {})
    with watch.step("Drawing the report"):
        pictures = _figures(result, run_dir / "figures", heart=bool(output.get("figures", True)))
        scenes = _scenes(result) if output.get("interactive", True) else []
        images = {name: embedded(path) for name, path in pictures.items()}
        context = {**page(result, images, scenes)}
        context["confirm"] = confirm_section.section(result.confirmation)
        context["viewer"] = interactive.viewer_base64() if scenes else ""
        target = write_page("crt.html.j2", context, run_dir)
    return target


def marks(result: CrtResult) -> scene.SiteMarks:
    """Return the epicardial sites with what they gain, or all sites where there are none."""
    row = shown_on_map(result)
    outer = [k for k, site in enumerate(result.sites) if site.kind in EPICARDIAL]
    shown = [
        k
        for k in outer or range(len(result.sites))
        if k == row.site or np.isfinite(result.site_benefit[k]) or not result.sites[k].captured
    ]
    partner = next((result.sites[k].point for k in row.poles if result.sites[k].is_rv), None)
    return scene.SiteMarks(
        points=np.array([result.sites[k].point for k in shown]),
        values=result.site_benefit[shown],
        title="BIVAT-90 gained (ms)",
        best=shown.index(row.site),
        partner=partner,
    )


def _figures(result: CrtResult, folder: Path, *, heart: bool) -> dict[str, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    row, first = shown_on_map(result), result.best
    drawn = {
        "ecg": ecg_paper.draw(
            folder / "ecg.png",
            [
                ecg_paper.Trace(
                    result.ecgs["baseline"].times,
                    result.ecgs["baseline"].leads,
                    "before",
                    theme.BEFORE,
                ),
                ecg_paper.Trace(
                    result.ecgs["best"].times, result.ecgs["best"].leads, first.label, theme.AFTER
                ),
            ],
            f"{result.title}: before and with the first of the ranking",
        ),
        "bullseye": bullseye.draw(
            folder / "bullseye.png",
            np.array([result.aha_benefit.get(k, np.nan) for k in range(1, 18)]),
            title="Benefit of an epicardial lead",
            unit="BIVAT-90 gained (ms)",
            star=row.aha or None,
            diverging=min(result.aha_benefit.values(), default=0.0) < 0.0,
        ),
    }
    if not heart:
        return drawn
    mesh = result.heart.mesh
    maps = {
        "before": result.activation["baseline"],
        first.label: result.activation["best"],
    }
    leads = {first.label: np.array([result.sites[k].point for k in first.poles])}
    lv = best_lv(result)
    if lv is not None and lv is not first and "best_lv" in result.activation:
        maps[lv.label] = result.activation["best_lv"]
        leads[lv.label] = np.array([result.sites[k].point for k in lv.poles])
    drawn["activation"] = scene.write_activation(folder / "activation.png", mesh, maps, leads=leads)
    if result.confirmation is not None:
        rows = {row.label: row.difference for row in result.confirmation.rows}
        drawn["confirm"] = scene.write_difference(
            folder / "confirm.png", mesh, rows, title="engine − screen, activation (ms)"
        )
    drawn["lead_map"] = scene.write_lead_map(folder / "lead_map.png", mesh, marks(result))
    drawn["mesh"] = mesh_picture.write(folder / "mesh.png", mesh)
    return drawn


def _scenes(result: CrtResult) -> list[dict[str, str]]:
    mesh = result.heart.mesh
    shown = {
        "sites": ("Where to pace", None),
        "before": ("Before", "baseline"),
        "after": ("First in ranking", "best"),
        "best_lv": ("Best LV lead", "best_lv"),
    }
    times = np.concatenate([t[np.isfinite(t)] for t in result.activation.values()])
    limits = (float(times.min()), float(times.max()))
    scenes = []
    for identity, (name, state) in shown.items():
        if state is not None and state not in result.activation:
            continue
        plotter = new_plotter((900, 700))
        if state is None:
            sites = marks(result)
            heart = scene.surface(mesh, {"benefit": scene.between_sites(mesh, sites)})
            scene.add_wall(plotter, heart, scene.scale(sites))
            scene.add_sites(plotter, sites, bar=True)
        else:
            field = result.activation[state]
            heart = scene.surface(mesh, {"activation": np.where(np.isfinite(field), field, np.nan)})
            scene.add_activation(plotter, heart, limits, bar=True)
        look(plotter, "Left lateral", heart.bounds)
        data = interactive.scene_base64(plotter)
        scenes.append({"id": f"scene-{identity}", "name": name, "data": data})
        plotter.close()
    return scenes
