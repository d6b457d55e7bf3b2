"""A grown Purkinje tree: reproducible, on the surface, complete, named; on any heart."""

from __future__ import annotations

import time

import numpy as np
import pytest
import pyvista as pv
from scipy.spatial import cKDTree

from heart.anatomy import aha, coordinates, idealised
from heart.anatomy.heart import FibreField, Heart
from heart.anatomy.heart_mesh import Boundary
from heart.anatomy.locate import CoordinateLocator
from heart.anatomy.purkinje.grow import PARAMETERS, GrowthRule, coverage, grow
from heart.anatomy.purkinje.surface import GrowthSurface
from heart.anatomy.purkinje.tree import LEFT, RIGHT, Fascicle, PurkinjeTree
from heart.anatomy.purkinje.walk import walk
from heart.core.errors import MissingDataError, ParameterError


def made(mesh) -> tuple[Heart, CoordinateLocator]:
    where = coordinates.compute(mesh)
    none = np.zeros((len(mesh.cells), 3))
    heart = Heart(mesh, where, aha.segments(where), FibreField(none, none, none))
    return heart, CoordinateLocator(mesh, where)


@pytest.fixture(scope="module")
def biventricle():
    return made(idealised.biv_ellipsoid(3.5))


@pytest.fixture(scope="module")
def tree(biventricle) -> PurkinjeTree:
    return grow(*biventricle, np.random.default_rng(1))


def off_surface(heart: Heart, points: np.ndarray) -> np.ndarray:
    """Return the exact distance of points to the endocardium, by another library."""
    facets = heart.mesh.facets_of(Boundary.LV_ENDO, Boundary.RV_ENDO)
    surface = pv.PolyData.from_regular_faces(heart.mesh.points, facets)
    closest = surface.find_closest_cell(points, return_closest_point=True)[1]
    return np.linalg.norm(closest - points, axis=1)


def test_same_seed_same_tree(biventricle, tree):
    """A twin that cannot be run again is no evidence; the global random state must not matter."""
    np.random.default_rng(99).random(10)
    again = grow(*biventricle, np.random.default_rng(1))
    for name, value in tree.arrays().items():
        assert np.array_equal(value, again.arrays()[name]), name


def test_other_seed_other_tree(biventricle, tree):
    """Two members of an ensemble must not share a tree by accident; the bundles are the same."""
    other = grow(*biventricle, np.random.default_rng(2))
    assert len(other.points) != len(tree.points)
    bundles = [t.points[t.edges[t.insulated, 1]] for t in (tree, other)]
    assert np.allclose(*bundles)


def test_tree_lies_on_the_surface(biventricle, tree):
    """Only the His bundle is off the endocardium; every midpoint of a twig lies on it, too."""
    heart, _ = biventricle
    assert off_surface(heart, tree.points[1:]).max() < 1e-6
    twig = tree.edges[~tree.insulated]
    # A step may round an edge of the surface: its chord is then off by less than its sagitta.
    assert off_surface(heart, tree.points[twig].mean(axis=1)).max() < 0.2


def test_no_endocardium_is_forgotten(biventricle, tree):
    """Below the extent no node is farther from a junction than asked; above it nothing grows."""
    heart, locator = biventricle
    assert coverage(heart, tree).max() <= PARAMETERS["gap"].value + 1e-6
    twigs = np.unique(tree.edges[~tree.insulated, 1])
    height = locator.coordinates_at(tree.points[twigs]).apicobasal
    assert height.max() < PARAMETERS["extent"].value + 0.03


def test_every_fascicle_carries_junctions(tree):
    """A fascicle without twigs would make its block a block of nothing."""
    count = np.bincount(tree.of_node[tree.junctions], minlength=len(Fascicle))
    fans = [name for name in (*LEFT, *RIGHT) if name is not Fascicle.LEFT_BUNDLE]
    assert (count[fans] >= 10).all(), count
    assert 300 <= count.sum() <= 1500
    assert tree.loops == 0


def test_stems_separate_the_fascicles(tree):
    """Cutting the left bundle must disconnect all of the left tree and nothing of the right."""
    stem = tree.stems(Fascicle.LEFT_BUNDLE)
    assert len(stem) == 1
    assert tree.edges[stem[0], 0] == tree.root
    parent = np.full(len(tree.points), -1)
    parent[tree.edges[:, 1]] = tree.edges[:, 0]
    below = np.zeros(len(tree.points), bool)
    below[tree.edges[stem[0], 1]] = True
    for first, second in tree.edges.tolist():
        below[second] |= below[first]
    assert set(tree.of_node[below]) == set(LEFT)
    assert not set(tree.of_node[~below]) & set(LEFT)
    assert len(tree.stems(*LEFT[1:])) == 3


def test_branches_keep_clear_of_each_other(biventricle):
    """Without repulsion and clearance branches overlap; with them no two junctions coincide."""
    tree = grow(*biventricle, np.random.default_rng(4), GrowthRule(clearance=2.0, gap=30.0))
    ends = tree.points[tree.junctions]
    assert cKDTree(ends).query(ends, k=2)[0][:, 1].min() > 0.1


def test_left_ventricle_alone():
    """A heart without RV gets the left tree and no error."""
    heart, locator = made(idealised.lv_ellipsoid(4.0, short=22.0, long=60.0, wall=10.0, base=15.0))
    tree = grow(heart, locator, np.random.default_rng(1))
    assert set(tree.fascicle) == set(LEFT)
    with pytest.raises(MissingDataError, match="right bundle"):
        tree.stems(Fascicle.RIGHT_BUNDLE)


def test_walk_is_straight_on_a_folded_sheet():
    """A geodesic of a folded sheet is a straight line of the flat one, whatever the triangles."""
    generator = np.random.default_rng(5)
    flat = pv.Plane(i_size=20, j_size=20, i_resolution=14, j_resolution=9).triangulate()
    x, y = np.array(flat.points, float)[:, :2].T
    assert np.abs(x).min() < 1e-9  # the fold is a line of the mesh
    folded = np.column_stack([np.where(x > 0, 0.6 * x, x), y, np.where(x > 0, 0.8 * x, 0.0)])
    surface = GrowthSurface.from_triangles(folded, flat.regular_faces, np.zeros(len(x)))
    middle = surface.points[surface.triangles].mean(axis=1)
    start = int(np.argmin(np.linalg.norm(middle - [-0.5, 0.0, 0.0], axis=1)))
    for _ in range(20):
        angle = generator.uniform(0.0, 2.0 * np.pi)
        ahead = np.array([np.cos(angle), np.sin(angle), 0.0])
        place, heading = middle[start].copy(), ahead.copy()
        _, left = walk(
            surface.points, surface.triangles, surface.adjacent, start, place, heading, 6.0
        )
        end = [place[0] / 0.6 if place[0] > 0 else place[0], place[1]]
        assert left == 0.0
        assert end == pytest.approx((middle[start] + 6.0 * ahead)[:2])


def test_walk_stops_at_the_rim():
    """Nothing grows into a valve: what could not be walked is said."""
    points = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    surface = GrowthSurface.from_triangles(points, np.array([[0, 1, 2]]), np.zeros(3))
    place, heading = np.array([0.2, 0.2, 0.0]), np.array([-1.0, 0.0, 0.0])
    _, left = walk(surface.points, surface.triangles, surface.adjacent, 0, place, heading, 1.0)
    assert left == pytest.approx(0.8)
    assert place == pytest.approx([0.0, 0.2, 0.0])


def test_implausible_growth_is_refused():
    """8 m for 8 mm must not run for an hour first."""
    with pytest.raises(ParameterError, match="length"):
        GrowthRule(length=8000.0)


def test_ct_heart():
    """A segmented heart, 3 mm: complete, on the surface, in seconds."""
    from heart.anatomy.build import build_heart
    from heart.anatomy.case import load_case
    from heart.anatomy.fibres import FibreAngles
    from heart.core.paths import packaged

    case = load_case(packaged("meshes") / "ct_four_chamber" / "case.yaml")
    heart = build_heart(case, 3.0, FibreAngles()).heart
    locator = CoordinateLocator(heart.mesh, heart.coordinates)
    started = time.perf_counter()
    tree = grow(heart, locator, np.random.default_rng(1))
    assert time.perf_counter() - started < 10.0
    assert coverage(heart, tree).max() <= PARAMETERS["gap"].value + 1e-6
    assert off_surface(heart, tree.points[1:]).max() < 1e-6
    assert 300 <= len(tree.junctions) <= 1500
