"""What `heart bench mechanics` measures, each in a process of its own.

Usage: python -m heart.study.bench.mechanics_jobs JOB '{"edge": 2.5, …}'; prints one JSON line.
A tiny problem is solved first, so that times and memory are without compiling and loading code.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from dolfinx import fem
from mpi4py import MPI

from heart.anatomy.curved import curved_lv_ellipsoid
from heart.anatomy.heart_mesh import Boundary
from heart.anatomy.idealised import lv_ellipsoid
from heart.core.paths import packaged
from heart.mechanics.active import ActiveStress
from heart.mechanics.compressibility import Penalty
from heart.mechanics.loads import Fixed, FollowerPressure, Load
from heart.mechanics.materials.guccione import Guccione
from heart.mechanics.materials.holzapfel_ogden import HolzapfelOgden
from heart.mechanics.model import MechanicsModel
from heart.mechanics.space import Element, MechanicsSpace
from heart.mechanics.static import Ramp, StaticProblem
from heart.numerics.profiles import Profile, load
from heart.numerics.step_controller import Policy, Step, StepController
from heart.scenario.load import load_scenario
from heart.study.mechanics.run import run_mechanics
from heart.study.verification.land2015_fibres import family_axes
from heart.study.verification.land2015_shapes import (
    ACTIVE_PRESSURE,
    PASSIVE_PRESSURE,
    TENSION,
    Wall,
    apices,
    cartesian,
)

FILLING = 1.5
TIGHT: dict[str, str | int | float] = {"snes_rtol": 1e-8, "snes_atol": 1e-8}
TINY = Wall(6.0, 1, curved=False)


def main() -> None:
    """Run the job that the command line names."""
    name, question = sys.argv[1], json.loads(sys.argv[2])
    answer = JOBS[name](**question)
    if MPI.COMM_WORLD.rank == 0:
        sys.stdout.write(json.dumps(answer) + "\n")


def inflation(
    edge: float, layers: int, profile: str, steps: int = 10, share: float = 1.0
) -> dict[str, Any]:
    """Fill an ellipsoid of Holzapfel and Ogden's muscle to 1.5 kPa in equal steps."""
    return _walked(_passive, Wall(edge, layers, curved=False), profile, steps, share)


def mixed(
    edge: float, layers: int, profile: str, steps: int = 10, share: float = 1.0
) -> dict[str, Any]:
    """Fill an ellipsoid of Guccione's incompressible muscle to 1.5 kPa in equal steps."""
    return _walked(_incompressible, Wall(edge, layers, curved=False), profile, steps, share)


def land(problem: int, edge: float, layers: int, apex: float | None, steps: int) -> dict[str, Any]:
    """Solve problem 2 or 3 of [Land2015] on curved cells."""
    wall = Wall(edge, layers, apex)
    ladder = [load("mechanics/direct_lagged"), load("mechanics/direct_l2")]
    make = _inflated if problem == 2 else _contracted
    _timed(make(TINY), ladder, 2, 0.1)
    body = make(wall)
    answer = _timed(body, ladder, steps, 1.0)
    return answer | {"apices": apices(body)}


def contract(settings: list[str]) -> dict[str, Any]:
    """Fill and contract the example heart, as `heart run` does."""
    started = time.perf_counter()
    loaded = load_scenario(packaged("scenarios") / "mechanics" / "contract.yaml", settings)
    with tempfile.TemporaryDirectory() as folder:
        shared = MPI.COMM_WORLD.bcast(folder)
        result = run_mechanics(loaded, Path(shared))
        MPI.COMM_WORLD.Barrier()
    return {
        "seconds": time.perf_counter() - started,
        "unknowns": int(result.steps["unknowns"]),
        "parts": {name: float(value) for name, value in result.timings.items()},
    }


def mesh(path: str, edge: float, layers: int, apex: float | None) -> dict[str, Any]:
    """Write the curved mesh that `land` solves on, for a peer."""
    heart = lv_ellipsoid(edge, layers=layers, apex_edge=apex)
    points, cells = curved_lv_ellipsoid(heart)
    np.savez(
        path,
        points=points,
        cells=cells,
        facets=heart.facets,
        tags=heart.facet_tags,
        base=int(Boundary.BASE),
        endo=int(Boundary.LV_ENDO),
    )
    return {"cells": len(cells)}


def _walked(
    make: Callable[[Wall], StaticProblem], wall: Wall, name: str, steps: int, share: float
) -> dict[str, Any]:
    found = load(f"mechanics/{name}")
    profile = Profile(found.name, found.purpose, found.petsc | TIGHT)
    _timed(make(TINY), [profile], 2, 0.1)
    before = _resident()
    return _timed(make(wall), [profile], steps, share, before)


def _timed(
    problem: StaticProblem,
    ladder: list[Profile],
    steps: int,
    share: float,
    before: float = 0.0,
) -> dict[str, Any]:
    """Walk to a share of the load; seconds of the slowest rank, Newton steps, bytes of all."""
    comm, layout = problem.space.comm, problem.space.space.dofmap
    policy = Policy(first=1.0 / steps, largest=1.0 / steps)
    comm.Barrier()
    started = time.perf_counter()
    walked: list[Step] = StepController(problem, ladder, policy).run(share)
    seconds = comm.allreduce(time.perf_counter() - started, op=MPI.MAX)
    # Linux counts in KiB.
    peak = 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "seconds": seconds,
        "newton": sum(step.iterations for step in walked),
        "steps": len(walked),
        "unknowns": layout.index_map.size_global * layout.index_map_bs,
        "bytes": comm.allreduce(peak - before, op=MPI.SUM),
    }


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return float(pages * resource.getpagesize())


def _passive(wall: Wall) -> StaticProblem:
    mixed_space = wall.space()
    space = MechanicsSpace(mixed_space.mesh, mixed_space.facets, Element.P2, 4)
    model = MechanicsModel(HolzapfelOgden(), Penalty())
    return StaticProblem(model, space, family_axes(space), _loads(FILLING))


def _incompressible(wall: Wall) -> StaticProblem:
    space = wall.space()
    model = MechanicsModel(Guccione(2.0, 8.0, 2.0, 4.0))
    return StaticProblem(model, space, family_axes(space), _loads(FILLING))


def _inflated(wall: Wall) -> StaticProblem:
    model = MechanicsModel(Guccione(10.0, 1.0, 1.0, 1.0))
    return StaticProblem(model, wall.space(), cartesian(), _loads(PASSIVE_PRESSURE))


def _contracted(wall: Wall) -> StaticProblem:
    space = wall.space()
    strength = fem.Constant(space.mesh, 0.0)
    model = MechanicsModel(Guccione(2.0, 8.0, 2.0, 4.0), active=ActiveStress(strength))
    ramps = [Ramp(strength, TENSION)]
    return StaticProblem(model, space, family_axes(space), _loads(ACTIVE_PRESSURE), ramps)


def _loads(pressure: float) -> list[Load]:
    return [Fixed(Boundary.BASE), FollowerPressure(Boundary.LV_ENDO, pressure)]


JOBS: dict[str, Callable[..., dict[str, Any]]] = {
    "inflation": inflation,
    "mixed": mixed,
    "land": land,
    "contract": contract,
    "mesh": mesh,
}

if __name__ == "__main__":
    main()
