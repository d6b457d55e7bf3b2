"""How a body gets from rest to its loads: a ramp through equilibria, or time.

In time, tension and pressures follow curves: tables of the scenario, or those of the elastodynamics
benchmark [Arostica2025]. Tension can instead come from a law at each point, which starts at the
activation of the muscle and answers to its stretch.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from heart.core.validation import OneOf, Quantity, Section, fault
from heart.mechanics.active import ACROSS
from heart.mechanics.curves import TENSION
from heart.mechanics.model import DENSITY
from heart.mechanics.tension_law import REGISTRY
from heart.mechanics.viscosity import VISCOSITY
from heart.scenario.mechanics_activation import Activation, AtOnce
from heart.scenario.mechanics_curves import Time, Value, check_samples, values_of
from heart.scenario.mechanics_loads import LEAST_TENSION, Tension, too_small

Share = Annotated[float, Quantity("", -1.0, 0.99, note="share of the old state")]


class StaticSection(Section):
    """Equilibrium after equilibrium, stage by stage; no time."""

    kind: Literal["static"] = "static"


class TimeSection(Section):
    """Motion in time, with inertia and viscosity or without."""

    kind: Literal["time"]
    duration: Time
    dt: Annotated[float, Quantity("ms", 1e-3, 100.0, note="time step; halved where it fails")] = 1.0
    scheme: Literal["generalised_alpha", "quasi_static"] = "generalised_alpha"
    alpha_m: Share = 0.2
    alpha_f: Annotated[float, Quantity("", 0.0, 0.99, note="share of the old state")] = 0.4
    density: Annotated[float, Quantity.of(DENSITY)] = DENSITY.value
    viscosity: Annotated[float, Quantity.of(VISCOSITY)] | None = Field(
        default=None, description="Kelvin–Voigt; null: none."
    )

    @model_validator(mode="after")
    def _some_steps(self) -> TimeSection:
        if self.duration < self.dt:
            raise fault("parameter", f"a run of {self.duration:g} ms in steps of {self.dt:g} ms")
        return self


Dynamics = Annotated[StaticSection | TimeSection, Field(discriminator="kind")]


class RampTension(Section):
    """Tension as the stages say, the same everywhere."""

    kind: Literal["ramp"] = "ramp"
    sheet: Annotated[float, Quantity.of(ACROSS)] = ACROSS.value
    normal: Annotated[float, Quantity.of(ACROSS)] = ACROSS.value


class TableTension(Section):
    """Tension in time, the same everywhere."""

    kind: Literal["table"]
    times: tuple[Time, ...] = Field(min_length=1, max_length=10000)
    values: tuple[Tension, ...] = Field(min_length=1, max_length=10000)
    sheet: Annotated[float, Quantity.of(ACROSS)] = ACROSS.value
    normal: Annotated[float, Quantity.of(ACROSS)] = ACROSS.value

    @model_validator(mode="after")
    def _fits(self) -> TableTension:
        check_samples(self.times, self.values)
        if 0.0 < max(self.values) < LEAST_TENSION:
            raise too_small("tension", max(self.values), LEAST_TENSION)
        return self


class BenchmarkTension(Section):
    """The tension of the elastodynamics benchmark, by its own parameters."""

    kind: Literal["arostica2025"]
    parameters: dict[str, Value] = Field(default_factory=dict)
    sheet: Annotated[float, Quantity.of(ACROSS)] = ACROSS.value
    normal: Annotated[float, Quantity.of(ACROSS)] = ACROSS.value

    @model_validator(mode="after")
    def _known(self) -> BenchmarkTension:
        values_of(TENSION, self.parameters, "the benchmark's tension")
        return self


class LawTension(Section):
    """Tension by a law at each point, started by activation, answering to the stretch."""

    kind: Literal["law"]
    law: Annotated[str, OneOf(tuple(name for name in REGISTRY if name != "prescribed"))]
    parameters: dict[str, Value] = Field(default_factory=dict)
    activation: Activation = AtOnce()
    coupling: Literal["stabilised", "staggered"] = "stabilised"
    sheet: Annotated[float, Quantity.of(ACROSS)] = ACROSS.value
    normal: Annotated[float, Quantity.of(ACROSS)] = ACROSS.value

    @model_validator(mode="after")
    def _known(self) -> LawTension:
        values_of(REGISTRY[self.law].PARAMETERS, self.parameters, self.law)
        return self


Active = Annotated[
    RampTension | TableTension | BenchmarkTension | LawTension, Field(discriminator="kind")
]
