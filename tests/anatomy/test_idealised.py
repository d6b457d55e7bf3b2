"""The idealised hearts are the ground truth of many tests, so they themselves have to be right."""

import numpy as np
import pytest

from heart.anatomy import idealised
from heart.anatomy.heart_mesh import Boundary, Region
from heart.core.errors import ParameterError
from heart.numerics import tetrahedra

MAKERS = {
    "slab": lambda: idealised.slab((6.0, 4.0, 3.0), 1.0),
    "lv": lambda: idealised.lv_ellipsoid(1.5),
    "biv": lambda: idealised.biv_ellipsoid(4.0),
}


@pytest.mark.parametrize("name", MAKERS)
def test_boundary_is_closed_and_manifold(name):
    """An open or doubled boundary would leak in every solve and every volume."""
    mesh = MAKERS[name]()
    total = tetrahedra.face_normals(mesh.points, mesh.facets).sum(axis=0)
    assert np.abs(total).max() < 1e-8
    edges = np.sort(mesh.facets[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()
    assert len(np.unique(mesh.cells)) == len(mesh.points)
    flux = tetrahedra.face_normals(mesh.points, mesh.facets) * mesh.points[mesh.facets].mean(axis=1)
    volume = tetrahedra.volumes(mesh.points, mesh.cells).sum()
    assert flux.sum() / 3.0 == pytest.approx(volume, rel=1e-3)


def test_lv_volume_and_quality():
    """The family of ellipsoids has a closed volume; good cells even at the apex."""
    mesh = idealised.lv_ellipsoid(0.75)

    def below(short, long, base):
        low = -long
        return np.pi * short**2 * ((base - low) - (base**3 - low**3) / (3.0 * long**2))

    exact = below(10.0, 20.0, 5.0) - below(7.0, 17.0, 5.0)
    assert tetrahedra.volumes(mesh.points, mesh.cells).sum() == pytest.approx(exact, rel=0.01)
    assert tetrahedra.radius_ratios(mesh.points, mesh.cells).min() > 0.4


def test_analytic_transmural_on_both_surfaces():
    """The exact depth is what fibres are measured against."""
    mesh = idealised.lv_ellipsoid(1.5)
    for tag, value in ((Boundary.LV_ENDO, 0.0), (Boundary.EPI, 1.0)):
        t = idealised.lv_ellipsoid_transmural(mesh.points[mesh.nodes_of(tag)])
        assert np.abs(t - value).max() < 1e-9


def test_biventricle_has_all_names():
    """A missing boundary or region would only show in a layer far above."""
    mesh = idealised.biv_ellipsoid(4.0)
    for tag in (Boundary.EPI, Boundary.LV_ENDO, Boundary.RV_ENDO, Boundary.BASE):
        assert (mesh.facet_tags == tag).any()
    assert set(np.unique(mesh.regions)) == set(Region)


def test_impossible_radii_are_refused():
    """A base plane outside the ellipsoid makes no heart."""
    with pytest.raises(ParameterError, match="base"):
        idealised.lv_ellipsoid(1.0, base=30.0)


def test_layers_and_a_fine_apex_keep_the_shape():
    """Finer where the wall is most curved: same surfaces, layers as asked, good cells."""
    plain, fine = idealised.lv_ellipsoid(3.0), idealised.lv_ellipsoid(3.0, layers=3, apex_edge=0.7)
    depth = idealised.lv_ellipsoid_transmural(fine.points)
    levels = np.unique(np.round(depth, 6))
    np.testing.assert_allclose(levels, [0.0, 1 / 3, 2 / 3, 1.0], atol=1e-6)
    assert len(idealised.lv_ellipsoid(3.0, layers=3).points) == len(plain.points) / 3 * 4
    assert tetrahedra.radius_ratios(fine.points, fine.cells).min() > 0.1

    def at_apex(mesh):
        pole = int(np.argmin(np.linalg.norm(mesh.points - [0.0, 0.0, -17.0], axis=1)))
        endo = mesh.facets[mesh.facet_tags == Boundary.LV_ENDO]
        ring = np.unique(endo[(endo == pole).any(axis=1)])
        return np.sort(np.linalg.norm(mesh.points[ring] - mesh.points[pole], axis=1))[1:]

    assert at_apex(plain).max() > 2.0
    assert len(at_apex(fine)) == 6
    assert at_apex(fine).max() < 0.8


@pytest.mark.parametrize("wrong", [{"layers": 0}, {"apex_edge": 0.0}, {"apex_edge": 4.0}])
def test_layers_and_apex_edge_have_to_be_possible(wrong):
    """Named numbers instead of an empty mesh."""
    with pytest.raises(ParameterError, match="at the apex"):
        idealised.lv_ellipsoid(3.0, **wrong)
