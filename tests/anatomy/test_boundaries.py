"""Names of facets and cells: coordinates are solved between them, so each must be one patch."""

from __future__ import annotations

import numpy as np
import pytest

from heart.anatomy import triangles as topology
from heart.anatomy.boundaries import check, joined, named
from heart.anatomy.heart_mesh import RINGS, Boundary, Region, Tissue
from heart.anatomy.implicit import wall_function
from heart.anatomy.labels import Label, LabelVolume
from heart.anatomy.regions import regions, tissue
from heart.anatomy.remesh import remeshed
from heart.anatomy.surface import Surface, contour
from heart.anatomy.tetrahedralise import backend, tetrahedralised
from heart.anatomy.valves import openings
from heart.core.errors import MeshingError
from tests.phantoms import changed, two_ventricles


def surface_of(labels: LabelVolume, edge: float = 2.5) -> Surface:
    valves, plane = openings(labels)
    fine, _ = contour(wall_function(labels, valves, plane))
    return named(remeshed(fine, edge), valves, plane)


@pytest.fixture(scope="module")
def with_valves() -> Surface:
    return surface_of(two_ventricles())


@pytest.fixture(scope="module")
def with_base() -> Surface:
    return surface_of(two_ventricles(atria=False))


def touching(surface: Surface, first: Boundary, second: Boundary) -> bool:
    """Whether two boundaries share a node."""
    nodes = [np.unique(surface.triangles[surface.tags == tag]) for tag in (first, second)]
    return len(np.intersect1d(*nodes)) > 0


@pytest.mark.parametrize("which", ["with_valves", "with_base"])
def test_one_patch_each_and_rings_between(which: str, request: pytest.FixtureRequest):
    """One patch per name, and no node on an endocardium and the epicardium at once."""
    surface: Surface = request.getfixturevalue(which)
    check(surface.triangles, surface.tags)
    for endo in (Boundary.LV_ENDO, Boundary.RV_ENDO):
        assert not touching(surface, endo, Boundary.EPI)
        assert any(touching(surface, endo, ring) for ring in RINGS)
    assert not touching(surface, Boundary.LV_ENDO, Boundary.RV_ENDO)


def test_rings_lie_at_their_valves(with_valves: Surface):
    """The mitral ring is at the base of the LV, not on its side."""
    centre = with_valves.points[with_valves.triangles].mean(axis=1)
    mitral, tricuspid = (centre[with_valves.tags == t] for t in (4, 6))
    assert len(mitral) > 20
    assert len(tricuspid) > 20
    assert mitral[:, 2].min() > 9.0
    assert np.linalg.norm(mitral[:, :2].mean(axis=0)) < 6.0
    assert tricuspid[:, 0].mean() < -25.0


def test_base_is_the_plane(with_base: Surface):
    """At a planar cut exactly the flat part is BASE, and no ring of a valve is invented."""
    assert set(np.unique(with_base.tags)) == {1, 2, 3, Boundary.BASE}
    base = with_base.points[with_base.triangles[with_base.tags == Boundary.BASE]].mean(axis=1)
    assert np.quantile(np.abs(base[:, 2] - 14.25), 0.95) < 1.5


def test_crumbs_are_absorbed(with_valves: Surface):
    """A stray facet of another name would be an electrode or a boundary condition of its own."""
    tags = with_valves.tags.copy()
    deep = np.argmin(with_valves.points[with_valves.triangles].mean(axis=1)[:, 2])
    assert tags[deep] == Boundary.EPI
    tags[deep] = Boundary.MITRAL
    pairs = topology.neighbours(with_valves.triangles)
    tags[pairs[pairs[:, 0] == deep, 1]] = Boundary.MITRAL
    mended = joined(with_valves.triangles, tags)
    assert mended[deep] == Boundary.EPI
    assert (mended != with_valves.tags).sum() < 0.01 * len(mended)


def test_no_rim_is_an_error(with_valves: Surface):
    """A closed cavity is said, not meshed."""
    ball = with_valves.triangles
    tags = np.full(len(ball), Boundary.LV_ENDO)
    with pytest.raises(MeshingError, match="no rim"):
        check(ball, tags)


def test_regions_and_tissue(with_valves: Surface):
    """Septum between the cavities, RV wall thin and right, scar where it was drawn."""
    points, cells, facets, tags = tetrahedralised(with_valves, 2.5, backend("gmsh"))
    region = regions(points, cells, facets, tags)
    centre = points[cells].mean(axis=1)
    middle = (np.abs(centre[:, 1]) < 10) & (centre[:, 2] < 0) & (centre[:, 2] > -25)
    septal = middle & (centre[:, 0] < -22) & (centre[:, 0] > -28)
    assert (region[septal] == Region.SEPTUM).mean() > 0.95
    assert (region[middle & (centre[:, 0] > 20)] == Region.LV_WALL).all()
    assert (region[middle & (centre[:, 0] < -45)] == Region.RV_WALL).all()

    labels = two_ventricles()
    voxels = labels.voxels.copy()
    x = labels.affine[0, 3] + labels.spacing[0] * np.arange(voxels.shape[0])
    lateral = (voxels == Label.LV_WALL) & (x > 20)[:, None, None]
    voxels[lateral] = Label.SCAR
    state = tissue(points, cells, changed(labels, voxels))
    assert (state[centre[:, 0] > 22] == Tissue.CORE).mean() > 0.95
    assert (state[centre[:, 0] < 18] == Tissue.HEALTHY).all()
    assert not tissue(points, cells, None).any()
