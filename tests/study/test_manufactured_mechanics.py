"""Orders of the elements of mechanics, and locking, on meshes small enough for every change."""

from __future__ import annotations

import numpy as np
import pytest

from heart.mechanics.compressibility import Incompressible, Penalty
from heart.mechanics.space import Element
from heart.study.verification import cooks_membrane as cook
from heart.study.verification import manufactured_mechanics as bench


def test_the_closed_form_keeps_volumes() -> None:
    """det F = 1 everywhere: else no incompressible solver could converge to it."""
    points = np.random.default_rng(1).uniform(0.0, 1.0, (3, 40))
    h = 1e-6
    columns = []
    for axis in range(3):
        step = h * np.eye(3)[:, [axis]]
        up, down = (np.array(bench.motion(points + sign * step, np)) for sign in (1.0, -1.0))
        columns.append((up - down) / (2.0 * h))
    F = np.eye(3) + np.stack(columns, axis=-1).transpose(1, 0, 2)
    np.testing.assert_allclose(np.linalg.det(F), 1.0, atol=1e-9)
    assert np.abs(F - np.eye(3)).max() > 0.2


@pytest.mark.parametrize(
    ("element", "boxes", "least"),
    [
        (Element.P2_P1, (2, 4), (2.8, 1.8, 1.8)),
        (Element.P1_P1_STABILISED, (4, 8), (1.8, 0.85, 0.85)),
    ],
    ids=["P2_P1", "P1_P1"],
)
def test_orders(element: Element, boxes: tuple[int, int], least: tuple[float, ...]) -> None:
    """Displacement gains one order over its gradient; the lower sides are those of the gates."""
    measured = bench.order(*(bench.errors(element, count) for count in boxes))
    assert all(value > low for value, low in zip(measured, least, strict=True)), measured


def test_the_fast_tier_does_not_lock() -> None:
    """Coarse panel at ν = 0.5: P1-P1 bends, plain P1 with a large bulk modulus does not."""
    reference = cook.rise(Element.P2_P1, Incompressible(), 4)
    fast = cook.rise(Element.P1_P1_STABILISED, Incompressible(), 8)
    plain = cook.rise(Element.P1, Penalty(cook.BULK_MODULUS), 8)
    assert 0.75 * reference < fast < 1.05 * reference
    assert plain < cook.LOCKED * reference
    assert plain < cook.LOCKED * fast
