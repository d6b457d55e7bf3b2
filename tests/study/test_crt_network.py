"""A CRT screen with a Purkinje network in place of early sites: block, capture, His leads."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from heart.anatomy import aha, coordinates, fibres, idealised
from heart.anatomy.heart import Heart
from heart.anatomy.locate import CoordinateLocator
from heart.electro.activation import ActivationModel, Stimulus
from heart.electro.purkinje import NetworkModel, diseased
from heart.scenario.crt import CrtScenario
from heart.study.crt import network as networks
from heart.study.crt import screen_hearts
from heart.study.crt.members import ensemble, nominal
from heart.therapy.sites import Placement, generate

GROWN = {"kind": "grown", "seed": 3}


def scenario(**changes) -> CrtScenario:
    plain = {
        "heart_twin": 1,
        "kind": "crt_screen",
        "name": "small",
        "case": "case.yaml",
        "seed": 7,
        "conduction": {"network": GROWN},
        "ecg": {"method": "infinite_medium"},
        "candidates": [
            {"kind": "lv_epicardial_grid", "apicobasal": [0.6], "rotations": 3},
            {"kind": "rv_apex"},
            {"kind": "lbb_area"},
            {"kind": "his"},
        ],
        "pacing": {"vv_delays": ["0 ms"]},
        "ensemble": {"members": 2},
    }
    return CrtScenario.model_validate(plain | changes)


@pytest.fixture(scope="module")
def heart() -> Heart:
    mesh = idealised.biv_ellipsoid(5.0)
    where = coordinates.compute(mesh)
    return Heart(mesh, where, aha.segments(where), fibres.fibres(mesh, where))


@pytest.fixture(scope="module")
def located(heart):
    return CoordinateLocator(heart.mesh, heart.coordinates)


@pytest.fixture(scope="module")
def model(heart, located):
    return ActivationModel.of(heart, located)


@pytest.fixture(scope="module")
def trees(heart, located):
    return networks.prepare(scenario(), heart, located, {})


def late_wall(model, wave) -> float:
    """Return the mean activation of the LV free wall."""
    where = model.heart.coordinates
    free = (where.chamber < 0) & (where.rotational > 0.1) & (where.rotational < 0.55)
    return float(wave[free].mean())


def test_conduction_leads_undo_the_block(model, heart, located, trees):
    """Left bundle and His leads must reach the LV wall as the healthy heart does, the RV not."""
    member = nominal(scenario())
    sites = generate(Placement(heart, located), {"lbb_area": {}, "his": {}, "rv_apex": {}})
    own, lbb, his, apex = networks.waves(model, trees.of(-1), member, sites, 2.5)
    healthy = networks.normal(model, trees.of(-1), member)
    # Junctions lie between nodes: the first node is late by part of an edge, the same for all.
    first = healthy.min()
    assert 0.0 <= first < model.edge / member.velocity.normal
    assert late_wall(model, own) > late_wall(model, healthy) + 30.0
    assert his - 45.0 == pytest.approx(healthy, abs=0.01)
    assert late_wall(model, lbb) < late_wall(model, apex) - 30.0


def test_block_beyond_the_lead_is_not_undone(model, heart, located, trees):
    """Where the disease is distal, a lead at the bundle finds the fascicles cut."""
    member = nominal(scenario())
    distal = replace(member, disease=replace(member.disease, proximal_block=False))
    sites = generate(Placement(heart, located), {"lbb_area": {}, "his": {}})
    near = networks.waves(model, trees.of(-1), member, sites, 2.5)
    far = networks.waves(model, trees.of(-1), distal, sites, 2.5)
    for k in (1, 2):
        assert late_wall(model, far[k]) > late_wall(model, near[k]) + 15.0


def test_minimum_of_single_waves_is_the_joint_wave(model, heart, trees):
    """All combinations of a screen rest on this, also with unequal delays at the junctions."""
    member = nominal(scenario())
    sick = diseased(trees.of(-1), member.disease)
    coupled = NetworkModel.of(model, sick)
    velocity = replace(member.velocity, endocardial_extent=0.0)
    lengths = model.lengths(velocity, member.disease)
    pace = Stimulus(heart.mesh.points[[7]], np.array([12.0]))
    root = (np.array([sick.tree.root]), np.zeros(1))
    own = coupled.solve(lengths, sick, entries=root)
    paced = coupled.solve(lengths, sick, stimulus=pace)
    both = coupled.solve(lengths, sick, entries=root, stimulus=pace)
    assert paced.retrograde.any()
    gain = np.minimum(own.activation, paced.activation) - both.activation
    assert gain.min() > -0.05
    assert np.percentile(gain, 95.0) < 0.2
    assert gain.max() < model.edge / velocity.normal
    assert np.abs(np.minimum(own.tree, paced.tree) - both.tree).max() < model.edge / velocity.normal


def test_members_have_trees_of_their_own(trees, heart, located):
    """What is not known about a patient's tree must widen the answer, reproducibly."""
    again = networks.prepare(scenario(), heart, located, {})
    assert np.array_equal(trees.of(0).tree.points, again.of(0).tree.points)
    assert trees.of(0).speed == again.of(0).speed != trees.of(1).speed
    assert len(trees.of(0).tree.points) != len(trees.of(1).tree.points)
    fixed = scenario(conduction={"network": GROWN | {"resample": False, "speed_prior": None}})
    same = networks.prepare(fixed, heart, located, {})
    assert same.of(0).tree is same.of(-1).tree
    assert same.of(0).speed == same.of(-1).speed


def test_every_disease_of_the_priors_has_a_network(trees):
    """A member drawn with any conduction state must be solvable."""
    for member in ensemble(scenario()):
        assert diseased(trees.of(member.index), member.disease).blocked.any()


def test_whole_screen_with_a_network(heart):
    """The option must reach baseline, candidates, ensemble and words of the result."""
    quality = SimpleNamespace(as_dict=lambda: {"lv_cavity_volume": 9e4, "radius_ratio_min": 0.2})
    built = SimpleNamespace(heart=heart, quality=quality, changes=[], label_volumes={})
    result = screen_hearts(scenario(), built, built)
    baseline, best = result.metrics["baseline"], result.metrics["best"]
    assert best["bivat90"].value < baseline["bivat90"].value
    assert baseline["lvat95"].value > 1.3 * result.metrics["normal"]["lvat95"].value
    assert any("Purkinje network is grown" in line for line in result.assumptions)
    assert not any("no return of a paced wave" in line for line in result.assumptions)
