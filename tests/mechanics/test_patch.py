"""Patch tests: what a finite element must give exactly, on meshes without any regularity."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ufl
from mpi4py import MPI
from scipy.optimize import brentq

from heart.mechanics.axes import Axes
from heart.mechanics.compressibility import Incompressible, Penalty
from heart.mechanics.loads import Fixed, Load, sliding
from heart.mechanics.material_point import MaterialPoint
from heart.mechanics.materials.holzapfel_ogden import HolzapfelOgden
from heart.mechanics.materials.neo_hookean import NeoHookean
from heart.mechanics.materials.registry import REGISTRY
from heart.mechanics.model import MechanicsModel
from heart.mechanics.space import Element, MechanicsSpace, tetrahedral
from heart.mechanics.static import StaticProblem
from heart.numerics import tetrahedra
from heart.numerics.profiles import load
from heart.numerics.step_controller import Policy, StepController
from heart.observe.stress import Stresses
from heart.observe.wall_points import WallPoints
from heart.study.verification.shapes import box
from tests.tubes import rotation

CURVES = Path(__file__).parents[1] / "refdata" / "holzapfel_ogden_curves_computed.csv"
AXES = Axes(*(ufl.as_vector(row) for row in np.eye(3).tolist()))
LADDER = (load("mechanics/direct"), load("mechanics/direct_l2"))
BULK = 500.0
SIDES = (1, 2, 3, 4, 5, 6)


def cube(element: Element, edge: float = 0.5, jitter: float = 0.2) -> MechanicsSpace:
    """Return a unit cube with moved nodes; sides 1 and 2 across x, 3 and 4 y, 5 and 6 z."""
    points, cells = box((1.0, 1.0, 1.0), edge, jitter, np.random.default_rng(4))
    facets, _ = tetrahedra.boundary_faces(cells)
    tags = np.zeros(len(facets), int)
    for axis in range(3):
        for side in (0, 1):
            on = (np.abs(points[facets][:, :, axis] - side) < 1e-9).all(axis=1)
            tags[on] = 1 + 2 * axis + side
    mesh, marks = tetrahedral(points, cells, facets, tags, MPI.COMM_SELF)
    return MechanicsSpace(mesh, marks, element)


@pytest.mark.parametrize("element", list(Element), ids=lambda one: one.name)
def test_a_linear_displacement_is_reproduced_exactly(element: Element) -> None:
    """Prescribed on the sides, the inside follows; stress, volume and pressure are constant."""
    slope = np.array([[0.08, 0.1, 0.0], [0.0, -0.05, 0.07], [0.06, 0.0, 0.04]])
    space = cube(element)
    volume = Incompressible(BULK) if space.mixed else Penalty(BULK)
    sides = [Fixed(side, displacement=lambda x: x @ slope.T) for side in SIDES]
    problem = StaticProblem(MechanicsModel(NeoHookean(12.0), volume), space, AXES, sides)
    problem.solve(LADDER[0])
    u = problem.displacement()
    places = u.function_space.tabulate_dof_coordinates()
    np.testing.assert_allclose(u.x.array.reshape(-1, 3), places @ slope.T, atol=1e-10)
    J = np.linalg.det(np.eye(3) + slope)
    assert problem.worst().ratio == pytest.approx(J, abs=1e-9)
    if space.mixed:
        np.testing.assert_allclose(problem.pressure().x.array, BULK * (J - 1.0), rtol=1e-7)


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_a_turned_cube_has_no_stress(name: str) -> None:
    """F of a rotation by 1.1 rad, as elements compute it with round-off: no law feels it."""
    Q = rotation([1.0, -0.5, 2.0], 1.1)
    point = MaterialPoint(MechanicsModel(REGISTRY[name]()), rotation([0.0, 1.0, 1.0], 0.7))
    S = point.second_piola_kirchhoff(Q)
    np.testing.assert_allclose(S - np.trace(S[0]) / 3.0 * np.eye(3), 0.0, atol=1e-11)


class Cube:
    """A Holzapfel–Ogden cube of six cells with a displacement on some sides."""

    def __init__(self, loads: list[Load], bulk_modulus: float | None = None) -> None:
        space = cube(Element.P1_P1_STABILISED, 1.0, 0.0)
        model = MechanicsModel(HolzapfelOgden(), Incompressible(bulk_modulus))
        self.problem = StaticProblem(model, space, AXES, loads)
        self.points = WallPoints(space, self.problem.u)
        self.stresses = Stresses(
            self.points, self.problem.model, AXES, self.problem.u, self.problem.p
        )

    def run(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean F and mean Cauchy stress at full load."""
        StepController(self.problem, LADDER, Policy(first=0.25)).run()
        found = self.stresses.cauchy()
        mean = self.points.mean(found)
        np.testing.assert_allclose(found, np.broadcast_to(mean, found.shape), atol=1e-6)
        return self.points.mean(self.points.gradient()), mean


def stretched(*pulled: tuple[int, float]) -> list[Load]:
    """Return rollers on three sides, and stretches across the opposite ones."""
    loads: list[Load] = [sliding(1, 0), sliding(3, 1), sliding(5, 2)]
    for axis, stretch in pulled:
        loads.append(Fixed(2 + 2 * axis, (axis,), lambda x, s=stretch: (s - 1.0) * x))
    return loads


def table() -> dict[str, np.ndarray]:
    """Return the columns of the computed table of the elastodynamics set."""
    with CURVES.open(encoding="utf-8") as stream:
        rows = [row[1:] for row in csv.reader(stream) if row[0].startswith("HO_Arostica")]
    names = ("stretch", "ff", "ss", "gamma", "fs", "sf")
    return dict(zip(names, np.array(rows, float).T, strict=True))


@pytest.mark.parametrize("stretch", [1.10, 1.15])
def test_equibiaxial_stretch_follows_the_table(stretch: float) -> None:
    """Along fibre and sheet, free across: thickness 1/λ², stresses of the table to 0.1 %."""
    F, stress = Cube(stretched((0, stretch), (1, stretch))).run()
    np.testing.assert_allclose(F, np.diag([stretch, stretch, stretch**-2]), atol=1e-7)
    row = int(np.argmin(np.abs(table()["stretch"] - stretch)))
    assert stress[0, 0] == pytest.approx(table()["ff"][row], rel=1e-3)
    assert stress[1, 1] == pytest.approx(table()["ss"][row], rel=1e-3)
    assert stress[2, 2] == pytest.approx(0.0, abs=1e-6)


def test_uniaxial_stretch_across_the_sheets_is_not_round() -> None:
    """Along the fibre by 1.1: sheet and normal contract apart, each side free of stress."""
    stretch = 1.1
    F, stress = Cube(stretched((0, stretch))).run()
    point = MaterialPoint(MechanicsModel(HolzapfelOgden()))

    def difference(sheet: float) -> float:
        S = point.cauchy(np.diag([stretch, sheet, 1.0 / stretch / sheet]))[0]
        return float(S[1, 1] - S[2, 2])

    sheet = brentq(difference, 0.9, 1.0, xtol=1e-12)
    exact = np.diag([stretch, sheet, 1.0 / stretch / sheet])
    expected = point.cauchy(exact)[0]
    np.testing.assert_allclose(F, exact, atol=1e-6)
    assert stress[0, 0] == pytest.approx(expected[0, 0] - expected[1, 1], rel=1e-5)
    np.testing.assert_allclose(stress[1:, 1:], 0.0, atol=1e-6)
    assert abs(F[1, 1] - F[2, 2]) > 1e-3


def shear(i: int, j: int, amount: float) -> np.ndarray:
    """Return the stress in the simple shear F = 1 + γ e_i ⊗ e_j."""
    slope = np.zeros((3, 3))
    slope[i, j] = amount
    loads: list[Any] = [Fixed(side, displacement=lambda x: x @ slope.T) for side in SIDES]
    _, stress = Cube(loads, BULK).run()
    return stress


def test_simple_shear_follows_the_table_and_the_order_of_dokos() -> None:
    """First letter: where the lines named by the second are shifted to. Table to 0.1 %.

    Fibres that are stretched (sf, nf) resist most, then sheets (fs), then the normals (sn): the
    order of the modes of Dokos.
    """
    curves, found = table(), {}
    row = int(np.argmin(np.abs(curves["gamma"] - 0.4)))
    for i, j in ((1, 0), (2, 0), (0, 1), (1, 2)):
        found["fsn"[i] + "fsn"[j]] = float(shear(i, j, 0.4)[i, j])
    for name in ("fs", "sf"):
        assert found[name] == pytest.approx(curves[name][row], rel=1e-3)
    assert found["sf"] >= found["nf"] > found["fs"] > found["sn"] > 0.0
