"""The question 'where should the CRT lead go?' as data (`kind: crt_screen`).

Every number carries its unit, plausible range and source; `heart schema crt_screen` shows them.
A scenario says what is asked; which heart is asked about is the case that it names.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from heart.anatomy.recipe import Patient
from heart.core.errors import ParameterError
from heart.core.validation import Count, Identifier, OneOf, Quantity, Section, fault
from heart.core.yaml import KeyPath
from heart.electro.velocity import PARAMETERS as SPEEDS
from heart.electro.velocity import REGISTRY as VELOCITIES
from heart.electro.velocity import ConductionVelocity
from heart.scenario.candidates import Candidate, Label
from heart.scenario.confirm import ConfirmSection
from heart.scenario.network import NetworkSection, network_files
from heart.scenario.priors import Draw, Priors, State, draw_members
from heart.scenario.quantities import Delay, EdgeLength, Interval, Position
from heart.therapy.capture import PARAMETERS as CAPTURE

DEGREE = 0.017453292519943295
Angle = Annotated[
    float,
    Quantity(
        "radian", -1.5707963267948966, 1.5707963267948966, shown="degree", source="Bayer2012",
        note="positive counter-clockwise seen from the epicardium",
    ),
]  # fmt: skip
Weight = Annotated[float, Quantity("", 0.0, 100.0, note="relative weight")]


class MeshSection(Section):
    """How finely the heart is meshed."""

    edge_length: EdgeLength = 1.5
    screening_edge_length: EdgeLength | None = Field(
        default=None, description="Mesh of the ensemble; null: the same mesh."
    )
    backend: Literal["gmsh", "tetwild"] = "gmsh"


class FibreSection(Section):
    """Rule-based fibre (alpha) and sheet (beta) angles, linear across the wall [Bayer2012]."""

    alpha_endo: Angle = 60.0 * DEGREE
    alpha_epi: Angle = -60.0 * DEGREE
    beta_endo: Angle = -65.0 * DEGREE
    beta_epi: Angle = 25.0 * DEGREE


class VelocitySection(Section):
    """A named literature set of conduction speeds, and what differs from it."""

    base: Annotated[str, OneOf(tuple(VELOCITIES))] = "healthy"
    fibre: Annotated[float, Quantity.of(SPEEDS["fibre"], shown="m/s")] | None = None
    sheet: Annotated[float, Quantity.of(SPEEDS["sheet"], shown="m/s")] | None = None
    normal: Annotated[float, Quantity.of(SPEEDS["normal"], shown="m/s")] | None = None
    endocardial_lv: Annotated[float, Quantity.of(SPEEDS["endocardial_lv"], shown="m/s")] | None = (
        None
    )
    endocardial_rv: Annotated[float, Quantity.of(SPEEDS["endocardial_rv"], shown="m/s")] | None = (
        None
    )
    endocardial_extent: Annotated[float, Quantity.of(SPEEDS["endocardial_extent"])] | None = None

    @model_validator(mode="after")
    def _ordered(self) -> VelocitySection:
        try:
            self.resolve()
        except ParameterError as error:
            raise fault("parameter", error.what, expected=error.expected, fix=error.fix) from error
        return self

    def resolve(self) -> ConductionVelocity:
        """Return the speeds in mm/ms."""
        base = VELOCITIES[self.base].velocity
        given = {name: getattr(self, name) for name in SPEEDS}
        return ConductionVelocity(
            **{
                name: getattr(base, name) if value is None else value
                for name, value in given.items()
            }
        )


class ConductionSection(Section):
    """The conduction system without and with its disease, and how fast the wave runs."""

    normal: State = "healthy"
    baseline: State = "lbbb"
    velocity: VelocitySection = VelocitySection()
    network: NetworkSection | None = Field(
        default=None,
        description="Purkinje network in place of early sites and fast endocardium; null: none.",
    )


class ScarPatch(Section):
    """A synthetic ball of scar or border zone through the wall."""

    label: Label
    tissue: Literal["core", "border"]
    centre: Position
    radius: Annotated[float, Quantity("mm", 1.0, 60.0, note="radius of the ball")]


class TorsoSection(Section):
    """The body around the heart; generated from size and sex, so an assumed torso."""

    patient: Patient | None = Field(default=None, description="null: the patient of the case.")
    electrodes: str | None = Field(
        default=None, description="CSV of ten electrode positions (mm, RAS) beside the scenario."
    )
    edge_length: Annotated[
        float, Quantity("mm", 5.0, 60.0, source="assumed", note="mesh of the torso away from heart")
    ] = 20.0


class EcgSection(Section):
    """How the 12-lead ECG is computed."""

    method: Literal["lead_field", "infinite_medium"] = "lead_field"
    torso: TorsoSection = TorsoSection()
    sampling: Annotated[
        float, Quantity("ms", 0.1, 4.0, source="assumed", note="sampling interval of the ECG")
    ] = 1.0


class CaptureSection(Section):
    """When a lead excites the muscle; sites that do not are reported, not dropped."""

    radius: Annotated[float, Quantity.of(CAPTURE["radius"])] = CAPTURE["radius"].value
    patch_radius: Annotated[float, Quantity.of(CAPTURE["patch_radius"])] = CAPTURE[
        "patch_radius"
    ].value


class MultipointSection(Section):
    """Two poles of one LV lead paced together."""

    min_spacing: Annotated[
        float, Quantity("mm", 5.0, 60.0, source="assumed", note="nearest pair of poles")
    ] = 10.0
    max_spacing: Annotated[
        float, Quantity("mm", 5.0, 80.0, source="assumed", note="farthest pair of poles")
    ] = 40.0
    delay: Annotated[
        float, Quantity("ms", 0.0, 80.0, source="assumed", note="between the two poles")
    ] = 5.0
    best: Annotated[int, Count(1, 20, "how many of the best single LV sites are paired")] = 5

    @model_validator(mode="after")
    def _ordered(self) -> MultipointSection:
        if self.min_spacing > self.max_spacing:
            raise fault("parameter", "min_spacing is above max_spacing")
        return self


class PacingSection(Section):
    """Which leads fire together and when."""

    rv_lead: Literal["rv_apex", "rv_septum", "rvot"] = "rv_apex"
    vv_delays: tuple[Delay, ...] = Field(
        default=(-80.0, -60.0, -40.0, -20.0, 0.0, 20.0, 40.0, 60.0, 80.0),
        min_length=1,
        max_length=41,
        description="RV to LV offsets; negative: left ventricle first.",
    )
    pr_interval: Interval | None = Field(
        default=180.0, description="Intrinsic conduction that fuses with pacing; null: AV block."
    )
    av_delays: tuple[Interval, ...] = Field(
        default=(120.0,),
        min_length=1,
        max_length=20,
        description="Atrial event to the first stimulus.",
    )
    multipoint: MultipointSection | None = Field(
        default=None, description="Pairs of poles of one LV lead; null: none."
    )


class EnsembleSection(Section):
    """The hearts that this patient could have, given what is not known."""

    members: Annotated[int, Count(1, 1000, "hearts drawn from the priors; 1: no uncertainty")] = 1
    priors: Priors = Priors()


class Weights(Section):
    """Weight of each metric's z-score in the utility; shorter or smaller is better in all."""

    bivat90: Weight = 0.4
    lvat95: Weight = 0.2
    qrs_duration: Weight = 0.2
    qrs_area: Weight = 0.2
    tat: Weight = 0.0
    veu: Weight = 0.0

    @model_validator(mode="after")
    def _some(self) -> Weights:
        if not any(self.model_dump().values()):
            raise fault("parameter", "all weights are zero", expected="one above zero")
        return self


class RankingSection(Section):
    """How candidates are compared and when the answer is 'no site clearly better'."""

    weights: Weights = Weights()
    top: Annotated[int, Count(1, 100, "rows of the ranking in the report")] = 10
    clear_p_best: Annotated[
        float,
        Quantity("", 0.0, 1.0, source="assumed", note="P(best) below it: no site clearly better"),
    ] = 0.4
    clear_regret: Annotated[
        float,
        Quantity("", 0.0, 1.0, source="assumed", note="second-best this close: equivalent sites"),
    ] = 0.02


class OutputSection(Section):
    """What is written beside qoi.json and run.json."""

    figures: Annotated[bool, Field(strict=True)] = True
    interactive: Annotated[bool, Field(strict=True, description="3D scene in report.html")] = True
    fields: Annotated[bool, Field(strict=True, description="fields/*.vtkhdf")] = True


class CrtScenario(Section):
    """Screen of CRT lead positions in one heart. Research use only."""

    heart_twin: Annotated[int, Count(1, 1, "version of this format")]
    kind: Literal["crt_screen"]
    name: Identifier = Field(description="Identifier; never a patient's name.")
    case: str = Field(description="case.yaml beside the scenario, or meshes/NAME as packaged.")
    seed: Annotated[int, Count(0, 2**53, "of all draws; required with members > 1")] | None = None
    mesh: MeshSection = MeshSection()
    fibres: FibreSection = FibreSection()
    conduction: ConductionSection = ConductionSection()
    scar: tuple[ScarPatch, ...] = Field(default=(), max_length=20)
    ecg: EcgSection = EcgSection()
    candidates: tuple[Candidate, ...] = Field(min_length=1, max_length=100)
    capture: CaptureSection = CaptureSection()
    pacing: PacingSection = PacingSection()
    ensemble: EnsembleSection = EnsembleSection()
    ranking: RankingSection = RankingSection()
    confirm: ConfirmSection | None = Field(
        default=None, description="Engine that computes the first leads again; null: none."
    )
    output: OutputSection = OutputSection()

    def file_names(self) -> dict[KeyPath, str]:
        """Return the files that the scenario names beside its case, by their key."""
        named: dict[KeyPath, str] = {
            ("candidates", index, "file"): candidate.file
            for index, candidate in enumerate(self.candidates)
            if candidate.kind == "coronary_veins"
        }
        if self.ecg.torso.electrodes is not None:
            named["ecg", "torso", "electrodes"] = self.ecg.torso.electrodes
        return named | network_files(self.conduction.network)

    @model_validator(mode="after")
    def _whole(self) -> CrtScenario:
        if self.ensemble.members > 1 and self.seed is None:
            raise fault(
                "parameter",
                f"an ensemble of {self.ensemble.members} members has no seed",
                fix="add 'seed: 1' at the top",
            )
        kinds = {candidate.kind for candidate in self.candidates}
        if self.pacing.rv_lead not in kinds:
            raise fault(
                "parameter",
                f"pacing.rv_lead is {self.pacing.rv_lead!r}, which is not among the candidates",
                fix=f"add '- kind: {self.pacing.rv_lead}' to candidates",
            )
        labels = [c.label for c in self.candidates if c.kind == "point"]
        if len(set(labels)) < len(labels):
            raise fault("value", "two points have the same label")
        if self.confirm is not None and self.conduction.network is not None:
            raise fault(
                "parameter",
                "confirm runs from early sites, and conduction.network replaces them",
                fix="remove one of the two",
            )
        return self

    def members(self) -> tuple[Draw, ...]:
        """Draw the ensemble; empty when it has one member, the nominal heart."""
        if self.ensemble.members == 1 or self.seed is None:
            return ()
        return draw_members(
            self.ensemble.priors,
            self.conduction.velocity.resolve(),
            self.conduction.baseline,
            self.ensemble.members,
            self.seed,
        )
