"""A mechanics experiment as data (`kind: mechanics`): body, law, what holds and loads it.

Every number carries its unit, plausible range and source; `heart schema mechanics` shows them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from heart.core.validation import Count, Identifier, Quantity, Section, fault
from heart.core.yaml import KeyPath
from heart.scenario.electro_body import CaseBody
from heart.scenario.electro_places import Coordinates, Segments, Wall
from heart.scenario.mechanics_body import BeamBody, MechanicsBody, boundaries_of
from heart.scenario.mechanics_dynamics import (
    Active,
    Dynamics,
    RampTension,
    StaticSection,
    TimeSection,
)
from heart.scenario.mechanics_fit import UnloadSection
from heart.scenario.mechanics_loads import LoadSection, Support
from heart.scenario.mechanics_material import (
    CompressibilitySection,
    ElementSection,
    MaterialSection,
    check_names,
    read,
)
from heart.scenario.mechanics_observe import (
    MechanicsCheckpointSection,
    MechanicsObserveSection,
    MechanicsOutputSection,
)

Share = Annotated[float, Quantity("", 1e-6, 1.0, note="share of a stage")]
MIXED = ("p2_p1", "p1_p1_stabilised")


class StepSection(Section):
    """Steps of the load, as shares of a stage; they adapt between."""

    first: Share = 0.1
    largest: Share = 0.25


class SolverSection(Section):
    """Profiles of solvers/mechanics, from the usual to the most robust."""

    profiles: tuple[Identifier, ...] = Field(default=("direct_lagged", "direct_l2"), min_length=1)


class MechanicsScenario(Section):
    """Mechanics of a heart or a piece of muscle. Research use only."""

    heart_twin: Annotated[int, Count(1, 1, "version of this format")]
    kind: Literal["mechanics"]
    name: Identifier = Field(description="Identifier; never a patient's name.")
    title: str = Field(default="", max_length=200, description="One line for the report.")
    seed: Annotated[int, Count(0, 2**53, "of all draws; nothing is drawn yet")] | None = None
    body: MechanicsBody
    material: tuple[MaterialSection, ...] = Field(min_length=1, max_length=50)
    split: Literal["isochoric", "matrix", "none"] = Field(
        default="isochoric", description="Which invariants of the law lose their volume change."
    )
    compressibility: CompressibilitySection = CompressibilitySection()
    elements: ElementSection = ElementSection()
    boundary: tuple[Support, ...] = Field(min_length=1, max_length=20)
    unload: UnloadSection | None = Field(
        default=None, description="null: the mesh is free of stress."
    )
    loads: LoadSection
    active: Active = RampTension()
    dynamics: Dynamics = StaticSection()
    steps: StepSection = StepSection()
    solver: SolverSection = SolverSection()
    observe: MechanicsObserveSection = MechanicsObserveSection()
    checkpoints: MechanicsCheckpointSection = MechanicsCheckpointSection()
    output: MechanicsOutputSection = MechanicsOutputSection()

    @property
    def case(self) -> str | None:
        """Name of the case, where the body is one."""
        return self.body.case if isinstance(self.body, CaseBody) else None

    @property
    def law(self) -> str:
        """Name of the passive law."""
        return str(self.material[0].law)

    def file_names(self) -> dict[KeyPath, str]:
        """Return the files that the scenario names beside its case, by their key: none."""
        return {}

    @model_validator(mode="after")
    def _whole(self) -> MechanicsScenario:
        self._check_material()
        self._check_elements()
        self._check_course()
        known = boundaries_of(self.body)
        named = [support.boundary for support in self.boundary] + list(self.loads.loaded)
        named += [] if self.unload is None else list(self.unload.pressure)
        for name in named:
            if name not in known:
                raise fault(
                    "parameter",
                    f"a {self.body.kind} has no boundary {name!r}",
                    expected=f"one of {', '.join(known)}",
                )
        if isinstance(self.body, BeamBody):
            self._check_places()
        return self

    def _check_material(self) -> None:
        first = self.material[0]
        if first.where is not None or first.law is None:
            raise fault(
                "parameter",
                "the first entry of material names the law and holds everywhere",
                fix="begin with an entry with 'law' and without 'where'",
            )
        for section in self.material:
            if section.law not in (None, first.law):
                raise fault("value", f"a place has the law {section.law!r}", expected=first.law)
            read(first.law, section.parameters)
            check_names(first.law, section.scale)
        if self.unload is not None and self.unload.fit is not None:
            self.unload.fit.check_law(first.law)

    def _check_elements(self) -> None:
        mixed = self.elements.kind in MIXED
        if mixed is (self.compressibility.kind == "penalty"):
            wanted = "p2 or p1" if mixed else "p2_p1 or p1_p1_stabilised"
            raise fault(
                "parameter",
                f"elements {self.elements.kind} with {self.compressibility.kind} volume",
                expected=wanted,
            )

    def _check_course(self) -> None:
        """Refuse loads in time without time, and stages with it."""
        stages, curves = bool(self.loads.stages), bool(self.loads.curves)
        if not isinstance(self.dynamics, TimeSection):
            if not stages or curves or not isinstance(self.active, RampTension):
                raise fault(
                    "value",
                    "a static run is loaded by stages, with tension as they say",
                    fix="give loads.stages, or dynamics: {kind: time, …}",
                )
            return
        if stages or isinstance(self.active, RampTension):
            if stages:
                raise fault("value", "a run in time has no stages", fix="use loads.curves")
            if not curves:
                raise fault("value", "nothing loads the body", fix="give loads.curves or active")

    def _check_places(self) -> None:
        for number, section in enumerate(self.material):
            if isinstance(section.where, (Coordinates, Segments, Wall)):
                raise fault(
                    "parameter",
                    f"material[{number}] is placed by {section.where.kind!r}, which a "
                    f"{self.body.kind} does not have",
                    expected="a box, a sphere or a boundary",
                )
