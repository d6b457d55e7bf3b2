"""Curved cells and cavity volume against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from dolfinx import fem

from heart.anatomy.curved import curved_lv_ellipsoid
from heart.anatomy.heart_mesh import Boundary
from heart.anatomy.idealised import lv_ellipsoid, lv_ellipsoid_transmural
from heart.core.errors import NonPhysicalError
from heart.mechanics.space import Element, MechanicsSpace, tetrahedral
from heart.observe.cavity import Cavity
from heart.study.verification import thick_tube
from heart.study.verification.land2015_fibres import family

# ∫ π rs² (1 − z²/rl²) dz from −17 to 5.
EXACT = np.pi * 49.0 * (22.0 - (5.0**3 + 17.0**3) / (3.0 * 17.0**2))


def cavity(curve: bool, boundary: int = Boundary.LV_ENDO) -> tuple[Cavity, fem.Function]:
    heart = lv_ellipsoid(4.0)
    points, cells = curved_lv_ellipsoid(heart) if curve else (heart.points, heart.cells)
    mesh, tags = tetrahedral(points, np.asarray(cells), heart.facets, heart.facet_tags)
    space = MechanicsSpace(mesh, tags, Element.P2)
    u = fem.Function(space.space)
    return Cavity(space, u, boundary), u


def test_curved_cells_keep_the_cavity_that_straight_ones_lose() -> None:
    """Straight edges of 4 mm lose several per cent of the cavity, curved ones under 0.05 %."""
    assert cavity(False)[0].volume() < 0.97 * EXACT
    assert cavity(True)[0].volume() == pytest.approx(EXACT, rel=5e-4)


def test_volume_follows_a_known_motion_with_the_base_cut_open() -> None:
    """Stretched along the axis and across it, and moved: the volume changes as the stretches."""
    here, u = cavity(True)
    before = here.volume()
    u.interpolate(lambda x: np.stack([0.1 * x[0] + 3.0, 0.2 * x[1], -0.3 * x[2] + 8.0]))
    assert here.volume() == pytest.approx(before * 1.1 * 1.2 * 0.7, rel=1e-10)


def test_a_cavity_outside_is_refused() -> None:
    """The epicardium encloses the muscle: as a cavity its volume is negative."""
    with pytest.raises(NonPhysicalError, match="boundary 1 has a volume of -"):
        cavity(True, Boundary.EPI)[0].volume()


def test_nodes_of_curved_edges_lie_on_the_family() -> None:
    """The midpoint of an edge of the endocardium is on it, to round-off; that of the rim too."""
    heart = lv_ellipsoid(4.0)
    points, _ = curved_lv_ellipsoid(heart)
    t = lv_ellipsoid_transmural(points)
    assert t.min() > -1e-9
    assert t.max() < 1.0 + 1e-9
    assert points[:, 2].max() < 5.0 + 1e-9


def test_tube_under_pressure_matches_the_closed_form() -> None:
    """Ri 7 → 11.542, Ro 10 → 13.573 mm at 4 kPa, to 1e-4, by curved cells and a follower load."""
    exact = thick_tube.closed_form()
    assert exact == pytest.approx((11.542090, 13.572761), abs=1e-6)
    assert thick_tube.solve(3, 6) == pytest.approx(exact, rel=1e-4)


def test_fibres_of_the_family_are_orthonormal_and_turn_through_the_wall() -> None:
    """±90° at the surfaces (along the meridian), circumferential in the middle."""
    polar, angle = np.deg2rad(70.0), 0.4
    for t, along in ((0.0, 1.0), (0.5, 0.0), (1.0, 1.0)):
        radius = 7.0 + 3.0 * t
        point = np.array(
            [
                radius * np.sin(polar) * np.cos(angle),
                radius * np.sin(polar) * np.sin(angle),
                -(17.0 + 3.0 * t) * np.cos(polar),
            ]
        )
        axes = np.stack(family(point[None]))[:, 0]
        np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-10)
        circular = np.array([-np.sin(angle), np.cos(angle), 0.0])
        assert abs(axes[0] @ circular) == pytest.approx(1.0 - along, abs=1e-8)
