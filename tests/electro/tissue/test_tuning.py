"""Tuned conductivities give the speed that was asked for, on the mesh that was asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from heart.core.errors import NonPhysicalError, ParameterError
from heart.electro.ionic.registry import cell_model
from heart.electro.tissue.conductivity import REGISTRY
from heart.electro.tissue.scheme import load
from heart.electro.tissue.strand import plane_wave_speed, strand
from heart.electro.tissue.tuning import tune
from heart.numerics import tetrahedra

BASE = REGISTRY["niederer2011"].conductivities


def test_strand_is_a_valid_mesh_of_its_edge() -> None:
    """Irregular, positively oriented, of the mean edge that was asked for, and repeatable."""
    points, cells = strand(0.7, 20.0)
    volumes = tetrahedra.volumes(points, cells)
    assert (volumes > 0).all()
    ends = points[tetrahedra.edges(cells)]
    edge = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1)
    assert edge.mean() == pytest.approx(0.7, rel=1e-12)
    assert edge.max() < 1.3
    assert points[:, 0].max() == pytest.approx(20.0, rel=0.1)
    again, _ = strand(0.7, 20.0)
    np.testing.assert_array_equal(points, again)


def test_speed_converges_and_lumping_slows() -> None:
    """Both masses tend to 0.61 mm/ms [Niederer2011] with the edge; row sums from below, more so."""
    cell = cell_model("tt2006_epi")
    speeds = {
        name: [plane_wave_speed(cell, load(name), edge, 3 * (0.0953,)) for edge in (0.5, 0.25)]
        for name in ("lumped", "accurate")
    }
    assert speeds["lumped"][0] < speeds["lumped"][1] < 0.62
    assert speeds["accurate"][1] == pytest.approx(0.61, rel=0.05)
    assert abs(speeds["accurate"][0] - 0.61) < abs(speeds["lumped"][0] - 0.61)


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
    tensor = np.array(found.monodomain) / 1.4
    assert plane_wave_speed(cell, scheme, 0.5, tensor) == pytest.approx(0.6, rel=0.02)
    across = plane_wave_speed(cell, scheme, 0.5, np.roll(tensor, -1))
    assert across == pytest.approx(0.25, rel=0.02)
    axes = np.tile(np.eye(3), (2, 1, 1))
    np.testing.assert_allclose(found.tensors(axes)[1], np.diag(found.monodomain))


@pytest.mark.long
@pytest.mark.parametrize("edge", [0.3, 0.5, 1.0])
@pytest.mark.parametrize("wanted", [(0.6, 0.3, 0.2), (0.6, 0.4, 0.3)])
def test_whole_tensor_is_tuned_within_two_per_cent(
    edge: float,
    wanted: tuple[float, float, float],
    tmp_path: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The gate of a heart's tuning: three speeds at once, measured again with what was found."""
    monkeypatch.setenv("HEART_CACHE", str(tmp_path))
    cell, scheme = cell_model("tt2006_epi"), replace(load("lumped"), dt=0.05)
    found = tune(cell, scheme, edge, wanted, BASE, surface_to_volume=140.0, capacitance=0.01)
    tensor = np.array(found.monodomain) / 1.4
    for axis, speed in enumerate(wanted):
        seen = plane_wave_speed(cell, scheme, edge, np.roll(tensor, -axis), expected=speed)
        assert seen == pytest.approx(speed, rel=0.02)


def test_conduction_along_the_fibre_carries_waves_across_it() -> None:
    """Why the whole tensor is tuned: at 1.4 mm the same cross conductivity gives other speeds."""
    cell, scheme = cell_model("tt2006_epi"), replace(load("accurate"), dt=0.05)
    along, across = 0.2, 0.05
    alone = plane_wave_speed(cell, scheme, 1.4, 3 * (across,), expected=0.3)
    carried = plane_wave_speed(cell, scheme, 1.4, (across, across, along), expected=0.3)
    assert carried > 1.05 * alone
    free = plane_wave_speed(cell, scheme, 1.4, 3 * (along,))
    held = plane_wave_speed(cell, scheme, 1.4, (along, across, across))
    assert held < 0.95 * free


def test_block_on_a_coarse_mesh_is_said() -> None:
    """Across the fibre an untuned lumped wave dies at 1 mm: an error, not a speed of 0."""
    with pytest.raises(NonPhysicalError, match="no wave travels along a strand of 1 mm"):
        plane_wave_speed(cell_model("tt2006_epi"), load("lumped"), 1.0, 3 * (0.0126,))


def test_speeds_in_other_units_are_refused() -> None:
    """60 cm/s given as 60 is not a speed of muscle in mm/ms."""
    with pytest.raises(ParameterError, match="target speed"):
        tune(
            cell_model("tt2006_epi"), load("lumped"), 0.5, (60.0, 30.0, 20.0), BASE,
            surface_to_volume=140.0, capacitance=0.01,
        )  # fmt: skip
