"""A field in time as one VTKHDF file: the mesh once, a frame for each time.

ParaView plays it, and PyVista reads any step. The file is assembled at the end of a run from
frames on disk, so that a run that is killed leaves no file that cannot be opened.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyvista as pv
from numpy.typing import NDArray
from vtkmodules.util.numpy_support import numpy_to_vtk
from vtkmodules.util.vtkAlgorithm import VTKPythonAlgorithmBase
from vtkmodules.vtkCommonDataModel import vtkDataObject, vtkUnstructuredGrid
from vtkmodules.vtkCommonExecutionModel import vtkStreamingDemandDrivenPipeline
from vtkmodules.vtkIOHDF import vtkHDFReader, vtkHDFWriter

from heart.core.errors import StorageError

Frame = Callable[[int], NDArray[np.floating]]
Grid = Callable[[int], Any]


class _Frames(VTKPythonAlgorithmBase):
    """A source that gives another grid at each time."""

    def __init__(self, times: Sequence[float], grid: Grid) -> None:
        super().__init__(nInputPorts=0, nOutputPorts=1, outputType="vtkUnstructuredGrid")
        self._grid = grid
        self._times = [float(time) for time in times]

    def RequestInformation(self, _request: Any, _inputs: Any, output: Any) -> int:
        """Tell the pipeline which times there are."""
        info = output.GetInformationObject(0)
        pipeline = vtkStreamingDemandDrivenPipeline
        info.Set(pipeline.TIME_STEPS(), self._times, len(self._times))
        info.Set(pipeline.TIME_RANGE(), [self._times[0], self._times[-1]], 2)
        return 1

    def RequestData(self, _request: Any, _inputs: Any, output: Any) -> int:
        """Give the frame of the time that is asked for."""
        info = output.GetInformationObject(0)
        asked = vtkStreamingDemandDrivenPipeline.UPDATE_TIME_STEP()
        time = info.Get(asked) if info.Has(asked) else self._times[0]
        step = int(np.argmin(np.abs(np.array(self._times) - time)))
        grid = vtkUnstructuredGrid.GetData(info)
        grid.ShallowCopy(self._grid(step))
        grid.GetInformation().Set(vtkDataObject.DATA_TIME_STEP(), time)
        return 1


def write(
    path: Path, mesh: pv.UnstructuredGrid, name: str, times: Sequence[float], frame: Frame
) -> Path:
    """Write a field in time, whole or not at all.

    Parameters
    ----------
    path
        File to write (.vtkhdf).
    mesh
        Tetrahedra, as from `heart.numerics.fields.grid`.
    name
        Of the array on the points.
    times
        (T,) ms, increasing.
    frame
        Gives the values (n,) of a step.

    Raises
    ------
    StorageError
        The file cannot be written.
    """

    def grid(step: int) -> Any:
        made = vtkUnstructuredGrid()
        made.ShallowCopy(mesh)
        values = numpy_to_vtk(np.ascontiguousarray(frame(step)), deep=True)
        values.SetName(name)
        made.GetPointData().AddArray(values)
        return made

    return write_grids(path, times, grid)


def write_grids(path: Path, times: Sequence[float], grid: Grid) -> Path:
    """Write a grid in time, whose points may move, whole or not at all.

    Parameters
    ----------
    path
        File to write (.vtkhdf).
    times
        (T,) increasing.
    grid
        Gives the grid of a step with all its arrays; the cells are those of the first.

    Raises
    ------
    StorageError
        The file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    source = _Frames(times, grid)
    writer = vtkHDFWriter()
    writer.SetInputConnection(source.GetOutputPort())
    writer.SetFileName(str(temporary))
    writer.SetWriteAllTimeSteps(True)
    try:
        if not writer.Write() or not temporary.is_file():
            raise StorageError(f"cannot write {path.name}", fix="check the disk and the folder")
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path


def read(path: Path, step: int = 0) -> tuple[int, float, pv.UnstructuredGrid]:
    """Return the number of steps of a file, the time of `step` in ms, and its mesh with fields.

    Raises
    ------
    StorageError
        The file is no series of tetrahedra.
    """
    reader = vtkHDFReader()
    reader.SetFileName(str(path))
    reader.UpdateInformation()
    reader.SetStep(step)
    reader.Update()
    grid = pv.wrap(reader.GetOutputDataObject(0))
    if not isinstance(grid, pv.UnstructuredGrid):
        raise StorageError(f"{path.name} holds no series of tetrahedra")
    return int(reader.GetNumberOfSteps()), float(reader.GetTimeValue()), grid
