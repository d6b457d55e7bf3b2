"""The ventricle of Land 2015 on coarse meshes: near the reference, and the three traps are traps.

The values to full accuracy are those of `heart verify land2015`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from heart.mechanics.materials.law import Split
from heart.study.verification import land2015, land2015_curves
from heart.study.verification.land2015_curves import OFF_AXIS, REST_VOLUME, load_curves, midline
from heart.study.verification.land2015_shapes import (
    MIDDLE_LONG,
    MIDDLE_SHORT,
    Nodes,
    Ventricle,
    Wall,
    beam,
    contraction,
    inflation,
)

COARSE, COARSE_ACTIVE = Wall(5.0, 2), Wall(5.0, 2, 2.0)


@pytest.fixture(scope="module")
def inflated() -> Ventricle:
    """Problem 2 on 2766 unknowns."""
    return inflation(COARSE)


@pytest.fixture(scope="module")
def contracted() -> Ventricle:
    """Problem 3 on 3837 unknowns."""
    return contraction(COARSE_ACTIVE)


def test_inflation_is_near_the_reference(inflated: Ventricle) -> None:
    """Apices to 0.1 mm of 9 mm, the cavity to 1 %, and the way there to 2 % of the motion."""
    assert inflated.load[-1] == 1.0
    assert inflated.endo[-1] == pytest.approx(-26.614, abs=0.1)
    assert inflated.epi[-1] == pytest.approx(-28.281, abs=0.1)
    assert inflated.volume[-1] == pytest.approx(10734.0, rel=0.01)
    off, line = load_curves(2, inflated), midline(2, inflated.middle)
    assert max(off.endo.share, off.epi.share, off.volume.share, line.place.share) < 0.02


def test_contraction_is_near_the_reference(contracted: Ventricle) -> None:
    """As above; the endocardial apex, where fibres meet, to 0.5 mm; twist has the right sign."""
    assert contracted.load[-1] == 1.0
    assert contracted.endo[-1] == pytest.approx(-12.35, abs=0.5)
    assert contracted.epi[-1] == pytest.approx(-15.46, abs=0.1)
    assert contracted.volume[-1] == pytest.approx(1796.0, rel=0.01)
    off, line = load_curves(3, contracted), midline(3, contracted.middle)
    assert max(off.epi.share, off.volume.share) < 0.03
    assert line.off_axis.share < 0.03
    assert line.twist.largest < 0.1 * line.twist.travel


def test_full_c_leaves_the_branch_that_the_isochoric_c_follows(inflated: Ventricle) -> None:
    """With the full C cells give way in volume near 3 kPa, where the isochoric C̄ walks on."""
    full = inflation(COARSE, split=Split.NONE, until=0.5, cuts=2)
    early = full.load[1:] < 0.15
    np.testing.assert_allclose(full.epi[1:][early], inflated.epi[1:2], atol=0.01)
    assert 0.2 <= full.load[-1] < 0.36


def test_straight_cells_lose_cavity_and_curved_ones_do_not(inflated: Ventricle) -> None:
    """Of 2492 mm³ some 2 % go with straight edges of 3 mm, more with longer ones."""
    straight = replace(Wall(3.0, 2), curved=False)
    lost = [1.0 - rest(wall) / REST_VOLUME for wall in (straight, replace(straight, edge=5.0))]
    assert 0.01 < lost[0] < 0.04
    assert lost[1] > 2.0 * lost[0]
    assert inflated.volume[0] == pytest.approx(REST_VOLUME, rel=2e-3)


def rest(wall: Wall) -> float:
    """Return the cavity of an unloaded mesh."""
    from dolfinx import fem

    from heart.anatomy.heart_mesh import Boundary
    from heart.observe.cavity import Cavity

    space = wall.space()
    u, _ = space.split(fem.Function(space.space))
    return Cavity(space, u, Boundary.LV_ENDO).volume()


def test_tension_is_second_piola_kirchhoff(contracted: Ventricle) -> None:
    """S = Ta/λ contracts more, by what another code found, and is far from the reference."""
    wrong = contraction(COARSE_ACTIVE, per_stretch=True)
    assert wrong.endo[-1] - contracted.endo[-1] == pytest.approx(0.80, abs=0.1)
    assert wrong.epi[-1] - contracted.epi[-1] == pytest.approx(0.81, abs=0.1)
    assert wrong.volume[-1] / contracted.volume[-1] == pytest.approx(0.861, rel=0.01)
    assert abs(wrong.volume[-1] - 1796.0) > 10.0 * abs(contracted.volume[-1] - 1796.0)


def test_beam_is_near_the_reference() -> None:
    """The tip to 0.03 mm and the line to 1 % of its motion on 8 × 2 × 2 cells."""
    u, line = beam(8, 2)
    assert 1.0 + u[2] == pytest.approx(4.170, abs=0.03)
    assert u[0] == pytest.approx(-0.824, abs=0.02)
    assert len(line.reference) == 17
    assert land2015_curves.beam_line(line).share < 0.01


def test_a_table_is_no_distance_from_itself() -> None:
    """What is compared is what the table means: columns, rest, twist, and the largest error."""
    rows = land2015_curves.table("p3_loadcurve")
    R, Z, r, z, twist = land2015_curves.table("p3_midline").T
    turn = -np.deg2rad(twist)
    middle = Nodes(
        np.column_stack([R, 0.0 * R, Z]), np.column_stack([r * np.cos(turn), r * np.sin(turn), z])
    )
    assert np.abs((R / MIDDLE_SHORT) ** 2 + (Z / MIDDLE_LONG) ** 2 - 1.0).max() < 1e-5
    itself = Ventricle(rows[:, 0] / 15.0, *rows[:, 2:5].T, middle, 0, 0)
    off, line = load_curves(3, itself), midline(3, middle)
    for one in (off.endo, off.epi, off.volume, line.place, line.twist):
        assert one.share < 1e-6
    assert off.volume.travel == pytest.approx(REST_VOLUME - 1795.9, abs=0.1)
    moved = replace(itself, epi=itself.epi + np.where(itself.load > 0.9, 0.05, 0.0))
    assert load_curves(3, moved).epi.largest == pytest.approx(0.05)
    turned = replace(middle, deformed=middle.deformed * [1.0, -1.0, 1.0])
    assert midline(3, turned).twist.largest == pytest.approx(2.0 * twist[R >= OFF_AXIS].max())


def test_gates_are_those_of_the_finest_mesh(contracted: Ventricle) -> None:
    """Coarse meshes are shown without a verdict; on the finest every error has a gate."""
    shown = land2015.contracted(COARSE_ACTIVE, contracted, gated=False)
    assert all(check.gate is None for check in shown)
    gated = land2015.contracted(COARSE_ACTIVE, contracted, gated=True)
    assert {check.name.split(", ")[-1] for check in gated if check.gate is None} == {
        "unknowns",
        "Newton steps",
    }
