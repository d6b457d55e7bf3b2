"""Lead sites: enough of them, on the right wall, with names that a person can find."""

from __future__ import annotations

import numpy as np
import pytest

from heart.anatomy.heart_mesh import Boundary
from heart.core.errors import ParameterError
from heart.therapy import sites
from heart.therapy.sites import GENERATORS, Kind


def test_default_grid_has_at_least_48_sites_on_the_free_wall(placement):
    """The screen must cover the LV free wall: 48 places, none in the septum."""
    grid = sites.lv_epicardial_grid(placement)
    assert len(grid) >= 48
    assert len({site.node for site in grid}) == len(grid)
    epicardium = set(placement.heart.mesh.nodes_of(Boundary.EPI).tolist())
    assert all(site.node in epicardium for site in grid)
    assert all(site.coordinates["rotational"] < 0.75 for site in grid)
    assert len({site.label for site in grid}) == len(grid)


@pytest.mark.parametrize("name", sorted(set(GENERATORS) - {"coronary_veins", "explicit"}))
def test_every_generator_names_its_sites(placement, name):
    """A site without segment or label cannot be shown to anybody."""
    made = GENERATORS[name](placement)
    assert made
    for site in made:
        assert site.label
        assert site.captured
        assert 0 <= site.aha <= 17
        assert np.allclose(site.point, placement.heart.mesh.points[site.node])


def test_rv_leads_are_told_from_lv_leads(placement):
    """A lead on the wrong side of the septum turns biventricular into one-sided pacing."""
    for name in ("rv_apex", "rv_septum", "rvot"):
        assert all(site.is_rv for site in GENERATORS[name](placement))
    assert not any(site.is_rv for site in sites.lv_endocardial_grid(placement))
    assert all(site.is_conduction for site in sites.lbb_area(placement) + sites.his(placement))


def test_rv_apex_is_near_the_apex(placement):
    """The RV apex has the lowest apicobasal coordinate of the RV endocardium."""
    (apex,) = sites.rv_apex(placement)
    nodes = placement.heart.mesh.nodes_of(Boundary.RV_ENDO)
    lowest = placement.heart.coordinates.apicobasal[nodes].min()
    assert apex.coordinates["apicobasal"] == pytest.approx(lowest, abs=0.05)


def test_veins_are_sampled_along_their_length(placement):
    """Sites every 5 mm along a centreline, projected to the epicardium."""
    height = np.linspace(0.8, 0.3, 12)
    line = placement.locator.points_at(height, np.ones(12), np.full(12, 0.35), np.full(12, -1))
    found = sites.coronary_veins(placement, branches={"lateral": line}, spacing=5.0)
    assert found
    assert all(site.kind is Kind.VEIN for site in found)
    assert len({site.node for site in found}) == len(found)


def test_unknown_generator_names_the_known(placement):
    """A typo must not drop candidates silently."""
    with pytest.raises(ParameterError, match="lv_epicardial_grid"):
        sites.generate(placement, {"lv_epicardal_grid": {}})


def test_lv_sites_lie_on_the_left_ventricle(placement):
    """At the insertions the nearest node may be right ventricular: no LV lead goes there."""
    for rotations in (5, 13, 24):
        for site in GENERATORS["lv_epicardial_grid"](placement, rotations=rotations, margin=0.0):
            assert site.coordinates["chamber"] == -1
            assert site.aha > 0
