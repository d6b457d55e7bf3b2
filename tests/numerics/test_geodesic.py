"""Distances through the wall carry the apicobasal coordinate: they have to be distances."""

import numpy as np
import pytest

from heart.anatomy.idealised import slab
from heart.core.errors import MeshInputError
from heart.numerics.geodesic import distance
from heart.numerics.p1 import P1Space


def test_distance_from_a_face_converges():
    """In a box the distance from a face is x; the error falls with the edge length."""
    worst = []
    for edge in (2.0, 1.0, 0.5):
        mesh = slab((20.0, 6.0, 4.0), edge)
        sources = np.flatnonzero(mesh.points[:, 0] < 1e-9)
        space = P1Space(mesh.points, mesh.cells)
        found = distance(space, mesh.points, mesh.cells, sources)
        worst.append(np.abs(found - mesh.points[:, 0]).max())
        assert (found[sources] == 0.0).all()
    assert worst[2] < worst[1] < worst[0]
    assert worst[2] < 0.01 * 20.0


def test_distance_from_a_corner():
    """From a point the straight line is the answer in a convex body, within 5 % of its length."""
    mesh = slab((20.0, 7.0, 3.0), 1.0)
    exact = np.linalg.norm(mesh.points, axis=1)
    space = P1Space(mesh.points, mesh.cells)
    found = distance(space, mesh.points, mesh.cells, np.array([np.argmin(exact)]))
    assert np.abs(found - exact).mean() < 0.05 * exact.max()


def test_no_source_is_an_error():
    """A heart without rings must not give a distance of nothing."""
    mesh = slab((2.0, 2.0, 2.0), 1.0)
    with pytest.raises(MeshInputError, match="source"):
        distance(P1Space(mesh.points, mesh.cells), mesh.points, mesh.cells, np.array([], int))
