"""A result on disk: qoi.json, fields for ParaView, ECG traces as tables."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.heart_mesh import Boundary
from heart.core.errors import StorageError
from heart.numerics import fields
from heart.observe.leads import LEADS
from heart.study.crt.qoi import quantities
from heart.study.crt.result import CrtResult


def write_outputs(result: CrtResult, run_dir: Path, *, with_fields: bool = True) -> list[Path]:
    """Write qoi.json, traces/*.csv and fields/heart.vtkhdf below `run_dir`.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    StorageError
        A file cannot be written.
    """
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        written = [_write_quantities(result, run_dir / "qoi.json")]
        written += _write_traces(result, run_dir / "traces")
    except OSError as error:
        raise StorageError(f"cannot write the results: {error}") from error
    if with_fields:
        written.append(_write_fields(result, run_dir / "fields" / "heart.vtkhdf"))
    return written


def _write_quantities(result: CrtResult, path: Path) -> Path:
    text = json.dumps(quantities(result), indent=1, allow_nan=False, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def _write_traces(result: CrtResult, folder: Path) -> list[Path]:
    folder.mkdir(exist_ok=True)
    written = []
    for name, ecg in result.ecgs.items():
        path = folder / f"ecg_{name}.csv"
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["time_ms", *(f"{lead}_mV" for lead in LEADS)])
            table = np.column_stack([ecg.times, ecg.leads.T])
            writer.writerows([[f"{value:.6g}" for value in row] for row in table])
        written.append(path)
    path = folder / "ensemble.csv"
    ensemble = result.ensemble
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        states = [
            f"{state}.{name}" for state in ("normal", "baseline") for name in ensemble.metrics
        ]
        writer.writerow([*ensemble.columns, *states])
        table = np.column_stack([ensemble.rows, ensemble.normal, ensemble.baseline])
        writer.writerows([[f"{value:.6g}" for value in row] for row in table])
    return [*written, path]


def _write_fields(result: CrtResult, path: Path) -> Path:
    heart = result.heart
    where = heart.coordinates
    points: dict[str, NDArray[Any]] = {
        f"activation_{name}": times for name, times in result.activation.items()
    }
    for number, row in enumerate(result.confirmation.rows if result.confirmation else ()):
        name = f"lead_{number}" if number else "baseline"
        points[f"confirm_activation_{name}"] = row.activation
        points[f"confirm_difference_{name}"] = row.difference
    points |= {
        "apicobasal": where.apicobasal,
        "transmural": where.transmural,
        "rotational": where.rotational,
        "chamber": np.asarray(where.chamber, np.int32),
        "aha": np.asarray(heart.segments, np.int32),
    }
    for tag in (Boundary.EPI, Boundary.LV_ENDO, Boundary.RV_ENDO):
        mask = np.zeros(len(heart.mesh.points), np.uint8)
        mask[heart.mesh.nodes_of(tag)] = 1
        points[f"on_{tag.name.lower()}"] = mask
    cells: dict[str, NDArray[Any]] = {
        "region": np.asarray(heart.mesh.regions, np.int32),
        "tissue": np.asarray(heart.mesh.tissue, np.int32),
        "fibre": heart.fibres.fibre,
        "sheet": heart.fibres.sheet,
        "normal": heart.fibres.normal,
    }
    return fields.write(path, fields.grid(heart.mesh.points, heart.mesh.cells, points, cells))
