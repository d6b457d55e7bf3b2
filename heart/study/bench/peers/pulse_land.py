"""Ventricles of Land et al. 2015 with fenicsx-pulse, run by the interpreter of its own environment.

Usage: pulse_land.py QUESTION.json ANSWER.json

Nothing of ours is imported here. Law, elements (P2-P1), solver and tolerances are the peer's own
defaults; the mesh is the one that we solve on, and fibres lie at its quadrature points.
"""

import importlib
import json
import sys
import time
import types
from pathlib import Path
from typing import Any

import dolfinx_solver  # noqa: F401  # isort: skip  (loads MPI for all that follow)
import basix
import basix.ufl
import numpy as np
import ufl
from dolfinx import fem, mesh
from mpi4py import MPI

# It has no wheel, and is called for spaces of single numbers only, which no problem here has.
sys.modules["scifem"] = types.ModuleType("scifem")
pulse: Any = importlib.import_module("pulse")

DEGREE = 4
SHORT, LONG, WALL = 7.0, 17.0, 3.0
PASSIVE, ACTIVE, TENSION = 10.0, 15.0, 60.0
LEAST = 1e-3


def body(stored: Any) -> tuple[Any, Any]:
    """Return mesh and facet tags from arrays."""
    element = basix.ufl.element("Lagrange", "tetrahedron", 2, shape=(3,))
    box = mesh.create_mesh(MPI.COMM_SELF, stored["cells"], element, stored["points"])
    box.topology.create_connectivity(2, 3)
    box.topology.create_connectivity(2, 0)
    box.topology.create_connectivity(3, 0)
    corners = box.topology.connectivity(3, 0).array.reshape(-1, 4)
    given = np.full(corners.max() + 1, -1)
    given[corners] = np.asarray(box.geometry.input_global_indices)[box.geometry.dofmaps[0][:, :4]]
    known = {
        tuple(facet): tag
        for facet, tag in zip(np.sort(stored["facets"], axis=1), stored["tags"], strict=True)
    }
    outer = mesh.exterior_facet_indices(box.topology)
    ours = np.sort(given[box.topology.connectivity(2, 0).array.reshape(-1, 3)[outer]], axis=1)
    tags = np.array([known.get(tuple(facet), 0) for facet in ours], np.int32)
    return box, mesh.meshtags(box, 2, outer[tags > 0], tags[tags > 0])


def fibres(box: Any) -> list[Any]:
    """Return fibre, sheet and normal of the family of ellipsoids, +90 to -90 degrees."""
    rule, _ = basix.make_quadrature(basix.CellType.tetrahedron, DEGREE)
    element = basix.ufl.quadrature_element("tetrahedron", value_shape=(3,), degree=DEGREE)
    space = fem.functionspace(box, element)
    cells = np.arange(box.topology.index_map(3).size_local, dtype=np.int32)
    place = fem.Expression(ufl.SpatialCoordinate(box), rule)
    x, y, z = place.eval(box, cells).reshape(-1, 3).T
    depth, low, high = np.zeros(len(x)), np.full(len(x), -0.2), np.full(len(x), 1.2)
    for _ in range(60):
        depth = 0.5 * (low + high)
        outside = (x**2 + y**2) / (SHORT + WALL * depth) ** 2 + z**2 / (LONG + WALL * depth) ** 2
        low, high = np.where(outside > 1.0, depth, low), np.where(outside > 1.0, high, depth)
    short, long = SHORT + WALL * depth, LONG + WALL * depth
    polar = -np.arccos(np.clip(z / long, -1.0, 1.0))
    angle = np.arctan2(-y, -x)
    along = np.column_stack(
        [
            short * np.cos(polar) * np.cos(angle),
            short * np.cos(polar) * np.sin(angle),
            -long * np.sin(polar),
        ]
    )
    around = np.sign(np.sin(polar))[:, None] * np.column_stack(
        [-np.sin(angle), np.cos(angle), 0.0 * angle]
    )
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    turn = (0.5 * np.pi * (1.0 - 2.0 * depth))[:, None]
    fibre = np.sin(turn) * along + np.cos(turn) * around
    normal = np.cross(along, around)
    made = []
    for values in (fibre, np.cross(normal, fibre), normal):
        function = fem.Function(space)
        function.x.array.reshape(-1, 3)[space.dofmap.list.ravel()] = values
        made.append(function)
    return made


def main() -> None:
    """Walk to the full load and write seconds, Newton steps and apices."""
    asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    stored = np.load(asked["mesh"])
    box, tags = body(stored)
    geometry = pulse.Geometry(
        mesh=box,
        facet_tags=tags,
        markers={"ENDO": (int(stored["endo"]), 2), "BASE": (int(stored["base"]), 2)},
        metadata={"quadrature_degree": DEGREE},
    )
    f, s, n = fibres(box)
    passive = asked["problem"] == 2
    stiffness = (10.0, 1.0, 1.0, 1.0) if passive else (2.0, 8.0, 2.0, 4.0)
    units = {"C": "kPa", "bf": "dimensionless", "bt": "dimensionless", "bfs": "dimensionless"}
    parameters = {
        name: pulse.Variable(value, units[name])
        for name, value in zip(units, stiffness, strict=True)
    }
    law = pulse.Guccione(f0=f, s0=s, n0=n, **parameters)
    tension = pulse.Variable(fem.Constant(box, 0.0), "kPa")
    pressure = pulse.Variable(fem.Constant(box, 0.0), "kPa")
    model = pulse.CardiacModel(
        material=law,
        active=pulse.active_model.Passive() if passive else pulse.ActiveStress(f, tension),
        compressibility=pulse.Incompressible(),
    )
    load = pulse.NeumannBC(traction=pressure, marker=int(stored["endo"]))
    problem = pulse.StaticProblem(
        model=model,
        geometry=geometry,
        bcs=pulse.BoundaryConditions(neumann=(load,)),
        parameters={"base_bc": pulse.BaseBC.fixed},
    )
    full = PASSIVE if passive else ACTIVE
    at, size, newton = 0.0, 1.0 / asked["steps"], 0
    started = time.perf_counter()
    while at < 1.0 - 1e-9:
        target = min(at + size, 1.0)
        pressure.assign(full * target)
        tension.assign(TENSION * target)
        done = problem.solve()
        newton += problem.problem.solver.getIterationNumber()
        if done:
            at = target
            continue
        problem.reset_states()
        size *= 0.5
        if size < LEAST:
            raise SystemExit(f"stopped at {at:.3f} of the load")
    seconds = time.perf_counter() - started
    places = problem.u_space.tabulate_dof_coordinates()
    moved = problem.u.x.array.reshape(-1, 3)
    apices = [
        z + float(moved[np.argmin(np.linalg.norm(places - [0.0, 0.0, z], axis=1)), 2])
        for z in (-LONG, -LONG - WALL)
    ]
    unknowns = len(problem.u.x.array) + len(problem.p.x.array)
    answer = {"seconds": seconds, "newton": newton, "apices": apices, "unknowns": unknowns}
    Path(sys.argv[2]).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main()
