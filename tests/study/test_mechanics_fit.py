"""A law fitted in a scenario: what the run then uses, tells and writes is what was fitted."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from heart.core import records
from heart.core.progress import Console
from heart.mechanics.fit_factors import Factor
from heart.mechanics.klotz import klotz_curve
from heart.report.mechanics_klotz import draw_klotz, fit_context
from heart.scenario.load import LoadedScenario, load_scenario
from heart.scenario.mechanics import MechanicsScenario
from heart.study.mechanics.fit import fitted_scenario
from heart.study.mechanics.outputs import write_outputs
from heart.study.mechanics.qoi import quantities
from heart.study.mechanics.result import MechanicsResult
from heart.study.mechanics.run import run_mechanics

PRESSURE = 1.2
TEXT = """\
heart_twin: 1
kind: mechanics
name: fitted
body: {kind: lv_ellipsoid, edge_length: 6 mm}
material:
- {law: guccione, parameters: {scale: 0.5 kPa, fibre: 20, transverse: 8, shear: 6}}
- {where: {kind: coordinates, apicobasal: [0, 0.3]}, scale: {scale: 2}}
compressibility: {kind: penalty, bulk_modulus: 50 kPa}
elements: {kind: p1, quadrature_degree: 2}
boundary: [{kind: fixed, boundary: base}]
unload: {pressure: {lv_endo: 1.2 kPa}, fit: {curve: klotz}}
loads: {stages: [{label: image, pressure: {lv_endo: 1.2 kPa}}]}
steps: {first: 0.25}
output: {fields: false, figures: false, interactive: false}
"""


def loaded(folder: Path) -> LoadedScenario[MechanicsScenario]:
    path = folder / "fitted.yaml"
    path.write_text(TEXT)
    return load_scenario(path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[MechanicsResult, Path, str]:
    """A small ventricle, twice as stiff at its apex, with what a user was told."""
    folder = tmp_path_factory.mktemp("whole")
    with (folder / "told.txt").open("w") as stream:
        result = run_mechanics(loaded(folder), folder, Console(stream))
    return result, folder, (folder / "told.txt").read_text()


def test_the_run_loads_the_fitted_law_into_the_image(
    whole: tuple[MechanicsResult, Path, str],
) -> None:
    """The stage has the fitted law, not that of the file: else it misses the image's volume."""
    result, _, _ = whole
    fitted, image = result.fitted, result.image
    assert fitted is not None
    assert image is not None
    assert np.abs(fitted.errors).max() < 0.05
    assert fitted.factors["stiffness"] != pytest.approx(1.0, abs=0.05)
    assert image.distance < 1e-3
    volumes = result.traces.volumes["lv_endo"]
    assert volumes[-1] == pytest.approx(image.volumes["lv_endo"], rel=1e-4)
    assert volumes[0] == pytest.approx(fitted.rest, rel=1e-6)
    klotz = klotz_curve(PRESSURE, image.volumes["lv_endo"])
    np.testing.assert_allclose(fitted.targets, klotz.volume(fitted.pressures), rtol=1e-6)


def test_numbers_have_parameters_with_start_and_range(
    whole: tuple[MechanicsResult, Path, str], tmp_path: Path
) -> None:
    """A reader sees whether a value is at its limit, and scripts find everything by name."""
    result, folder, _ = whole
    numbers = quantities(result)
    assert numbers["fit.scale.start"] == {"value": 0.5, "unit": "kPa", "interval": None}
    factor = numbers["fit.factor.stiffness"]["value"]
    assert numbers["fit.scale"]["value"] == pytest.approx(0.5 * factor, rel=1e-4)
    assert numbers["fit.fibre"]["value"] / numbers["fit.shear"]["value"] == pytest.approx(20 / 6)
    for name in ("scale", "fibre", "transverse", "shear"):
        low, high = (numbers[f"fit.{name}.{end}"]["value"] for end in ("low", "high"))
        assert low < numbers[f"fit.{name}"]["value"] < high
    assert 0.0 < numbers["fit.error.rms"]["value"] <= numbers["fit.error.worst"]["value"] < 0.05
    assert numbers["fit.klotz.rest.volume"]["value"] < numbers["fit.rest.volume"]["value"]
    assert numbers["fit.curves"]["value"] > numbers["fit.steps"]["value"] > 0
    write_outputs(result, folder)
    with (folder / "traces" / "klotz.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 7
    assert float(rows[0]["lv_pressure_kPa"]) == 0.0
    assert float(rows[0]["klotz_volume_mm3"]) == pytest.approx(
        numbers["fit.klotz.rest.volume"]["value"]
    )
    records.save(tmp_path / "result.npz", result)
    again = records.load(tmp_path / "result.npz", MechanicsResult)
    assert quantities(again) == numbers


def test_a_user_sees_how_far_the_fit_is(whole: tuple[MechanicsResult, Path, str]) -> None:
    """Minutes without a word look like a program that hangs."""
    _, _, told = whole
    assert "Fitting the law to Klotz's curve" in told
    assert "step 0: stiffness x 1, exponent x 1: largest error" in told
    assert "step 1: " in told


def test_the_page_shows_curve_and_parameters(
    whole: tuple[MechanicsResult, Path, str], tmp_path: Path
) -> None:
    """What was fitted is told in words, with the gap at rest that no fit closes."""
    result, _, _ = whole
    shown = fit_context(result.fitted)
    assert shown is not None
    assert "2 to 30 mmHg" in shown["words"]
    assert [row["name"] for row in shown["parameters"]] == [
        "scale", "fibre", "transverse", "shear",
    ]  # fmt: skip
    assert "without pressure" in shown["caption"]
    path = draw_klotz(tmp_path / "klotz.png", result)
    assert path is not None
    assert path.stat().st_size > 5_000
    assert fit_context(None) is None


def test_places_keep_their_ratio_to_the_rest(tmp_path: Path) -> None:
    """A factor of a place stays a factor; a value of a place is multiplied like the first."""
    scenario = loaded(tmp_path).scenario
    changed = fitted_scenario(scenario, {Factor.STIFFNESS: 2.0, Factor.EXPONENT: 0.5})
    first, second = changed.material
    assert first.parameters == {"scale": "1.0 kPa", "fibre": 10.0, "transverse": 4.0, "shear": 3.0}
    assert second == scenario.material[1]
    soft = scenario.material[1].model_copy(update={"parameters": {"shear": 4.0}, "scale": {}})
    both = scenario.model_copy(update={"material": (scenario.material[0], soft)})
    changed = fitted_scenario(both, {Factor.STIFFNESS: 2.0, Factor.EXPONENT: 0.5})
    assert changed.material[1].parameters == {"shear": 2.0}
