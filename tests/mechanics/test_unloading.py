"""Reference configurations: manufactured by loading a known one, then looked for from its image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import ufl

from heart.anatomy.curved import curved_lv_ellipsoid
from heart.anatomy.heart_mesh import Boundary
from heart.anatomy.idealised import lv_ellipsoid
from heart.core.errors import NonlinearSolveError, ParameterError
from heart.mechanics.axes import Axes
from heart.mechanics.compressibility import Incompressible, Penalty
from heart.mechanics.configuration import AxesIn, Configuration, carried, cell_axes
from heart.mechanics.inverse import InverseProblem
from heart.mechanics.loads import Direction, Fixed, FollowerPressure, Load, Robin
from heart.mechanics.materials.guccione import Guccione
from heart.mechanics.materials.neo_hookean import NeoHookean
from heart.mechanics.model import MechanicsModel
from heart.mechanics.space import Element, MechanicsSpace, tetrahedral
from heart.mechanics.static import StaticProblem
from heart.mechanics.unloading import (
    FixedPoint,
    UnloadSettings,
    reload,
    unload,
    unload_inverse,
)
from heart.numerics.profiles import load
from heart.numerics.step_controller import Policy, StepController
from tests.ellipsoids import helix

LADDER = (load("mechanics/direct"), load("mechanics/direct_l2"))
UNIT = Axes(*(ufl.as_vector(row) for row in np.eye(3).tolist()))
HELD: tuple[Load, ...] = (Fixed(Boundary.BASE), Robin(Boundary.EPI, 0.02))


@dataclass
class Known:
    """A problem whose mesh is an image, and the reference that it came from."""

    problem: StaticProblem
    configuration: Configuration
    reference: np.ndarray
    fibre: np.ndarray

    def error(self, points: np.ndarray) -> float:
        """Largest error of a node over the largest displacement."""
        moved = self.configuration.distance(self.reference, self.configuration.image)
        return self.configuration.distance(points, self.reference) / moved

    def again(self) -> None:
        """Back to the image, without load."""
        self.configuration.to_image()
        self.problem.apply(0.0)
        self.problem.set_values(np.zeros_like(self.problem.values()))


def known(problem: StaticProblem, where: AxesIn = AxesIn.IMAGE) -> Known:
    """Load the problem on the reference, and make the loaded body the image."""
    rest = Configuration(problem.space, problem.axes, where)
    StepController(problem, LADDER, Policy(first=0.5, largest=0.5)).run()
    image = rest.image + rest.motion(problem.state)
    fibre = np.zeros(0)
    if where is AxesIn.IMAGE:
        # Loading is carrying the axes the other way.
        fibre = np.array(problem.axes.fibre.x.array)
    rest.to_reference(image)
    found = Known(problem, Configuration(problem.space, problem.axes, where), rest.image, fibre)
    found.again()
    return found


@pytest.fixture(scope="module")
def straight() -> Known:
    """Linear elements, penalty, fibres known in the image, springs around, soft wall."""
    heart = lv_ellipsoid(6.5)
    mesh, tags = tetrahedral(heart.points, heart.cells, heart.facets, heart.facet_tags)
    space = MechanicsSpace(mesh, tags, Element.P1, 2)
    model = MechanicsModel(Guccione(1.0, 18.5, 3.6, 1.6), Penalty(50.0))
    loads = [*HELD, FollowerPressure(Boundary.LV_ENDO, 1.5)]
    return known(StaticProblem(model, space, cell_axes(space, *helix(heart)), loads))


def mixed(element: Element) -> Known:
    """Truly incompressible; curved cells for quadratic elements; axes of the reference."""
    heart = lv_ellipsoid(6.5)
    points, cells = heart.points, np.asarray(heart.cells)
    if element is Element.P2_P1:
        points, cells = curved_lv_ellipsoid(heart)
    mesh, tags = tetrahedral(points, cells, heart.facets, heart.facet_tags)
    space = MechanicsSpace(mesh, tags, element, 3)
    loads = [*HELD, FollowerPressure(Boundary.LV_ENDO, 1.5)]
    model = MechanicsModel(NeoHookean(8.0), Incompressible())
    return known(StaticProblem(model, space, UNIT, loads), AxesIn.REFERENCE)


def test_both_ways_recover_the_known_reference_and_each_other(straight: Known) -> None:
    """The inverse problem is the forward one point by point: to round-off, fibres included."""
    straight.again()
    inverse = InverseProblem(straight.problem, straight.configuration)
    found = unload_inverse(inverse, LADDER)
    moved = straight.configuration.distance(straight.reference, straight.configuration.image)
    assert moved > 1.0
    assert straight.error(found.points) < 1e-8
    np.testing.assert_allclose(straight.problem.axes.fibre.x.array, straight.fibre, atol=1e-9)
    assert reload(straight.problem, straight.configuration, LADDER) < 1e-4

    straight.again()
    fixed = FixedPoint(straight.problem, straight.configuration, UnloadSettings(distance=1e-4))
    other = unload(fixed, LADDER)
    assert straight.error(other.points) < 1e-3
    assert straight.configuration.distance(other.points, found.points) < 1e-3 * moved
    assert reload(straight.problem, straight.configuration, LADDER) < 2e-4


@pytest.mark.parametrize("element", [Element.P2_P1, Element.P1_P1_STABILISED])
def test_incompressible_references_are_recovered(element: Element) -> None:
    """With the pressure as unknown, on curved cells, and with the stabilisation."""
    one = mixed(element)
    found = unload_inverse(InverseProblem(one.problem, one.configuration), LADDER)
    assert one.error(found.points) < 1e-8
    assert reload(one.problem, one.configuration, LADDER) < 1e-4


@pytest.mark.parametrize("direction", list(Direction))
def test_springs_of_all_directions_have_their_counterpart(
    direction: Direction, straight: Known
) -> None:
    """Springs are at rest in the reference, along normals of areas that are only found with it."""
    before, space = straight.problem, straight.problem.space
    straight.configuration.to_reference(straight.reference)
    loads: list[Load] = [
        Fixed(Boundary.BASE),
        Robin(Boundary.EPI, 0.2, 0.0, direction),
        FollowerPressure(Boundary.LV_ENDO, 1.0),
    ]
    one = known(StaticProblem(before.model, space, before.axes, loads))
    found = unload_inverse(InverseProblem(one.problem, one.configuration), LADDER)
    assert one.error(found.points) < 1e-8


def test_aitken_needs_fewer_loadings_than_a_fixed_factor(straight: Known) -> None:
    """Near the load that the soft wall bears, plain steps hardly gain: counted, not timed."""
    counts = {}
    for aitken in (True, False):
        straight.again()
        settings = UnloadSettings(distance=1e-4, iterations=40, aitken=aitken)
        fixed = FixedPoint(straight.problem, straight.configuration, settings)
        unload(fixed, LADDER)
        counts[aitken] = fixed.loadings
    assert 2 * counts[True] < counts[False]


def test_what_has_not_converged_is_an_error(straight: Known) -> None:
    """A wrong reference looks like a right one: too few iterations are no reference at all."""
    straight.again()
    settings = UnloadSettings(distance=1e-6, iterations=2)
    fixed = FixedPoint(straight.problem, straight.configuration, settings)
    with pytest.raises(NonlinearSolveError, match=r"not converged in 2 iterations.*mm"):
        unload(fixed, LADDER, Policy(first=1.0, largest=1.0, cuts=1))


def test_quadratic_displacement_on_straight_cells_has_no_inverse() -> None:
    """Its reference is curved: the fixed point moves the vertices only, the inverse is refused."""
    heart = lv_ellipsoid(6.5)
    mesh, tags = tetrahedral(heart.points, heart.cells, heart.facets, heart.facet_tags)
    space = MechanicsSpace(mesh, tags, Element.P2, 3)
    loads = [*HELD, FollowerPressure(Boundary.LV_ENDO, 0.5)]
    problem = StaticProblem(MechanicsModel(NeoHookean(8.0), Penalty(50.0)), space, UNIT, loads)
    one = known(problem, AxesIn.REFERENCE)
    with pytest.raises(ParameterError, match="ten nodes"):
        InverseProblem(problem, one.configuration)
    found = unload(FixedPoint(problem, one.configuration, UnloadSettings(distance=1e-4)), LADDER)
    assert reload(problem, one.configuration, LADDER) < 2e-4
    assert one.error(found.points) < 0.05


def test_constant_axes_cannot_be_carried(straight: Known) -> None:
    """The image's axes turn with the body, which constants cannot."""
    with pytest.raises(ParameterError, match="cell_axes"):
        Configuration(straight.problem.space, UNIT)


def test_carried_axes_stay_orthonormal_and_right_handed_or_not() -> None:
    """A large shear: fibres follow the material line, sheets their plane, the hand is kept."""
    rng = np.random.default_rng(5)
    turn, _ = np.linalg.qr(rng.normal(size=(7, 3, 3)))
    f = np.eye(3) + 0.4 * rng.uniform(-1.0, 1.0, (7, 3, 3))
    for hand in (1.0, -1.0):
        axes: Any = carried(turn[..., 0], turn[..., 1], hand * turn[..., 2], f)
        frame = np.stack(axes, axis=-1)
        np.testing.assert_allclose(
            np.swapaxes(frame, 1, 2) @ frame, np.tile(np.eye(3), (7, 1, 1)), atol=1e-12
        )
        np.testing.assert_allclose(
            np.sign(np.linalg.det(frame)), np.sign(hand * np.linalg.det(turn))
        )
        normal = np.cross(f @ turn[..., 0, None], f @ turn[..., 1, None], axis=1)[..., 0]
        assert np.abs(np.einsum("mi,mi->m", normal, axes[1])).max() < 1e-12
