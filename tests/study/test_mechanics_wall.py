"""A ventricle that contracts: its wall has the signs of a heart, and its work adds up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from heart.core.errors import InterruptedRunError
from heart.numerics import series
from heart.observe.work import cavity_work
from heart.report.mechanics_systole import contraction, first_numbers
from heart.scenario.load import load_scenario
from heart.study.mechanics.outputs import write_outputs
from heart.study.mechanics.qoi import quantities
from heart.study.mechanics.result import MechanicsResult
from heart.study.mechanics.run import run_mechanics
from heart.study.mechanics.systole import HEALTHY, end_diastole
from tests.stopping import StopAt

BEAT = """\
heart_twin: 1
kind: mechanics
name: squeezed
body: {kind: lv_ellipsoid, edge_length: 4 mm}
material: [{law: neo_hookean, parameters: {shear_modulus: 4 kPa}}]
elements: {kind: p1_p1_stabilised, quadrature_degree: 2}
compressibility: {kind: incompressible, augmentation: 100 kPa}
boundary:
- {kind: springs, boundary: base, stiffness: 0.2 kPa/mm, direction: full}
- {kind: apex_mount, largest: 5 kPa/mm, reach: 6 mm}
active: {kind: ramp, normal: 0.3}
loads:
  valves: true
  stages:
  - {label: filling, pressure: {lv_endo: 1 kPa}}
  - {label: contraction, pressure: {lv_endo: 4 kPa}, tension: 30 kPa}
observe: {stress: true}
steps: {first: 0.25, largest: 0.25}
output: {figures: false, interactive: false}
"""
FILLED = """\
heart_twin: 1
kind: mechanics
name: filled
body: {kind: lv_ellipsoid, edge_length: 4 mm}
material: [{law: neo_hookean, parameters: {shear_modulus: 4 kPa}}]
elements: {kind: p1_p1_stabilised, quadrature_degree: 2}
boundary: [{kind: fixed, boundary: base}]
loads: {stages: [{label: filled, pressure: {lv_endo: 1.5 kPa}}]}
observe: {stress: true}
steps: {first: 0.1, largest: 0.1}
output: {figures: false, interactive: false}
"""


def ran(folder: Path, text: str, **more: object) -> MechanicsResult:
    """Run a scenario of text in a folder."""
    path = folder / "scenario.yaml"
    path.write_text(text)
    return run_mechanics(load_scenario(path), folder, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def beat(tmp_path_factory: pytest.TempPathFactory) -> tuple[MechanicsResult, Path]:
    """The ventricle filled, then contracted."""
    folder = tmp_path_factory.mktemp("beat")
    return ran(folder, BEAT), folder


def test_contraction_has_the_signs_of_a_heart(beat: tuple[MechanicsResult, Path]) -> None:
    """Shorter and thicker, base to the apex, apex counter-clockwise seen from below."""
    result, _ = beat
    found = {name: one["value"] for name, one in quantities(result).items()}
    at = "contraction"
    assert 0.2 < found[f"{at}.lv.ejection_fraction"] < 0.8
    assert found[f"{at}.lv.strain.longitudinal"] < -0.03
    assert found[f"{at}.lv.strain.circumferential"] < -0.1
    assert found[f"{at}.lv.strain.radial"] > 0.2
    assert found[f"{at}.lv.thickening.mean"] > 0.2
    assert found[f"{at}.lv.length_change"] < -0.02
    assert found[f"{at}.descent.base"] > 0.3
    assert found[f"{at}.lv.rotation.apical"] > found[f"{at}.lv.rotation.basal"]
    assert found[f"{at}.lv.twist"] > 2.0
    assert found[f"{at}.lv.fibre_stress.mean"] > found["filling.lv.fibre_stress.mean"] > 0.0
    assert found["least_volume_ratio"] > 0.7


def test_strain_is_told_from_the_end_of_filling(beat: tuple[MechanicsResult, Path]) -> None:
    """As images do: what filling stretched belongs to systole, not to the reference."""
    result, _ = beat
    filling, contracted = result.moments
    assert end_diastole(result, contracted) is filling
    assert end_diastole(result, filling) is None
    found = {name: one["value"] for name, one in quantities(result).items()}
    rest = np.sqrt(1.0 + 2.0 * found["contraction.lv.circumferential_strain.mean"]) - 1.0
    assert found["contraction.lv.strain.circumferential"] < rest - 0.02


def test_page_puts_the_numbers_beside_healthy_ones(beat: tuple[MechanicsResult, Path]) -> None:
    """A reader sees at once what is outside, and every range has a source."""
    result, _ = beat
    shown = contraction(result)
    assert shown is not None
    rows = {row["name"]: row for row in shown["rows"]}
    assert rows["Twist, apex less base"]["healthy"] == "5 to 20°"
    for row in shown["rows"]:
        assert row["source"]
        assert 0.0 <= row["from"] < row["from"] + row["width"] <= 100.0
        within = row["from"] <= row["at"] <= row["from"] + row["width"]
        assert within is (row["verdict"] == "within")
        assert (row["verdict"] == "within") or (row["name"].lower() in shown["words"])
    assert len(first_numbers(result)) == 3
    assert all(one.low <= one.value <= one.high for one in HEALTHY.values())


def test_stress_and_work_are_fields_of_every_step(beat: tuple[MechanicsResult, Path]) -> None:
    """ParaView shows where the muscle bears and works; the table has them with units."""
    result, folder = beat
    write_outputs(result, folder)
    steps, _, grid = series.read(folder / "fields" / "deformation.vtkhdf", 8)
    assert steps == 9
    assert {"fibre_stress", "work_density"} <= set(grid.array_names)
    head = (folder / "traces" / "loads.csv").read_text().splitlines()[0].split(",")
    assert {"rotation_apical_deg", "descent_base_mm", "thickness_7_mm", "fibre_stress_kPa"} <= set(
        head
    )
    assert "work_uJ" in head


def test_work_of_the_muscle_is_that_of_the_cavity(tmp_path: Path) -> None:
    """Nothing else moves where the base is held: ∫ S : dE over the wall is ∫ p dV."""
    traces = ran(tmp_path, FILLED).traces
    external = cavity_work(traces.pressures["lv_endo"], traces.volumes["lv_endo"])
    # The stabilisation takes some of it.
    assert traces.wall["work"][-1] == pytest.approx(external, rel=0.03)


def test_work_counts_on_after_a_stop(beat: tuple[MechanicsResult, Path], tmp_path: Path) -> None:
    """A run that was broken off ends where the other ended; its work took other steps after it."""
    whole, _ = beat
    with pytest.raises(InterruptedRunError):
        ran(tmp_path, BEAT, stop=StopAt(4))
    again = ran(tmp_path, BEAT, resume=True).traces
    for name, values in whole.traces.wall.items():
        close = {"rtol": 0.05} if name == "work" else {"rtol": 1e-4, "atol": 1e-4}
        np.testing.assert_allclose(again.wall[name][-1], values[-1], err_msg=name, **close)
    rows = np.flatnonzero(again.at <= 1.0)
    np.testing.assert_allclose(again.wall["work"][rows], whole.traces.wall["work"][rows], rtol=1e-6)
