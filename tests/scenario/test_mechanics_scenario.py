"""The mechanics scenario as data: what is written is what is read, whatever is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from heart.core.validation import as_yaml_data, validate
from heart.core.yaml import read_text
from heart.numerics.step_controller import FIRST, LARGEST
from heart.scenario.load import load_scenario, resolved_text
from heart.scenario.mechanics import MechanicsScenario, StepSection
from heart.scenario.sources import sources_of
from heart.scenario.summary import summary
from heart.study.mechanics.in_stages import ends_of

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(
    path
    for folder in ("benchmarks", "mechanics")
    for path in (ROOT / "scenarios" / folder).glob("*.yaml")
    if "kind: mechanics" in path.read_text(encoding="utf-8")
)


def scenario(text: str) -> MechanicsScenario:
    """Validate a scenario text."""
    return validate(MechanicsScenario, read_text(text))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_resolved_text_is_the_same_scenario(path: Path) -> None:
    """Every default written out, with units that are read back to the same number."""
    found = load_scenario(path)
    again = scenario(resolved_text(found.scenario))
    assert as_yaml_data(again) == as_yaml_data(found.scenario)
    assert summary(found).endswith(".")
    assert sources_of(found.scenario)


def test_loads_that_a_stage_does_not_name_stay() -> None:
    """A stage says what changes: pressure of the right ventricle and tension go on as they were."""
    text = (ROOT / "scenarios" / "benchmarks" / "land2015_p3.yaml").read_text(encoding="utf-8")
    stages = """
    - {label: filling, pressure: {lv_endo: 1 kPa, epi: 0.1 kPa}}
    - {label: isovolumic, volume: {lv_endo: 3 mL}, tension: 20 kPa}
    - {label: ejection, pressure: {lv_endo: 8 kPa}}
"""
    old = text[text.index("    - {label") : text.index("\nsteps:")]
    ends = ends_of(scenario(text.replace(old, stages)))
    assert [dict(end.pressure) for end in ends] == [
        {"lv_endo": 1.0, "epi": 0.1}, {"epi": 0.1}, {"lv_endo": 8.0, "epi": 0.1},
    ]  # fmt: skip
    volumes = [dict(end.volume) for end in ends]
    assert volumes == [{}, {"lv_endo": pytest.approx(3000.0)}, {}]
    assert [end.tension for end in ends] == [0.0, 20.0, 20.0]


def test_steps_of_the_scenario_are_those_of_the_controller() -> None:
    """The YAML must not allow what the controller refuses, nor have another default."""
    defaults = StepSection()
    assert (defaults.first, defaults.largest) == (FIRST.value, LARGEST.value)
    for name, parameter in (("first", FIRST), ("largest", LARGEST)):
        bounds = StepSection.model_json_schema()["properties"][name]
        assert (bounds["minimum"], bounds["maximum"]) == (parameter.low, parameter.high)
