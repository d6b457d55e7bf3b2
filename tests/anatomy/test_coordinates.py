"""Every lead, lesion and early site is given in these coordinates: they must mean what they say."""

from dataclasses import replace

import numpy as np
import pytest

from heart.anatomy import aha, build, coordinates, idealised, rotation
from heart.anatomy.case import load_case
from heart.anatomy.frames import ventricular_fields
from heart.anatomy.heart_mesh import RINGS, Boundary, Region
from heart.anatomy.locate import CoordinateLocator
from heart.core.errors import MeshInputError
from heart.numerics import tetrahedra


@pytest.fixture(scope="module")
def biv():
    mesh = idealised.biv_ellipsoid(4.0)
    fields = ventricular_fields(mesh)
    return mesh, fields, coordinates.compute(mesh, fields)


def test_rings_are_one_and_apex_is_zero(biv):
    """The ends of the apicobasal coordinate are exact, and the apex is found without a landmark."""
    mesh, fields, c = biv
    assert (c.apicobasal[mesh.nodes_of(*RINGS)] == 1.0).all()
    assert (c.apicobasal[fields.apex] == 0.0).all()
    lowest = mesh.points[np.argmin(mesh.points[:, 2])]
    assert np.linalg.norm(mesh.points[fields.apex[0]] - lowest) < 4.0
    assert ((c.apicobasal >= 0.0) & (c.apicobasal <= 1.0)).all()


def test_transmural_is_zero_and_one_on_the_surfaces(biv):
    """The septum belongs to the LV, so its depth ends with 1 at the RV endocardium."""
    mesh, _, c = biv
    rings = mesh.nodes_of(*RINGS)
    lv = np.setdiff1d(mesh.nodes_of(Boundary.LV_ENDO), rings)
    assert (c.transmural[lv] == 0.0).all()
    epi = np.setdiff1d(mesh.nodes_of(Boundary.EPI), mesh.nodes_of(Boundary.RV_ENDO))
    assert (c.transmural[epi] == 1.0).all()
    rv = mesh.nodes_of(Boundary.RV_ENDO)
    assert np.array_equal(c.transmural[rv], np.where(c.chamber[rv] < 0, 1.0, 0.0))


def test_transmural_is_the_depth_of_the_ellipsoid():
    """A Laplace solution is off by 0.06 here; fibres would inherit it."""
    mesh = idealised.lv_ellipsoid(1.0)
    t = coordinates.compute(mesh).transmural
    error = np.abs(t - idealised.lv_ellipsoid_transmural(mesh.points))
    assert error.max() < 0.03
    assert error.mean() < 0.004


def test_chambers_split_at_the_insertions(biv):
    """Septum and free wall come from geometry alone; the regions of the mesh only judge here."""
    mesh, _, c = biv
    left = np.unique(mesh.cells[mesh.regions != Region.RV_WALL])
    right = np.setdiff1d(np.unique(mesh.cells[mesh.regions == Region.RV_WALL]), left)
    assert (c.chamber[right] == 1).all()
    assert (c.chamber[left] == -1).mean() > 0.95


def test_rotation_runs_from_the_anterior_insertion_through_the_free_wall(biv):
    """A mirrored coordinate would put every lead on the wrong wall."""
    mesh, _, c = biv
    around = {
        "anterior": ([0.0, 27.0, 0.0], 0.08),
        "lateral": ([-27.0, 0.0, 0.0], 1.0 / 3.0),
        "inferior": ([0.0, -27.0, 0.0], 0.59),
        "septal": ([27.0, 0.0, 0.0], 5.0 / 6.0),
    }
    for place, expected in around.values():
        node = np.argmin(np.linalg.norm(mesh.points - place, axis=1))
        assert c.rotational[node] == pytest.approx(expected, abs=0.04)
    assert ((c.rotational >= 0.0) & (c.rotational < 1.0)).all()
    right = c.chamber > 0
    folded = np.where(c.rotational[right] == 0.0, 1.0, c.rotational[right])
    assert (folded >= 2.0 / 3.0 - 1e-9).all()


def test_rigid_motion_changes_nothing(biv):
    """With an RV, anterior follows from handedness, not from the axes of the scanner."""
    mesh, _, c = biv
    rng = np.random.default_rng(7)
    turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    moved = coordinates.compute(replace(mesh, points=mesh.points @ turn.T + [30.0, -80.0, 11.0]))
    assert np.array_equal(moved.chamber, c.chamber)
    assert np.abs(moved.apicobasal - c.apicobasal).max() < 1e-6
    assert np.abs(moved.transmural - c.transmural).max() < 1e-6
    off = np.abs(moved.rotational - c.rotational)
    assert np.minimum(off, 1.0 - off).max() < 1e-6


def test_lv_alone_assumes_where_the_septum_is():
    """Without RV the anchor is the scanner frame: the septum faces right-anterior."""
    mesh = idealised.lv_ellipsoid(1.5)
    c = coordinates.compute(mesh)
    assert (c.chamber == -1).all()
    node = np.argmin(np.linalg.norm(mesh.points - [6.0, 6.0, 0.0], axis=1))
    assert c.rotational[node] == pytest.approx(5.0 / 6.0, abs=0.05)


def test_missing_boundary_is_named():
    """A mesh without a base has no apicobasal coordinate; say so instead of dividing by zero."""
    mesh = idealised.lv_ellipsoid(2.0)
    tags = np.where(mesh.facet_tags == Boundary.BASE, Boundary.EPI, mesh.facet_tags)
    with pytest.raises(MeshInputError, match="ring"):
        coordinates.compute(replace(mesh, facet_tags=tags))


@pytest.mark.slow
def test_segmented_heart_lies_as_in_a_chest(repo_root):
    """Apex left-anterior-inferior, septum right-anterior, anterior wall up, all segments there."""
    case = load_case(repo_root / "meshes" / "ct_four_chamber" / "case.yaml")
    mesh = build.build_mesh(case, 3.0).mesh
    fields = ventricular_fields(mesh)
    axis = rotation.long_axis(mesh, fields)
    assert (axis.up * [1.0, -1.0, 1.0] > 0.3).all()
    assert (axis.septal[:2] > 0.3).all()
    assert axis.anterior[2] > 0.6
    c = coordinates.compute(mesh, fields)
    segment = aha.segments(c)
    volume = np.bincount(segment, tetrahedra.node_volumes(mesh.points, mesh.cells), 18)
    assert (volume > 0.005 * volume.sum()).all()
    assert mesh.points[segment == 1, 2].mean() > mesh.points[segment == 4, 2].mean() + 30.0
    left = np.unique(mesh.cells[mesh.regions != Region.RV_WALL])
    assert (c.chamber[left] == -1).mean() > 0.97
    locator = CoordinateLocator(mesh, c)
    own = mesh.points[mesh.cells].mean(axis=1)[(c.chamber[mesh.cells] < 0).all(axis=1)]
    q = locator.coordinates_at(own)
    back = locator.points_at(q.apicobasal, q.transmural, q.rotational, q.chamber)
    assert (np.linalg.norm(back - own, axis=1) < 3.5).mean() > 0.985
