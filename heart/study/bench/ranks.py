"""Parallel efficiency: the slab on one rank and on two, the same program started by mpiexec.

Each run is a process of its own, so that the launcher's set-up is the user's; the time is that of
the steps alone, measured inside. A wave grows while it is timed, and two cores are disturbed by
others twice as often as one: each stretch of time counts with the quickest of several rounds.
"""

from __future__ import annotations

import numpy as np

from heart.core.progress import Telemetry
from heart.study.bench.launch import started
from heart.study.bench.row import Order, Row, Workload

PROGRAM = """
import json, sys, time
import numpy as np
from mpi4py import MPI
from heart.electro.tissue.scheme import load
from heart.study.verification.niederer2011 import cube
from heart.study.verification.niederer2011_slab import problem
slab = problem(cube(float(sys.argv[1])), load(sys.argv[3]))
slab.run(2.0)
seconds = []
for _ in range(int(sys.argv[2])):
    MPI.COMM_WORLD.Barrier()
    start = time.perf_counter()
    slab.run(slab.time + 0.4)
    seconds.append(MPI.COMM_WORLD.allreduce(time.perf_counter() - start, op=MPI.MAX))
if MPI.COMM_WORLD.rank == 0:
    print(json.dumps({"seconds": seconds, "nodes": slab.space.nodes}))
"""
STEPS = 20
"""Steps of a stretch."""
ROUNDS = 4


SCHEMES = ("accurate", "explicit")
"""With iterations where the wave is, which are one rank's at most times, and without any."""


def run(order: Order, telemetry: Telemetry) -> list[Row]:
    """Time both and return efficiency in per cent, for each scheme."""
    return [_row(name, order, telemetry) for name in SCHEMES]


def _row(name: str, order: Order, telemetry: Telemetry) -> Row:
    spacing, stretches = ("0.1", "3") if order.full else ("0.2", "8")
    seconds: dict[int, list[list[float]]] = {1: [], 2: []}
    nodes = 0
    with telemetry.step(f"One rank and two, in turn, {name}"):
        for _ in range(ROUNDS):
            for ranks, found in seconds.items():
                answer = started(ranks, ["-c", PROGRAM, spacing, stretches, name])
                found.append(answer["seconds"])
                nodes = int(answer["nodes"])
    one, two = (np.min(found, axis=0).mean() for found in seconds.values())
    usual = [np.median(found, axis=0).mean() for found in seconds.values()]
    cost = [1e9 * best / (STEPS * nodes) for best in (one, two)]
    return Row(
        f"slab {spacing} mm, {nodes:,} nodes, {name}, 1 → 2 ranks",
        100.0 * float(one / (2.0 * two)),
        "%",
        100.0 * float(usual[0] / (2.0 * usual[1])),
        error=f"{cost[0]:.0f} and {cost[1]:.0f} ns per node and step",
        must=85.0,
        aim=95.0,
    )


WORKLOAD = Workload("ranks", "parallel efficiency from one rank to two", run)
