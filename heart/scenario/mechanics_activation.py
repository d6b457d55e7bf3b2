"""When the muscle of a run in time is activated: at once, by a wave, or by its conduction system.

Times of a wave come from the eikonal equation on the body itself, before it is loaded; they do
not answer to the motion.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from heart.core.validation import Quantity, Section, fault
from heart.electro.velocity import PARAMETERS as SPEEDS
from heart.scenario.electro_places import Place
from heart.scenario.mechanics_curves import Time
from heart.scenario.priors import State


class AtOnce(Section):
    """All muscle is activated at one time."""

    kind: Literal["at_once"] = "at_once"
    at: Time = 0.0


class WaveSite(Section):
    """Where a wave starts, and when."""

    where: Place
    at: Time = 0.0


class WaveSpeeds(Section):
    """Along fibre, sheet and normal."""

    fibre: Annotated[float, Quantity.of(SPEEDS["fibre"], shown="m/s")] = SPEEDS["fibre"].value
    sheet: Annotated[float, Quantity.of(SPEEDS["sheet"], shown="m/s")] = SPEEDS["sheet"].value
    normal: Annotated[float, Quantity.of(SPEEDS["normal"], shown="m/s")] = SPEEDS["normal"].value

    @model_validator(mode="after")
    def _ordered(self) -> WaveSpeeds:
        if not self.fibre >= self.sheet >= self.normal:
            raise fault(
                "parameter",
                f"speeds {self.fibre:g}, {self.sheet:g}, {self.normal:g} m/s are out of order",
                expected="fibre >= sheet >= normal",
            )
        return self


class Wave(Section):
    """A wave through the muscle from its sites; the first to arrive counts."""

    kind: Literal["eikonal"]
    sites: tuple[WaveSite, ...] = Field(min_length=1, max_length=50)
    speed: WaveSpeeds = WaveSpeeds()


class Conduction(Section):
    """The conduction system of a heart in one of its states, with the fast endocardium."""

    kind: Literal["conduction"]
    state: State = "healthy"
    at: Annotated[Time, Field(description="When the first muscle is activated.")] = 0.0


Activation = Annotated[AtOnce | Wave | Conduction, Field(discriminator="kind")]
