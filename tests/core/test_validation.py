"""Quantities and sections: units, ranges, and messages that name place, cause and cure."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from heart.core.errors import ParameterError, ScenarioError, UnitError, UnsafeInputError
from heart.core.validation import (
    Count,
    Identifier,
    OneOf,
    Quantity,
    Section,
    as_yaml_data,
    validate,
)
from heart.core.yaml import read_text

Speed = Annotated[float, Quantity("mm/ms", 0.1, 1.5, shown="m/s", source="Taggart2000")]
Angle = Annotated[float, Quantity("radian", -1.6, 1.6, shown="degree")]
Share = Annotated[float, Quantity("", 0.0, 1.0)]


class Fast(Section):
    """A tagged part."""

    kind: Literal["fast"]
    speed: Speed = 0.65


class Still(Section):
    """Another tagged part."""

    kind: Literal["still"]
    share: Share = 0.5


class Thing(Section):
    """A model with one of each."""

    name: Identifier = "thing"
    angle: Angle = 0.0
    parts: tuple[Annotated[Fast | Still, Field(discriminator="kind")], ...] = ()
    state: Annotated[str, OneOf(("healthy", "lbbb"))] = "healthy"
    count: Annotated[int, Count(1, 5)] = 1


def check(text: str) -> Thing:
    """Validate a text as if it were the file f.yaml."""
    return validate(Thing, read_text(text, "f.yaml"))


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("parts:\n- {kind: fast, speed: 65 m/s}", UnitError, ["f.yaml:2", "'65 cm/s'?"]),
        ("parts:\n- {kind: fast, speed: 0.65}", UnitError, ["parts.0.speed", "m/s"]),
        ("parts:\n- {kind: fast, speed: 3 kg}", UnitError, ["wrong dimension"]),
        ("parts:\n- {kind: fast, speed: 2 m/s}", ParameterError, ["0.1 to 1.5 m/s"]),
        ("parts:\n- {kind: still, share: 55}", UnitError, ["did you mean '0.55'"]),
        ("parts:\n- {kind: still, share: true}", ScenarioError, ["not a number"]),
        ("parts:\n- {kind: fsat}", ScenarioError, ["unknown kind 'fsat'", "'fast'"]),
        ("parts:\n- {speed: 1 m/s}", ScenarioError, ["'kind' is missing"]),
        ("parts:\n- {kind: still, shrae: 1}", ScenarioError, ["unknown key 'shrae'", "'share'"]),
        ("coutn: 3", ScenarioError, ["unknown key 'coutn'", "did you mean 'count'"]),
        ("count: 3.0", ScenarioError, ["whole number"]),
        ("count: 9", ParameterError, ["1 to 5"]),
        ("state: lbb", ScenarioError, ["did you mean 'lbbb'"]),
        ("name: ../x", UnsafeInputError, ["not an identifier"]),
        ("- 1", ScenarioError, ["no keys"]),
    ],
)
def test_fault_is_one_line_with_place_and_cure(
    text: str, kind: type[Exception], words: list[str]
) -> None:
    """The message is the whole user interface of a wrong scenario."""
    with pytest.raises(kind) as caught:
        check(text)
    assert type(caught.value) is kind
    line = str(caught.value)
    assert "\n" not in line
    for word in words:
        assert word in line


def test_worst_fault_comes_first() -> None:
    """A misspelt key explains the faults around it, so it is the one that is told."""
    with pytest.raises(ScenarioError, match=r"unknown key 'agnle'.*1 more"):
        check("agnle: 3\ncount: 9")


@settings(max_examples=50, deadline=None)
@given(st.floats(0.1, 1.5), st.floats(-1.6, 1.6))
def test_values_survive_the_way_through_text(speed: float, angle: float) -> None:
    """The resolved scenario of a run must give the same run again."""
    quantity = Quantity("radian", -1.6, 1.6, shown="degree")
    assert quantity.read(quantity.write(angle)) == pytest.approx(angle, rel=1e-13, abs=1e-14)
    quantity = Quantity("mm/ms", 0.1, 1.5, shown="m/s")
    assert quantity.read(quantity.write(speed)) == pytest.approx(speed, rel=1e-13)


def test_resolved_data_has_units_and_validates_again() -> None:
    """Defaults are filled in, with the unit that a reader expects."""
    thing = check("angle: 60 degree\nparts: [{kind: fast}]")
    data = as_yaml_data(thing)
    assert data["angle"] == "60 degree"
    assert data["parts"] == [{"kind": "fast", "speed": "0.65 m/s"}]
    assert Thing.model_validate(data) == thing


def test_schema_tells_unit_range_source_and_default() -> None:
    """An editor shows the schema; it has to say what the code will accept."""
    schema = Thing.model_json_schema()
    speed = schema["$defs"]["Fast"]["properties"]["speed"]
    assert speed["type"] == "string"
    assert speed["default"] == "0.65 m/s"
    assert "0.1 to 1.5 m/s" in speed["description"]
    assert "Taggart2000" in speed["description"]
    assert schema["properties"]["state"]["enum"] == ["healthy", "lbbb"]
    assert schema["additionalProperties"] is False
