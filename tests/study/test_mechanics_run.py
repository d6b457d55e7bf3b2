"""Runs of mechanics: stopped and gone on with is the same; what is kept on giving up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heart.core import records
from heart.core.errors import CheckpointError, InterruptedRunError, NonlinearSolveError
from heart.numerics import series
from heart.numerics.checkpoint import CheckpointFolder
from heart.scenario.load import LoadedScenario, load_scenario
from heart.study.identity import scenario_hash
from heart.study.mechanics.outputs import write_outputs
from heart.study.mechanics.qoi import quantities
from heart.study.mechanics.result import MechanicsResult
from heart.study.mechanics.run import run_mechanics
from heart.study.mechanics.staged import StagedProblem
from tests.stopping import StopAt

STATIC = """\
heart_twin: 1
kind: mechanics
name: small
body: {kind: beam, size: [4 mm, 1 mm, 1 mm], edge_length: 1 mm}
material:
- {law: neo_hookean, parameters: {shear_modulus: 2 kPa}}
- {where: {kind: box, low: [2 mm, 0 mm, 0 mm], high: [4 mm, 1 mm, 1 mm]}, scale: {shear_modulus: 2}}
elements: {kind: p1_p1_stabilised, quadrature_degree: 2}
boundary: [{kind: fixed, boundary: x_low}]
loads:
  stages:
  - {label: bent, pressure: {z_low: 20 Pa}}
  - {label: pulled, pressure: {x_high: -0.2 kPa}}
steps: {first: 0.4, largest: 0.4}
observe: {probes: [{label: tip, position: [4 mm, 0.5 mm, 0.5 mm]}]}
"""
MOVING = """\
heart_twin: 1
kind: mechanics
name: moving
body: {kind: beam, size: [4 mm, 1 mm, 1 mm], edge_length: 1 mm}
material: [{law: neo_hookean, parameters: {shear_modulus: 5 kPa}}]
compressibility: {kind: penalty, bulk_modulus: 50 kPa}
elements: {kind: p1, quadrature_degree: 2}
boundary: [{kind: fixed, boundary: x_low}]
loads: {curves: {z_low: {kind: table, times: [0 ms, 5 ms], values: [0 kPa, 0.05 kPa]}}}
dynamics: {kind: time, duration: 10 ms, dt: 1 ms, density: 1 g/mL}
observe:
  moments: [5 ms]
  probes: [{label: tip, position: [4 mm, 0.5 mm, 0.5 mm]}]
checkpoints: {every: 3 ms}
"""


def loaded(folder: Path, text: str) -> LoadedScenario[Any]:
    """Return a scenario as read from a file."""
    folder.mkdir(exist_ok=True)
    path = folder / "small.yaml"
    path.write_text(text)
    return load_scenario(path)


@pytest.fixture(scope="module", params=[STATIC, MOVING], ids=["static", "in time"])
def whole(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[MechanicsResult, Path, str]:
    """The run that nobody stops, its folder and text."""
    folder = tmp_path_factory.mktemp("whole")
    return run_mechanics(loaded(folder, request.param), folder), folder, request.param


@pytest.mark.parametrize("steps", [1, 4])
def test_stopped_and_gone_on_with_is_the_same(
    whole: tuple[MechanicsResult, Path, str], steps: int, tmp_path: Path
) -> None:
    """A cluster kills jobs: what goes on has to end where the other ended, with the same record."""
    reference, _, text = whole
    scenario = loaded(tmp_path, text)
    with pytest.raises(InterruptedRunError, match="stopped by SIGTERM at"):
        run_mechanics(scenario, tmp_path, stop=StopAt(steps))
    found = run_mechanics(scenario, tmp_path, resume=True)
    assert [one.label for one in found.moments] == [one.label for one in reference.moments]
    for ours, theirs in zip(found.moments, reference.moments, strict=True):
        np.testing.assert_allclose(ours.displacement, theirs.displacement, atol=1e-7)
        np.testing.assert_allclose(
            ours.fields["fibre_stretch"], theirs.fields["fibre_stretch"], atol=1e-7
        )
    assert found.traces.at[0] == 0.0
    assert found.traces.at[-1] == reference.traces.at[-1]
    np.testing.assert_allclose(
        found.traces.places[0, -1], reference.traces.places[0, -1], atol=1e-7
    )


def test_files_open_and_hold_the_deformed_body(
    whole: tuple[MechanicsResult, Path, str],
) -> None:
    """ParaView and PyVista read the same steps: points where they are, fields beside them."""
    result, folder, _ = whole
    write_outputs(result, folder)
    steps, last, grid = series.read(
        folder / "fields" / "deformation.vtkhdf", len(result.traces.at) - 1
    )
    assert steps == len(result.traces.at)
    assert last == pytest.approx(result.traces.at[-1], rel=1e-6)
    moved = result.nodes + result.moments[-1].displacement
    np.testing.assert_allclose(np.asarray(grid.points), moved, atol=1e-5)
    assert {"displacement", "fibre_stretch", "fibre_strain", "volume_ratio"} <= set(
        grid.array_names
    )
    table = (folder / "traces" / "loads.csv").read_text().splitlines()
    assert len(table) == steps + 1
    assert "tip_z_mm" in table[0]


def test_result_survives_the_disk(whole: tuple[MechanicsResult, Path, str], tmp_path: Path) -> None:
    """A report is drawn again from the file alone."""
    result, _, _ = whole
    records.save(tmp_path / "result.npz", result)
    again = records.load(tmp_path / "result.npz", MechanicsResult)
    assert quantities(again) == quantities(result)


def test_parameters_of_a_place_hold_there_only(tmp_path: Path) -> None:
    """Twice as stiff in one half of the pulled beam: half the strain there."""
    text = STATIC.replace("  - {label: bent, pressure: {z_low: 20 Pa}}\n", "")
    result = run_mechanics(loaded(tmp_path, text), tmp_path)
    strain = result.moments[-1].fields["fibre_strain"]
    middle = result.mesh.points[result.mesh.cells].mean(axis=1)[:, 0]
    soft, stiff = strain[(middle > 1.0) & (middle < 2.0)], strain[middle > 3.0]
    assert stiff.mean() / soft.mean() == pytest.approx(0.5, abs=0.07)


def test_the_last_good_state_is_kept_when_a_load_cannot_be_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line with stage and cell, and a state to look at, instead of nothing after an hour."""
    solve = StagedProblem.solve

    def failing(self: StagedProblem, profile: Any) -> Any:
        if self.pressures().get("z_low", 0.0) > 0.011:
            raise NonlinearSolveError("no", fix="take smaller steps")
        return solve(self, profile)

    monkeypatch.setattr(StagedProblem, "solve", failing)
    scenario = loaded(tmp_path, STATIC)
    with pytest.raises(
        NonlinearSolveError, match=r"stage bent: stopped at .* % of the load"
    ) as told:
        run_mechanics(scenario, tmp_path)
    assert "last_good.npz" in told.value.line()
    kept = CheckpointFolder(tmp_path / "checkpoints", scenario_hash(scenario)).named("last_good")
    assert kept.about["pressure"]["z_low"] == pytest.approx(0.011, abs=1e-4)


def test_state_of_another_scenario_is_refused(
    whole: tuple[MechanicsResult, Path, str], tmp_path: Path
) -> None:
    """Going on with other parameters would give a number that belongs to neither."""
    _, folder, text = whole
    other = loaded(tmp_path, text.replace("size: [4 mm", "size: [5 mm"))
    with pytest.raises(CheckpointError, match="another scenario"):
        run_mechanics(other, folder, resume=True)


FILLED = """\
heart_twin: 1
kind: mechanics
name: filled
body: {kind: land_ellipsoid, edge_length: 6 mm}
material: [{law: neo_hookean, parameters: {shear_modulus: 4 kPa}}]
elements: {kind: p1_p1_stabilised, quadrature_degree: 2}
boundary: [{kind: fixed, boundary: base}]
loads:
  stages:
  - {label: filled, volume: {lv_endo: 2.8 mL}}
  - {label: let_go, pressure: {lv_endo: 0 kPa}}
"""


def test_a_stage_can_prescribe_a_volume(tmp_path: Path) -> None:
    """The pressure is what comes out; without pressure the ventricle returns to its rest."""
    result = run_mechanics(loaded(tmp_path, FILLED), tmp_path)
    numbers = quantities(result)
    assert numbers["filled.lv.volume"]["value"] == pytest.approx(2800.0, rel=1e-6)
    assert numbers["filled.lv.pressure"]["value"] > 0.1
    rest = numbers["reference.lv.volume"]["value"]
    assert numbers["let_go.lv.volume"]["value"] == pytest.approx(rest, rel=1e-6)
