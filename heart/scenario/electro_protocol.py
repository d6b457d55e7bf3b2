"""What is done to the tissue: stimuli by place, when they fire, and when the run may stop."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from heart.core.errors import ParameterError
from heart.core.validation import Count, Quantity, Section, fault
from heart.scenario.candidates import Label
from heart.scenario.electro_places import SITES, EarlySites, Patch, Place, StimulusPlace
from heart.therapy import protocol
from heart.therapy.capture import PARAMETERS as CAPTURE
from heart.therapy.protocol import PARAMETERS, Decrement, Extra, Protocol, Train

Time = Annotated[float, Quantity("ms", 0.0, 1e6, note="from the start of the run")]
Coupling = Annotated[float, Quantity.of(PARAMETERS["coupling"])]


class ElectrodeSection(Section):
    """Current through extracellular space, from an anode to the stimulus's place, the cathode."""

    current: Annotated[
        float, Quantity("uA", -1e6, 1e6, note="total; a negative one exchanges the electrodes")
    ]
    anode: Place


class StimulusSection(Section):
    """A place that is excited, how strongly and for how long; the protocol says when.

    An amplitude or a current density acts across the membrane of each cell of the place; with
    `electrodes` the place is the cathode of a current through extracellular space.
    """

    label: Label
    where: StimulusPlace
    amplitude: (
        Annotated[
            float,
            Quantity(
                "mV/ms", 0.5, 500.0, note="rate of depolarisation; about twice threshold is 50"
            ),
        ]
        | None
    ) = None
    current: (
        Annotated[
            float,
            Quantity(
                "uA/mm**3", 0.1, 5000.0, shown="uA/mm^3", source="Niederer2011",
                note="current per volume of tissue",
            ),
        ]
        | None
    ) = None  # fmt: skip
    electrodes: ElectrodeSection | None = Field(
        default=None, description="Current between electrodes; needs the engine bidomain."
    )
    duration: Annotated[float, Quantity.of(PARAMETERS["duration"])] = PARAMETERS["duration"].value
    radius: Patch = Field(
        default=CAPTURE["patch_radius"].value, description="Of the patch around a lead or site."
    )

    @model_validator(mode="after")
    def _one_strength(self) -> StimulusSection:
        if self.amplitude is not None and self.current is not None:
            raise fault("value", f"stimulus {self.label!r} has an amplitude and a current")
        if self.electrodes is None:
            return self
        if self.amplitude is not None or self.current is not None:
            raise fault(
                "value",
                f"stimulus {self.label!r} has electrodes and a current across the membrane",
                fix="give electrodes.current alone",
            )
        if isinstance(self.where, (EarlySites, *SITES)):
            raise fault(
                "parameter",
                f"the cathode of stimulus {self.label!r} is placed by {self.where.kind!r}",
                expected="a part of the muscle: a box, a sphere, a boundary, coordinates",
            )
        return self


class TrainSection(Section):
    """S1: beats of one stimulus."""

    stimulus: Label
    start: Time = 0.0
    cycle_length: Annotated[float, Quantity.of(PARAMETERS["cycle_length"])] = PARAMETERS[
        "cycle_length"
    ].value
    beats: Annotated[int, Count(1, 1000, "beats of the train")] = 1


class ExtraSection(Section):
    """S2, S3, … after the stimulus before it."""

    stimulus: Label
    coupling: Coupling


class DecrementSection(Section):
    """One branch for each coupling of the last extrastimulus, all from the end of S1."""

    step: Annotated[float, Quantity.of(PARAMETERS["step"])] = PARAMETERS["step"].value
    until: Coupling


class StopSection(Section):
    """End a branch before its time when nothing can happen any more."""

    quiescent: (
        Annotated[
            float,
            Quantity("ms", 10.0, 2000.0, note="no muscle active for this long after the last pace"),
        ]
        | None
    ) = None


class ProtocolSection(Section):
    """S1–S2…Sn, how long it is watched, and when it may stop."""

    s1: tuple[TrainSection, ...] = Field(default=(), max_length=20)
    extras: tuple[ExtraSection, ...] = Field(default=(), max_length=5)
    decrement: DecrementSection | None = None
    duration: Time = Field(description="When the run ends, counted from its start.")
    stop: StopSection = StopSection()

    def resolve(self) -> Protocol:
        """Return the protocol as `heart.therapy.protocol` has it."""
        return Protocol(
            tuple(Train(s.stimulus, s.start, s.cycle_length, s.beats) for s in self.s1),
            tuple(Extra(s.stimulus, s.coupling) for s in self.extras),
            Decrement(self.decrement.step, self.decrement.until) if self.decrement else None,
        )

    def check(self, stimuli: tuple[StimulusSection, ...]) -> None:
        """Refuse a protocol that cannot be given with these stimuli, as a validator does."""
        durations = {one.label: one.duration for one in stimuli}
        try:
            checked = protocol.check(self.resolve(), durations)
        except ParameterError as error:
            raise fault("parameter", error.what, expected=error.expected, fix=error.fix) from error
        last = max(branch.last for branch in checked.branches())
        if last >= self.duration:
            raise fault(
                "parameter",
                f"the last stimulus comes at {last:g} ms and the run ends at {self.duration:g} ms",
                fix="lengthen protocol.duration",
            )
