"""The benchmark's geometry: radii, rims, cone and fibre rule are what codes have to share."""

from __future__ import annotations

import numpy as np
import pytest

from heart.anatomy.benchmark_ventricles import (
    PAIR_PROBES,
    PROBES,
    biventricle,
    curved_monoventricle,
    fibre_axes,
    monoventricle,
)
from heart.anatomy.heart_mesh import Boundary
from heart.numerics import tetrahedra


def off(points: np.ndarray, long: float, short: float) -> np.ndarray:
    """Return how far points are off an ellipsoid, as a share of its radius."""
    return np.abs(np.linalg.norm(points / [long, short, short], axis=1) - 1.0)


def test_surfaces_are_the_ellipsoids_and_the_cone() -> None:
    """Radii 25/90 and 35/97 mm, rims at 5/17 of 90 and 5/20 of 97 mm, straight lines between."""
    mesh = monoventricle(8.0)
    assert off(mesh.points[mesh.nodes_of(Boundary.LV_ENDO)], 90.0, 25.0).max() < 1e-12
    assert off(mesh.points[mesh.nodes_of(Boundary.EPI)], 97.0, 35.0).max() < 1e-12
    base = mesh.points[mesh.nodes_of(Boundary.BASE)]
    x, r = base[:, 0], np.hypot(base[:, 1], base[:, 2])
    inner, outer = (90 * 5 / 17, 25 * np.sqrt(1 - (5 / 17) ** 2)), (97 / 4, 35 * np.sqrt(15 / 16))
    assert x.max() == pytest.approx(inner[0])
    assert x.min() == pytest.approx(outer[0])
    line = inner[0] + (r - inner[1]) * (outer[0] - inner[0]) / (outer[1] - inner[1])
    np.testing.assert_allclose(x, line, atol=1e-9)
    assert mesh.points[:, 0].min() == pytest.approx(-97.0)
    assert tetrahedra.volumes(mesh.points, mesh.cells).min() > 0.0


def test_curved_edges_lie_on_the_surfaces() -> None:
    """Middle nodes of boundary edges too: straight edges lose part of the cavity."""
    mesh, points, cells = curved_monoventricle(8.0)
    assert cells.shape == (len(mesh.cells), 10)
    facets = {tuple(sorted(facet)) for facet in mesh.facets[mesh.facet_tags == Boundary.EPI]}
    opposite = {0: (4, 5, 6), 1: (4, 7, 8), 2: (5, 7, 9), 3: (6, 8, 9)}
    seen = []
    for cell in cells:
        for corner, nodes in opposite.items():
            face = tuple(sorted(np.delete(cell[:4], corner)))
            if face in facets:
                seen.extend(cell[list(nodes)])
    assert off(points[np.unique(seen)], 97.0, 35.0).max() < 1e-12


def test_probes_are_in_the_wall() -> None:
    """p0 lies a tenth of a millimetre under the cone; a mesh must not lose it."""
    for mesh, probes in ((monoventricle(5.0), PROBES), (biventricle(6.0), PAIR_PROBES)):
        corners = mesh.points[mesh.cells]
        edges = np.moveaxis(corners[:, 1:] - corners[:, :1], 1, 2)
        for place in probes.values():
            local = np.linalg.solve(edges, (np.array(place) - corners[:, 0])[..., None])[..., 0]
            inside = (local > -1e-9).all(axis=1) & (local.sum(axis=1) < 1 + 1e-9)
            assert inside.any(), place


def test_fibre_rule() -> None:
    """Orthonormal, tangent to the wall, −60 to +60 degrees against the tangent to the apex."""
    rng = np.random.default_rng(3)
    polar, angle = rng.uniform(0.6, 2.9, 50), rng.uniform(-np.pi, np.pi, 50)
    for depth, short, long, helix in ((0.0, 25.0, 90.0, -60.0), (0.5, 30.0, 93.5, 0.0)):
        points = np.column_stack(
            [
                long * np.cos(polar),
                short * np.sin(polar) * np.cos(angle),
                short * np.sin(polar) * np.sin(angle),
            ]
        )
        fibre, sheet, normal = fibre_axes(points, np.full(50, depth))
        frame = np.stack([fibre, sheet, normal], axis=1)
        np.testing.assert_allclose(
            frame @ frame.transpose(0, 2, 1), np.broadcast_to(np.eye(3), (50, 3, 3)), atol=1e-12
        )
        outward = points / np.array([long, short, short]) ** 2
        outward /= np.linalg.norm(outward, axis=1, keepdims=True)
        np.testing.assert_allclose(normal, outward, atol=1e-10)
        # Towards the apex is -x; a negative angle points to the base.
        around = np.cross([1.0, 0.0, 0.0], outward)
        around /= np.linalg.norm(around, axis=1, keepdims=True)
        np.testing.assert_allclose(
            np.einsum("ni,ni->n", fibre, around), np.cos(np.radians(helix)), atol=1e-10
        )
        assert (np.sign(fibre[:, 0]) == (1.0 if helix else np.sign(fibre[:, 0]))).all()


def test_the_pair_has_two_cavities() -> None:
    """Left and right endocardium, epicardium and base, cells of positive volume."""
    mesh = biventricle(8.0)
    assert set(mesh.facet_tags) == {
        Boundary.LV_ENDO,
        Boundary.RV_ENDO,
        Boundary.EPI,
        Boundary.BASE,
    }
    assert tetrahedra.volumes(mesh.points, mesh.cells).min() > 0.0
    np.testing.assert_allclose(mesh.points[mesh.nodes_of(Boundary.BASE), 0], 25.0, atol=1e-9)
    assert mesh.points[mesh.nodes_of(Boundary.RV_ENDO), 2].max() > 60.0
