"""Lumped diffusion: closed forms, conservation, no new extrema, steps as long as promised."""

from __future__ import annotations

import numpy as np
import pytest
from mpi4py import MPI

from heart.core.errors import ParameterError
from heart.electro.reaction_eikonal.diffusion import Diffusion
from heart.numerics.eikonal import EikonalMesh
from heart.study.verification.shapes import box


def _diffusion(size=(12.0, 2.0, 2.0), edge=0.5, jitter=0.2, axes=(0.1, 0.02, 0.02)):
    points, cells = box(size, edge, jitter, np.random.default_rng(3))
    mesh = EikonalMesh.from_cells(points, cells)
    return mesh, Diffusion(mesh, np.tile(np.diag(axes), (len(cells), 1, 1)), MPI.COMM_SELF)


def test_cosine_decays_at_its_rate():
    """The eigenmode of a box without flux decays as exp(-D k² t), the check of every factor."""
    mesh, diffusion = _diffusion()
    wave = np.pi / 12.0
    voltage = np.cos(wave * mesh.points[:, 0])
    dt = 0.5
    stages = diffusion.stages(dt)
    for _ in range(80):
        diffusion.step(voltage, dt, stages)
    exact = np.exp(-0.1 * wave**2 * 40.0) * np.cos(wave * mesh.points[:, 0])
    assert np.abs(voltage - exact).max() < 0.01


def test_charge_is_kept_and_extrema_are_not_exceeded():
    """Diffusion moves charge and makes none, also with the longest stable step."""
    mesh, diffusion = _diffusion(jitter=0.0, axes=(0.1, 0.1, 0.1))
    voltage = np.where(mesh.points[:, 0] < 3.0, 20.0, -85.0)
    total = diffusion.mass @ voltage
    dt = 12.0 / diffusion.fastest
    for _ in range(50):
        diffusion.step(voltage, dt, diffusion.stages(dt))
    assert diffusion.mass @ voltage == pytest.approx(total, rel=1e-12)
    assert voltage.max() <= 20.0 + 1e-9
    assert voltage.min() >= -85.0 - 1e-9
    assert diffusion.stages(0.99 * dt) == 3


def test_too_long_a_step_is_refused():
    """A step that would take more stages than it saves is an error that names the longest."""
    _, diffusion = _diffusion()
    with pytest.raises(ParameterError, match="shorter step"):
        diffusion.stages(1e3 / diffusion.fastest)
