"""Run fim-python on a saved mesh, in its own interpreter.

A separate program because the peer's licence (AGPL) and dependencies stay outside our own process:
it reads an .npz, writes an .npz, and imports nothing of ours.

Usage: eikonal_peer.py INPUT.npz OUTPUT.npz REPEATS
"""

import sys
import time

import numpy as np
from fimpy.solver import FIMPY


def main() -> None:
    """Solve REPEATS times after one warm-up and save the arrival times and the wall times."""
    data = np.load(sys.argv[1])
    started = time.perf_counter()
    solver = FIMPY.create_fim_solver(
        data["points"], data["cells"], data["tensors"], device="cpu", use_active_list=True
    )
    setup = time.perf_counter() - started
    walls = []
    for _ in range(int(sys.argv[3])):
        started = time.perf_counter()
        arrival = solver.comp_fim(data["nodes"].astype(np.int64), data["times"])
        walls.append(time.perf_counter() - started)
    np.savez(sys.argv[2], times=np.asarray(arrival), walls=np.array(walls), setup=setup)


if __name__ == "__main__":
    main()
