"""Lids of cavities whatever the numbers of the vertices are."""

from __future__ import annotations

import numpy as np
import pytest
from dolfinx import fem

from heart.anatomy.heart_mesh import Boundary
from heart.anatomy.idealised import lv_ellipsoid
from heart.mechanics.cavity_volume import VolumeFunctional
from heart.mechanics.space import Element, MechanicsSpace, tetrahedral
from heart.numerics import tetrahedra


@pytest.mark.parametrize("seed", [1, 2])
def test_volume_does_not_depend_on_how_vertices_are_numbered(seed: int) -> None:
    """On the mesh of a heart edges of the rim ran either way, and the volume became negative."""
    mesh = lv_ellipsoid(4.0)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(mesh.points))
    back = np.argsort(order)
    points, facets = mesh.points[order], back[mesh.facets]
    # Each cell begins with another of its vertices, so that rims are met by all edges of a cell.
    turned = np.take_along_axis(
        mesh.cells, rng.permuted(np.tile(np.arange(4), (len(mesh.cells), 1)), axis=1), axis=1
    )
    cells = tetrahedra.oriented(points, back[turned])
    inner = mesh.facets[mesh.facet_tags == Boundary.LV_ENDO]
    corners = mesh.points[inner] - [0.0, 0.0, 5.0]
    # About a point of the flat lid the lid itself adds nothing.
    expected = -float(np.linalg.det(corners).sum() / 6.0)
    made, tags = tetrahedral(points, cells, facets, mesh.facet_tags)
    space = MechanicsSpace(made, tags, Element.P1, 2)
    volume = VolumeFunctional(space, fem.Function(space.space), Boundary.LV_ENDO)
    assert volume.volume() == pytest.approx(expected, rel=1e-9)
