"""Fields on disk as VTKHDF: one file, named arrays, opens in ParaView and PyVista."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyvista as pv
from numpy.typing import NDArray

from heart.core.errors import StorageError


def grid(
    points: NDArray[np.float64],
    cells: NDArray[np.integer],
    point_data: Mapping[str, NDArray[np.generic]] | None = None,
    cell_data: Mapping[str, NDArray[np.generic]] | None = None,
) -> pv.UnstructuredGrid:
    """Return tetrahedra with fields as a PyVista grid."""
    result = pv.UnstructuredGrid({pv.CellType.TETRA: np.asarray(cells)}, np.asarray(points))
    for name, values in (point_data or {}).items():
        result.point_data[name] = np.ascontiguousarray(values)
    for name, values in (cell_data or {}).items():
        result.cell_data[name] = np.ascontiguousarray(values)
    return result


def write(path: Path, mesh: pv.UnstructuredGrid) -> Path:
    """Write `mesh` to `path` (.vtkhdf) whole or not at all.

    Raises
    ------
    StorageError
        The file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        mesh.save(str(temporary))
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StorageError(f"cannot write {path.name}: {error}") from error
    return path


def read(path: Path) -> pv.UnstructuredGrid:
    """Read a VTKHDF file written by `write`."""
    mesh = pv.read(path)
    if not isinstance(mesh, pv.UnstructuredGrid):
        raise StorageError(f"{path.name} holds {type(mesh).__name__}, not tetrahedra")
    return mesh
