"""The elastodynamics benchmark in small: its first 40 ms on few cells, and how it is compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from heart.core.errors import NonlinearSolveError
from heart.core.progress import silent
from heart.mechanics.curves import Curve
from heart.mechanics.space import Element
from heart.study.verification import elastodynamics
from heart.study.verification.elastodynamics import (
    against_teams,
    balance,
    distance,
    loads,
    red,
    snap,
    teams,
    turned_over,
)
from heart.study.verification.elastodynamics_cases import (
    CASES,
    Discretisation,
    Series,
    run_case,
)

SMALL = Discretisation(edge=18.0, layers=1, curved=True, step=5.0)


@pytest.fixture(scope="module")
def filling() -> Series:
    """Case 1 before the contraction: pressure alone, with inertia, springs and dampers."""
    return run_case(CASES["1"], SMALL, until=40.0, budget=True)


def made_up(times: np.ndarray, motion: np.ndarray) -> Series:
    probes = {"p0": motion, "p1": 0.5 * motion}
    return Series(times, probes, {}, 0.0 * times, {}, (), (), 0)


def test_the_loads_are_within_a_thousandth() -> None:
    """Six curves against their table: a wrong load makes the rest worthless."""
    assert len(loads()) == 6
    assert all(check.passed for check in loads())


def test_filling_moves_as_it_must(filling: Series) -> None:
    """0.2 kPa fill the cavity, the base rises, the epicardium hardly moves against its springs."""
    assert filling.pressures["LV_ENDO"][-1] == pytest.approx(0.15, abs=0.05)
    assert filling.tension[-1] < 1e-6
    volume = filling.volumes["LV_ENDO"] / filling.volumes["LV_ENDO"][0]
    assert 1.0005 < volume[-1] < 1.02
    assert (np.diff(volume) > -1e-5).all()
    x, y, z = filling.displacements["p0"][-1]
    assert 0.05 < x < 1.0
    assert abs(y) + abs(z) < 0.5 * x
    assert all(step.failures == 0 for step in filling.steps)


def test_energy_is_accounted_for(filling: Series) -> None:
    """What pressure puts in is in motion, strain, springs, viscosity and dampers, to a few %."""
    last = filling.energies[-1]
    assert last.pressure_work > 0.0
    assert last.lost > 0.0
    assert balance(filling) < 0.05


def test_penalty_and_mixed_form_agree(filling: Series) -> None:
    """The same bulk modulus as a penalty in P2 and as a pressure in P2–P1."""
    mixed = run_case(CASES["1"], replace(SMALL, element=Element.P2_P1), until=40.0)
    assert distance(mixed, filling, 40.0) < 0.05


def test_distances_are_what_they_say() -> None:
    """1 % more motion is a distance of 1 % in each measure, whatever the steps."""
    times = np.linspace(0.0, 100.0, 21)
    motion = np.column_stack([times**2, times, 0.0 * times])
    one, other = made_up(times, motion), made_up(times, 1.01 * motion)
    assert distance(other, one, 100.0) == pytest.approx(0.01)
    assert red(other, one, "p0", 100.0) == pytest.approx(0.01)
    assert distance(made_up(times[::2], motion[::2]), one, 100.0) < 1e-12


@pytest.mark.parametrize("case", ["0A", "2B"])
def test_the_mean_of_the_teams_is_at_no_distance_from_itself(case: str) -> None:
    """The table is complete and its range encloses its mean."""
    table = teams(case)
    assert len(table) == 6
    times = table["p0", "x"][0]
    motion = {
        probe: np.column_stack([table[probe, axis][1] for axis in "xyz"]) for probe in ("p0", "p1")
    }
    rows = against_teams(case, replace(made_up(times, motion["p0"]), displacements=motion), 0.1)
    apart = [row.ours for row in rows if "mean" in row.name]
    assert apart == [0.0, 0.0]
    for _, mean, low, high in table.values():
        known = np.isfinite(low)
        assert (low[known] <= mean[known]).all()
        assert (mean[known] <= high[known]).all()


def test_the_snap_is_found() -> None:
    """A motion that rises to 10.5 mm at 235 ms and passes z = −5 mm at 242 ms."""
    times = np.arange(0.0, 301.0, 1.0)
    x = np.where(times < 235.0, 10.5 * times / 235.0, 10.5 - 0.5 * (times - 235.0))
    z = np.where(times < 240.0, 0.0, -2.5 * (times - 240.0))
    rows = snap("made up", made_up(times, np.column_stack([x, 0.0 * x, z])), gated=True)
    assert all(row.passed for row in rows)
    assert [row.ours for row in rows] == pytest.approx([10.5, 235.0, 242.0])


def test_after_the_snap_a_motion_amid_the_teams_passes() -> None:
    """The middle of their range is at no distance; p0 on the other side is at more than one."""
    table = teams("0B")
    times = np.array([0.0, 320.0])
    motion = {}
    for probe in ("p0", "p1"):
        middle = [0.5 * (table[probe, axis][2][0] + table[probe, axis][3][0]) for axis in "xyz"]
        motion[probe] = np.array([[0.0, 0.0, 0.0], middle])
    ours = replace(made_up(times, motion["p0"]), displacements=motion)
    gated = [row for row in turned_over(ours) if row.gate is not None]
    assert [row.ours for row in gated] == pytest.approx([0.0, 0.0], abs=1e-12)
    motion["p0"] = motion["p0"] * [1.0, 1.0, -1.0]
    mirrored = [row for row in turned_over(replace(ours, displacements=motion)) if row.gate]
    assert mirrored[0].ours > 1.0
    assert not mirrored[0].passed


def test_a_case_that_stops_is_a_gate_not_met(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of the comparison is still made, and the page says what did not run."""

    def stops(*_arguments: object, **_options: object) -> Series:
        raise NonlinearSolveError("stopped at 265 ms")

    monkeypatch.setattr(elastodynamics, "run_case", stops)
    rows = elastodynamics.followed(silent(), "0B", SMALL, 320.0, lambda _ours: [])
    assert [row.passed for row in rows] == [False]


def test_the_pair_is_the_benchmarks() -> None:
    """Its tension has times of its own. The left is filled by four times the pressure of the right:
    it grows, its septum gives way towards the right, and the sum grows by what the base rises.
    """
    assert CASES["pair"].tension is not None
    peak = Curve(CASES["pair"].tension).at(np.linspace(450.0, 520.0, 701)).max()
    assert peak == pytest.approx(120.78, rel=0.01)
    coarse = Discretisation(edge=16.0, irregular=True, step=10.0)
    series = run_case(CASES["pair"], coarse, until=30.0)
    left, right = series.volumes["LV_ENDO"], series.volumes["RV_ENDO"]
    assert 1.005 < left[-1] / left[0] < 1.1
    assert 0.95 < right[-1] / right[0] < 1.0
    assert 1.0 < (left[-1] + right[-1]) / (left[0] + right[0]) < 1.02
