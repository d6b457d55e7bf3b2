"""An electrophysiology experiment as data (`kind: electro`): tissue, cells, protocol, observations.

Every number carries its unit, plausible range and source; `heart schema electro` shows them. The
engine is a word, so that the same question can be asked of reaction–diffusion and of the faster
reaction-eikonal model and the answers compared.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from heart.core.validation import Count, Identifier, Quantity, Section, fault
from heart.core.yaml import KeyPath
from heart.scenario.crt import VelocitySection
from heart.scenario.electro_body import Body, CaseBody, ConductivitySection, IdealisedBody
from heart.scenario.electro_cells import CellSection, PrepacingSection
from heart.scenario.electro_observe import CheckpointSection, FieldSection, ObserveSection
from heart.scenario.electro_places import SITES, Coordinates, EarlySites, Segments, Wall
from heart.scenario.electro_protocol import ProtocolSection, StimulusSection


class EngineKind(StrEnum):
    """Which equations carry the wave.

    A pseudo-bidomain has the wave of a monodomain; its electrograms are the potential in the
    extracellular space of an insulated muscle instead of that in an infinite bath.
    """

    MONODOMAIN = "monodomain"
    PSEUDO_BIDOMAIN = "pseudo_bidomain"
    BIDOMAIN = "bidomain"
    REACTION_EIKONAL = "reaction_eikonal"


TWO_SPACES = (EngineKind.PSEUDO_BIDOMAIN, EngineKind.BIDOMAIN)


class EngineSection(Section):
    """Equations and numerics; what is null is as the profile says."""

    kind: EngineKind = EngineKind.MONODOMAIN
    profile: Identifier | None = Field(
        default=None, description="solvers/electro/NAME.yaml; null: the engine's own."
    )
    dt: Annotated[float, Quantity("ms", 1e-4, 1.0, note="time step")] | None = None
    splitting: Literal["godunov", "strang", "unsplit"] | None = None
    diffusion: Literal["implicit_euler", "crank_nicolson", "bdf2", "rkc"] | None = None
    interpolation: Literal["ionic_current", "state_variable"] | None = None
    lumped: Annotated[bool, Field(strict=True, description="lumped mass matrix")] | None = None
    degree: Annotated[int, Count(1, 2, "of the finite elements")] = 1
    method: Literal["grl1", "grl2", "rush_larsen", "forward_euler"] | None = None
    precision: Literal["double", "mixed"] | None = None


class VelocityTuning(Section):
    """Conduction speeds that the conductivities are tuned to at this mesh size and time step."""

    fibre: Annotated[float, Quantity("mm/ms", 0.05, 2.0, shown="m/s", source="Taggart2000")]
    sheet: Annotated[float, Quantity("mm/ms", 0.05, 2.0, shown="m/s", source="Taggart2000")]
    normal: (
        Annotated[float, Quantity("mm/ms", 0.05, 2.0, shown="m/s", source="Taggart2000")] | None
    ) = None

    @property
    def values(self) -> tuple[float, float, float]:
        """Speeds along fibre, sheet and normal in mm/ms."""
        return self.fibre, self.sheet, self.sheet if self.normal is None else self.normal


class MembraneSection(Section):
    """Surface of membrane per volume, and its capacitance."""

    surface_to_volume: Annotated[
        float,
        Quantity(
            "mm**-1", 10.0, 500.0, shown="mm^-1", source="Niederer2011", note="membrane per volume"
        ),
    ] = 140.0
    capacitance: Annotated[
        float,
        Quantity(
            "uF/mm**2", 0.002, 0.1, shown="uF/cm^2", source="Niederer2011", note="of the membrane"
        ),
    ] = 0.01


class ElectroScenario(Section):
    """Electrophysiology of a heart or a piece of muscle. Research use only."""

    heart_twin: Annotated[int, Count(1, 1, "version of this format")]
    kind: Literal["electro"]
    name: Identifier = Field(description="Identifier; never a patient's name.")
    title: str = Field(default="", max_length=200, description="One line for the report.")
    seed: Annotated[int, Count(0, 2**53, "of all draws; nothing is drawn yet")] | None = None
    body: Body
    engine: EngineSection = EngineSection()
    cells: tuple[CellSection, ...] = Field(min_length=1, max_length=50)
    prepacing: PrepacingSection | None = Field(
        default=None, description="Limit cycle of the single cells; null: as the models start."
    )
    conductivity: tuple[ConductivitySection, ...] = Field(
        default=(), max_length=50, description="Empty: the engine's named set."
    )
    tuning: VelocityTuning | None = Field(
        default=None, description="Speeds the conductivities are scaled to; null: as given."
    )
    velocity: VelocitySection = Field(
        default=VelocitySection(), description="Speeds of the wave in reaction_eikonal."
    )
    membrane: MembraneSection = MembraneSection()
    stimuli: tuple[StimulusSection, ...] = Field(min_length=1, max_length=50)
    protocol: ProtocolSection
    observe: ObserveSection = ObserveSection()
    checkpoints: CheckpointSection = CheckpointSection()
    output: FieldSection = FieldSection()

    @property
    def case(self) -> str | None:
        """Name of the case, where the body is one."""
        return self.body.case if isinstance(self.body, CaseBody) else None

    def file_names(self) -> dict[KeyPath, str]:
        """Return the files that the scenario names beside its case, by their key."""
        named: dict[KeyPath, str] = {
            ("cells", index, "model"): cells.model
            for index, cells in enumerate(self.cells)
            if cells.is_file
        }
        ecg = self.observe.ecg
        if ecg is not None and ecg.torso.electrodes is not None:
            named["observe", "ecg", "torso", "electrodes"] = ecg.torso.electrodes
        return named

    @model_validator(mode="after")
    def _whole(self) -> ElectroScenario:
        firsts = {"cells": self.cells[0].where}
        if self.conductivity:
            firsts["conductivity"] = self.conductivity[0].where
        for name, where in firsts.items():
            if where is not None:
                raise fault(
                    "parameter",
                    f"the first entry of {name} has a place, so the rest of the muscle has none",
                    fix="begin with an entry without 'where'",
                )
        labels = [stimulus.label for stimulus in self.stimuli]
        if len(set(labels)) < len(labels):
            raise fault("value", "two stimuli have the same label")
        self.protocol.check(self.stimuli)
        self._check_places()
        self._check_spaces()
        self._check_front()
        return self

    def _check_front(self) -> None:
        """Refuse numerics of a wave that diffusion carries in an engine whose wave is a front."""
        if self.engine.kind is not EngineKind.REACTION_EIKONAL:
            return
        names = ("profile", "splitting", "diffusion", "interpolation", "lumped")
        given = [f"engine.{name}" for name in names if getattr(self.engine, name) is not None]
        given += ["engine.degree"] if self.engine.degree != 1 else []
        given += ["tuning"] if self.tuning is not None else []
        if given:
            raise fault(
                "parameter",
                f"reaction_eikonal has no {given[0].rpartition('.')[2]}",
                expected="speeds in velocity; of the numerics dt, method and precision",
                fix=f"remove {given[0]}",
            )

    def _check_spaces(self) -> None:
        """Refuse what happens outside the cells in an engine that has no outside."""
        kind = self.engine.kind
        wired = [one.label for one in self.stimuli if one.electrodes is not None]
        if wired and kind is not EngineKind.BIDOMAIN:
            raise fault(
                "parameter",
                f"stimulus {wired[0]!r} has electrodes, and {kind.value} has no extracellular "
                "space that they could act on",
                fix="set engine.kind to bidomain",
            )
        if self.output.extracellular and kind not in TWO_SPACES:
            raise fault(
                "parameter",
                f"extracellular potentials are asked of {kind.value}",
                fix="set engine.kind to pseudo_bidomain or bidomain",
            )

    def _check_places(self) -> None:
        """Refuse places that need ventricles where there are none."""
        if isinstance(self.body, (CaseBody, IdealisedBody)):
            return
        anatomical = (Coordinates, Segments, Wall, EarlySites, *SITES)
        places = [(f"cells[{k}]", one.where) for k, one in enumerate(self.cells)]
        places += [(f"conductivity[{k}]", one.where) for k, one in enumerate(self.conductivity)]
        stimuli = [(f"stimulus {one.label!r}", one.where) for one in self.stimuli]
        for name, where in (*places, *stimuli):
            if isinstance(where, anatomical):
                raise fault(
                    "parameter",
                    f"{name} is placed by {where.kind!r}, which a {self.body.kind} does not have",
                    expected="a box, a sphere or a boundary",
                )
        if self.observe.ecg is not None and not isinstance(self.body, CaseBody):
            raise fault("parameter", "an ECG needs the heart of a case", fix="remove observe.ecg")
