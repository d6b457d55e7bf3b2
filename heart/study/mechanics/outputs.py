"""A run on disk: qoi.json, the deformed body for ParaView, loads and volumes as a table."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyvista as pv
from numpy.typing import NDArray

from heart.core.errors import StorageError
from heart.numerics import series
from heart.study.mechanics.fitted import write_curve
from heart.study.mechanics.numbering import vertex_means
from heart.study.mechanics.prepare import FRAMES
from heart.study.mechanics.qoi import AXES, quantities
from heart.study.mechanics.recorders import frame_path
from heart.study.mechanics.result import MechanicsResult
from heart.study.mechanics.systole import CAVITY
from heart.study.mechanics.wall import ROTATIONS, STRESS, WORK

Float = NDArray[np.floating]

# basix numbers the edges of a tetrahedron (2,3) (1,3) (1,2) (0,3) (0,2) (0,1), VTK the other way.
TO_VTK = [0, 1, 2, 3, 9, 6, 8, 7, 5, 4]


def write_outputs(result: MechanicsResult, run_dir: Path) -> list[Path]:
    """Write qoi.json, traces/loads.csv and fields/deformation.vtkhdf; call it on one rank.

    Fields are assembled from the frames that the run left, which are removed.

    Raises
    ------
    StorageError
        A file cannot be written.
    """
    try:
        path = run_dir / "qoi.json"
        text = json.dumps(quantities(result), indent=1, allow_nan=False, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")
        written = [path, write_traces(result, run_dir / "traces" / "loads.csv")]
        if result.fitted is not None:
            written.append(write_curve(result.fitted, run_dir / "traces" / "klotz.csv"))
        if result.scenario.get("output", {}).get("fields", True):
            written.append(_write_series(result, run_dir))
        shutil.rmtree(run_dir / FRAMES, ignore_errors=True)
    except OSError as error:
        raise StorageError(f"cannot write the results: {error}") from error
    return written


def grid(
    result: MechanicsResult, displacement: Float, fields: Mapping[str, NDArray[Any]]
) -> pv.UnstructuredGrid:
    """Return the deformed body with its fields as tetrahedra of four or ten nodes.

    Parameters
    ----------
    displacement
        (N, 3) mm of the nodes.
    fields
        By name: (N,) or (n,) values of nodes or vertices, (m,) values of cells.
    """
    wide = result.cells.shape[1] == len(TO_VTK)
    kind = pv.CellType.QUADRATIC_TETRA if wide else pv.CellType.TETRA
    cells = result.cells[:, TO_VTK] if wide else result.cells
    made = pv.UnstructuredGrid({kind: np.asarray(cells)}, result.nodes + displacement)
    made.point_data["displacement"] = np.ascontiguousarray(displacement)
    vertices, count = len(result.mesh.points), len(result.mesh.cells)
    for name, values in fields.items():
        if len(values) == count:
            made.cell_data[name] = np.ascontiguousarray(values)
        elif len(values) == vertices < len(result.nodes):
            whole = vertex_means(values, result.mesh.cells, vertices)
            made.point_data[name] = np.ascontiguousarray(whole)
        elif len(values) == len(result.nodes):
            made.point_data[name] = np.ascontiguousarray(values)
    made.cell_data["region"] = np.asarray(result.mesh.regions, np.int32)
    made.cell_data["tissue"] = np.asarray(result.mesh.tissue, np.int32)
    made.cell_data["fibre"] = result.fibre
    return made


def write_traces(result: MechanicsResult, path: Path) -> Path:
    """Write loads, volumes and probes at each step as a table with units in its head."""
    traces = result.traces
    columns: dict[str, NDArray[Any]] = {"load": traces.at}
    for name, values in traces.pressures.items():
        columns[f"{CAVITY.get(name, name)}_pressure_kPa"] = values
    for name, values in traces.volumes.items():
        columns[f"{CAVITY[name]}_volume_mm3"] = values
    if traces.tension.any():
        columns["tension_kPa"] = traces.tension
    for name, values in traces.wall.items():
        shown, factor = _shown(name)
        columns[f"{name.replace('.', '_')}_{shown}"] = factor * values
    for probe, places in zip(result.probes, traces.places, strict=True):
        columns |= {f"{probe.label}_{axis}_mm": places[:, k] for k, axis in enumerate(AXES)}
    columns["least_volume_ratio"] = traces.least_ratio
    columns["newton_iterations"] = traces.iterations
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        for row in np.column_stack(list(columns.values())):
            writer.writerow([f"{value:.8g}" for value in row])
    return path


def _shown(name: str) -> tuple[str, float]:
    """Return the unit in which a number of the wall is written, and the factor to it."""
    if name in ROTATIONS:
        return "deg", float(np.degrees(1.0))
    return {STRESS: "kPa", WORK: "uJ"}.get(name, "mm"), 1.0


def _write_series(result: MechanicsResult, run_dir: Path) -> Path:
    """Write the deformed body at each step; its points are where they are at that step."""
    times = result.traces.at

    def frame(step: int) -> pv.UnstructuredGrid:
        with np.load(frame_path(run_dir / FRAMES, step), allow_pickle=False) as stored:
            fields = {name: stored[name] for name in stored.files}
        displacement = fields.pop("displacement")
        return grid(result, displacement, fields)

    return series.write_grids(
        run_dir / "fields" / "deformation.vtkhdf", [float(time) for time in times], frame
    )
