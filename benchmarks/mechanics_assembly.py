"""Assembly of the mechanics tangent and residual: generated kernels beside the form compiler.

Usage (from the repository root):
    python benchmarks/mechanics_assembly.py                      1,296 tetrahedra, degree 4
    python benchmarks/mechanics_assembly.py --boxes 8 --laws guccione --elements P2

Both assemble the same system in the same run, alternating; the time is that of the processor, best
of n, so that other work on the machine counts less. The difference of their matrices is printed
beside it. The compiler's tangents take gcc half a minute to a minute each the first time.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import heart  # noqa: E402, F401  (finds the wheel's MPI)

# isort: split

import ufl  # noqa: E402
from dolfinx import fem  # noqa: E402
from dolfinx.mesh import CellType, create_box  # noqa: E402
from mpi4py import MPI  # noqa: E402

from heart.mechanics import balance  # noqa: E402
from heart.mechanics.axes import Axes  # noqa: E402
from heart.mechanics.compressibility import Incompressible, Penalty  # noqa: E402
from heart.mechanics.materials.registry import REGISTRY  # noqa: E402
from heart.mechanics.model import MechanicsModel  # noqa: E402
from heart.mechanics.space import Element, MechanicsSpace, marked  # noqa: E402
from heart.mechanics.static import with_constants  # noqa: E402
from heart.numerics.newton import Assembly, NonlinearSystem  # noqa: E402


def systems(law: str, element: Element, boxes: int) -> tuple[MechanicsSpace, dict[Assembly, tuple]]:
    """Return both systems of a cube with a fibre per cell, and the seconds each took to make."""
    mesh = create_box(MPI.COMM_SELF, [[0, 0, 0], [10, 10, 10]], [boxes] * 3, CellType.tetrahedron)
    space = MechanicsSpace(mesh, marked(mesh, {1: lambda x: np.isclose(x[0], 0.0)}), element)
    vectors = fem.functionspace(mesh, ("DG", 0, (3,)))
    axes = Axes(*(fem.Function(vectors) for _ in range(3)))
    rng = np.random.default_rng(1)
    frames = np.linalg.qr(rng.normal(size=(len(axes.fibre.x.array) // 3, 3, 3)))[0]
    for k, axis in enumerate((axes.fibre, axes.sheet, axes.normal)):
        axis.x.array[:] = frames[:, :, k].ravel()
    volume = Incompressible() if space.mixed else Penalty(100.0)
    model = with_constants(MechanicsModel(REGISTRY[law](), volume), mesh)
    state = fem.Function(space.space)
    state.x.array[:] = rng.uniform(-0.05, 0.05, len(state.x.array))
    u, p = space.split(state)
    energy = balance.potential(model, space, axes, u, p) * space.volume
    form = ufl.derivative(energy, state, ufl.TestFunction(space.space))
    made = {}
    for assembly in Assembly:
        started = time.perf_counter()
        system = NonlinearSystem([form], state, (), assembly)
        made[assembly] = (system, time.perf_counter() - started)
    return space, made


def main() -> None:
    """Print a table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--laws", nargs="+", default=["guccione", "holzapfel_ogden"])
    options.add_argument("--elements", nargs="+", default=["P2_P1", "P2"])
    options.add_argument("--boxes", type=int, default=6)
    options.add_argument("--repeats", type=int, default=5)
    given = options.parse_args()
    print("µs of one core per cell; kernel, form compiler, ratio")
    for law in given.laws:
        for name in given.elements:
            space, made = systems(law, Element[name], given.boxes)
            cells = space.mesh.topology.index_map(3).size_local
            best = {(assembly, what): np.inf for assembly in Assembly for what in "tr"}
            for _ in range(given.repeats):
                for assembly, (system, _) in made.items():
                    x = system.unknowns
                    x.array[:] = system.values()
                    for what in "tr":
                        started = time.process_time()
                        if what == "t":
                            system.tangent(x, system.matrix)
                        else:
                            system.residual(x, system.vector)
                        taken = (time.process_time() - started) / cells * 1e6
                        best[assembly, what] = min(best[assembly, what], taken)
            (ours, fast), (theirs, slow) = (made[assembly] for assembly in Assembly)
            ours.matrix.axpy(-1.0, theirs.matrix)
            error = ours.matrix.norm() / theirs.matrix.norm()
            line = f"{law:16} {name:6}"
            for what, label in (("t", "tangent"), ("r", "residual")):
                kernel, form = best[Assembly.KERNEL, what], best[Assembly.FORM, what]
                line += f"  {label} {kernel:6.2f} {form:7.2f} {form / kernel:5.1f}x"
            print(
                f"{line}  difference {error:.0e}  made in {fast:.1f} and {slow:.1f} s", flush=True
            )


if __name__ == "__main__":
    main()
