"""The slab of [Niederer2011]: the whole step beside a peer that solves the same slab.

Both start from the same state with the same step and give the activation of the far corner; the
number of the reference is in docs/verification/niederer2011.md.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI

from heart.core.progress import Telemetry
from heart.electro.tissue.conductivity import REGISTRY as SETS
from heart.electro.tissue.conductivity import tensors
from heart.electro.tissue.observer import ActivationRecorder
from heart.electro.tissue.operators import assemble
from heart.electro.tissue.scheme import load
from heart.electro.tissue.space import TissueSpace
from heart.electro.tissue.stepping import DiffusionStep
from heart.study.bench.clock import best_and_median, walls
from heart.study.bench.peer import BEAT
from heart.study.bench.row import Order, Row, Workload
from heart.study.verification.niederer2011 import cube
from heart.study.verification.niederer2011_limit import SIZE
from heart.study.verification.niederer2011_slab import grid, problem

STEP = 0.05
DIFFUSION = ("accurate", "explicit")
# Of second order: twice the cells' work in a step, for an error that takes others five steps.
STEPS = (*DIFFUSION, "second_order")
FAR = np.array(SIZE)


def run(order: Order, telemetry: Telemetry) -> list[Row]:
    """Time diffusion alone on a large slab, then whole steps beside the peer."""
    return [*_diffusion(order, telemetry), *_steps(order, telemetry)]


def _diffusion(order: Order, telemetry: Telemetry) -> list[Row]:
    spacing = 0.1 if order.full else 0.2
    points, cells = grid(SIZE, cube(spacing))
    space = TissueSpace(points, cells, comm=MPI.COMM_SELF)
    axes = np.tile(np.eye(3), (len(cells), 1, 1))
    sigma = tensors(axes, SETS["niederer2011"].conductivities) / 1.4
    conducting = np.ones(len(cells), bool)
    rows = []
    for name in DIFFUSION:
        with telemetry.step(f"Diffusion, {len(points):,} nodes, {name}"):
            scheme = load(name)
            operators = assemble(space, sigma, conducting, single=scheme.single)
            solver = DiffusionStep(operators, scheme)
            x = points @ np.array([0.8, 0.5, 0.33])
            voltage = operators.vector(-85.0 + 120.0 / (1.0 + np.exp((x - 8.0) / 0.5)))
            # The wave of a running simulation: the field changes little from step to step.
            for _ in range(5):
                solver.advance(voltage, scheme.dt)
            before = solver.solver.iterations, solver.solver.solves
            seconds = walls(lambda: solver.advance(voltage, scheme.dt), 20)  # noqa: B023
            count = solver.solver.iterations - before[0]
            best, median = best_and_median(seconds, 1e9 / len(points))
            products = count / (solver.solver.solves - before[1])
            # One product reads matrix (value, column) and vector once; 14.6 entries per row.
            traffic = 14.6 * 8.0 + 24.0
            rows.append(
                Row(
                    f"diffusion step, {len(points):,} nodes, {name}",
                    best,
                    "ns",
                    median,
                    error=f"{products:.1f} products a step of {scheme.dt:g} ms",
                    bound=traffic / order.machine.bandwidth,
                    must=60.0,
                    aim=20.0,
                )
            )
    return rows


def _steps(order: Order, telemetry: Telemetry) -> list[Row]:
    spacing = 0.2 if order.full else 0.5
    duration = 60.0 if order.full else 70.0
    rows = []
    peer, peer_error = None, ""
    if order.peer:
        with telemetry.step(f"{BEAT.name}, {spacing:g} mm"):
            answer = _peer(spacing, duration)
            peer = float(answer["best_ns"])
            far = answer["activation"][0]
            peer_error = f"; peer {far:.2f}" if far is not None else "; peer none"
    for name in STEPS:
        scheme = replace(load(name), dt=STEP)
        with telemetry.step(f"Slab, {spacing:g} mm, {name}"):
            slab = problem(cube(spacing), scheme)
            first = ActivationRecorder()
            steps = 20
            seconds = []
            while slab.time < duration - 1e-9:
                until = min(slab.time + steps * STEP, duration)
                seconds += walls(lambda: slab.run(until, observers=(first,)), 1)  # noqa: B023
            corner = int(np.argmin(np.linalg.norm(slab.space.points - FAR, axis=1)))
            far_ours = float(first.first()[corner])
            nodes = slab.space.nodes
            best, median = best_and_median(seconds[1:], 1e9 / (nodes * steps))
            rows.append(
                Row(
                    f"slab {spacing:g} mm, {nodes:,} nodes, TT2006, dt {STEP:g} ms, {name}",
                    best,
                    "ns",
                    median,
                    error=_arrival(far_ours, duration) + peer_error,
                    bound=(19 * 16.0 + 14.6 * 8.0 + 24.0) / order.machine.bandwidth,
                    peer=peer,
                    peer_name=BEAT.name if peer is not None else "",
                    must=180.0 if name in DIFFUSION else None,
                    aim=60.0 if name in DIFFUSION else None,
                )
            )
    return rows


def _arrival(time: float, duration: float) -> str:
    """Return when the far corner was activated; a lumped wave on a coarse grid is later yet."""
    return f"P8 at {time:.2f} ms" if np.isfinite(time) else f"P8 after {duration:g} ms"


def _peer(spacing: float, duration: float) -> dict[str, Any]:
    question = {
        "h": spacing,
        "dt": STEP,
        "steps": round(duration / STEP),
        "conductivity": list(SETS["niederer2011"].conductivities.monodomain),
        "probes": [FAR.tolist()],
    }
    with tempfile.TemporaryDirectory() as folder:
        return BEAT.run("beat_slab.py", question, Path(folder))


WORKLOAD = Workload("slab", "diffusion alone and whole steps of the slab, one core", run)
