"""Closed valves: their pull on the rings balances the pressure on the wall."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from heart.anatomy.heart_mesh import Boundary, HeartMesh
from heart.anatomy.idealised import biv_ellipsoid, lv_ellipsoid
from heart.core.errors import MeshInputError
from heart.mechanics.closed_valves import valve_shares
from heart.numerics import tetrahedra


@pytest.fixture(scope="module")
def left() -> HeartMesh:
    return lv_ellipsoid(4.0)


@pytest.fixture(scope="module")
def pair() -> HeartMesh:
    return biv_ellipsoid(6.0)


def resultant(mesh: HeartMesh, pressures: dict[Boundary, float]) -> np.ndarray:
    """Return the force of pressures on the walls and of the valves on their rings, in mN."""
    total = np.zeros(3)
    for boundary, pressure in pressures.items():
        pushed = tetrahedra.face_normals(mesh.points, mesh.facets_of(boundary)).sum(axis=0)
        total -= pressure * pushed
        for tag, share in valve_shares(mesh, boundary).items():
            ring = tetrahedra.face_normals(mesh.points, mesh.facets_of(Boundary(tag)))
            total += share * pressure * ring.sum(axis=0)
    return total


def test_forces_on_wall_and_ring_vanish_in_sum(left: HeartMesh) -> None:
    """A closed cavity does not push the heart away; an open one does, by pressure times opening."""
    open_force = 8.0 * tetrahedra.face_normals(left.points, left.facets_of(Boundary.LV_ENDO)).sum(
        axis=0
    )
    assert np.linalg.norm(open_force) > 100.0
    closed = resultant(left, {Boundary.LV_ENDO: 8.0})
    assert np.linalg.norm(closed) < 1e-9 * np.linalg.norm(open_force)


def test_both_cavities_of_a_pair_are_balanced_on_one_base(pair: HeartMesh) -> None:
    """Two cavities that share a ring add their pulls on it."""
    closed = resultant(pair, {Boundary.LV_ENDO: 8.0, Boundary.RV_ENDO: 2.0})
    area = np.linalg.norm(
        tetrahedra.face_normals(pair.points, pair.facets_of(Boundary.LV_ENDO)).sum(axis=0)
    )
    assert np.linalg.norm(closed) < 1e-6 * 8.0 * area


def test_balance_stays_when_opening_and_ring_change_alike(left: HeartMesh) -> None:
    """The share belongs to the reference: a base that widens as a whole keeps the balance."""
    moved = replace(left, points=left.points * [1.2, 1.2, 0.9])
    assert valve_shares(moved, Boundary.LV_ENDO) == pytest.approx(
        valve_shares(left, Boundary.LV_ENDO), rel=1e-12
    )


def test_share_is_that_of_areas(left: HeartMesh) -> None:
    """On a base cut flat: opening over ring, π a² over what is left of the outer ellipse."""
    points = left.points
    base = points[:, 2].max()
    inner, outer = (
        np.linalg.norm(points[left.nodes_of(tag)][:, :2], axis=1)[
            np.abs(points[left.nodes_of(tag)][:, 2] - base) < 1e-6
        ].max()
        for tag in (Boundary.LV_ENDO, Boundary.EPI)
    )
    (share,) = valve_shares(left, Boundary.LV_ENDO).values()
    assert share == pytest.approx(inner**2 / (outer**2 - inner**2), rel=0.1)


def test_cavity_without_ring_is_refused(left: HeartMesh) -> None:
    """Pressure on valves that nothing carries would be lost without a word."""
    tags = np.where(left.facet_tags == Boundary.BASE, Boundary.EPI, left.facet_tags)
    with pytest.raises(MeshInputError, match="lv_endo has no valve ring"):
        valve_shares(replace(left, facet_tags=tags), Boundary.LV_ENDO)
