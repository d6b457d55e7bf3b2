"""Orders of convergence of the elements of mechanics, and a check that they do not lock.

Three shears, each across the other two coordinates, make a displacement that keeps every volume
whatever it is; with a pressure of its own it solves the equations under the forces that it needs.
These enter as ∫ P(u, p):∇v, which is the body force and the traction of the free side at once and
needs no second derivatives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import basix
import basix.ufl
import numpy as np
import ufl
from dolfinx import fem
from dolfinx.mesh import CellType, create_box
from mpi4py import MPI

from heart.core.progress import Telemetry
from heart.mechanics.compressibility import Incompressible
from heart.mechanics.kinematics import deformation_gradient, right_cauchy_green
from heart.mechanics.materials.law import second_piola_kirchhoff
from heart.mechanics.materials.neo_hookean import NeoHookean
from heart.mechanics.model import MechanicsModel
from heart.mechanics.space import Element, MechanicsSpace, marked
from heart.numerics.newton import COMPILER, compiled
from heart.study.verification import cooks_membrane
from heart.study.verification.benchmark import EXACT, Benchmark, Check, between, shown
from heart.study.verification.dead_load import COORDINATE_AXES, DeadLoad

MU, SIZE, PRESSURE = 10.0, 0.08, 4.0
NORM_DEGREE = 6
MODEL = MechanicsModel(NeoHookean(MU), Incompressible())
DEGREES = {Element.P2_P1: 5, Element.P1_P1_STABILISED: 3}
MESHES = {Element.P2_P1: (2, 4, 8), Element.P1_P1_STABILISED: (4, 8, 16)}


@dataclass(frozen=True)
class Errors:
    """Errors of displacement in L2 (mm) and in the H1 seminorm (1), of pressure in L2 (kPa)."""

    edge: float
    u: float
    gradient: float
    p: float


def motion(x: Any, maths: Any) -> tuple[Any, Any, Any]:
    """Return the displacement at x with the functions of `maths` (numpy or ufl); J = 1."""
    first = x[0] + SIZE * maths.sin(np.pi * x[1]) * maths.cos(2.0 * x[2])
    second = x[1] + SIZE * maths.cos(np.pi * first) * maths.sin(1.0 + 2.0 * x[2])
    third = x[2] + SIZE * maths.sin(2.0 * first + np.pi * second)
    return first - x[0], second - x[1], third - x[2]


def pressure(x: Any, maths: Any) -> Any:
    """Return the pressure at x in kPa."""
    return PRESSURE * (maths.cos(np.pi * x[0]) * maths.sin(2.0 * x[1]) + x[2] ** 2)


def errors(element: Element, count: int) -> Errors:
    """Solve on a cube of `count`³ boxes of six tetrahedra and return the errors. Collective."""
    mesh = create_box(MPI.COMM_WORLD, [[0, 0, 0], [1, 1, 1]], [count] * 3, CellType.tetrahedron)
    sides = {
        1 + 2 * axis + side: partial(_on_side, axis=axis, place=float(side))
        for axis in range(3)
        for side in (0, 1)
        if (axis, side) != (0, 1)
    }
    space = MechanicsSpace(mesh, marked(mesh, sides), element, DEGREES[element])
    x = ufl.SpatialCoordinate(mesh)
    u, p = ufl.as_vector(motion(x, ufl)), pressure(x, ufl)
    F = deformation_gradient(u)
    C = ufl.variable(right_cauchy_green(F))
    P = _at_points(space, F * second_piola_kirchhoff(MODEL.energy(C, COORDINATE_AXES, p), C))

    def work(v: Any) -> Any:
        return ufl.inner(P, ufl.grad(v)) * space.volume

    held = [(tag, (0, 1, 2), lambda at: np.stack(motion(at, np))) for tag in sides]
    problem = DeadLoad(MODEL, space, work, held)
    problem.solve()
    measure = ufl.dx(domain=mesh, metadata={"quadrature_degree": NORM_DEGREE})
    gap, rest = problem.u - u, problem.p - p
    parts = (ufl.inner(gap, gap), ufl.inner(ufl.grad(gap), ufl.grad(gap)), rest**2)
    found = [
        float(np.sqrt(mesh.comm.allreduce(fem.assemble_scalar(compiled(part * measure)))))
        for part in parts
    ]
    return Errors(1.0 / count, *found)


def _at_points(space: MechanicsSpace, stress: Any) -> Any:
    """Return a tensor as a function on the quadrature points, where the load is integrated.

    The law is then assembled by the code that hearts are assembled with: its kernels know
    functions, but no positions.
    """
    mesh, degree = space.mesh, space.quadrature_degree
    cell = mesh.basix_cell()
    rule, _ = basix.make_quadrature(cell, degree)
    element = basix.ufl.quadrature_element(cell.name, value_shape=(3, 3), degree=degree)
    values = fem.functionspace(mesh, element)
    owned = np.arange(mesh.topology.index_map(3).size_local, dtype=np.int32)
    found = fem.Expression(stress, rule, comm=mesh.comm, jit_options=COMPILER).eval(mesh, owned)
    function: Any = fem.Function(values)
    rows = values.dofmap.list[: len(owned)].ravel()
    function.x.array.reshape(-1, 9)[rows] = found.reshape(-1, 9)
    return function


def _on_side(x: Any, axis: int, place: float) -> Any:
    return np.isclose(x[axis], place)


def order(coarse: Errors, fine: Errors) -> tuple[float, float, float]:
    """Return the orders of displacement in L2 and H1 and of pressure between two meshes."""
    ratio = np.log(coarse.edge / fine.edge)
    pairs = ((coarse.u, fine.u), (coarse.gradient, fine.gradient), (coarse.p, fine.p))
    u, gradient, p = (float(np.log(one / other) / ratio) for one, other in pairs)
    return u, gradient, p


# Intervals for the orders of u in L2, u in H1, p in L2: from theory, before any run.
GATES: dict[Element, tuple[tuple[float, float], ...]] = {
    Element.P2_P1: ((2.8, 3.5), (1.8, 2.5), (1.8, 3.0)),
    Element.P1_P1_STABILISED: ((1.8, 2.5), (0.85, 1.5), (0.85, 2.5)),
}


def _orders(element: Element) -> Callable[[], list[Check]]:
    def part() -> list[Check]:
        found = [errors(element, count) for count in MESHES[element]]
        measured = order(found[-2], found[-1])
        checks = [
            between(f"{element.name}: order of {name}", value, low, high, "1", EXACT)
            for name, value, (low, high) in zip(
                ("u in L2", "u in H1", "p in L2"), measured, GATES[element], strict=True
            )
        ]
        last = found[-1]
        return [
            *checks,
            shown(f"{element.name}: error of u in L2 on the finest mesh", last.u, "mm", EXACT),
            shown(f"{element.name}: error of p in L2 on the finest mesh", last.p, "kPa", EXACT),
        ]

    return part


PARTS: dict[str, Callable[[], list[Check]]] = {
    "P2-P1, three meshes": _orders(Element.P2_P1),
    "P1-P1 stabilised, three meshes": _orders(Element.P1_P1_STABILISED),
    "Cook's membrane": cooks_membrane.checks,
}


def run(telemetry: Telemetry) -> list[Check]:
    """Run all parts."""
    checks: list[Check] = []
    for name, part in PARTS.items():
        with telemetry.step(name):
            checks += part()
    return checks


BENCHMARK = Benchmark(
    name="manufactured_mechanics",
    title="Orders of convergence of mechanics, and Cook's membrane",
    seconds=90,
    run=run,
    notes=(
        "Unit cube, three nested shears of amplitude 0.08 mm (J = 1 exactly), incompressible "
        "neo-Hookean solid with 10 kPa; one side free under its traction, the others prescribed. "
        "Assembled by the element kernels; the compiled forms gave the same errors to 1e-12.",
        "Orders are between the two finest of three meshes: 4 and 8 boxes per edge for P2-P1, 8 "
        "and 16 for P1-P1, six tetrahedra each, all diagonals parallel.",
        "Cook's membrane as a slab in plane strain, µ = 80.194 kPa, a dead shear load of 6.25 kPa "
        "in four steps; the number is the rise of the upper right corner. P1-P1 on twice the boxes "
        "has the nodes of P2-P1; on the same boxes it is shown without a gate.",
    ),
)
