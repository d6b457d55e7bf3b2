"""What holds the body and what loads it, by the names of its boundaries.

Cavity pressures are checked for plausibility: a heart is filled by 0.05 kPa (0.4 mmHg) or more, so
that '10 Pa' where 10 kPa were meant is a unit error and not a run in which nothing moves.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from heart.core.validation import Quantity, Section, fault
from heart.mechanics.active import ACROSS
from heart.mechanics.loads import DAMPING, STIFFNESS
from heart.scenario.candidates import Label
from heart.scenario.mechanics_body import CAVITIES, BoundaryName

LEAST_PRESSURE = 0.05
LEAST_TENSION = 0.5
Pressure = Annotated[
    float, Quantity("kPa", -5.0, 50.0, note="1 kPa = 7.5 mmHg; in a cavity 0, or 0.05 kPa and more")
]
Volume = Annotated[float, Quantity("mm**3", 1.0, 1e6, shown="mL", note="of a cavity")]
Tension = Annotated[
    float, Quantity("kPa", 0.0, 300.0, note="active tension, second Piola–Kirchhoff stress")
]
Stiffness = Annotated[float, Quantity.of(STIFFNESS)]
Damping = Annotated[float, Quantity.of(DAMPING)]
Component = Literal["x", "y", "z"]


class FixedSection(Section):
    """A boundary that does not move, or not along some axes."""

    kind: Literal["fixed"]
    boundary: BoundaryName
    components: Annotated[tuple[Component, ...], Field(min_length=1)] = ("x", "y", "z")


class SlidingSection(Section):
    """A flat boundary that slides in its plane: the component along `axis` is held."""

    kind: Literal["sliding"]
    boundary: BoundaryName
    axis: Component


class SpringSection(Section):
    """Springs and dampers to the reference position."""

    kind: Literal["springs"]
    boundary: BoundaryName
    stiffness: Stiffness
    damping: Damping = 0.0
    direction: Literal["normal", "full"] = "normal"


Support = Annotated[FixedSection | SlidingSection | SpringSection, Field(discriminator="kind")]


class StageSection(Section):
    """Loads at the end of a stage; from one stage to the next they change in proportion.

    What is not named stays as it was.
    """

    label: Label
    pressure: dict[BoundaryName, Pressure] = Field(default_factory=dict)
    tension: Tension | None = None

    @model_validator(mode="after")
    def _plausible(self) -> StageSection:
        for name, value in self.pressure.items():
            check_pressure(name, value)
        if self.tension is not None and 0.0 < self.tension < LEAST_TENSION:
            raise too_small("tension", self.tension, LEAST_TENSION)
        return self


class LoadSection(Section):
    """Stages of a static run, in order."""

    stages: tuple[StageSection, ...] = Field(min_length=1, max_length=20)

    @model_validator(mode="after")
    def _named(self) -> LoadSection:
        labels = [stage.label for stage in self.stages]
        if len(set(labels)) < len(labels):
            raise fault("value", "two stages have the same label")
        return self

    @property
    def loaded(self) -> tuple[str, ...]:
        """Boundaries that have a pressure in any stage, in the order of their first."""
        return tuple(dict.fromkeys(name for stage in self.stages for name in stage.pressure))


class ActiveSection(Section):
    """How tension acts: along the fibre, and a share of it across."""

    sheet: Annotated[float, Quantity.of(ACROSS)] = ACROSS.value
    normal: Annotated[float, Quantity.of(ACROSS)] = ACROSS.value


def check_pressure(name: str, value: float) -> None:
    """Refuse a cavity pressure that no heart has, as a validator does."""
    if name in CAVITIES and 0.0 < abs(value) < LEAST_PRESSURE:
        raise too_small(f"pressure of {name}", value, LEAST_PRESSURE)


def too_small(name: str, value: float, least: float) -> Exception:
    """Return the fault of a load that is too small to be meant, with the unit that was."""
    pascal = 1000.0 * value
    fix = f"did you mean '{pascal:g} kPa'?" if abs(pascal) <= 300.0 else ""
    return fault(
        "unit",
        f"{name} = '{pascal:g} Pa' is not plausible",
        expected=f"0, or {least:g} kPa and more",
        fix=fix,
    )
