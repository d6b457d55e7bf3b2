"""The surface at the edge length: closed, on the surface that was given, whatever the clusters."""

from __future__ import annotations

import numpy as np
import pytest
import pyvista as pv

from heart.anatomy import remesh
from heart.anatomy import triangles as topology
from heart.anatomy.heart_mesh import Boundary
from heart.anatomy.remesh import remeshed, without_flaps
from heart.anatomy.surface import Surface
from heart.core.errors import MeshingError

BLOCK = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]])


def ball(radius: float = 10.0) -> Surface:
    """Return a sphere, oriented outward."""
    shape = pv.Icosphere(radius=radius, nsub=4)
    triangles = np.asarray(shape.regular_faces)
    tags = np.full(len(triangles), int(Boundary.EPI))
    return Surface(np.asarray(shape.points, np.float64), triangles, tags)


def test_flap_is_cut_off_and_nothing_else() -> None:
    """Two free edges and one of three triangles: also a flap that hangs on another."""
    assert len(without_flaps(BLOCK)) == 4
    hanging = np.concatenate([BLOCK, [[0, 1, 4]]])
    np.testing.assert_array_equal(without_flaps(hanging), BLOCK)
    opened = BLOCK[:3]
    np.testing.assert_array_equal(without_flaps(opened), opened)


def test_surface_whose_duals_all_have_flaps_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What refused the example heart at 0.7 to 0.8 mm: one flap in 400,000 triangles."""
    whole = remesh._dual

    def torn(clustering, count):  # type: ignore[no-untyped-def]
        points, triangles, _ = whole(clustering, count)
        first, second, far = triangles[0, 0], triangles[0, 1], triangles[-1, 0]
        triangles = np.concatenate([triangles, [[first, second, far]]])
        return points, triangles, remesh._faults(triangles)

    given = remeshed(ball(), 1.5)
    monkeypatch.setattr(remesh, "_dual", torn)
    found = remeshed(ball(), 1.5)
    assert (topology.edge_table(found.triangles).count == 2).all()
    np.testing.assert_array_equal(found.triangles, given.triangles)
    np.testing.assert_allclose(np.linalg.norm(found.points, axis=1), 10.0, rtol=0.01)


def test_surface_that_does_not_close_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part that is lost is not a flap: the error names the edge length."""
    whole = remesh._dual

    def holed(clustering, count):  # type: ignore[no-untyped-def]
        points, triangles, _ = whole(clustering, count)
        return points, triangles[1:], remesh._faults(triangles[1:])

    monkeypatch.setattr(remesh, "_dual", holed)
    with pytest.raises(MeshingError, match=r"thinner than the edge length 1\.5 mm"):
        remeshed(ball(), 1.5)
