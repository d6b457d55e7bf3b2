"""The volume has to be right for any motion, and its derivative is the work of a pressure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import ufl
from dolfinx import fem
from dolfinx.fem import petsc as fem_petsc

from heart.anatomy.curved import curved_lv_ellipsoid
from heart.anatomy.heart_mesh import Boundary, HeartMesh
from heart.anatomy.idealised import biv_ellipsoid, lv_ellipsoid
from heart.core.errors import MeshInputError, NonPhysicalError, ParameterError
from heart.mechanics import balance
from heart.mechanics.cavity_volume import Lid, VolumeFunctional
from heart.mechanics.loads import FollowerPressure
from heart.mechanics.rim import Rim
from heart.mechanics.space import Element, MechanicsSpace, tetrahedral
from heart.numerics.bordered import assemble
from heart.numerics.newton import compiled
from heart.observe.cavity import Cavity

TILT = np.array([[1.1, 0.1, -0.2], [0.05, 0.9, 0.1], [0.3, -0.2, 1.2]])
PUSH = np.array([4.0, -3.0, 7.0])


def lv(element: Element = Element.P2, curve: bool = True, retag: Any = None) -> MechanicsSpace:
    """Return a coarse ellipsoid."""
    heart = lv_ellipsoid(4.0)
    tags = heart.facet_tags.copy() if retag is None else retag(heart)
    points, cells = curved_lv_ellipsoid(heart) if curve else (heart.points, heart.cells)
    return MechanicsSpace(*tetrahedral(points, np.asarray(cells), heart.facets, tags), element)


def moved(space: MechanicsSpace, matrix: np.ndarray) -> Any:
    """Return a state with the affine motion x → matrix x + PUSH."""
    state = fem.Function(space.space)
    part = state.sub(0) if space.mixed else state
    part.interpolate(lambda x: (matrix - np.eye(3)) @ x + PUSH[:, None])
    return state


@pytest.mark.parametrize("element", [Element.P2, Element.P2_P1, Element.P1], ids=lambda e: e.name)
def test_a_conical_lid_is_right_for_any_affine_motion(element: Element) -> None:
    """The base tilts and stretches: the volume changes by the determinant, to round-off."""
    space = lv(element, curve=element is Element.P2)
    rest = VolumeFunctional(space, fem.Function(space.space), Boundary.LV_ENDO).volume()
    state = moved(space, TILT)
    tilted = VolumeFunctional(space, state, Boundary.LV_ENDO).volume()
    assert tilted == pytest.approx(rest * np.linalg.det(TILT), rel=1e-10)
    displacement, _ = space.split(state)
    observed = Cavity(space, displacement, Boundary.LV_ENDO)
    assert observed.volume() == pytest.approx(tilted, rel=1e-12)


@pytest.mark.parametrize("element", [Element.P2, Element.P1], ids=lambda e: e.name)
def test_one_shape_has_one_volume_wherever_the_mesh_is(element: Element) -> None:
    """Unloading moves the mesh under a functional; its lid has to move along, and its slope."""
    space = lv(element, curve=element is Element.P2)
    state = fem.Function(space.space)
    functional = VolumeFunctional(space, state, Boundary.LV_ENDO)

    def bend(x: np.ndarray) -> np.ndarray:
        return np.stack([0.02 * x[2] ** 2, 0.1 * x[0], 0.03 * x[0] ** 2 - 0.2 * x[2] + 4.0])

    state.interpolate(bend)
    volume, rows = functional.volume(), fem_petsc.create_vector(space.space)
    functional.row(rows)
    expected = rows.array.copy()
    dofs, nodes = space.space.dofmap.list, space.mesh.geometry.dofmaps[0]
    space.mesh.geometry.x[nodes.ravel()] += state.x.array.reshape(-1, 3)[dofs.ravel()]
    state.x.array[:] = 0.0
    assert functional.volume() == pytest.approx(volume, rel=1e-10)
    rows.set(0.0)
    functional.row(rows)
    np.testing.assert_allclose(rows.array, expected, atol=1e-9 * np.abs(expected).max())


def test_a_plane_lid_is_wrong_once_the_base_tilts() -> None:
    """Both lids agree while the base stays across the axis; tilted, only the cone is right."""
    space = lv()
    flat = np.diag([1.2, 0.9, 1.1])
    found = {
        (lid, name): VolumeFunctional(space, moved(space, m), Boundary.LV_ENDO, lid).volume()
        for lid in (Lid.PLANE, Lid.CONE)
        for name, m in (("flat", flat), ("tilted", TILT))
    }
    assert found[Lid.PLANE, "flat"] == pytest.approx(found[Lid.CONE, "flat"], rel=1e-10)
    error = abs(found[Lid.PLANE, "tilted"] / found[Lid.CONE, "tilted"] - 1.0)
    assert error > 0.01


@pytest.mark.parametrize("lid", [Lid.PLANE, Lid.CONE])
def test_the_row_is_the_derivative(lid: Lid) -> None:
    """Against finite differences at a random state, the rim and its lid included."""
    space = lv()
    state, rng = moved(space, TILT), np.random.default_rng(5)
    state.x.array[:] += rng.uniform(-0.1, 0.1, len(state.x.array))
    volume = VolumeFunctional(space, state, Boundary.LV_ENDO, lid)
    row = fem_petsc.create_vector(space.space)
    volume.row(row)
    d, here, h = rng.uniform(-1.0, 1.0, len(state.x.array)), state.x.array.copy(), 1e-5
    around = []
    for sign in (1.0, -1.0):
        state.x.array[:] = here + sign * h * d
        around.append(volume.value())
    assert row.array @ d == pytest.approx((around[0] - around[1]) / (2 * h), rel=1e-7)


@pytest.mark.parametrize("lid", [Lid.PLANE, Lid.CONE])
def test_the_derivative_is_the_work_of_the_pressure(lid: Lid) -> None:
    """With the base held or sliding in its plane p dV is the follower load's virtual work."""
    space = lv()
    state = moved(space, np.diag([1.2, 0.9, 1.1]))
    volume = VolumeFunctional(space, state, Boundary.LV_ENDO, lid)
    row = fem_petsc.create_vector(space.space)
    volume.row(row)
    rng = np.random.default_rng(6)
    motion = rng.uniform(-1.0, 1.0, (len(row.array) // 3, 3))
    places = space.space.tabulate_dof_coordinates()
    motion[places[:, 2] > 5.0 - 1e-9, 2] = 0.0
    v = ufl.TestFunction(space.space)
    form = balance.pressure_work(1.0, space, FollowerPressure(Boundary.LV_ENDO, 0.0), state, v)
    work = fem_petsc.create_vector(space.space)
    assemble(work, compiled(form))
    assert row.array @ motion.ravel() == pytest.approx(-work.array @ motion.ravel(), rel=1e-3)


def test_both_ventricles_have_one_rim_each() -> None:
    """The rim of the right ventricle is a crescent on the same base."""
    heart = biv_ellipsoid(9.0)
    space = MechanicsSpace(
        *tetrahedral(heart.points, heart.cells, heart.facets, heart.facet_tags), Element.P1
    )
    for boundary in (Boundary.LV_ENDO, Boundary.RV_ENDO):
        assert Rim(space, boundary, [Boundary.BASE]).loops == 1
        state = moved(space, TILT)
        rest = VolumeFunctional(space, fem.Function(space.space), boundary).volume()
        tilted = VolumeFunctional(space, state, boundary).volume()
        assert tilted == pytest.approx(rest * np.linalg.det(TILT), rel=1e-10)


def test_rims_of_irregular_meshes_run_the_right_way_round() -> None:
    """Each edge finds its direction by itself: with one turned, the volume depends on the place."""
    heart, rng = lv_ellipsoid(4.0), np.random.default_rng(9)
    for _ in range(3):
        points = heart.points + rng.uniform(-0.5, 0.5, heart.points.shape)
        parts = points, heart.cells, heart.facets, heart.facet_tags
        space = MechanicsSpace(*tetrahedral(*parts), Element.P1)
        rest = VolumeFunctional(space, fem.Function(space.space), Boundary.LV_ENDO).volume()
        pushed = VolumeFunctional(space, moved(space, np.eye(3)), Boundary.LV_ENDO).volume()
        assert pushed == pytest.approx(rest, rel=1e-12)


def test_two_openings_in_planes_of_their_own() -> None:
    """As mitral and aortic ring: a lid each; a plane across the axis would be far off."""

    def rings(heart: HeartMesh) -> np.ndarray:
        tags, inner = heart.facet_tags.copy(), heart.nodes_of(Boundary.LV_ENDO)
        away = np.linalg.norm(heart.points[inner] - [7.0, 0.0, -4.0], axis=1)
        around = (heart.facets == inner[np.argmin(away)]).any(axis=1)
        tags[around] = Boundary.AORTIC
        return tags

    space = lv(Element.P1, curve=False, retag=rings)
    assert Rim(space, Boundary.LV_ENDO, [Boundary.BASE, Boundary.AORTIC]).loops == 2
    state = moved(space, TILT)
    rest = VolumeFunctional(space, fem.Function(space.space), Boundary.LV_ENDO).volume()
    tilted = VolumeFunctional(space, state, Boundary.LV_ENDO).volume()
    assert tilted == pytest.approx(rest * np.linalg.det(TILT), rel=1e-10)
    plane = VolumeFunctional(space, fem.Function(space.space), Boundary.LV_ENDO, Lid.PLANE)
    assert abs(plane.value() / rest - 1.0) > 0.03
    assert Cavity(space, state, Boundary.LV_ENDO).volume() == pytest.approx(tilted, rel=1e-12)


def test_a_displacement_that_is_no_function_needs_an_axis() -> None:
    """The lid follows nodal values; with an axis any expression will do."""
    space = lv(Element.P1, curve=False)
    u = fem.Function(space.space)
    with pytest.raises(ParameterError, match="axis of a plane lid"):
        Cavity(space, 2.0 * u, Boundary.LV_ENDO)
    assert Cavity(space, 2.0 * u, Boundary.LV_ENDO, (0.0, 0.0, 1.0)).volume() > 1000.0


def test_a_hole_in_the_inner_surface_is_named() -> None:
    """A facet of the wall that is tagged as epicardium opens the cavity: where, and to what."""

    def hole(heart: Any) -> np.ndarray:
        tags = heart.facet_tags.copy()
        tags[np.flatnonzero(tags == Boundary.LV_ENDO)[3]] = Boundary.EPI
        return tags

    space = lv(Element.P1, curve=False, retag=hole)
    with pytest.raises(MeshInputError, match=r"not closed: 3 of \d+ edges .* tag 1.*base: 4, 5"):
        VolumeFunctional(space, fem.Function(space.space), Boundary.LV_ENDO)


def test_a_surface_that_is_no_cavity_is_refused() -> None:
    """The epicardium encloses the muscle: as a cavity its volume is negative."""
    space = lv(Element.P1, curve=False)
    outer = VolumeFunctional(space, fem.Function(space.space), Boundary.EPI)
    with pytest.raises(NonPhysicalError, match="boundary 1 has a volume of -"):
        outer.volume()
