"""Activation of a small biventricle: states differ as they do in patients, sources compose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from heart.anatomy import aha, coordinates, fibres, idealised
from heart.anatomy.heart import Heart
from heart.anatomy.heart_mesh import Tissue
from heart.anatomy.locate import CoordinateLocator
from heart.core.errors import ParameterError
from heart.electro import conduction
from heart.electro.activation import ActivationModel, Stimulus
from heart.electro.velocity import HEALTHY
from heart.numerics import tetrahedra
from heart.observe import activation_metrics as metrics


def made(edge: float) -> ActivationModel:
    mesh = idealised.biv_ellipsoid(edge)
    where = coordinates.compute(mesh)
    heart = Heart(mesh, where, aha.segments(where), fibres.fibres(mesh, where))
    return ActivationModel.of(heart, CoordinateLocator(mesh, where))


@pytest.fixture(scope="module")
def model() -> ActivationModel:
    return made(5.0)


def measured(model, activation):
    mesh = model.heart.mesh
    volumes = tetrahedra.node_volumes(mesh.points, mesh.cells)
    return metrics.of_map(activation, volumes, model.left)


@pytest.mark.parametrize("name", conduction.REGISTRY)
def test_every_state_activates_the_whole_heart(model, name):
    """A state whose exits miss the mesh would silently give infinite or absurd times."""
    found = measured(model, model.activate(HEALTHY, conduction.named(name)))
    assert found["inactive"] == 0.0
    assert 40.0 < found["tat"] < 260.0


def test_lbbb_activates_the_left_ventricle_late(model):
    """The one thing left bundle branch block must do: LVAT-95 up by half, LV after RV."""
    healthy = measured(model, model.activate(HEALTHY, conduction.named("healthy")))
    blocked = measured(model, model.activate(HEALTHY, conduction.named("lbbb")))
    assert blocked["lvat95"] > 1.5 * healthy["lvat95"]
    assert blocked["veu"] > 15.0 > healthy["veu"]


def test_rbbb_activates_the_right_ventricle_late(model):
    """Mirror image of the left block: VEU changes sign."""
    assert measured(model, model.activate(HEALTHY, conduction.named("rbbb")))["veu"] < -15.0


def test_minimum_of_single_waves_is_the_joint_solution(model):
    """All pairs and delays rest on this: waves do not see each other except by arriving first.

    Where two fronts meet inside a cell the joint solution may be earlier by part of the time that
    one edge takes, never later, and nowhere else.
    """
    lengths = model.lengths(HEALTHY, conduction.named("lbbb"))
    early = model.early(conduction.named("lbbb").sites)
    pace = Stimulus(model.heart.mesh.points[[7]], np.array([0.0]))
    both = model.solve(lengths, early.and_also(pace.delayed(15.0)))
    single = model.solve_many(lengths, [early, pace], dtype=np.float64)
    gain = np.minimum(single[0], single[1] + 15.0) - both
    assert gain.min() > -1e-9
    assert np.percentile(gain, 95.0) < 0.2
    assert gain.max() < model.edge / HEALTHY.normal


def test_fast_endocardium_does_not_depend_on_the_mesh(model):
    """A layer of elements thins with refinement; the sheet does not: LVAT-95 within 6 %."""
    state = conduction.named("healthy")
    coarse = measured(model, model.activate(HEALTHY, state))["lvat95"]
    finer = made(3.5)
    fine = measured(finer, finer.activate(HEALTHY, state))["lvat95"]
    assert abs(coarse - fine) < 0.06 * fine


def test_scar_core_blocks_and_border_slows(model):
    """Core must be gone round and stay inactive; border zone must delay, never hasten."""
    mesh = model.heart.mesh
    centre = mesh.points[mesh.cells].mean(axis=1)
    ball = np.linalg.norm(centre - mesh.points[3], axis=1) < 12.0
    state = conduction.named("healthy")
    free = model.activate(HEALTHY, state)
    for tissue, inactive in ((Tissue.CORE, True), (Tissue.BORDER, False)):
        marked = np.where(ball, tissue, Tissue.HEALTHY).astype(np.int32)
        heart = replace(model.heart, mesh=replace(mesh, tissue=marked))
        times = ActivationModel.of(heart, model.locator).activate(HEALTHY, state)
        assert np.isinf(times).any() == inactive
        reached = np.isfinite(times)
        assert (times[reached] >= free[reached] - 0.6).all()


def test_no_early_site_is_an_error(model):
    """A state without exits has no activation to compute."""
    with pytest.raises(ParameterError):
        model.early(())
