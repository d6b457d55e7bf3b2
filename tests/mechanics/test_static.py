"""Static problems against closed forms, on meshes as small as shows the point."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import ufl
from dolfinx import fem
from dolfinx.mesh import CellType, create_box
from mpi4py import MPI

from heart.core.errors import MeshInputError, ParameterError
from heart.mechanics.axes import Axes
from heart.mechanics.balance import ShearModulus, small_shear_modulus
from heart.mechanics.compressibility import Penalty
from heart.mechanics.loads import Direction, Fixed, FollowerPressure, Robin, sliding
from heart.mechanics.materials.guccione import Guccione
from heart.mechanics.materials.neo_hookean import NeoHookean
from heart.mechanics.model import MechanicsModel
from heart.mechanics.rigid import require_held
from heart.mechanics.space import Element, MechanicsSpace, marked
from heart.mechanics.static import StaticProblem, with_constants
from heart.numerics.newton import compiled, require_degree
from heart.numerics.profiles import load
from heart.numerics.step_controller import Policy, StepController

DIRECT = load("mechanics/direct")
LADDER = (DIRECT, load("mechanics/direct_l2"))
AXES = Axes(*(ufl.as_vector(row) for row in np.eye(3).tolist()))
SIDES = {
    1 + 2 * axis + side: (lambda x, a=axis, s=side: np.isclose(x[a], s))
    for axis in range(3)
    for side in (0, 1)
}
ROLLERS = [sliding(1, 0), sliding(3, 1), sliding(5, 2)]
MU = 15.0


def cube(element: Element = Element.P2_P1, count: int = 1, cell: Any = None) -> MechanicsSpace:
    kind = CellType.tetrahedron if cell is None else cell
    mesh = create_box(MPI.COMM_SELF, [[0, 0, 0], [1, 1, 1]], [count] * 3, kind)
    return MechanicsSpace(mesh, marked(mesh, SIDES), element)


def problem(loads: list[Any], material: Any = None, **options: Any) -> StaticProblem:
    model = MechanicsModel(material or NeoHookean(MU), **options)
    element = Element.P2_P1 if "compressibility" not in options else Element.P2
    return StaticProblem(model, cube(element), AXES, loads)


def corner(one: StaticProblem) -> np.ndarray:
    u = one.displacement()
    places = u.function_space.tabulate_dof_coordinates()
    return u.x.array.reshape(-1, 3)[np.argmin(np.linalg.norm(places - 1.0, axis=1))]


@pytest.mark.parametrize(("pulled", "power"), [((2,), 1), ((2, 4), 2)], ids=["uniaxial", "biaxial"])
def test_cube_under_suction_follows_the_closed_form(pulled: tuple[int, ...], power: int) -> None:
    """Incompressible: σ = µ(λ² − λ^−m), m = 1 uniaxial and 4 equibiaxial, under a true stress."""
    stretch = 1.2
    across = stretch**-0.5 if power == 1 else stretch**-2
    stress = MU * (stretch**2 - across**2)
    pulls = [FollowerPressure(side, -stress) for side in pulled]
    one = problem([*ROLLERS, *pulls])
    StepController(one, LADDER, Policy(first=0.5)).run()
    expected = np.full(3, across - 1.0)
    expected[[side // 2 - 1 for side in pulled]] = stretch - 1.0
    np.testing.assert_allclose(corner(one), expected, rtol=1e-8)


def test_the_stabilised_tier_keeps_constant_pressure() -> None:
    """P1–P1: the stabilisation acts on the slope of the pressure only, so this case is exact."""
    stress = MU * (1.2**2 - 1.0 / 1.2)
    space = cube(Element.P1_P1_STABILISED, 2)
    loads = [*ROLLERS, FollowerPressure(2, -stress)]
    one = StaticProblem(MechanicsModel(NeoHookean(MU)), space, AXES, loads)
    StepController(one, LADDER, Policy(first=0.5)).run()
    np.testing.assert_allclose(corner(one), [0.2, 1.2**-0.5 - 1, 1.2**-0.5 - 1], rtol=1e-8)


def test_a_law_that_changes_takes_its_stabilisation_along() -> None:
    """A fit changes parameters of a problem: it has to be the problem that has these from start."""
    loads = [Fixed(1), FollowerPressure(2, -6.0)]

    def made(stiffness: float) -> StaticProblem:
        model = MechanicsModel(NeoHookean(stiffness))
        return StaticProblem(model, cube(Element.P1_P1_STABILISED, 2), AXES, loads)

    changed, fresh = made(5.0 * MU), made(MU)
    changed.model.material.shear_modulus.value = MU
    for one in (changed, fresh):
        StepController(one, LADDER, Policy(first=0.5)).run()
    assert np.abs(corner(fresh)).max() > 0.05
    np.testing.assert_allclose(corner(changed), corner(fresh), rtol=1e-9)


def test_the_stabilisation_follows_exponents_too() -> None:
    """What a small shear meets in Guccione's law is half the scale times the largest exponent."""
    mesh = cube(Element.P1_P1_STABILISED, 1).mesh
    model = with_constants(MechanicsModel(Guccione(2.0, 8.0, 2.0, 4.0)), mesh)
    modulus = ShearModulus(model, mesh)
    for factor in (1.0, 2.5):
        model.material.shear.value = factor * 4.0
        modulus.refresh()
        law = Guccione(2.0, 8.0, 2.0, factor * 4.0)
        expected = max(2.0, small_shear_modulus(law, model.split))
        assert float(modulus.expression.value) == pytest.approx(expected, rel=1e-12)
    assert expected > 5.0


def test_patch_of_simple_shear() -> None:
    """Prescribed on all sides, the inside follows exactly: constant strain is represented."""
    shear = np.array([[0.0, 0.3, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    sides = [Fixed(side, displacement=lambda x: x @ shear.T) for side in SIDES]
    one = problem(sides, compressibility=Penalty(500.0))
    one.solve(DIRECT)
    places = one.displacement().function_space.tabulate_dof_coordinates()
    inside = one.displacement().x.array.reshape(-1, 3)
    np.testing.assert_allclose(inside, places @ shear.T, atol=1e-10)
    assert one.worst().ratio == pytest.approx(1.0, abs=1e-10)


def test_tangent_is_the_derivative_of_the_residual() -> None:
    """Law, constraint, follower pressure and springs: K d equals a finite difference of R."""
    loads = [Fixed(1), FollowerPressure(6, 2.0), Robin(2, 3.0), Robin(4, 1.0, 0.0, Direction.FULL)]
    system = problem(loads).system
    rng = np.random.default_rng(3)
    x, d = system.vector.duplicate(), system.vector.duplicate()
    x.array[:] = rng.uniform(-0.03, 0.03, x.getLocalSize())
    d.array[:] = rng.uniform(-1.0, 1.0, x.getLocalSize())
    for condition in system.conditions:
        x.array[condition.dof_indices()[0]] = 0.0
        d.array[condition.dof_indices()[0]] = 0.0
    system.tangent(x, system.matrix)
    ours = system.matrix.createVecLeft()
    system.matrix.mult(d, ours)
    up, down = x.duplicate(), x.duplicate()
    h = 1e-6
    system.residual(x + h * d, up)
    system.residual(x - h * d, down)
    slope = (up.array - down.array) / (2 * h)
    np.testing.assert_allclose(ours.array, slope, rtol=1e-6, atol=1e-7 * np.abs(slope).max())


def test_springs_carry_the_load() -> None:
    """A block between rollers, pushed onto springs: total force = stiffness × motion."""
    loads = [sliding(3, 1), sliding(4, 1), sliding(5, 2), sliding(6, 2)]
    one = problem([*loads, FollowerPressure(2, 0.5), Robin(1, 2.0)])
    one.solve(DIRECT)
    assert corner(one)[0] == pytest.approx(-0.25, rel=1e-8)


@pytest.mark.parametrize(
    ("loads", "named"),
    [
        ([FollowerPressure(2, 1.0)], "6 rigid motions"),
        ([sliding(1, 0)], "3 rigid motions: translation along y, translation along z, rotation"),
        ([Robin(1, 0.0)], "6 rigid motions"),
        ([Robin(1, 1.0)], "3 rigid motions"),
    ],
    ids=["pressure only", "one roller", "no stiffness", "springs along one normal"],
)
def test_a_body_that_can_float_is_refused(loads: list[Any], named: str) -> None:
    """A singular tangent is no answer: the free motions are named before anything is solved."""
    with pytest.raises(ParameterError, match=named):
        problem(loads)


def test_springs_and_rollers_together_hold() -> None:
    """Springs along the normals of three sides hold all six motions, as a pericardium does."""
    require_held(cube(), [Robin(1, 1.0), Robin(3, 1.0), Robin(5, 1.0)])


def test_forms_have_explicit_quadrature_degrees() -> None:
    """UFL's own choice for a Holzapfel–Ogden tangent costs 190 times as much."""
    one = problem([Fixed(1), FollowerPressure(6, 2.0), Robin(2, 3.0)])
    for form in one.forms:
        require_degree(form)
        require_degree(ufl.derivative(form, one.state))
    space = cube()
    with pytest.raises(ParameterError, match="quadrature degree"):
        compiled(ufl.exp(fem.Function(space.space)[0]) * ufl.dx(domain=space.mesh))


def test_unknown_boundary_and_misfitting_elements_are_named() -> None:
    """A wrong tag would silently be no load at all."""
    with pytest.raises(MeshInputError, match="no facet with tag 9"):
        problem([Fixed(1), FollowerPressure(9, 1.0)])
    with pytest.raises(ParameterError, match="P2_P1"):
        StaticProblem(MechanicsModel(NeoHookean(MU)), cube(Element.P2), AXES, [Fixed(1)])
    with pytest.raises(ParameterError, match="times too large"):
        FollowerPressure(1, 2000.0)


def test_the_controller_finishes_where_one_step_fails() -> None:
    """A soft Guccione cube under 5 kPa: Newton fails from rest, steps that adapt arrive."""
    loads = [Fixed(1), FollowerPressure(6, 20.0)]
    law = Guccione(scale=2.0)
    one = StaticProblem(MechanicsModel(law), cube(count=2), AXES, loads)
    rest = one.values()
    one.apply(1.0)
    with pytest.raises(Exception, match=r"DIVERGED|failed|NANORINF"):
        one.solve(DIRECT)
    one.set_values(rest)
    controller = StepController(one, LADDER, Policy(first=1.0, largest=1.0))
    controller.run()
    assert sum(step.failures for step in controller.steps) > 0
    assert controller.steps[-1].fraction == 1.0
    assert one.worst().ratio > 0.05
