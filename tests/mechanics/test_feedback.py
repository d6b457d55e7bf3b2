"""Tension that answers to the stretch: tangent, closed forms on a cube, and the coupling trap."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import ufl
from dolfinx import fem
from dolfinx.mesh import CellType, create_box
from mpi4py import MPI

from heart.core.errors import ParameterError
from heart.mechanics.active import ActiveStress
from heart.mechanics.axes import Axes
from heart.mechanics.compressibility import Penalty
from heart.mechanics.contraction import Contraction, QuasiStatic
from heart.mechanics.feedback import Muscle, QuadraturePoints, Scheme, TensionField
from heart.mechanics.land2017 import Land2017
from heart.mechanics.loads import Fixed
from heart.mechanics.materials.registry import REGISTRY as PASSIVE
from heart.mechanics.model import MechanicsModel
from heart.mechanics.space import Element, MechanicsSpace, marked, tetrahedral
from heart.mechanics.static import StaticProblem
from heart.mechanics.tension_law import REGISTRY as ACTIVE
from heart.mechanics.tension_law import ActiveLaw, Prescribed, Triggered
from heart.mechanics.time_stepper import Limits, TimeStepper
from heart.mechanics.waveform import Sampled
from heart.numerics.profiles import load
from heart.study.verification.active_cube import AXES, MU, ActiveCube, checks, free_stretch

DIRECT = load("mechanics/direct")
SIDES = {
    1 + 2 * axis + side: (lambda x, a=axis, s=side: np.isclose(x[a], s))
    for axis in range(3)
    for side in (0, 1)
}
CORNERS = np.array([[0, 0, 0], [1.0, 0, 0], [0.2, 1.1, 0], [0.1, 0.3, 0.9]])


@pytest.fixture(scope="module")
def free() -> ActiveCube:
    return ActiveCube()


def test_cubes_have_their_closed_forms() -> None:
    """Isometric forces, isotonic stretches, a share across, feedback as a root: to 1e-6, gated."""
    rows = checks()
    assert len(rows) == 8
    for row in rows:
        assert row.passed, row
        assert row.error is not None
        assert row.error < 1e-8


def test_both_ends_of_a_held_cube_pull_alike() -> None:
    """The reaction is read from the residual: it must not depend on the side."""
    cube = ActiveCube(held=1.1)
    cube.pull(60.0)
    assert cube.reaction(1) == pytest.approx(-cube.reaction(2), rel=1e-10)


@pytest.mark.parametrize("name", sorted(PASSIVE))
def test_tangent_contains_the_feedback(name: str) -> None:
    """For each passive law with each law of tension: K d is the difference quotient of R."""
    facets = np.array([[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]])
    mesh, tags = tetrahedral(
        CORNERS, np.array([[0, 1, 2, 3]]), facets, np.array([1, 2, 3, 4]), MPI.COMM_SELF
    )
    space = MechanicsSpace(mesh, tags, Element.P1, 1)
    field = TensionField.on(space)
    turned, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))
    axes = Axes(*(fem.Constant(mesh, row) for row in turned.copy()))
    model = MechanicsModel(PASSIVE[name](), Penalty(500.0), active=field.stress(0.3, 0.1))
    system = (problem := StaticProblem(model, space, axes, [Fixed(1)])).system
    rng = np.random.default_rng(3)
    x, d = system.vector.duplicate(), system.vector.duplicate()
    x.array[:] = rng.uniform(-0.03, 0.03, x.getLocalSize())
    d.array[:] = rng.uniform(-1.0, 1.0, x.getLocalSize())
    for condition in system.conditions:
        x.array[condition.dof_indices()[0]] = 0.0
        d.array[condition.dof_indices()[0]] = 0.0
    tangents = []
    for law in ACTIVE.values():
        problem.state.x.array[:] = 0.0
        muscle = Muscle(law(), field, problem.u, axes)
        for time in (50.0, 100.0):
            muscle.begin(time, 50.0)
            muscle.commit()
        muscle.begin(105.0, 5.0)
        assert field.tension.x.array.min() > 5.0
        system.tangent(x, system.matrix)
        ours, up, down = system.matrix.createVecLeft(), x.duplicate(), x.duplicate()
        system.matrix.mult(d, ours)
        h = 1e-6
        system.residual(x + h * d, up)
        system.residual(x - h * d, down)
        slope = (up.array - down.array) / (2 * h)
        np.testing.assert_allclose(ours.array, slope, rtol=1e-6, atol=1e-7 * np.abs(slope).max())
        asymmetry = (system.matrix - system.matrix.copy().transpose()).norm()
        assert asymmetry < 1e-10 * system.matrix.norm()
        field.stiffness.x.array[:] = 0.0
        system.tangent(x, system.matrix)
        system.matrix.mult(d, up)
        tangents.append(np.abs(up.array - ours.array).max() / np.abs(ours.array).max())
    assert dict(zip(ACTIVE, np.array(tangents) > 1e-3, strict=True)) == {
        "prescribed": False,
        "triggered": True,
        "land2017": True,
    }


def shortening(law: ActiveLaw, step: float, until: float, scheme: Scheme) -> np.ndarray:
    """Return λ after each step of a free fibre at one point, as `Muscle` steps it."""
    states, stretch, before, out = law.states(1), np.ones(1), np.ones(1), []
    for k in range(round(until / step)):
        since = np.array([(k + 1) * step])
        if scheme is Scheme.STABILISED:
            end = law.advance(states, since, step, stretch, stretch)
            stiffness = law.slope(states, since, step, stretch)[0]
        else:
            end, stiffness = law.advance(states, since, step, before, stretch), 0.0
        tension = law.tension(end, since, stretch)[0]
        after = np.array([free_stretch(tension, stiffness, stretch[0])])
        pair = (stretch, after) if scheme is Scheme.STABILISED else (before, stretch)
        states = law.advance(states, since, step, *pair)
        before, stretch = stretch, after
        out.append(after[0])
    return np.array(out)


def tetanus() -> Land2017:
    """Calcium that comes and stays."""
    return Land2017(Sampled(np.array([0.0, 50.0]), np.array([0.1, 0.6])))


def test_the_trap_and_the_way_out() -> None:
    """Staggered: wild, and worse with smaller steps. Stabilised: smooth, of first order.

    Velocity feedback of the Land model is an active stiffness of hundreds of kPa on a passive one
    of some tens: the lagged tension overcorrects by that ratio in every step. With smaller steps
    the ratio is passed no later, and there are more of them: the fibre leaves the solution by 0.05
    earlier, and goes back and forth by many times its shortening [RegazzoniQuarteroni2021].
    """
    law, until, finest = tetanus(), 160.0, 0.125
    reference = shortening(law, finest, until, Scheme.STABILISED)
    shortened = 1.0 - reference[-1]
    errors, departures = [], []
    for step in (4.0, 2.0, 1.0, 0.5):
        every = round(step / finest)
        good, bad = (shortening(law, step, until, scheme) for scheme in Scheme)
        coarse = round(4.0 / step)
        gap = good[coarse - 1 :: coarse] - reference[31::32]
        errors.append(float(np.abs(gap).max()))
        assert np.abs(np.diff(good)).sum() < 1.05 * shortened
        assert np.abs(np.diff(bad)).sum() > 30.0 * shortened
        off = np.abs(bad - reference[every - 1 :: every])
        assert off.max() > shortened
        departures.append(step * (1 + int(np.argmax(off > 0.05))))
    for coarser, finer in itertools.pairwise(errors):
        assert np.log2(coarser / finer) == pytest.approx(1.0, abs=0.3), errors
    assert errors[2] < 1e-3
    assert all(later > sooner for later, sooner in itertools.pairwise(departures)), departures


def test_the_body_steps_as_the_point_does() -> None:
    """The cube with `Muscle` and `Contraction` has λ of the scalar computation, in both schemes."""
    for scheme in Scheme:
        cube = ActiveCube()
        muscle = Muscle(tetanus(), cube.field, cube.problem.u, AXES, scheme=scheme)
        beat = Contraction(QuasiStatic(cube.problem), muscle)
        expected = shortening(tetanus(), 4.0, 60.0, scheme)
        for k in range(15):
            beat.trial(2.0, DIRECT)
            beat.trial(4.0, DIRECT)
            beat.accept()
            assert cube.stretches()[0] == pytest.approx(expected[k], abs=1e-8)
        assert muscle.stretch == pytest.approx(expected[-1], abs=1e-8)


def test_a_step_that_fails_is_halved_with_its_tension(free: ActiveCube) -> None:
    """A jolt of 150 kPa within one step: shorter steps, each with the tension of its own end."""
    jolt = Prescribed(curve=Sampled(np.array([10.0, 20.0]), np.array([0.0, 150.0])))
    free.problem.state.x.array[:] = 0.0
    muscle = Muscle(jolt, free.field, free.problem.u, AXES)
    beat = Contraction(QuasiStatic(free.problem), muscle)
    stepper = TimeStepper(beat, [DIRECT], Limits(largest_jump=0.08))
    steps = stepper.run(20.0, 10.0)
    assert sum(step.failures for step in steps) > 0
    assert len(steps) > 3
    closed = (MU / (MU + 150.0)) ** (1.0 / 3.0)
    assert free.stretches()[0] == pytest.approx(closed, rel=1e-8)
    assert muscle.tension == pytest.approx(150.0)
    before = free.problem.values()
    free.problem.state.x.array[:] += 0.1
    beat.inner.restore()
    np.testing.assert_array_equal(free.problem.values(), before)


def test_scar_and_late_points_do_not_pull(free: ActiveCube) -> None:
    """Strength 0 and activation 'never' are silence; a period starts the next beat."""
    points = free.field.points
    late = np.full(points.count, 30.0)
    late[:3] = np.nan
    strength = np.ones(points.count)
    strength[-4:] = 0.0
    free.problem.state.x.array[:] = 0.0
    law = Triggered()
    muscle = Muscle(
        law, free.field, free.problem.u, AXES, activation=late, strength=strength, period=800.0
    )
    muscle.begin(130.0, 1.0)
    tension = free.field.tension.x.array
    alive = law.tension(np.zeros((0, 1)), np.array([100.0]), np.ones(1))[0]
    np.testing.assert_allclose(np.sort(tension)[7:], alive, rtol=1e-12)
    np.testing.assert_array_equal(np.sort(tension)[:7], 0.0)
    muscle.begin(930.0, 1.0)
    np.testing.assert_allclose(free.field.tension.x.array.max(), alive, rtol=1e-12)
    with pytest.raises(ParameterError, match="activation has 2 values"):
        Muscle(law, free.field, free.problem.u, AXES, activation=[0.0, 1.0])


def test_fields_of_vertices_and_cells_reach_the_points() -> None:
    """Activation comes per vertex of the input mesh: linear fields are exact, holes stay holes."""
    mesh = create_box(MPI.COMM_SELF, [[0, 0, 0], [2, 1, 1]], [2, 1, 1], CellType.tetrahedron)
    points = mesh.geometry.x[np.argsort(mesh.geometry.input_global_indices)]
    space = MechanicsSpace(mesh, marked(mesh, SIDES), Element.P1, 2)
    at = QuadraturePoints(space)
    x = at.sample(at.sampler(ufl.SpatialCoordinate(mesh)[0]))
    np.testing.assert_allclose(at.of_vertices(3.0 * points[:, 0] + 1.0), 3.0 * x + 1.0, rtol=1e-12)
    holed = np.where(points[:, 0] > 1.5, np.nan, 7.0)
    np.testing.assert_allclose(at.of_vertices(holed), np.where(x > 1.0, np.inf, 7.0), rtol=1e-12)
    count = mesh.topology.index_map(3).size_local
    centres = np.empty(count)
    centres[mesh.topology.original_cell_index] = x.reshape(count, -1).mean(axis=1)
    np.testing.assert_allclose(
        at.of_cells(centres).reshape(count, -1)[:, 0], x.reshape(count, -1).mean(axis=1)
    )
    with pytest.raises(ParameterError, match="one value per vertex"):
        at.of_vertices([1.0, 2.0])


def test_stiffness_needs_its_stretch() -> None:
    """Half of a linear law is no law."""
    with pytest.raises(ParameterError, match="belong together"):
        ActiveStress(1.0, stiffness=2.0)
