"""A run on disk: qoi.json, maps and fields in time for ParaView, traces as tables."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import StorageError
from heart.numerics import fields, series
from heart.observe.leads import LEADS
from heart.study.electro.prepare import FRAMES
from heart.study.electro.qoi import quantities
from heart.study.electro.recorders import EXTRACELLULAR, frame_path
from heart.study.electro.result import Branch, ElectroResult

Float = NDArray[np.floating]


def write_outputs(result: ElectroResult, run_dir: Path) -> list[Path]:
    """Write qoi.json, traces/*.csv and fields/*.vtkhdf below `run_dir`; call it on one rank.

    Fields in time are assembled from the frames that the run left, which are removed.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    StorageError
        A file cannot be written.
    """
    wanted = result.scenario.get("output", {})
    try:
        written = [_write_quantities(result, run_dir / "qoi.json")]
        for branch in result.branches:
            written += _write_traces(result, branch, run_dir / "traces")
        if wanted.get("fields", True):
            for number, branch in enumerate(result.branches):
                written.append(_write_maps(result, branch, run_dir / "fields"))
                written += _write_series(result, branch, number, run_dir)
        shutil.rmtree(run_dir / FRAMES, ignore_errors=True)
    except OSError as error:
        raise StorageError(f"cannot write the results: {error}") from error
    return written


def suffix(result: ElectroResult, branch: Branch) -> str:
    """Return what tells the files of a branch apart: nothing where there is one."""
    return "" if len(result.branches) == 1 else f"_{branch.name}"


def _write_quantities(result: ElectroResult, path: Path) -> Path:
    text = json.dumps(quantities(result), indent=1, allow_nan=False, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def _write_traces(result: ElectroResult, branch: Branch, folder: Path) -> list[Path]:
    end = suffix(result, branch)
    tables: list[tuple[str, Sequence[str], Float]] = []
    if result.probes:
        names = [f"{probe.label}_mV" for probe in result.probes]
        tables.append((f"voltage{end}.csv", names, branch.traces))
    if result.electrodes:
        names = [f"{label}_mV" for label in result.electrodes]
        tables.append((f"electrograms{end}.csv", names, branch.electrograms))
    if branch.ecg is not None:
        tables.append((f"ecg{end}.csv", [f"{lead}_mV" for lead in LEADS], branch.ecg.leads))
    written = []
    for name, columns, values in tables:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / name).open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["time_ms", *columns])
            rows = np.column_stack([branch.times, values.T])
            writer.writerows([[f"{value:.6g}" for value in row] for row in rows])
        written.append(folder / name)
    beats = folder / f"beats{end}.csv"
    folder.mkdir(parents=True, exist_ok=True)
    with beats.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["probe", "beat", "activation_ms", "repolarisation_ms", "duration_ms"])
        for probe in result.probes:
            for beat in range(len(branch.activation)):
                up = branch.activation[beat, probe.node]
                down = branch.repolarisation[beat, probe.node]
                if np.isfinite(up):
                    writer.writerow(
                        [probe.label, beat + 1, *(f"{v:.3f}" for v in (up, down, down - up))]
                    )
    return [*written, beats]


def _write_maps(result: ElectroResult, branch: Branch, folder: Path) -> Path:
    """Write the first beat and the last, with what the muscle is made of."""
    first = branch.first_activation
    points: dict[str, NDArray[Any]] = {"activation": first}
    if len(branch.activation):
        points["repolarisation"] = branch.repolarisation[0]
        points["duration"] = branch.repolarisation[0] - branch.activation[0]
        points["beats"] = np.isfinite(branch.activation).sum(axis=0).astype(np.int32)
        last = np.nanmax(
            np.where(np.isfinite(branch.activation), branch.activation, -np.inf), axis=0
        )
        points["last_activation"] = np.where(np.isfinite(last), last, np.nan)
    points["cell_model"] = np.asarray(result.model_of_node, np.int32)
    if result.heart is not None:
        where = result.heart.coordinates
        points |= {
            "apicobasal": where.apicobasal,
            "transmural": where.transmural,
            "rotational": where.rotational,
            "aha": np.asarray(result.heart.segments, np.int32),
        }
    cells: dict[str, NDArray[Any]] = {
        "region": np.asarray(result.mesh.regions, np.int32),
        "tissue": np.asarray(result.mesh.tissue, np.int32),
        "conducting": np.asarray(result.conducting, np.uint8),
        "fibre": result.fibre,
    }
    if len(branch.speed):
        cells["speed"] = branch.speed
    path = folder / f"activation{suffix(result, branch)}.vtkhdf"
    return fields.write(path, fields.grid(result.mesh.points, result.mesh.cells, points, cells))


def _write_series(result: ElectroResult, branch: Branch, number: int, run_dir: Path) -> list[Path]:
    """Write the potentials in time; what all branches share lies with the first."""
    if not branch.frames:
        return []
    own, shared = (run_dir / FRAMES / f"{k:03d}" for k in (number, 0))
    kinds = {"voltage": ""}
    if result.scenario.get("output", {}).get("extracellular", False):
        kinds["extracellular"] = EXTRACELLULAR
    grid = fields.grid(result.mesh.points, result.mesh.cells)
    written = []
    for name, kind in kinds.items():

        def frame(step: int, kind: str = kind) -> Float:
            path = frame_path(own, step, kind)
            path = path if path.is_file() else frame_path(shared, step, kind)
            stored: Float = np.load(path, allow_pickle=False)
            return stored[: len(result.mesh.points)]

        path = run_dir / "fields" / f"{name}{suffix(result, branch)}.vtkhdf"
        written.append(series.write(path, grid, name, branch.frames, frame))
    return written
