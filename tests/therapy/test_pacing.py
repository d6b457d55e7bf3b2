"""Combinations of leads: every delay once, signs right, and the physics of resynchronisation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from heart.core.errors import ParameterError
from heart.electro import conduction
from heart.electro.velocity import HEALTHY
from heart.numerics import tetrahedra
from heart.observe import activation_metrics as metrics
from heart.therapy import pacing, sites

VV = (-40.0, 0.0, 40.0)


@pytest.fixture(scope="module")
def leads(placement):
    found = sites.rv_apex(placement) + sites.lv_epicardial_grid(
        placement, apicobasal=(0.5, 0.7), rotations=4
    )
    return found + sites.lbb_area(placement) + sites.his(placement)


def test_every_combination_once(leads):
    """All leads × VV × AV, without doubles; one-lead configurations have no VV."""
    table = pacing.enumerate_all(pacing.single(leads, 0), VV, (100.0, 140.0))
    paired = sum(lead.rv >= 0 for lead in table.leads)
    assert len(table) == paired * 6 + (len(table.leads) - paired) * 2
    keys = set(zip(table.lead.tolist(), table.vv.tolist(), table.av.tolist(), strict=True))
    assert len(keys) == len(table)


def test_signs_of_the_delays(leads):
    """VV below zero is LV first; the first pace is at 0; the own beat comes PR − AV later."""
    table = pacing.enumerate_all(pacing.single(leads, 0)[:1], VV, (120.0,))
    delays = table.with_pr(180.0)
    assert delays[:, 0].tolist() == [60.0, 60.0, 60.0]
    assert delays[:, 1].tolist() == [40.0, 0.0, 0.0]
    assert delays[:, 2].tolist() == [0.0, 0.0, 40.0]
    assert (table.rows[:, 3] == -1).all()


def test_av_block_has_no_own_beat(leads):
    """In complete block nothing may fuse with the paced wave."""
    table = pacing.enumerate_all(pacing.single(leads, 0), VV, (120.0,), intrinsic=False)
    assert (table.rows[:, 0] == -1).all()


def test_multipoint_pairs_are_in_reach(leads):
    """Two poles of one lead are 10 to 40 mm apart, on one surface, and each pair occurs once."""
    pairs = pacing.partners(leads, pacing.usable_lv(leads))
    assert pairs
    assert len({frozenset(pair) for pair in pairs}) == len(pairs)
    for a, b in pairs:
        assert 10.0 <= np.linalg.norm(leads[a].point - leads[b].point) <= 40.0
        assert leads[a].kind == leads[b].kind
        assert leads[a].kind in pacing.MULTIPOLAR


def test_sites_that_do_not_capture_are_not_paced(leads):
    """A site on scar must not win the ranking with a wave it cannot make."""
    dead = [replace(site, captured=False) if k == 1 else site for k, site in enumerate(leads)]
    assert all(1 not in lead.lv for lead in pacing.single(dead, 0))
    none = [replace(site, captured=site.is_rv) for site in leads]
    with pytest.raises(ParameterError, match="captures"):
        pacing.single(none, 0)


@pytest.fixture(scope="module")
def screened(model, leads):
    state = conduction.named("lbbb")
    lengths = model.lengths(HEALTHY, state)
    stimuli = [model.early(state.sites)]
    stimuli += [pacing.stimulus(model, site, conduction.named("healthy"), state) for site in leads]
    waves = model.solve_many(lengths, stimuli)
    table = pacing.enumerate_all(pacing.single(leads, 0), (-20.0, 0.0, 20.0), (120.0,))
    mesh = model.heart.mesh
    volumes = tetrahedra.node_volumes(mesh.points, mesh.cells)
    values = metrics.of_combinations(waves, table.rows, table.with_pr(180.0), volumes, model.left)
    return table, values, metrics.of_map(waves[0], volumes, model.left)


def test_biventricular_pacing_shortens_bivat90(screened):
    """The reason for the therapy: in LBBB the best site must beat the heart's own beat."""
    table, values, own = screened
    paired = np.array([table.leads[g].kind == "biv" for g in table.lead])
    assert metrics.column(values, "bivat90")[paired].min() < 0.9 * own["bivat90"]


def test_lateral_sites_beat_septal_neighbours(screened, leads):
    """Late muscle is lateral in LBBB: the best site is not at the edge of the free wall."""
    table, values, _ = screened
    paired = np.array([table.leads[g].kind == "biv" for g in table.lead])
    row = np.flatnonzero(paired)[np.argmin(metrics.column(values, "bivat90")[paired])]
    site = leads[table.leads[table.lead[row]].lv[0]]
    assert 0.08 < site.coordinates["rotational"] < 0.6


def test_his_pacing_restores_the_normal_map(model, leads):
    """With a proximal block the His wave is the healthy map, later by the HV interval."""
    healthy, state = conduction.named("healthy"), conduction.named("lbbb")
    free = replace(state, lv_sheet=1.0)
    wave = model.solve(
        model.lengths(HEALTHY, free), pacing.stimulus(model, leads[-1], healthy, state)
    )
    normal = model.activate(HEALTHY, healthy)
    shift = pacing.PARAMETERS["hv_interval"].value
    assert np.allclose(wave - shift, normal, atol=1e-6)


def test_conduction_lead_without_proximal_block_is_a_septal_lead(model, leads):
    """Beyond the block there is nothing to capture: only the muscle at the tip fires."""
    distal = replace(conduction.named("lbbb"), proximal_block=False)
    stimulus = pacing.stimulus(model, leads[-2], conduction.named("healthy"), distal)
    assert len(stimulus.times) == 1
