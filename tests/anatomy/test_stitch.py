"""Surfaces from other programs end short of each other: closed without moving what was drawn."""

from __future__ import annotations

import numpy as np
import pytest

from heart.anatomy import triangles as topology
from heart.anatomy.heart_mesh import Boundary
from heart.anatomy.stitch import Part, oriented, stitched, strip
from heart.anatomy.surface_checks import check_surface, crossings
from heart.core.errors import MeshInputError


def tube(radius: float, low: float, high: float, around: int, name: str, tag: Boundary) -> Part:
    """An open bowl: a tube with a pole at the bottom."""
    angle = 2 * np.pi * np.arange(around) / around
    rows = 8
    heights = np.linspace(low, high, rows)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius
    points = np.concatenate(
        [np.column_stack([ring, np.full(around, z)]) for z in heights]
        + [np.array([[0.0, 0.0, low - 5.0]])]
    )
    following = np.roll(np.arange(around), -1)
    made = []
    for row in range(rows - 1):
        a, b = row * around + np.arange(around), row * around + following
        made += [np.stack([a, b, a + around], 1), np.stack([b, b + around, a + around], 1)]
    pole = np.full(around, rows * around)
    made.append(np.stack([following, np.arange(around), pole], 1))
    triangles = np.concatenate(made)
    return Part(name, points, triangles, np.full(len(triangles), tag, np.int32))


def ring(inner: float, outer: float, z: float, around: int) -> Part:
    """A flat base between two circles."""
    angle = 2 * np.pi * np.arange(around) / around
    circle = np.column_stack([np.cos(angle), np.sin(angle), np.zeros(around)])
    points = np.concatenate([circle * inner, circle * outer]) + np.array([0, 0, z])
    a, b = np.arange(around), np.roll(np.arange(around), -1)
    triangles = np.concatenate(
        [np.stack([a, b, a + around], 1), np.stack([b, b + around, a + around], 1)]
    )
    return Part("base", points, triangles, np.full(len(triangles), Boundary.BASE, np.int32))


def parts(gap: float) -> list[Part]:
    """A thick-walled cup in three files whose rims have other points and end `gap` mm short."""
    return [
        tube(20.0, 0.0, 40.0, 60, "endo", Boundary.LV_ENDO),
        tube(30.0, -10.0, 40.0, 83, "epi", Boundary.EPI),
        ring(20.0 + gap, 30.0 - gap, 40.0, 71),
    ]


def test_rims_are_bridged_and_said():
    """A 1.65 mm gap all round is closed by strips; nobody has to guess that it was."""
    surface, changes = stitched(parts(1.65))
    check_surface(surface.points, surface.triangles)
    assert topology.euler_characteristic(surface.triangles) == 2
    assert sum("stitched the rims" in line for line in changes) == 2
    assert any("1.6" in line or "1.7" in line for line in changes)
    expected = np.pi * (30**2 * 50 - 20**2 * 40) + np.pi * 5 / 3 * (30**2 - 20**2)
    volume = topology.enclosed_volume(surface.points, surface.triangles)
    assert volume == pytest.approx(expected, rel=0.01)


def test_wide_gaps_are_not_guessed():
    """Five millimetres are a missing piece of the heart, not a rim that ended short."""
    surface, _ = stitched(parts(5.0 - 1e-3)[:2])
    with pytest.raises(MeshInputError, match="open"):
        check_surface(surface.points, surface.triangles)


def test_equal_points_are_welded_and_doubles_dropped():
    """Files that share rim points fit without strips, and a part exported twice counts once."""
    cup = parts(0.0)
    whole, _ = stitched(cup)
    twice, changes = stitched([*cup, cup[2]])
    assert len(twice.triangles) == len(whole.triangles)
    assert any("dropped" in line for line in changes)


def test_directions_are_made_to_agree():
    """Files oriented against each other give one body oriented outward."""
    cup = parts(1.0)
    turned = [
        Part(p.name, p.points, p.triangles[:, ::-1] if k else p.triangles, p.tags)
        for k, p in enumerate(cup)
    ]
    surface, _ = stitched(turned)
    assert topology.enclosed_volume(surface.points, surface.triangles) > 0
    check_surface(surface.points, surface.triangles)


def test_strip_between_unequal_circles():
    """A strip uses each rim edge once, whatever the numbers of nodes and their starts."""
    a, b = np.linspace(0, 2 * np.pi, 17)[:-1], np.linspace(0, 2 * np.pi, 42)[:-1] + 2.0
    points = np.concatenate(
        [
            np.column_stack([np.cos(a), np.sin(a), 0 * a]),
            np.column_stack([1.2 * np.cos(-b), 1.2 * np.sin(-b), 0 * b]),
        ]
    )
    made = strip(points, np.arange(16), np.arange(16, 57))
    assert len(made) == 16 + 41
    assert (topology.edge_table(made).count == 1).sum() == 16 + 41
    assert len(crossings(points, made)) == 0


def test_one_sided_surfaces_are_refused():
    """A Möbius strip has no outside."""
    top, low = np.arange(8), np.arange(8) + 8
    ahead, below = np.append(top[1:], low[0]), np.append(low[1:], top[0])
    triangles = np.concatenate([np.stack([top, low, ahead], 1), np.stack([low, below, ahead], 1)])
    points = np.random.default_rng(1).normal(size=(16, 3))
    with pytest.raises(MeshInputError, match="one side"):
        oriented(points, triangles)
