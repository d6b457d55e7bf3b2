"""Pressures in time: tables of the scenario, or the curves of the benchmark [Arostica2025]."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from heart.core.parameters import Parameter
from heart.core.validation import Quantity, Section, did_you_mean, fault, short
from heart.mechanics.curves import PRESSURE

Time = Annotated[float, Quantity("ms", 0.0, 1e5, note="from the start of the run")]
Pressure = Annotated[
    float, Quantity("kPa", -5.0, 50.0, note="1 kPa = 7.5 mmHg; in a cavity 0, or 0.05 kPa and more")
]
Value = float | str


class PressureTable(Section):
    """Straight lines between samples; constant before and after."""

    kind: Literal["table"]
    times: tuple[Time, ...] = Field(min_length=1, max_length=10000)
    values: tuple[Pressure, ...] = Field(min_length=1, max_length=10000)

    @model_validator(mode="after")
    def _fits(self) -> PressureTable:
        check_samples(self.times, self.values)
        return self


class BenchmarkPressure(Section):
    """The pressure of the elastodynamics benchmark, by its own parameters."""

    kind: Literal["arostica2025"]
    ventricle: Literal["single", "left", "right"] = "single"
    parameters: dict[str, Value] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _known(self) -> BenchmarkPressure:
        values_of(PRESSURE, self.parameters, "the benchmark's pressure")
        return self


PressureCurve = Annotated[PressureTable | BenchmarkPressure, Field(discriminator="kind")]


def values_of(
    known: Mapping[str, Parameter], given: Mapping[str, Value], owner: str
) -> dict[str, float]:
    """Return parameters in internal units by the names of `known`, as a validator does.

    Raises
    ------
    PydanticCustomError
        Unknown name, missing or wrong unit, or a value outside the documented range.
    """
    found = {}
    for name, value in given.items():
        if name not in known:
            raise fault(
                "parameter",
                f"{name!r} is no parameter of {owner}",
                fix=did_you_mean(name, list(known)),
            )
        quantity = Quantity.of(known[name])
        if not quantity.unit and isinstance(value, str):
            raise fault("unit", f"{name} = {short(value)} has no dimension", expected="a number")
        try:
            found[name] = quantity.read(value)
        except PydanticCustomError as error:
            told = error.context or {}
            raise fault(
                error.type.removeprefix("heart_"),
                f"{name} = {told['what']}",
                expected=told["expected"],
                fix=told["fix"],
            ) from error
    return found


def check_samples(times: tuple[float, ...], values: tuple[float, ...]) -> None:
    """Refuse a table whose times do not fit its values or do not increase."""
    if len(times) != len(values):
        raise fault("value", f"{len(times)} times and {len(values)} values")
    if any(later <= sooner for sooner, later in itertools.pairwise(times)):
        raise fault("parameter", "the times of a table do not increase")
