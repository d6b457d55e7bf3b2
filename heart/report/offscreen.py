"""Off-screen plotters: quiet, sized, and a clear error where no renderer exists.

A missing OpenGL can crash the process instead of raising, so the first plotter of a process is
preceded by a probe in a child process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from typing import Any

import pyvista as pv
import vtk

from heart.core.errors import RendererError

PROBE = (
    "import pyvista as pv; p = pv.Plotter(off_screen=True, window_size=(8, 8)); "
    "p.add_mesh(pv.Cube()); p.show(auto_close=True)"
)


@cache
def require_renderer() -> None:
    """Check once that off-screen rendering works.

    Raises
    ------
    RendererError
        The probe crashed or took longer than a minute.
    """
    environment = {**os.environ, "PYVISTA_OFF_SCREEN": "true"}
    try:
        probe = subprocess.run(
            [sys.executable, "-c", PROBE],
            capture_output=True,
            env=environment,
            timeout=60,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RendererError("off-screen rendering does not answer", fix="heart doctor") from error
    if probe.returncode != 0:
        raise RendererError(
            "no off-screen renderer",
            fix="install libegl1 and libgl1-mesa-dri (Debian), or run with --no-figures",
        )


def plotter(size: tuple[int, int], shape: tuple[int, int] = (1, 1)) -> pv.Plotter:
    """Return an off-screen plotter with our background and no VTK chatter.

    Parameters
    ----------
    size
        Width and height in pixels.
    shape
        Rows and columns of views.
    """
    require_renderer()
    vtk.vtkObject.GlobalWarningDisplayOff()
    vtk.vtkLogger.SetStderrVerbosity(vtk.vtkLogger.VERBOSITY_ERROR)
    result: Any = pv.Plotter(off_screen=True, window_size=size, shape=shape, border=False)
    result.set_background("white", all_renderers=True)
    return result
