"""Cell model kernels: ns per cell and step on one core, with the error each precision costs.

Usage (from the repository root):
    python benchmarks/ionic_kernels.py                       TT2006 and ToR-ORd-Land
    python benchmarks/ionic_kernels.py --models courtemanche1998 --cells 20000

Kernels take turns in short slices and the best slice counts, in processor time of the thread:
other work on the machine makes a slice slower, never faster. Beside each time stands what the
kernel loses against the same method in double precision, over one paced beat, and how many times
faster the machine could be if it only moved the states (measured copy speed).
"""

import argparse
import itertools
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from heart.electro.ionic.kernel import (
    CellKernel,
    Cells,
    Method,
    Precision,
    compile_kernel,
)
from heart.electro.ionic.registry import REGISTRY, cell_model

STEP = 0.02
RESIDENT = 512


def spread(kernel: CellKernel, count: int) -> Cells:
    """Return cells in unlike phases of an upstroke, so that no branch or table favours them."""
    cells = kernel.allocate(count)
    push = np.random.default_rng(0).uniform(30.0, 45.0, count)
    cells.advance(1.0, stimulus=push, substeps=50)
    return cells


def beat(kernel: CellKernel, name: str) -> np.ndarray:
    """Return the potential every 0.5 ms over 500 ms after the model's own pulse."""
    pulse = REGISTRY[name].pulse
    cells = kernel.allocate(1)
    trace = np.empty(1000)
    for sample in range(len(trace)):
        push = np.full(1, pulse.amplitude) if 0.5 * sample < pulse.duration else None
        cells.advance(0.5, stimulus=push, substeps=25)
        trace[sample] = cells.voltage[0]
    return trace


def copy_speed(size: int) -> float:
    """Return GB/s of reading and writing `size` bytes."""
    source, target = np.ones(size // 8), np.empty(size // 8)
    best = min(_seconds(lambda: np.copyto(target, source)) for _ in range(20))
    return 2.0 * size / best * 1e-9


def _seconds(work) -> float:
    start = time.thread_time_ns()
    work()
    return max(1, time.thread_time_ns() - start) * 1e-9


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["tt2006_epi", "torord_land_epi"])
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=60)
    arguments = parser.parse_args()
    print(f"{'model':<18}{'method':<15}{'numbers':<9}{'cells':>8}{'ns/cell/step':>14}"
          f"{'states alone':>14}{'max |dV| mV':>13}")  # fmt: skip
    for name in arguments.models:
        kinds = list(itertools.product(Method, Precision))
        kernels = {kind: compile_kernel(cell_model(name), method=kind[0], precision=kind[1])
                   for kind in kinds}  # fmt: skip
        errors = {}
        for method, precision in kinds:
            with np.errstate(invalid="ignore"):
                reference = beat(kernels[method, Precision.DOUBLE], name)
                errors[method, precision] = np.abs(
                    beat(kernels[method, precision], name) - reference
                ).max()
        for count, steps in ((RESIDENT, 10), (arguments.cells, 1)):
            cells = {kind: spread(kernel, count) for kind, kernel in kernels.items()}
            best = dict.fromkeys(kinds, np.inf)
            for _ in range(
                arguments.rounds if count <= RESIDENT * 4 else max(5, arguments.rounds // 6)
            ):
                for kind, group in cells.items():
                    group.states[:] = group.kernel.model.initial_states[:, None]
                    used = _seconds(
                        lambda group=group, steps=steps: group.advance(STEP * steps, substeps=steps)
                    )
                    best[kind] = min(best[kind], used / (count * steps) * 1e9)
            states = len(next(iter(kernels.values())).states)
            floor = 16.0 * states / copy_speed(8 * states * count)
            for method, precision in kinds:
                error = errors[method, precision]
                lost = "unstable" if not np.isfinite(error) else f"{error:.1e}"
                print(f"{name:<18}{method.value:<15}{precision.value:<9}{count:>8}"
                      f"{best[method, precision]:>14.1f}{floor:>14.1f}{lost:>13}")  # fmt: skip


if __name__ == "__main__":
    main()
