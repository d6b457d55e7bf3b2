"""What is written down while the body deforms: probes, volumes, fields, checkpoints."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from heart.core.validation import Section, fault
from heart.scenario.candidates import Label
from heart.scenario.electro_observe import Every
from heart.scenario.electro_places import Vector
from heart.scenario.mechanics_curves import Time


class ProbeSection(Section):
    """The node of the displacement nearest to a place of the reference, which is followed."""

    label: Label
    position: Vector


class MechanicsObserveSection(Section):
    """Observations of a mechanics run."""

    probes: tuple[ProbeSection, ...] = Field(default=(), max_length=200)
    moments: tuple[Time, ...] = Field(
        default=(), max_length=20, description="Times of a run in time that are shown and kept."
    )

    stress: Annotated[
        bool,
        Field(strict=True, description="Stress along the fibre and work of the muscle, each step."),
    ] = False

    @model_validator(mode="after")
    def _named(self) -> MechanicsObserveSection:
        names = [probe.label for probe in self.probes]
        if len(set(names)) < len(names):
            raise fault("value", "two probes have the same label")
        return self


class MechanicsCheckpointSection(Section):
    """States kept on disk while a run in time goes on; a static one keeps the ends of stages."""

    every: Every | None = Field(
        default=50.0, description="Two newest are kept; null: on a stop only."
    )


class MechanicsOutputSection(Section):
    """What is written beside qoi.json and run.json."""

    figures: Annotated[bool, Field(strict=True)] = True
    interactive: Annotated[bool, Field(strict=True, description="3D scene in report.html")] = True
    fields: Annotated[bool, Field(strict=True, description="fields/*.vtkhdf")] = True
