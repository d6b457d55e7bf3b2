"""Capture: the rule's three outcomes, and that a lead on scar is reported."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from heart.anatomy.heart_mesh import Tissue
from heart.therapy import capture, sites


@pytest.mark.parametrize(
    ("core", "abnormal", "captured", "delay"),
    [
        (0.0, 0.0, True, 0.0),
        (0.0, 0.19, True, 0.0),
        (0.0, 0.2, True, 20.0),
        (0.3, 0.35, True, 30.0),
        (0.5, 0.9, True, 40.0),
        (0.51, 0.6, False, 0.0),
    ],
)
def test_rule(core, abnormal, captured, delay):
    """Core above one half does not capture; a fifth or more of scar or border exits late."""
    found = capture.rule(core, abnormal)
    assert found.captured is captured
    assert found.exit_delay == pytest.approx(delay, abs=1e-9)
    assert bool(found.note) == (not captured or delay > 0.0)


def test_lead_on_scar_is_reported_not_dropped(placement):
    """Paint core under one site: it stays in the list, marked, with the reason."""
    (target, *_) = sites.lv_epicardial_grid(placement)
    mesh = placement.heart.mesh
    centre = mesh.points[mesh.cells].mean(axis=1)
    tissue = np.where(
        np.linalg.norm(centre - target.point, axis=1) < 15.0, Tissue.CORE, Tissue.HEALTHY
    ).astype(np.int32)
    scarred = replace(placement, heart=replace(placement.heart, mesh=replace(mesh, tissue=tissue)))
    found = sites.lv_epicardial_grid(scarred)
    assert len(found) == len(sites.lv_epicardial_grid(placement))
    silent = [site for site in found if not site.captured]
    assert target.label in {site.label for site in silent}
    assert all("scar core" in site.note for site in silent)
