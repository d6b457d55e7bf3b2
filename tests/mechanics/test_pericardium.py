"""Springs that vary in space: values where they belong, and forces that follow."""

from __future__ import annotations

import numpy as np
import pytest
import ufl
from dolfinx import fem
from mpi4py import MPI

from heart.anatomy.heart_mesh import Boundary
from heart.anatomy.idealised import lv_ellipsoid
from heart.core.errors import ParameterError
from heart.mechanics import balance
from heart.mechanics.loads import Direction, Robin
from heart.mechanics.pericardium import ApexMount, Pericardium, stiffness_field
from heart.mechanics.rigid import require_held
from heart.mechanics.space import Element, MechanicsSpace, tetrahedral
from heart.numerics.newton import compiled

HEART = lv_ellipsoid(5.0)
HEIGHT = (HEART.points[:, 2] - HEART.points[:, 2].min()) / np.ptp(HEART.points[:, 2])


@pytest.fixture(scope="module")
def space() -> MechanicsSpace:
    parts = HEART.points, HEART.cells, HEART.facets, HEART.facet_tags
    return MechanicsSpace(*tetrahedral(*parts, MPI.COMM_SELF), Element.P1)


def test_stiffness_falls_from_the_apex_to_the_base() -> None:
    """Full below the first height, least above the second, monotone and smooth between."""
    pericardium = Pericardium(2.0, 0.1, 0.4, 0.8)
    height = np.linspace(0.0, 1.0, 101)
    found = pericardium.stiffness(height)
    assert found[40] == pytest.approx(2.0)
    assert found[80] == pytest.approx(0.1)
    assert found[60] == pytest.approx(1.05)
    assert (np.diff(found) <= 1e-12).all()
    assert np.abs(np.diff(found, 2)).max() < 0.01


def test_a_mounted_apex_ends_at_its_reach() -> None:
    """Largest at the apex, nothing beyond the reach."""
    found = ApexMount(3.0, 12.0).stiffness(np.array([0.0, 6.0, 12.0, 40.0]))
    np.testing.assert_allclose(found, [3.0, 1.5, 0.0, 0.0], atol=1e-12)


def test_the_field_has_each_value_at_its_vertex(space: MechanicsSpace) -> None:
    """Vertices are renumbered by the mesh: the value of a linear function comes out anywhere."""
    values = 5.0 + HEART.points @ [0.01, -0.02, 0.03]
    field = stiffness_field(space, values)
    places = field.function_space.tabulate_dof_coordinates()
    np.testing.assert_allclose(field.x.array, 5.0 + places @ [0.01, -0.02, 0.03], rtol=1e-12)


def test_springs_of_a_field_hold_and_their_force_is_its_integral(space: MechanicsSpace) -> None:
    """A body moved as a whole feels the integral of the stiffness; it counts as held."""
    field = stiffness_field(space, Pericardium().stiffness(HEIGHT))
    springs = Robin(Boundary.EPI, field, direction=Direction.FULL)
    require_held(space, [springs])
    u = fem.Function(space.space)
    u.x.array[2::3] = 0.5
    work = balance.spring_work(springs, space, u, ufl.TestFunction(space.space))
    force = fem.assemble_vector(compiled(work)).array.reshape(-1, 3).sum(axis=0)
    total = fem.assemble_scalar(compiled(field * space.surface(Boundary.EPI)))
    np.testing.assert_allclose(force, [0.0, 0.0, 0.5 * total], atol=1e-9 * total)


def test_springs_along_the_normal_of_now_turn_with_the_body(space: MechanicsSpace) -> None:
    """Turned by a right angle the normal is another: forces are along it, for the same motion."""
    turn = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    u = fem.Function(space.space)
    u.interpolate(lambda x: (turn - np.eye(3)) @ x)
    v = ufl.TestFunction(space.space)
    found = {}
    for direction in (Direction.NORMAL, Direction.DEFORMED_NORMAL):
        load = Robin(Boundary.BASE, 2.0, direction=direction)
        vector = fem.assemble_vector(compiled(balance.spring_work(load, space, u, v)))
        found[direction] = np.abs(vector.array.reshape(-1, 3)).sum(axis=0)
    # The base looks up: before the turn its normal is z, after it −y.
    assert found[Direction.NORMAL][2] > 1e3 * found[Direction.NORMAL][:2].max()
    assert found[Direction.DEFORMED_NORMAL][1] > 1e3 * found[Direction.DEFORMED_NORMAL][::2].max()


@pytest.mark.parametrize(
    ("values", "named"),
    [
        (np.full(len(HEART.points), -0.1), "at least zero"),
        (np.zeros(len(HEART.points)), "zero everywhere"),
        (np.ones(4), "one value for each"),
        (np.where(HEIGHT > 0.5, np.nan, 1.0), "vertex"),
    ],
    ids=["negative", "nothing", "too few", "not a number"],
)
def test_a_stiffness_that_is_none_is_refused(
    space: MechanicsSpace, values: np.ndarray, named: str
) -> None:
    """A negative spring makes the body unstable, and looks like a solver's failure."""
    with pytest.raises(ParameterError, match=named):
        stiffness_field(space, values)


def test_a_pericardium_that_rises_to_the_base_is_refused() -> None:
    """Apex and base exchanged is the usual mistake."""
    with pytest.raises(ParameterError, match="falls from the apex"):
        Pericardium(0.1, 1.0)
    with pytest.raises(ParameterError, match="falls from the apex"):
        Pericardium(full_below=0.9, least_above=0.5)
