"""Leads that cannot be: one error, one line, exit code 13, naming lead, place and distance."""

from __future__ import annotations

import numpy as np
import pytest

from heart.anatomy import aha, coordinates, fibres, idealised
from heart.anatomy.heart import Heart
from heart.anatomy.heart_mesh import Boundary
from heart.anatomy.locate import CoordinateLocator
from heart.core.errors import MissingDataError, ParameterError
from heart.therapy import sites
from heart.therapy.sites import Placement


def placed(mesh) -> Placement:
    where = coordinates.compute(mesh)
    heart = Heart(mesh, where, aha.segments(where), fibres.fibres(mesh, where))
    return Placement(heart, CoordinateLocator(mesh, where))


@pytest.fixture(scope="module")
def place() -> Placement:
    return placed(idealised.biv_ellipsoid(6.0))


def checked(error: ParameterError, *words: str) -> None:
    assert error.exit_code == 13
    assert "\n" not in str(error)
    for word in words:
        assert word in str(error)


def test_lead_off_the_surface(place):
    """A lead in another frame lies off the wall: refused with the distance, never projected."""
    node = place.heart.mesh.nodes_of(Boundary.EPI)[0]
    out = place.heart.mesh.points[node] * 1.2
    with pytest.raises(ParameterError) as caught:
        sites.explicit_points(place, points={"implanted": out})
    checked(caught.value, "implanted", "mm off the wall", "5 mm")


def test_lead_in_metres(place):
    """Metres for millimetres puts the lead at the origin: off the wall."""
    point = place.heart.mesh.points[place.heart.mesh.nodes_of(Boundary.EPI)[0]] / 1000.0
    with pytest.raises(ParameterError) as caught:
        sites.explicit_points(place, points={"lead": point})
    checked(caught.value, "off the wall")


def test_nan_lead(place):
    """NaN compares false with every limit; it must be caught by name."""
    with pytest.raises(ParameterError) as caught:
        sites.explicit_points(place, points={"lead": np.array([np.nan, 0.0, 0.0])})
    checked(caught.value, "not finite")


def test_two_leads_on_one_node(place):
    """Two leads closer than the mesh resolves are one lead."""
    point = place.heart.mesh.points[place.heart.mesh.nodes_of(Boundary.EPI)[5]]
    with pytest.raises(ParameterError) as caught:
        sites.explicit_points(place, points={"a": point, "b": point + 0.01})
    checked(caught.value, "'a'", "'b'", "one node")


def test_rv_lead_without_rv():
    """An LV-only heart cannot be paced in the RV: exit code 14, not an index error."""
    with pytest.raises(MissingDataError) as caught:
        sites.rv_apex(
            placed(idealised.lv_ellipsoid(6.0, short=22.0, long=60.0, wall=10.0, base=15.0))
        )
    assert caught.value.exit_code == 14
