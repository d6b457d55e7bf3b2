"""Fixtures and process settings that every test shares.

The thread counts and the cache folder are set while this file is imported: numba, OpenBLAS and
PETSc read them once, when they load. The cache lies in the checkout and is kept between runs, so
that the workers of pytest-xdist, and tomorrow's run, compile and mesh each thing only once.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("HEART_CACHE", str(ROOT / ".cache" / "tests"))
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("PYVISTA_OFF_SCREEN", "true")
if not os.environ.get("DISPLAY"):
    os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")

import heart  # noqa: E402, F401  (finds the wheel's MPI, before a test imports dolfinx)

# The same examples every time: a gate that fails by chance is no gate.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """Root of the checkout, for tests that read the repository's own files."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real hearts and signals kept beside the repository; not part of it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the data folder {folder}, which is not part of the repository")
    return folder
