"""A refined heart is the same heart: volume, surface, tags and quality are kept."""

from __future__ import annotations

import numpy as np
import pytest

from heart.anatomy.idealised import biv_ellipsoid
from heart.anatomy.refinement import refined_mesh
from heart.numerics import tetrahedra


def test_refined_mesh_keeps_volume_surface_and_regions() -> None:
    """Children fill their parents: volume by region and area by tag agree to round-off."""
    coarse = biv_ellipsoid(8.0)
    fine, edges = refined_mesh(coarse)
    assert len(fine.cells) == 8 * len(coarse.cells)
    assert len(fine.points) == len(coarse.points) + len(edges)
    before = tetrahedra.volumes(coarse.points, coarse.cells)
    after = tetrahedra.volumes(fine.points, fine.cells)
    np.testing.assert_allclose(after.reshape(-1, 8).sum(axis=1), before, rtol=1e-12)
    for tag in np.unique(coarse.facet_tags):
        areas = []
        for mesh in (coarse, fine):
            a, b, c = np.moveaxis(mesh.points[mesh.facets[mesh.facet_tags == tag]], 1, 0)
            areas.append(0.5 * np.cross(b - a, c - a).sum(axis=0))
        np.testing.assert_allclose(areas[1], areas[0], rtol=1e-10, atol=1e-9)


def test_refined_facets_are_the_boundary_of_refined_cells() -> None:
    """Each outer face of the children is a child of a facet, oriented outward, and no other."""
    fine, _ = refined_mesh(biv_ellipsoid(8.0))
    faces, _ = tetrahedra.boundary_faces(fine.cells)

    def turned(rows: np.ndarray) -> set[tuple[int, ...]]:
        start = np.argmin(rows, axis=1)[:, None]
        columns = (start + np.arange(3)) % 3
        return {tuple(row) for row in np.take_along_axis(rows, columns, axis=1).tolist()}

    assert turned(faces) == turned(fine.facets)


def test_edges_are_halved_and_cells_stay_well_shaped() -> None:
    """Mean edge within 10 % of half; the shortest diagonal keeps the worst cell within half."""
    coarse = biv_ellipsoid(8.0)
    fine, _ = refined_mesh(coarse)
    lengths, shapes = [], []
    for mesh in (coarse, fine):
        ends = mesh.points[tetrahedra.edges(mesh.cells)]
        lengths.append(np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1).mean())
        shapes.append(tetrahedra.radius_ratios(mesh.points, mesh.cells).min())
    assert lengths[1] / lengths[0] == pytest.approx(0.5, rel=0.1)
    assert shapes[1] > 0.5 * shapes[0]
