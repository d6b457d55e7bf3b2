"""Conduction states as data: every one complete, plausible and different from the healthy heart."""

from __future__ import annotations

import pytest

from heart.core.errors import ParameterError
from heart.electro import conduction
from heart.electro.conduction import EarlySite, Endocardium


@pytest.mark.parametrize("name", conduction.REGISTRY)
def test_every_state_starts_at_zero_and_is_cited(name):
    """Activation times count from the first exit; a state that starts later shifts every delay."""
    state = conduction.named(name)
    assert state.name == name
    assert min(site.time for site in state.sites) == 0.0
    assert max(site.time for site in state.sites) < 30.0
    assert state.source
    assert state.note
    names = [site.name for site in state.sites]
    assert len(set(names)) == len(names)


def test_healthy_heart_has_seven_exits_left_first():
    """Durrer 1970: three to four left areas, the right ventricle 5 to 10 ms later."""
    state = conduction.named("healthy")
    assert (len(state.lv_sites), len(state.rv_sites)) == (4, 3)
    left = min(site.time for site in state.lv_sites)
    right = [site.time - left for site in state.rv_sites]
    assert 5.0 <= min(right) <= max(right) <= 10.0


def test_block_removes_the_exits_of_its_branch():
    """A block that left an exit behind would not be a block."""
    assert not conduction.named("lbbb").lv_sites
    assert not conduction.named("rbbb").rv_sites
    healthy = {site.name for site in conduction.named("healthy").sites}
    assert healthy - {s.name for s in conduction.named("lafb").sites} == {"LV anterior paraseptal"}
    assert healthy - {s.name for s in conduction.named("lpfb").sites} == {"LV posterior paraseptal"}


def test_unknown_state_lists_the_known_ones():
    """A typo must not become a healthy heart."""
    with pytest.raises(ParameterError, match="lbbb"):
        conduction.named("lbb")


def test_site_outside_the_ventricles_is_refused():
    """Coordinates from another convention (rotational in degrees) must not be wrapped silently."""
    with pytest.raises(ParameterError):
        EarlySite("x", Endocardium.LV, -1, 0.5, 270.0, 0.0)
