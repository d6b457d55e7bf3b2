"""One second of the reaction-eikonal heart, in a process of its own.

Usage: python -m heart.study.bench.beat_job '{"edge": 4.0, …}'; prints one JSON line.
The mesh comes from the cache of stages where it was built before.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np
from mpi4py import MPI

from heart.core.progress import silent
from heart.electro.reaction_eikonal.scheme import ReactionEikonalScheme
from heart.electro.tissue.observer import ActivationRecorder
from heart.study.verification.electro_agreement import (
    BEAT,
    THRESHOLD,
    Setting,
    prepare,
    reaction_eikonal,
)


def main() -> None:
    """Time the beat, or measure what its steps cost in accuracy."""
    question = json.loads(sys.argv[1])
    setting = prepare(float(question["edge"]), silent())
    answer = _differences(setting) if question.get("error") else _beat(setting)
    if MPI.COMM_WORLD.rank == 0:
        sys.stdout.write(json.dumps(answer) + "\n")


def _beat(setting: Setting) -> dict[str, Any]:
    problem = reaction_eikonal(setting)
    # The first window compiles; it is not what a beat costs.
    problem.run(problem.scheme.window)
    comm = MPI.COMM_WORLD
    comm.Barrier()
    begin = time.perf_counter()
    problem.run(BEAT)
    seconds = comm.allreduce(time.perf_counter() - begin, op=MPI.MAX)
    return {"seconds": seconds, "nodes": problem.space.nodes}


def _differences(setting: Setting) -> dict[str, Any]:
    """Compare the default steps with half of the shortest of them, everywhere and always."""
    usual = ReactionEikonalScheme()
    short = usual.upstroke_dt / 2.0
    fine = replace(usual, dt=short, upstroke_dt=short, calm_rate=0.0)
    found = []
    for scheme in (usual, fine):
        problem = reaction_eikonal(setting, scheme)
        recorder = ActivationRecorder(THRESHOLD)
        problem.run(0.6 * BEAT, observers=[recorder])
        found.append((recorder.first(), problem.last_repolarisation()))
    (first, last), (exact, ended) = found
    both = np.isfinite(first) & np.isfinite(exact)
    rested = np.isfinite(last) & np.isfinite(ended)
    return {
        "nodes": len(first),
        "activation": float(np.abs(first - exact)[both].max()),
        "repolarisation": float(np.abs(last - ended)[rested].max()),
        "activated": float(both.mean()),
        "repolarised": float(rested.mean()),
    }


if __name__ == "__main__":
    main()
