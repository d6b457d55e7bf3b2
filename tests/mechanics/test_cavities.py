"""Prescribed volumes: the same states as by pressures, and those that pressures cannot reach."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import ufl
from dolfinx import fem
from mpi4py import MPI

from heart.anatomy.curved import second_order
from heart.anatomy.heart_mesh import Boundary, HeartMesh
from heart.anatomy.idealised import biv_ellipsoid, lv_ellipsoid
from heart.core.errors import NonlinearSolveError, ParameterError
from heart.mechanics.axes import Axes
from heart.mechanics.cavities import CavityProblem, with_cavities
from heart.mechanics.cavity_volume import Lid
from heart.mechanics.compressibility import Penalty
from heart.mechanics.loads import CavityVolume, Direction, Fixed, FollowerPressure, Robin, sliding
from heart.mechanics.materials.neo_hookean import NeoHookean
from heart.mechanics.model import MechanicsModel
from heart.mechanics.relations import PrescribedPressures, PrescribedVolumes
from heart.mechanics.space import Element, MechanicsSpace, tetrahedral
from heart.mechanics.static import StaticProblem
from heart.numerics import tetrahedra
from heart.numerics.newton import compiled
from heart.numerics.profiles import load
from heart.numerics.step_controller import Policy, StepController

DIRECT = load("mechanics/direct")
LADDER = (DIRECT, load("mechanics/direct_l2"))
AXES = Axes(*(ufl.as_vector(row) for row in np.eye(3).tolist()))
MU = 10.0
INNER, OUTER = 10.0, 11.0
WALL = 9
CUTS = (1, 3, 5)


def octant() -> MechanicsSpace:
    """Return an eighth of a hollow sphere of twelve curved tetrahedra."""
    corners = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1], [1, 0, 1]], float)
    corners /= np.linalg.norm(corners, axis=1, keepdims=True)
    triangles = np.array([[0, 3, 5], [1, 4, 3], [2, 5, 4], [3, 4, 5]])
    parameters = np.vstack(
        [np.column_stack([corners, np.full(6, radius)]) for radius in (INNER, OUTER)]
    )
    low = np.sort(triangles, axis=1)
    high = low + 6
    cells = np.concatenate(
        [
            np.column_stack([low, high[:, 2]]),
            np.column_stack([low[:, :2], high[:, 1:]]),
            np.column_stack([low[:, 0], high]),
        ]
    )

    def place(p: np.ndarray) -> np.ndarray:
        return p[:, 3:] * p[:, :3] / np.linalg.norm(p[:, :3], axis=1, keepdims=True)

    cells = tetrahedra.oriented(place(parameters), cells)
    facets, _ = tetrahedra.boundary_faces(cells)
    tags = np.zeros(len(facets), np.int32)
    for axis, tag in enumerate(CUTS):
        tags[(np.abs(parameters[facets][..., axis]) < 1e-12).all(axis=1)] = tag
    tags[(parameters[facets][..., 3] == INNER).all(axis=1)] = WALL
    points, curved = second_order(parameters, cells, place)
    kept = tags > 0
    return MechanicsSpace(*tetrahedral(points, curved, facets[kept], tags[kept], MPI.COMM_SELF))


def balloon_pressure(stretch: float) -> float:
    """Return the pressure of an incompressible neo-Hookean sphere at an inner stretch."""
    outer = (1.0 + (INNER / OUTER) ** 3 * (stretch**3 - 1.0)) ** (1.0 / 3.0)
    return MU * (2.0 / outer + 0.5 / outer**4 - 2.0 / stretch - 0.5 / stretch**4)


def stepped(problem: Any, **options: Any) -> Any:
    """Return the problem at full load."""
    StepController(problem, LADDER, Policy(**options)).run()
    return problem


ROLLERS = [sliding(tag, axis) for axis, tag in enumerate(CUTS)]
MODEL = MechanicsModel(NeoHookean(MU))


@pytest.fixture(scope="module")
def balloon() -> CavityProblem:
    volume = np.pi / 6.0 * (2.0 * INNER) ** 3
    return with_cavities(MODEL, octant(), AXES, ROLLERS, [CavityVolume(WALL, volume)], lid=Lid.NONE)


def test_a_balloon_is_blown_past_its_largest_pressure(balloon: CavityProblem) -> None:
    """Pressure rises to a maximum near a stretch of 1.4 and falls: the closed form, all along."""
    found: list[tuple[float, float]] = []

    def keep(_step: Any) -> None:
        found.append((float(balloon.volumes()[0]), float(balloon.pressures[0])))

    rest = balloon.values()
    StepController(balloon, LADDER, Policy(first=0.02, largest=0.1)).run(accepted=keep)
    balloon.set_values(rest)
    stretch = np.cbrt(np.array([volume for volume, _ in found]) / balloon.rest[0])
    ours = np.array([pressure for _, pressure in found])
    top = int(np.argmax(ours))
    assert 0 < top < len(ours) - 1
    assert ours[-1] < 0.9 * ours[top]
    np.testing.assert_allclose(ours, [balloon_pressure(one) for one in stretch], rtol=1e-3)


def test_the_same_state_as_by_pressure_where_that_has_one(balloon: CavityProblem) -> None:
    """Below the largest pressure both controls agree to 1e-6; above it there is no state."""
    rest = balloon.values()
    StepController(balloon, LADDER, Policy(first=0.05)).run(until=0.1)
    space, pressure = balloon.problem.space, float(balloon.pressures[0])
    pushed = stepped(
        StaticProblem(MODEL, space, AXES, [*ROLLERS, FollowerPressure(WALL, pressure)])
    )
    ours = balloon.problem.values()
    np.testing.assert_allclose(pushed.values(), ours, atol=1e-6 * np.abs(ours).max())
    balloon.set_values(rest)
    too_much = 1.05 * max(balloon_pressure(one) for one in np.linspace(1.2, 1.6, 41))
    more = StaticProblem(MODEL, space, AXES, [*ROLLERS, FollowerPressure(WALL, too_much)])
    with pytest.raises(NonlinearSolveError, match="% of the load"):
        stepped(more, first=0.2, cuts=2)


SOFT = MechanicsModel(NeoHookean(MU), Penalty(100.0))
SPRINGS = [Robin(Boundary.BASE, 0.5, direction=Direction.FULL)]


def straight(heart: HeartMesh) -> MechanicsSpace:
    """Return linear elements on a heart."""
    parts = heart.points, heart.cells, heart.facets, heart.facet_tags
    return MechanicsSpace(*tetrahedral(*parts, MPI.COMM_SELF), Element.P1)


@pytest.fixture(scope="module")
def floating() -> CavityProblem:
    """A ventricle held by springs on its base alone, which carries the pressure on the lid."""
    cavity = CavityVolume(Boundary.LV_ENDO, 3000.0)
    space = straight(lv_ellipsoid(5.0))
    return stepped(with_cavities(SOFT, space, AXES, SPRINGS, [cavity], carried_by=Boundary.BASE))


def test_the_base_carries_what_the_lid_would(floating: CavityProblem) -> None:
    """Forces of pressure and traction vanish in sum, and with them those of the springs."""
    _, springs, pressure, traction = [
        fem.assemble_vector(compiled(form)).array.reshape(-1, 3).sum(axis=0)
        for form in floating.problem.forms
    ]
    assert floating.volumes()[0] == pytest.approx(3000.0, rel=1e-8)
    assert floating.pressures[0] > 0.5
    assert abs(pressure[2]) > 20.0
    np.testing.assert_allclose(traction, -pressure, atol=1e-7 * abs(pressure[2]))
    np.testing.assert_allclose(springs, 0.0, atol=1e-6 * abs(pressure[2]))


def test_tangent_of_the_whole_is_exact(floating: CavityProblem) -> None:
    """Law, pressure, volume and the traction that depends on other surfaces, by differences."""
    system, rng = floating.system, np.random.default_rng(7)
    x, d, ours, up, down = (system.vector.duplicate() for _ in range(5))
    x.array[:] = floating.values() + rng.uniform(-0.02, 0.02, x.getLocalSize())
    d.array[:] = rng.uniform(-1.0, 1.0, x.getLocalSize())
    kept = floating.values()
    system.tangent(x, system.matrix)
    system.matrix.mult(d, ours)
    h = 1e-6
    system.residual(x + h * d, up)
    system.residual(x - h * d, down)
    floating.set_values(kept)
    slope = (up.array - down.array) / (2 * h)
    np.testing.assert_allclose(ours.array, slope, rtol=1e-6, atol=1e-6 * np.abs(slope).max())


def test_work_of_pressure_and_traction_is_that_of_the_closed_cavity(
    floating: CavityProblem,
) -> None:
    """Where the base moves as one, p dV of the conical lid is the work of both loads."""
    space, system = floating.problem.space, floating.system
    rows = system.inner.vector.duplicate()
    floating.volume_functionals[0].row(rows)
    rng = np.random.default_rng(8)
    places = space.space.tabulate_dof_coordinates()
    motion = rng.uniform(-1.0, 1.0, places.shape)
    motion[places[:, 2] > 5.0 - 1e-9] = [0.3, -0.2, 0.9]
    forces = sum(fem.assemble_vector(compiled(form)).array for form in floating.problem.forms[2:])
    work = -forces @ motion.ravel()
    assert work == pytest.approx(floating.pressures[0] * (rows.array @ motion.ravel()), rel=1e-8)


class Tank:
    """What leaves the cavity fills an elastic tank: V + W = all of it, p = W/C; W is unknown."""

    start, scale = np.array([0.0, 0.0]), np.array([1e-2, 1.0])

    def __init__(self, everything: float, compliance: float) -> None:
        self.everything, self.compliance, self.share = everything, compliance, 1.0

    def apply(self, fraction: float) -> None:
        self.share = fraction

    def residual(self, unknowns: np.ndarray, volumes: np.ndarray) -> np.ndarray:
        pressure, content = unknowns
        lost = self.share * self.everything
        return np.array([volumes[0] + content - lost, pressure - content / self.compliance])

    def slopes(self, unknowns: np.ndarray, volumes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        assert len(unknowns) == 2
        assert len(volumes) == 1
        return np.array([[0.0, 1.0], [1.0, -1.0 / self.compliance]]), np.array([[1.0], [0.0]])


def test_a_relation_with_its_own_unknowns_is_solved_with_the_muscle(
    floating: CavityProblem,
) -> None:
    """The place where a circulation goes: one Newton iteration for pressure, volume and tank."""
    problem, cavity = floating.problem, floating.cavities
    problem.set_values(0.0 * problem.values())
    coupled = CavityProblem(problem, cavity, Tank(4000.0, 500.0))
    coupled.apply(0.7)
    outcome = coupled.solve(DIRECT)
    assert outcome.iterations < 10
    content = float(coupled.others[0])
    assert content > 100.0
    assert coupled.volumes()[0] + content == pytest.approx(2800.0, rel=1e-8)
    assert coupled.pressures[0] == pytest.approx(content / 500.0, rel=1e-8)


@pytest.fixture(scope="module")
def ventricles() -> CavityProblem:
    """Both ventricles, filled by a sixth and a third of their volume, the base fixed."""
    rest = {Boundary.LV_ENDO: 0.0, Boundary.RV_ENDO: 0.0}
    space = straight(biv_ellipsoid(9.0))
    held = [Fixed(Boundary.BASE)]
    ask = [CavityVolume(tag, 1.0) for tag in rest]
    problem = with_cavities(SOFT, space, AXES, held, ask)
    filled = PrescribedVolumes(problem.rest, problem.rest * [7 / 6, 4 / 3])
    return stepped(CavityProblem(problem.problem, ask, filled), first=0.5, largest=0.5)


def test_both_ventricles_together_as_by_pressures(ventricles: CavityProblem) -> None:
    """Volumes as prescribed; with the pressures that came out, the same state to 1e-6."""
    wanted = ventricles.rest * [7 / 6, 4 / 3]
    np.testing.assert_allclose(ventricles.volumes(), wanted, rtol=1e-9)
    pressures, ours = ventricles.pressures, ventricles.problem.values()
    assert pressures[0] > pressures[1] > 0.0
    problem = ventricles.problem
    problem.set_values(0.0 * ours)
    pushed = CavityProblem(problem, ventricles.cavities, PrescribedPressures(pressures))
    stepped(pushed, first=0.5, largest=0.5)
    np.testing.assert_allclose(problem.values(), ours, atol=1e-6 * np.abs(ours).max())
    np.testing.assert_allclose(pushed.volumes(), wanted, rtol=1e-6)


def test_one_large_step_costs_as_much_as_by_pressures(ventricles: CavityProblem) -> None:
    """Volumes weigh enough in the residual that a line search does not shorten good steps."""
    found = []
    for relation in (
        PrescribedVolumes(ventricles.rest, ventricles.rest * [1.1, 1.2]),
        PrescribedPressures(np.array([0.85, 0.61])),
    ):
        ventricles.problem.set_values(0.0 * ventricles.problem.values())
        one = CavityProblem(ventricles.problem, ventricles.cavities, relation)
        found.append(one.solve(DIRECT).iterations)
    assert found[0] <= found[1] + 1


def test_what_is_no_cavity_is_refused(ventricles: CavityProblem) -> None:
    """A boundary twice, or one without an unknown pressure, would leave the system singular."""
    lv = CavityVolume(Boundary.LV_ENDO, 1e5)
    with pytest.raises(ParameterError, match="different boundaries"):
        CavityProblem(ventricles.problem, [lv, lv])
    with pytest.raises(ParameterError, match="no unknown pressure acts on boundary 1"):
        CavityProblem(ventricles.problem, [CavityVolume(Boundary.EPI, 1e5)])
    with pytest.raises(ParameterError, match="volume of a cavity"):
        CavityVolume(Boundary.LV_ENDO, -1.0)
