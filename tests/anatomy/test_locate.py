"""Leads are given as coordinates and shown as points: both ways must agree."""

import numpy as np
import pytest

from heart.anatomy import coordinates, idealised
from heart.anatomy.heart_mesh import Boundary
from heart.anatomy.locate import CoordinateLocator
from heart.core.errors import MeshInputError
from heart.numerics import tetrahedra


def round_trip(mesh, count=3000):
    """Return distances of random points to where their coordinates lead, and the edge length."""
    c = coordinates.compute(mesh)
    locator = CoordinateLocator(mesh, c)
    rng = np.random.default_rng(3)
    cells = mesh.cells[rng.integers(len(mesh.cells), size=count)]
    points = np.einsum("ki,kij->kj", rng.dirichlet(np.ones(4), count), mesh.points[cells])
    q = locator.coordinates_at(points)
    back = locator.points_at(q.apicobasal, q.transmural, q.rotational, q.chamber)
    ends = mesh.points[tetrahedra.edges(mesh.cells)]
    edge = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1).mean()
    pure = np.ptp(c.chamber[cells], axis=1) == 0
    return np.linalg.norm(back - points, axis=1), edge, pure


def test_round_trip_on_the_ellipsoid():
    """Less than an edge anywhere, apex and seam included."""
    off, edge, _ = round_trip(idealised.lv_ellipsoid(1.0))
    assert off.max() < edge
    assert off.mean() < 0.02 * edge


def test_round_trip_on_the_biventricle():
    """Where chambers meet a cell has two depths: there one in two hundred may miss by an edge."""
    off, edge, pure = round_trip(idealised.biv_ellipsoid(3.0))
    assert (off[pure] > edge).mean() < 0.002
    assert (off > edge).mean() < 0.005
    assert off.max() < 2.0 * edge
    assert off.mean() < 0.05 * edge


def test_nodes_keep_their_coordinates():
    """Interpolation at a node returns the node's values, also at the seam."""
    mesh = idealised.lv_ellipsoid(1.5)
    c = coordinates.compute(mesh)
    away = c.apicobasal > 0.1
    q = CoordinateLocator(mesh, c).coordinates_at(mesh.points[away])
    assert np.abs(q.apicobasal - c.apicobasal[away]).max() < 1e-9
    assert np.abs(q.transmural - c.transmural[away]).max() < 1e-9
    off = np.abs(q.rotational - c.rotational[away])
    assert np.minimum(off, 1.0 - off).max() < 1e-9


def test_surface_nodes_and_errors():
    """A lead is snapped to a node of the asked surface; a heart without RV has no RV point."""
    mesh = idealised.lv_ellipsoid(1.5)
    locator = CoordinateLocator(mesh, coordinates.compute(mesh))
    nodes, distance = locator.nearest_surface_node([[0.0, 0.0, -25.0]], Boundary.EPI)
    assert mesh.points[nodes[0]] == pytest.approx([0.0, 0.0, -20.0])
    assert distance[0] == pytest.approx(5.0)
    with pytest.raises(MeshInputError, match="right ventricle"):
        locator.points_at(0.5, 0.0, 0.8, 1)
    with pytest.raises(MeshInputError, match="rv_endo"):
        locator.nearest_surface_node([[0.0, 0.0, 0.0]], Boundary.RV_ENDO)
