"""What is written down while the tissue runs: maps, traces, electrograms, ECG, fields."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from heart.core.validation import Quantity, Section, fault
from heart.scenario.candidates import Label
from heart.scenario.crt import EcgSection
from heart.scenario.electro_places import Vector

Sampling = Annotated[float, Quantity("ms", 0.005, 100.0, note="between samples of traces")]
Every = Annotated[float, Quantity("ms", 0.01, 1e5, note="between times")]
Voltage = Annotated[float, Quantity("mV", -90.0, 40.0, note="upstroke through it is activation")]


class ProbeSection(Section):
    """The node nearest to a place, whose voltage is traced."""

    label: Label
    position: Vector


class ElectrogramSection(Section):
    """Unipolar electrogram at a point in or around the tissue."""

    label: Label
    position: Vector


class ObserveSection(Section):
    """Observations of an electrophysiology run."""

    threshold: Voltage = -10.0
    repolarisation: Annotated[
        float, Quantity("", 0.1, 0.99, note="share of the amplitude that is gone: 0.9 is APD90")
    ] = 0.9
    velocity: Annotated[bool, Field(strict=True, description="Map of conduction velocity")] = True
    probes: tuple[ProbeSection, ...] = Field(default=(), max_length=200)
    electrograms: tuple[ElectrogramSection, ...] = Field(default=(), max_length=500)
    ecg: EcgSection | None = Field(default=None, description="12-lead ECG; needs a case.")
    traces: Sampling = 1.0

    @model_validator(mode="after")
    def _named(self) -> ObserveSection:
        for names in ([p.label for p in self.probes], [p.label for p in self.electrograms]):
            if len(set(names)) < len(names):
                raise fault("value", "two probes or electrograms have the same label")
        return self


class CheckpointSection(Section):
    """States kept on disk while the run goes on."""

    every: Every | None = Field(
        default=100.0, description="Two newest are kept; null: at the end of S1 and on a stop."
    )
    end_of_s1: Annotated[bool, Field(strict=True)] = True


class FieldSection(Section):
    """What is written beside qoi.json and run.json."""

    figures: Annotated[bool, Field(strict=True)] = True
    interactive: Annotated[bool, Field(strict=True, description="3D scene in report.html")] = True
    fields: Annotated[bool, Field(strict=True, description="fields/*.vtkhdf")] = True
    every: Every | None = Field(
        default=None, description="Voltage in time, fields/voltage.vtkhdf; null: none."
    )
    extracellular: Annotated[
        bool,
        Field(
            strict=True,
            description="Also the potential outside the cells, fields/extracellular.vtkhdf; needs "
            "the engine pseudo_bidomain or bidomain.",
        ),
    ] = False

    @model_validator(mode="after")
    def _in_time(self) -> FieldSection:
        if self.extracellular and (self.every is None or not self.fields):
            raise fault(
                "parameter",
                "extracellular potentials are asked for without times",
                fix="set output.every, and output.fields to true",
            )
        return self
