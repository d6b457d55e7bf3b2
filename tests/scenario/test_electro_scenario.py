"""The electrophysiology scenario as data: names, units and places are checked before a run."""

from __future__ import annotations

import pytest

from heart.core.errors import HeartError, ParameterError, ScenarioError, UnitError
from heart.core.validation import as_yaml_data, validate
from heart.core.yaml import read_text
from heart.electro.ionic.registry import cell_model
from heart.scenario.electro import ElectroScenario
from heart.scenario.electro_cells import CellSection, converted
from heart.scenario.load import resolved_text

MINIMAL = """\
heart_twin: 1
kind: electro
name: minimal
body: {kind: slab, size: [6 mm, 2 mm, 2 mm], edge_length: 1 mm}
cells: [{model: tt2006_epi}]
stimuli:
- {label: S1, where: {kind: box, low: [0 mm, 0 mm, 0 mm], high: [1 mm, 2 mm, 2 mm]}}
protocol: {s1: [{stimulus: S1}], duration: 20 ms}
"""


def scenario(text: str) -> ElectroScenario:
    """Validate a scenario text."""
    return validate(ElectroScenario, read_text(text))


def test_resolved_text_is_the_same_scenario() -> None:
    """Every default written out, with units that are read back to the same number."""
    found = scenario(MINIMAL)
    again = scenario(resolved_text(found))
    assert as_yaml_data(again) == as_yaml_data(found)
    assert again == found


def test_parameters_are_set_by_the_names_of_the_text_and_in_its_units() -> None:
    """0.0148 S/uF is 14.8 mS/uF; factors act on the value of the text."""
    model = cell_model("tt2006_epi")
    section = CellSection(
        model="tt2006_epi",
        parameters={"ina.g_Na": "0.0148 S/uF", "cell.C_m": "0.2 nF"},
        scale={"g_CaL": 0.5},
        initial={"V": "-0.08 V"},
    )
    changed = section.resolve(model)
    assert changed.parameters["ina.g_Na"] == pytest.approx(14.8)
    assert changed.parameters["cell.C_m"] == pytest.approx(200.0)
    own = model.parameters["ical.g_CaL"]
    assert changed.parameters["ical.g_CaL"] == pytest.approx(0.5 * own)
    assert changed.initial_states[0] == pytest.approx(-80.0)


@pytest.mark.parametrize(
    ("value", "unit", "number"),
    [
        ("120 kPa", "Pa (1000)", 120.0),
        ("0.15 1/mM^2/ms", "1/mM^2/ms", 0.15),
        ("5e-3 mM", "uM", 5.0),
        (2, "1", 2.0),
    ],
)
def test_units_of_texts_are_understood(value: str | float, unit: str, number: float) -> None:
    """Myokit writes kPa as 'Pa (1000)', and some units begin with 1/."""
    assert converted(value, unit, "x") == pytest.approx(number)


def test_myokit_texts_of_the_user_are_files_of_the_scenario() -> None:
    """A text beside the scenario is located, hashed and confined like any other file."""
    found = scenario(MINIMAL.replace("tt2006_epi", "mine.mmt"))
    assert found.file_names() == {("cells", 0, "model"): "mine.mmt"}


CELLS = "cells: [{{model: tt2006_epi, {}}}]"
BAD: dict[str, tuple[str, str, type[HeartError], str]] = {
    "unknown model": ("tt2006_epi", "tt2006_eip", ScenarioError, "did you mean 'tt2006_epi'"),
    "unknown parameter": (
        "cells: [{model: tt2006_epi}]", CELLS.format("parameters: {g_Naa: 1 mS/uF}"),
        ParameterError, "g_Na",
    ),
    "unknown state": (
        "cells: [{model: tt2006_epi}]", CELLS.format("initial: {Cai: 1 mM}"),
        ParameterError, "'Cai' is no state",
    ),
    "parameter without unit": (
        "cells: [{model: tt2006_epi}]", CELLS.format("parameters: {g_Na: 14.8}"),
        UnitError, "14.8 has no unit",
    ),
    "parameter in another dimension": (
        "cells: [{model: tt2006_epi}]", CELLS.format("parameters: {g_Na: 14.8 mV}"),
        UnitError, "wrong dimension",
    ),
    "value and factor": (
        "cells: [{model: tt2006_epi}]",
        CELLS.format("parameters: {g_Na: 14 mS/uF}, scale: {g_Na: 2}"),
        ScenarioError, "a value and a factor",
    ),
    "place without the rest": (
        "{model: tt2006_epi}", "{model: tt2006_epi, where: {kind: tissue, tissue: border}}",
        ParameterError, "the rest of the muscle",
    ),
    "slab has no segments": (
        "cells: [{model: tt2006_epi}]",
        "cells: [{model: tt2006_epi}, {model: tt2006_mid, where: {kind: aha, segments: [7]}}]",
        ParameterError, "a box, a sphere or a boundary",
    ),
    "S2 inside S1": (
        "s1: [{stimulus: S1}]",
        "s1: [{stimulus: S1}], extras: [{stimulus: S1, coupling: 1.5 ms}]",
        ParameterError, "S2 comes 1.5 ms after",
    ),
    "no stimulus at all": ("s1: [{stimulus: S1}], ", "", ParameterError, "has no stimulus"),
    "stimulus of another name": (
        "s1: [{stimulus: S1}]", "s1: [{stimulus: S2}]", ParameterError, "no stimulus 'S2'",
    ),
    "run ends before the last stimulus": (
        "s1: [{stimulus: S1}]", "s1: [{stimulus: S1, start: 30 ms}]",
        ParameterError, "the run ends at 20 ms",
    ),
    "engine": ("cells:", "engine: {kind: monodomian}\ncells:", ScenarioError, "'monodomain'"),
    "edge longer than the slab": (
        "edge_length: 1 mm", "edge_length: 4 mm", ParameterError, "longer than a side",
    ),
    "fibre along the sheet": (
        "edge_length: 1 mm", "edge_length: 1 mm, fibre: [0, 1, 0]", ParameterError, "right angles",
    ),
    "conductivity set": (
        "cells:", "conductivity: [{base: niederer}]\ncells:", ScenarioError, "'niederer2011'",
    ),
    "conductivity 1000 times too large": (
        "cells:",
        "conductivity: [{intracellular: {fibre: 170 S/m, sheet: 19 mS/m},"
        " extracellular: {fibre: 0.62 S/m, sheet: 0.24 S/m}}]\ncells:",
        UnitError, "did you mean '170 mS/m'",
    ),
    "conductivity in mS/cm": (
        "cells:",
        "conductivity: [{intracellular: {fibre: 0.17 mS/cm, sheet: 0.019 S/m},"
        " extracellular: {fibre: 0.62 S/m, sheet: 0.24 S/m}}]\ncells:",
        UnitError, "did you mean '0.17 S/m'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", BAD)
def test_bad_scenario_is_refused_by_name(row: str) -> None:
    """A run of hours must not start on a misspelt word."""
    old, new, kind, words = BAD[row]
    assert old in MINIMAL
    with pytest.raises(kind, match=words.replace("(", r"\(").replace("[", r"\[")):
        scenario(MINIMAL.replace(old, new, 1))
