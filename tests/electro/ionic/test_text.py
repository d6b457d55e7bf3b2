"""Cell texts and models: names, units and variants are what the text says."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from heart.core.errors import ParameterError, ScenarioError, UnitError
from heart.electro.ionic.model import CellModel
from heart.electro.ionic.text import parse_text, read_text

TEXT = """[[model]]
name: tiny
gate.w = 0.2
membrane.V = -80

[engine]
time = 0 [ms] bind time
    in [ms]
pace = 0 bind pace

[cell]
type = 0
    desc: 0 endo, 1 epi

[gate]
tau = if(cell.type == 1, 20 [ms], 40 [ms])
    in [ms]
dot(w) = (1 / (1 + exp(membrane.V / 5 [mV])) - w) / tau

[leak]
use membrane.V as V
g = 0.1 [mS/uF]
    in [mS/uF]
    desc: leak conductance
E = -80 [mV]
    in [mV]
i = g * (V - E) * gate.w
    in [A/F]

[membrane]
i_stim = engine.pace * 1 [A/F]
    in [A/F]
dot(V) = -(leak.i + i_stim)
    in [mV]
    label membrane_potential
"""


def test_text_tells_states_parameters_and_switches() -> None:
    """The membrane potential is row 0 and a constant used only in conditions is a switch."""
    text = parse_text(TEXT)
    assert text.name == "tiny"
    assert text.states == ("membrane.V", "gate.w")
    assert text.initial == (-80.0, 0.2)
    assert set(text.parameters) == {"cell.type", "leak.g", "leak.E"}
    assert text.switches == ("cell.type",)
    assert text.parameters["leak.g"].description == "leak conductance"
    assert text.parameters["leak.E"].unit == "mV"
    assert text.bindings == {"time": "engine.time", "pace": "engine.pace"}
    assert text.labels == {"membrane_potential": "membrane.V"}
    assert [state.qname() for state in text.model().states()] == list(text.states)


def test_short_names_resolve_and_unknown_ones_suggest() -> None:
    """A user writes `g`, not `leak.g`; a slip of the pen gets the nearest name."""
    text = parse_text(TEXT)
    assert text.parameter("g") == "leak.g"
    assert text.state("w") == "gate.w"
    assert text.variable("tau") == "gate.tau"
    with pytest.raises(ParameterError, match=r"'leak\.gg' is no parameter of tiny.*leak\.g"):
        text.parameter("leak.gg")
    with pytest.raises(ParameterError, match="is no state"):
        text.state("leak.g")


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        ("label membrane_potential", "", ScenarioError, "no membrane potential"),
        ("bind time", "", ScenarioError, "bound to time"),
        ("leak.i + i_stim", "leak.j + i_stim", ScenarioError, "leak.j"),
        ("[[model]]", "[[model]", ScenarioError, "line"),
        ("in [mV]\n    label", "in [V]\n    label", UnitError, "unit|mV"),
        ("(V - E)", "(V - g)", UnitError, "units contradict"),
    ],
)
def test_bad_texts_are_named(old: str, new: str, error: type[Exception], message: str) -> None:
    """A wrong text stops here, with its line or variable, not in generated C."""
    with pytest.raises(error, match=message):
        parse_text(TEXT.replace(old, new))


def test_unknown_text_and_large_file(tmp_path: Path) -> None:
    """A name that is no text, and a file that is none, are refused by name."""
    with pytest.raises(ParameterError, match="no cell model text 'nothing_here'"):
        read_text("nothing_here")
    path = tmp_path / "large.mmt"
    path.write_bytes(b" " * 4_000_001)
    with pytest.raises(ScenarioError, match="too large"):
        read_text(path)
    path.write_bytes(b"\xff\xfe[[model]]")
    with pytest.raises(ScenarioError, match="UTF-8"):
        read_text(path)


def test_model_overrides_and_hash() -> None:
    """Models are equal when their data are: same values however named, other hash when changed."""
    base = CellModel("tiny", parse_text(TEXT))
    other = base.with_values(g=0.2)
    assert other.parameters["leak.g"] == 0.2
    assert other.hash == base.with_values({"leak.g": 0.2}).hash != base.hash
    assert hash(other) == hash(base.with_values(g=0.2))
    assert base.state_index("w") == 1
    assert np.array_equal(base.with_initial({"w": 0.5}).initial_states, [-80.0, 0.5])
    assert np.array_equal(base.with_initial(np.array([-70.0, 0.1])).initial_states, [-70.0, 0.1])
    assert pickle.loads(pickle.dumps(other)) == other
    with pytest.raises(ParameterError, match="is no parameter"):
        base.with_values(gg=1.0)
    with pytest.raises(ParameterError, match="finite"):
        base.with_values(g=float("nan"))
    with pytest.raises(ParameterError, match="3 initial states"):
        base.with_initial(np.zeros(3))
