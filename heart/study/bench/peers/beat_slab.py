"""Niederer slab with fenicsx-beat, run by the interpreter of its own environment.

Usage: beat_slab.py QUESTION.json ANSWER.json

Nothing of ours is imported here. The cell model is the peer's own, ten Tusscher-Panfilov 2006 as
it ships for this slab, made into code by its own generator (gotranx: numpy, GRL1); the solver is
conjugate gradients with Jacobi, its quickest choice with this PETSc.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import dolfinx_solver  # noqa: F401  # isort: skip  (loads MPI for all that follow)
import beat
import gotranx
import gotranx.cli
import numpy as np
import ufl
from dolfinx import fem, mesh
from mpi4py import MPI

TEXT = "cli/templates/niederer_benchmark/tentusscher_panfilov_2006_epi_cell.ode"


def cell_code() -> dict[str, Any]:
    """Return the namespace of the peer's own cell model, made by its own generator."""
    ode = gotranx.load_ode(Path(beat.__file__).parent / TEXT)
    code = gotranx.cli.gotran2py.get_code(
        ode, scheme=[gotranx.schemes.Scheme.generalized_rush_larsen]
    )
    names: dict[str, Any] = {}
    exec(compile(code, "cell", "exec"), names)
    return names


def main() -> None:
    """Run the slab for a number of steps and write times and activation."""
    asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    h, dt, steps = asked["h"], asked["dt"], asked["steps"]
    counts = [round(side / h) for side in (20.0, 7.0, 3.0)]
    box = mesh.create_box(MPI.COMM_SELF, [[0.0, 0.0, 0.0], [20.0, 7.0, 3.0]], counts)
    clock = fem.Constant(box, 0.0)
    inside = mesh.locate_entities(box, 3, lambda x: np.all(x <= 1.5 + 1e-10, axis=0))
    tags = mesh.meshtags(box, 3, inside, np.ones(len(inside), np.int32))
    stimulus = beat.stimulation.define_stimulus(
        mesh=box, chi=140.0, time=clock, subdomain_data=tags, marker=1, mesh_unit="mm",
        amplitude=50_000.0, duration=2.0,
    )  # fmt: skip
    diffusivity = ufl.diag(fem.Constant(box, np.array(asked["conductivity"]) / 140.0))
    pde = beat.MonodomainModel(
        time=clock,
        mesh=box,
        M=diffusivity,
        I_s=stimulus,
        C_m=0.01,
        dx=ufl.dx(domain=box, metadata={"quadrature_degree": 4}),
        params={
            "petsc_options": {
                "ksp_type": "cg",
                "pc_type": "jacobi",
                "ksp_rtol": 1e-6,
                "ksp_initial_guess_nonzero": True,
            }
        },
    )
    cell = cell_code()
    states = cell["init_state_values"]()
    parameters = cell["init_parameter_values"](stim_amplitude=0.0)
    ode = beat.odesolver.DolfinODESolver(
        v_ode=fem.Function(pde.V),
        v_pde=pde.state,
        fun=cell["generalized_rush_larsen"],
        init_states=states,
        parameters=parameters,
        num_states=len(states),
        v_index=cell["state_index"]("V"),
    )
    solver = beat.MonodomainSplittingSolver(pde=pde, ode=ode)
    points = pde.V.tabulate_dof_coordinates()
    probes = [int(np.argmin(np.linalg.norm(points - p, axis=1))) for p in asked["probes"]]
    before = pde.state.x.array[probes].copy()
    fired = np.full(len(probes), np.nan)
    solver.step((0.0, dt))
    walls = []
    for step in range(1, steps):
        start = time.perf_counter()
        solver.step((step * dt, (step + 1) * dt))
        walls.append(time.perf_counter() - start)
        now = pde.state.x.array[probes].copy()
        rose = np.isnan(fired) & (now > 0.0) & (before <= 0.0)
        fired[rose] = (step + (0.0 - before[rose]) / (now[rose] - before[rose])) * dt
        before = now
    answer = {
        "nodes": len(points),
        "best_ns": float(np.min(walls)) / len(points) * 1e9,
        "median_ns": float(np.median(walls)) / len(points) * 1e9,
        "activation": [None if np.isnan(t) else float(t) for t in fired],
    }
    Path(sys.argv[2]).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main()
