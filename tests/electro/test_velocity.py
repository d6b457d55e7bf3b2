"""Conduction speeds: order enforced, literature sets usable, units betrayed."""

from __future__ import annotations

import pytest

from heart.core.errors import ParameterError
from heart.electro.velocity import HEALTHY, REGISTRY, ConductionVelocity


@pytest.mark.parametrize("name", REGISTRY)
def test_every_set_is_ordered_and_cited(name):
    """A set that is not fibre >= sheet >= normal turns the wall's fast direction by 90 degrees."""
    entry = REGISTRY[name]
    assert entry.velocity.fibre >= entry.velocity.sheet >= entry.velocity.normal
    assert entry.source
    assert entry.note


def test_exchanged_sheet_and_normal_are_refused():
    """Published codes differ in which is transmural: the exchange must not pass silently."""
    with pytest.raises(ParameterError, match="out of order"):
        ConductionVelocity(fibre=0.6, sheet=0.3, normal=0.5)


def test_cm_per_second_is_refused_and_named():
    """65 for 0.65 m/s is the classic slip; the message must point to the unit."""
    with pytest.raises(ParameterError, match="unit"):
        ConductionVelocity(fibre=65.0)


def test_heart_failure_is_a_factor_on_the_muscle_only():
    """The Purkinje network is another cell type: slow muscle must not slow it."""
    slow = REGISTRY["heart_failure_severe"].velocity
    assert slow.fibre == pytest.approx(0.35 * HEALTHY.fibre)
    assert slow.endocardial_lv == HEALTHY.endocardial_lv
