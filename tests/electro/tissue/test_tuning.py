"""Tuned conductivities give the speed that was asked for, on the mesh that was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from heart.core.errors import NonPhysicalError, ParameterError
from heart.electro.ionic.registry import cell_model
from heart.electro.tissue.conductivity import REGISTRY
from heart.electro.tissue.scheme import Diffusion, Scheme, load
from heart.electro.tissue.strand import DENSITY, plane_wave_speed, strand
from heart.electro.tissue.tuning import tune
from heart.numerics import tetrahedra

BASE = REGISTRY["niederer2011"].conductivities


def test_strand_is_a_valid_mesh_of_its_volume() -> None:
    """Six tetrahedra fill each cube, all oriented alike."""
    points, cells = strand(0.5, 6.0)
    volumes = tetrahedra.volumes(points, cells)
    assert (volumes > 0).all()
    assert volumes.sum() == pytest.approx(6.0 * 1.0 * 1.0)


def test_speed_converges_from_below_when_lumped() -> None:
    """Row-sum mass slows coarse waves [Niederer2011]: 0.42, 0.55 at 0.5, 0.2 mm as published."""
    scheme = Scheme(dt=0.01, lumped=True, diffusion=Diffusion.RKC)
    cell = cell_model("tt2006_epi")
    speeds = [plane_wave_speed(cell, scheme, h, 0.1334177 / 1.4) for h in (0.5, 0.2)]
    # A lumped strand is the one-dimensional finite difference scheme of the reference table.
    np.testing.assert_allclose(speeds, [0.4197, 0.5529], rtol=0.015)


def test_tuned_speed_is_the_wanted_one_and_is_cached(
    tmp_path: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within 2 % on the same strand; the second call simulates nothing."""
    monkeypatch.setenv("HEART_CACHE", str(tmp_path))
    cell, scheme = cell_model("tt2006_epi"), load("lumped")
    given = {"surface_to_volume": 140.0, "capacitance": 0.01}
    found = tune(cell, scheme, 0.5, (0.6, 0.25, 0.25), BASE, **given)
    assert found.strands > 0
    np.testing.assert_allclose(found.speeds, (0.6, 0.25, 0.25), rtol=0.02)
    assert found.factors[1] == found.factors[2]
    again = tune(cell, scheme, 0.5, (0.6, 0.25, 0.25), BASE, **given)
    assert again.strands == 0
    assert again.factors == found.factors
    speed = plane_wave_speed(cell, scheme, 0.5 * DENSITY, found.monodomain[0] / 1.4)
    assert speed == pytest.approx(0.6, rel=0.02)
    axes = np.tile(np.eye(3), (2, 1, 1))
    np.testing.assert_allclose(found.tensors(axes)[1], np.diag(found.monodomain))


def test_block_on_a_coarse_mesh_is_said() -> None:
    """Across the fibre an untuned lumped wave dies at 1 mm: an error, not a speed of 0."""
    with pytest.raises(NonPhysicalError, match="no wave travels along a strand of 1 mm"):
        plane_wave_speed(cell_model("tt2006_epi"), load("lumped"), 1.0, 0.0126)


def test_speeds_in_other_units_are_refused() -> None:
    """60 cm/s given as 60 is not a speed of muscle in mm/ms."""
    with pytest.raises(ParameterError, match="target speed"):
        tune(
            cell_model("tt2006_epi"), load("lumped"), 0.5, (60.0, 30.0, 20.0), BASE,
            surface_to_volume=140.0, capacitance=0.01,
        )  # fmt: skip
