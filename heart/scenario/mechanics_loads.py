"""What holds the body and what loads it, by the names of its boundaries.

Cavity pressures are checked for plausibility: a heart is filled by 0.05 kPa (0.4 mmHg) or more, so
that '10 Pa' where 10 kPa were meant is a unit error and not a run in which nothing moves.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from heart.core.validation import Quantity, Section, fault
from heart.mechanics.loads import DAMPING, STIFFNESS
from heart.scenario.candidates import Label
from heart.scenario.electro_places import Fraction
from heart.scenario.mechanics_body import CAVITIES, BoundaryName
from heart.scenario.mechanics_curves import Pressure, PressureCurve

LEAST_PRESSURE = 0.05
LEAST_TENSION = 0.5
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
    direction: Literal["normal", "deformed_normal", "full"] = "normal"


class PericardiumSection(Section):
    """Springs and dampers along a normal, full at the apex and least at the base.

    What is null is as `heart.mechanics.pericardium` documents it.
    """

    kind: Literal["pericardium"]
    boundary: BoundaryName = "epi"
    largest: Stiffness | None = Field(default=None, description="null: as documented.")
    least: Stiffness | None = Field(default=None, description="null: none.")
    full_below: Fraction | None = Field(default=None, description="Apicobasal coordinate.")
    least_above: Fraction | None = Field(default=None, description="Apicobasal coordinate.")
    damping: Damping = 0.0
    normal: Literal["reference", "deformed"] = "reference"


class MountSection(Section):
    """A heart mounted on springs around its apex, none beyond `reach`."""

    kind: Literal["apex_mount"]
    boundary: BoundaryName = "epi"
    largest: Stiffness | None = Field(default=None, description="null: as documented.")
    reach: Annotated[float, Quantity("mm", 0.1, 100.0, note="distance from the apex")] | None = None
    damping: Damping = 0.0


Support = Annotated[
    FixedSection | SlidingSection | SpringSection | PericardiumSection | MountSection,
    Field(discriminator="kind"),
]


class StageSection(Section):
    """Loads at the end of a stage; from one stage to the next they change in proportion.

    A cavity has a pressure or a volume; what is not named stays as it was. With a volume the
    pressure is what comes out.
    """

    label: Label
    pressure: dict[BoundaryName, Pressure] = Field(default_factory=dict)
    volume: dict[Literal["lv_endo", "rv_endo"], Volume] = Field(default_factory=dict)
    tension: Tension | None = None

    @property
    def prescribed(self) -> tuple[dict[str, float], dict[str, float]]:
        """Pressures in kPa and volumes in mm³ by boundary."""
        return {str(k): v for k, v in self.pressure.items()}, {
            str(k): v for k, v in self.volume.items()
        }

    @model_validator(mode="after")
    def _plausible(self) -> StageSection:
        for name, value in self.pressure.items():
            check_pressure(name, value)
            if name in self.volume:
                raise fault("value", f"{name} has a pressure and a volume", fix="keep one of them")
        if self.tension is not None and 0.0 < self.tension < LEAST_TENSION:
            raise too_small("tension", self.tension, LEAST_TENSION)
        return self


class LoadSection(Section):
    """Stages of a static run in order, or pressures in time."""

    stages: tuple[StageSection, ...] = Field(default=(), max_length=20)
    curves: dict[BoundaryName, PressureCurve] = Field(
        default_factory=dict, description="Pressure in time, where dynamics has time."
    )
    basal_traction: Annotated[
        bool,
        Field(strict=True, description="Base carries the pressure on the lid; not if it is held."),
    ] = False

    valves: Annotated[
        bool,
        Field(strict=True, description="Rings carry the pressure on their closed valves."),
    ] = False

    @model_validator(mode="after")
    def _named(self) -> LoadSection:
        if self.valves and (self.curves or self.by_volume or self.basal_traction):
            raise fault(
                "value",
                "valves carry pressures of stages alone",
                expected="no curves, no volumes and no basal_traction beside valves",
            )
        labels = [stage.label for stage in self.stages]
        if len(set(labels)) < len(labels):
            raise fault("value", "two stages have the same label")
        for name, curve in self.curves.items():
            if curve.kind == "table":
                check_pressure(name, max(curve.values, key=abs))
        return self

    @property
    def loaded(self) -> tuple[str, ...]:
        """Boundaries that are loaded in any stage or in time, in the order of their first."""
        named = [name for stage in self.stages for name in (*stage.pressure, *stage.volume)]
        return tuple(dict.fromkeys([*named, *self.curves]))

    @property
    def by_volume(self) -> bool:
        """Whether any stage prescribes a volume."""
        return any(stage.volume for stage in self.stages)


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
