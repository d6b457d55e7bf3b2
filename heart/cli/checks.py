"""The things that `heart doctor` looks at: each a function that returns one `Fact`."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from pathlib import Path

from heart.cli.facts import (
    EXIT_DISK,
    EXIT_MEMORY,
    EXIT_MESHING,
    EXIT_RENDERER,
    EXIT_USAGE,
    Fact,
    State,
    probe,
    python_probe,
)
from heart.core.cache import cache_root
from heart.core.errors import HeartError
from heart.core.paths import packaged

PYTHON_MINIMUM = (3, 12)
GIGABYTE = 1024.0**3
MEMORY_MINIMUM_GB = 2.0
MEMORY_ADVISED_GB = 6.0
DISK_MINIMUM_GB = 1.0

DEBIAN_PACKAGE = {
    "libEGL.so.1": "libegl1 libgl1-mesa-dri",
    "libGL.so.1": "libgl1",
    "libGLU.so.1": "libglu1-mesa",
    "libX11.so.6": "libx11-6",
    "libXcursor.so.1": "libxcursor1",
    "libXext.so.6": "libxext6",
    "libXfixes.so.3": "libxfixes3",
    "libXft.so.2": "libxft2",
    "libXinerama.so.1": "libxinerama1",
    "libXrender.so.1": "libxrender1",
    "libfontconfig.so.1": "libfontconfig1",
    "libgomp.so.1": "libgomp1",
}
GMSH_LIBRARIES = (
    "libGL.so.1",
    "libGLU.so.1",
    "libXcursor.so.1",
    "libXft.so.2",
    "libXinerama.so.1",
    "libXfixes.so.3",
    "libfontconfig.so.1",
)

# A launcher tells its processes how many there are; these are the ways in which it does so.
LAUNCHER_SIZES = (
    "PMI_SIZE",
    "OMPI_COMM_WORLD_SIZE",
    "MV2_COMM_WORLD_SIZE",
    "SLURM_STEP_NUM_TASKS",
)


def python() -> Fact:
    """Check the interpreter's version."""
    detail = f"{platform.python_implementation()} {platform.python_version()}, {sys.executable}"
    if sys.version_info[:2] < PYTHON_MINIMUM:
        return Fact("Python", "missing", detail, "use Python 3.12 or newer", EXIT_USAGE)
    return Fact("Python", "ok", detail)


SOLVER_SOURCE = """
import importlib.metadata as metadata, importlib.util as util, json
if util.find_spec("dolfinx_solver"):
    import dolfinx_solver
import dolfinx, numpy
from petsc4py import PETSc
names = [d.metadata["Name"] for d in metadata.distributions()]
print(json.dumps({
    "dolfinx": dolfinx.__version__,
    "petsc": ".".join(map(str, PETSc.Sys.getVersion())),
    "scalar": numpy.dtype(PETSc.ScalarType).name,
    "wheel": "dolfinx-solver-real" in names,
    "mumps": PETSc.Sys.hasExternalPackage("mumps"),
    "hypre": PETSc.Sys.hasExternalPackage("hypre"),
}))
"""


def solver_stack() -> Fact:
    """Check that DOLFINx and a real-valued PETSc load, and say whose they are."""
    name, got = "Solver stack", python_probe(SOLVER_SOURCE)
    if got.code != 0:
        fix = (
            "pip install 'heart-twin[solver]' on Linux x86-64, or DOLFINx 0.11 with real PETSc "
            "from conda-forge, Spack or the distribution"
        )
        return Fact(name, "missing", f"DOLFINx with PETSc does not load ({got.error})", fix)
    found = json.loads(got.out)
    source = "wheel dolfinx-solver-real" if found["wheel"] else "not the wheel"
    packages = ", ".join(p for p in ("mumps", "hypre") if found[p]) or "neither mumps nor hypre"
    detail = (
        f"DOLFINx {found['dolfinx']} ({source}), PETSc {found['petsc']} "
        f"{found['scalar']}, {packages}"
    )
    if found["scalar"] != "float64":
        return Fact(name, "missing", detail, "use a PETSc built with real double scalars")
    return Fact(name, "ok", detail)


def clashes() -> Fact:
    """Look for packages that break the solver wheel in the same process."""
    versions = {d.metadata["Name"].lower(): d.version for d in importlib.metadata.distributions()}
    if "dolfinx-solver-real" not in versions:
        return Fact("Clashes", "ok", "the solver wheel is not in use")
    bad = [n for n in ("petsc", "petsc4py", "slepc", "slepc4py") if n in versions]
    if bad:
        fix = f"pip uninstall {' '.join(bad)}"
        return Fact("Clashes", "missing", f"{', '.join(bad)} beside the solver wheel", fix)
    h5py = versions.get("h5py", "0")
    if tuple(int(part) for part in h5py.split(".")[:2]) >= (3, 15):
        detail = f"h5py {h5py} is built on HDF5 2, the solver wheel on 1.14"
        return Fact("Clashes", "note", detail, "pip install 'h5py<3.15'")
    return Fact("Clashes", "ok", "none of the packages known to break the solver wheel")


def _mpiexec() -> str | None:
    beside = Path(sys.executable).parent / "mpiexec"
    return str(beside) if beside.exists() else shutil.which("mpiexec")


def mpi() -> Fact:
    """Start two ranks and see whether they see each other."""
    launcher = _mpiexec()
    if launcher is None:
        fix = "pip install mpich (x86-64 Linux), or put the cluster's mpiexec or srun on PATH"
        return Fact("MPI", "note", "no mpiexec: single process only", fix)
    source = (
        "from mpi4py import MPI\n"
        "c = MPI.COMM_WORLD\n"
        "n = c.allreduce(1)\n"
        "v = MPI.Get_library_version().split()\n"
        "print(n, ' '.join(v[:3])) if c.rank == 0 else None\n"
    )
    got = probe([launcher, "-n", "2", sys.executable, "-c", source])
    if got.code != 0:
        fix = "on unusual virtual hosts: export UCX_TLS=self,sm,tcp"
        return Fact("MPI", "missing", f"{launcher} cannot start two ranks ({got.error})", fix)
    size, _, library = got.out.partition(" ")
    if size != "2":
        detail = f"{launcher} starts copies of rank 0 ({library})"
        fix = "use the mpiexec of the MPI that mpi4py was built with"
        return Fact("MPI", "missing", detail, fix)
    return Fact("MPI", "ok", f"{library}, two ranks started by {launcher}")


def launcher_mismatch(size: int) -> Fact:
    """Compare the number of ranks this process sees with what its launcher started.

    Parameters
    ----------
    size
        Size of MPI's world as this process sees it.
    """
    for variable in LAUNCHER_SIZES:
        told = os.environ.get(variable, "")
        if told.isdigit() and int(told) != size:
            detail = f"{variable}={told} but MPI sees {size}: {told} copies of rank 0"
            fix = "start with the launcher of the MPI that mpi4py was built with (srun --mpi=pmi2)"
            return Fact("Ranks", "missing", detail, fix)
    return Fact("Ranks", "ok", f"{size}, {os.cpu_count()} processors")


def compiler() -> Fact:
    """Compile a Python extension: forms and kernels are compiled at run time."""
    given = os.environ.get("CC") or "cc"
    found = shutil.which(given.split()[0]) or shutil.which("gcc")
    if found is None:
        return Fact("C compiler", "missing", "none", "apt-get install gcc libc6-dev")
    include = Path(sysconfig.get_path("include"))
    if not (include / "Python.h").is_file():
        detail = f"{found}, but no Python.h in {include}"
        return Fact("C compiler", "missing", detail, "apt-get install python3-dev")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "probe.c"
        source.write_text("#include <Python.h>\n#include <math.h>\nint probe(void) { return 0; }\n")
        output = str(source.with_suffix(".so"))
        got = probe([found, "-shared", "-fPIC", f"-I{include}", str(source), "-o", output])
    if got.code != 0:
        fix = "apt-get install gcc libc6-dev python3-dev"
        return Fact("C compiler", "missing", f"{found} fails ({got.error})", fix)
    return Fact("C compiler", "ok", f"{found}, Python headers in {include}")


BLAS_SOURCE = """
import numpy, threadpoolctl
found = [i for i in threadpoolctl.threadpool_info() if i["user_api"] == "blas"]
print("; ".join(f"{i['internal_api']} {i['version']}, {i['num_threads']} threads" for i in found))
"""


def blas() -> Fact:
    """Say which BLAS NumPy runs on."""
    got = python_probe(BLAS_SOURCE)
    if got.code != 0:
        return Fact("BLAS", "note", got.error, "pip install threadpoolctl")
    return Fact("BLAS", "ok", got.out or "unknown to threadpoolctl")


def mesher() -> Fact:
    """Check gmsh with the system libraries it needs, and the second mesher."""
    second = python_probe("import pytetwild").code == 0
    got = python_probe("import gmsh; gmsh.initialize([], False); print(gmsh.__version__)")
    other = "pytetwild as second mesher" if second else "no second mesher (pytetwild)"
    if got.code == 0:
        return Fact("Meshers", "ok", f"gmsh {got.out}, {other}")
    listing = python_probe(
        "import ctypes\n"
        "lost = []\n"
        f"for name in {GMSH_LIBRARIES!r}:\n"
        "    try:\n"
        "        ctypes.CDLL(name)\n"
        "    except OSError:\n"
        "        lost.append(name)\n"
        "print(' '.join(lost))\n"
    )
    packages = " ".join(DEBIAN_PACKAGE[lost] for lost in listing.out.split())
    fix = f"apt-get install {packages}" if packages else "pip install 'heart-twin[mesh]'"
    state: State = "note" if second else "missing"
    return Fact("Meshers", state, f"gmsh: {got.error}; {other}", fix, EXIT_MESHING)


RENDER_SOURCE = """
import pyvista
plotter = pyvista.Plotter(off_screen=True, window_size=(64, 64))
plotter.add_mesh(pyvista.Sphere(), color="red")
picture = plotter.screenshot(None, return_img=True)
print(plotter.render_window.GetClassName() if picture.std() > 1.0 else "blank")
"""


def renderer() -> Fact:
    """Draw a sphere off screen and see that the picture is not empty."""
    got = python_probe(RENDER_SOURCE)
    if got.code == 0 and got.out != "blank":
        return Fact("Pictures", "ok", f"drawn off screen by {got.out}")
    detail = "the picture stays blank" if got.code == 0 else got.error
    fix = "apt-get install libegl1 libgl1 libgl1-mesa-dri"
    return Fact("Pictures", "missing", detail, fix, EXIT_RENDERER)


def _available_memory() -> float:
    """Return the memory in bytes that a new process can have, within its control group."""
    page, free = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_AVPHYS_PAGES")
    available = float(page * free)
    information = Path("/proc/meminfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                available = float(line.split()[1]) * 1024.0
    group = Path("/sys/fs/cgroup")
    if (group / "memory.max").exists():
        limit = (group / "memory.max").read_text().strip()
        if limit != "max":
            used = float((group / "memory.current").read_text())
            available = min(available, float(limit) - used)
    return available


def memory() -> Fact:
    """Check the memory that is free."""
    free = _available_memory() / GIGABYTE
    detail = f"{free:.1f} GB free"
    if free < MEMORY_MINIMUM_GB:
        fix = f"free {MEMORY_MINIMUM_GB:.0f} GB or use a coarser mesh"
        return Fact("Memory", "missing", detail, fix, EXIT_MEMORY)
    if free < MEMORY_ADVISED_GB:
        return Fact("Memory", "note", f"{detail}; {MEMORY_ADVISED_GB:.0f} GB are comfortable")
    return Fact("Memory", "ok", detail)


def disk() -> Fact:
    """Check that the cache folder can be written and has room."""
    try:
        folder = cache_root()
        with tempfile.TemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free / GIGABYTE
    except OSError as error:
        fix = "set HEART_CACHE to a folder that can be written"
        return Fact("Cache", "missing", str(error), fix, EXIT_DISK)
    detail = f"{folder}, {free:.1f} GB free"
    if free < DISK_MINIMUM_GB:
        fix = f"free {DISK_MINIMUM_GB:.0f} GB or set HEART_CACHE elsewhere"
        return Fact("Cache", "missing", detail, fix, EXIT_DISK)
    return Fact("Cache", "ok", detail)


def data_folders() -> Fact:
    """Check that the hearts, profiles and questions that are shipped can be found."""
    try:
        folders = [packaged(name) for name in ("meshes", "solvers", "scenarios")]
    except HeartError as error:
        return Fact("Shipped data", "missing", error.what, error.fix, error.exit_code)
    return Fact("Shipped data", "ok", f"meshes, solvers and scenarios in {folders[0].parent}")


CHECKS: tuple[Callable[[], Fact], ...] = (
    python,
    solver_stack,
    clashes,
    mpi,
    compiler,
    blas,
    mesher,
    renderer,
    memory,
    disk,
    data_folders,
)
