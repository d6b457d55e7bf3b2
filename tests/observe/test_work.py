"""A small ventricle is filled: work inside equals work outside, and the signs are right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import ufl
from mpi4py import MPI

from heart.anatomy import coordinates
from heart.anatomy.heart_mesh import Boundary
from heart.anatomy.idealised import lv_ellipsoid
from heart.core.errors import ParameterError
from heart.mechanics.axes import Axes
from heart.mechanics.loads import Fixed, FollowerPressure
from heart.mechanics.materials.neo_hookean import NeoHookean
from heart.mechanics.model import MechanicsModel
from heart.mechanics.space import Element, MechanicsSpace, tetrahedral
from heart.mechanics.static import StaticProblem
from heart.numerics.profiles import load
from heart.observe.cavity import Cavity
from heart.observe.strain import Component, Strains, local_directions
from heart.observe.stress import Stresses
from heart.observe.twist import Twist
from heart.observe.wall_motion import Landmark, WallThickness
from heart.observe.wall_points import WallPoints
from heart.observe.wall_segments import cell_segments, heart_directions
from heart.observe.work import WorkDensity, cavity_work

STEPS, PRESSURE = 8, 2.0
UP = np.array([0.0, 0.0, 1.0])


@dataclass
class Filled:
    """A filled ventricle and what was recorded on the way."""

    work: WorkDensity
    pressures: list[float]
    volumes: list[float]
    strains: Strains
    labels: np.ndarray
    thickness: WallThickness
    twist: Twist
    apex: Landmark
    returned: float


@pytest.fixture(scope="module")
def filled() -> Filled:
    """Fill to 2 kPa in steps and empty again; observations are those of the filled state."""
    mesh = lv_ellipsoid(3.0)
    domain, tags = tetrahedral(mesh.points, mesh.cells, mesh.facets, mesh.facet_tags, MPI.COMM_SELF)
    space = MechanicsSpace(domain, tags, Element.P1_P1_STABILISED, quadrature_degree=2)
    axes = Axes(*(ufl.as_vector(row) for row in np.eye(3).tolist()))
    problem = StaticProblem(
        MechanicsModel(NeoHookean(10.0)), space, axes,
        [Fixed(Boundary.BASE), FollowerPressure(Boundary.LV_ENDO, PRESSURE)],
    )  # fmt: skip
    points = WallPoints(space, problem.u)
    stresses = Stresses(points, problem.model, axes, problem.u, problem.p)
    where = coordinates.compute(mesh)
    labels = points.per_cell(cell_segments(where, mesh.cells))
    around = np.tile([1.0, 0.0, 0.0], (len(mesh.cells), 1))
    directions = local_directions(points, heart_directions(mesh, where, around))
    cavity = Cavity(space, problem.u, Boundary.LV_ENDO)
    inner, outer = (Boundary.LV_ENDO,), (Boundary.EPI,)
    found = Filled(
        WorkDensity(stresses), [0.0], [cavity.volume()], Strains(points, directions), labels,
        WallThickness(points, problem.u, inner, outer, labels), Twist(points, UP),
        Landmark(space, problem.u, np.array([0.0, 0.0, -20.0])), 0.0,
    )  # fmt: skip
    direct = load("mechanics/direct")
    back = WorkDensity(stresses)
    for fraction in np.linspace(0.0, 1.0, STEPS + 1)[1:]:
        problem.apply(float(fraction))
        problem.solve(direct)
        found.work.record()
        back.record()
        found.pressures.append(PRESSURE * float(fraction))
        found.volumes.append(cavity.volume())
    full = problem.values()
    for fraction in (0.7, 0.4, 0.0):
        problem.apply(fraction)
        problem.solve(direct)
        back.record()
    found.returned = back.total()
    problem.set_values(full)
    found.strains.observe()
    return found


def test_work_inside_is_work_outside(filled: Filled) -> None:
    """∫ S:dE over the wall = ∫ p dV: nothing else does work; 8 steps leave the rule's 0.1 %."""
    outside = cavity_work(filled.pressures, filled.volumes)
    assert outside > 0.0
    assert filled.work.total() == pytest.approx(outside, rel=2e-3)


def test_an_elastic_loop_gives_the_work_back(filled: Filled) -> None:
    """Filled and emptied: what remains is the error of the rule at the coarse way back."""
    assert abs(filled.returned) < 0.03 * filled.work.total()


def test_work_per_cell_sums_to_the_whole(filled: Filled) -> None:
    """The field that is written has the integral that is reported."""
    sizes = filled.strains.points.volume.sum(axis=1)
    assert filled.work.per_cell() @ sizes == pytest.approx(filled.work.total(), rel=1e-12)


def test_filling_has_the_right_signs(filled: Filled) -> None:
    """Longer around and along, thinner through the wall, in every segment; apex down; no twist."""
    strains, labels = filled.strains, filled.labels
    assert strains.overall(Component.CIRCUMFERENTIAL) > 0.03
    assert strains.overall(Component.LONGITUDINAL) > 0.0
    assert strains.overall(Component.RADIAL) < -0.03
    around = strains.by_segment(Component.CIRCUMFERENTIAL, labels)
    through = strains.by_segment(Component.RADIAL, labels)
    thicker = filled.thickness.thickening()
    assert set(around) == set(range(1, 18))
    for segment in range(7, 17):
        assert around[segment] > 0.0
        assert through[segment] < 0.0
        assert thicker[segment] == pytest.approx(through[segment], abs=0.06)
    assert filled.apex.displacement()[2] < 0.0
    assert abs(filled.twist.observe().twist) < 0.5


def test_isotropic_incompressible_strains_balance(filled: Filled) -> None:
    """The three normal strains of the frame nearly cancel: what thins in one way grows others."""
    parts = (Component.CIRCUMFERENTIAL, Component.LONGITUDINAL, Component.RADIAL)
    total = sum(filled.strains.overall(one) for one in parts)
    assert abs(total) < 0.25 * filled.strains.overall(Component.CIRCUMFERENTIAL)


def test_cavity_work_is_the_area_of_the_loop() -> None:
    """A rectangle of 10 kPa by 50 000 mm³, emptied at the high pressure: −0.5 J of the wall."""
    loop = cavity_work([0.0, 10.0, 10.0, 0.0, 0.0], [9e4, 9e4, 4e4, 4e4, 9e4])
    assert loop == pytest.approx(-5e5)
    with pytest.raises(ParameterError, match="3 pressures and 2 volumes"):
        cavity_work([1.0, 2.0, 3.0], [1.0, 2.0])
