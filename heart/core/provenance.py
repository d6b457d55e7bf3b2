"""What a result was made from: versions, hashes, seeds, ranks. No host, user or patient names."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import subprocess
from pathlib import Path

from heart import __version__

LIBRARIES = (
    "dolfinx-solver-real",
    "fenics-dolfinx",
    "petsc4py",
    "mpi4py",
    "mpich",
    "numpy",
    "scipy",
    "numba",
    "gmsh",
    "pyvista",
    "vtk",
)


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that shape the numbers, those installed only."""
    found: dict[str, str] = {}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def commit() -> str | None:
    """Return the git commit of the checkout (``-modified`` when dirty), None when installed."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--abbrev=12", "--dirty=-modified"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None


def manifest(**more: object) -> dict[str, object]:
    """Return the provenance record of a run, with whatever the caller adds."""
    return {
        "heart_twin": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "libraries": library_versions(),
        "use": "research use only",
        **more,
    }
