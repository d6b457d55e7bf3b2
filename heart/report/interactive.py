"""Scenes a reader can turn, inside a page that opens offline.

The scene is serialised by trame's vtk.js protocol object directly, without starting its web
server: a batch job on a cluster may neither open ports nor reach the network.
"""

from __future__ import annotations

import base64
import io
import json
import zipfile
from functools import cache
from importlib import resources
from typing import Any

import pyvista as pv


class _Shared:
    """The one call of a trame server that the serialiser makes; wslink fixes its name."""

    def __init__(self, application: Any) -> None:
        self._application = application

    def getSharedObject(self, name: str) -> Any:
        return self._application if name == "app" else None


def scene_bytes(plotter: pv.Plotter) -> bytes:
    """Return the plotter's scene as vtk.js offline data (zip)."""
    from trame_vtk.modules import vtk as trame_vtk
    from trame_vtk.modules.vtk.protocols.local_rendering import vtkWebLocalRendering
    from vtkmodules.vtkWebCore import vtkWebApplication

    trame_vtk.has_capabilities("web")
    plotter.render()
    application = vtkWebApplication()
    protocol = vtkWebLocalRendering()
    protocol.coreServer = _Shared(application)
    identity = application.GetObjectIdMap().GetGlobalId(plotter.render_window)
    state = protocol.get_standalone_state(str(identity))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        archive.writestr(zipfile.ZipInfo("index.json", (2026, 1, 1, 0, 0, 0)), json.dumps(state))
    return buffer.getvalue()


def scene_base64(plotter: pv.Plotter) -> str:
    """Return `scene_bytes` as base64 text."""
    return base64.b64encode(scene_bytes(plotter)).decode("ascii")


@cache
def viewer_base64() -> str:
    """Return the vtk.js viewer page (shipped by trame-vtk) as base64 text."""
    page = resources.files("trame_vtk.tools").joinpath("static_viewer.html").read_bytes()
    return base64.b64encode(page).decode("ascii")
