"""Which piece of muscle: the heart of a case, or a shape from a formula, and how it conducts.

Slab and strand are made without a mesher, so that a benchmark is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from heart.core.validation import Quantity, Section, did_you_mean, fault
from heart.scenario.crt import FibreSection, ScarPatch
from heart.scenario.electro_places import Place
from heart.scenario.quantities import EdgeLength

Length = Annotated[float, Quantity("mm", 0.05, 300.0, note="length of an idealised shape")]
FineEdge = Annotated[
    float, Quantity("mm", 0.02, 6.0, note="edge of the structured tetrahedra along the axes")
]
Component = Annotated[float, Quantity("", -1.0, 1.0, note="component of a direction")]
Direction = tuple[Component, Component, Component]


class CaseBody(Section):
    """A heart from a case, as in the CRT screen."""

    kind: Literal["case"]
    case: str = Field(description="case.yaml beside the scenario, or meshes/NAME as packaged.")
    edge_length: EdgeLength = 1.0
    backend: Literal["gmsh", "tetwild"] = "gmsh"
    fibres: FibreSection = FibreSection()
    scar: tuple[ScarPatch, ...] = Field(default=(), max_length=20)


class IdealisedBody(Section):
    """An ellipsoid heart; `parameters` are lengths by the names of its function."""

    kind: Literal["lv_ellipsoid", "biv_ellipsoid"]
    edge_length: EdgeLength = 2.0
    parameters: dict[str, Length] = Field(default_factory=dict)
    fibres: FibreSection = FibreSection()
    scar: tuple[ScarPatch, ...] = Field(default=(), max_length=20)


class SlabBody(Section):
    """A box of muscle with straight fibres, corner at the origin."""

    kind: Literal["slab"]
    size: tuple[Length, Length, Length] = (20.0, 7.0, 3.0)
    edge_length: FineEdge = 0.5
    fibre: Direction = (1.0, 0.0, 0.0)
    sheet: Direction = (0.0, 1.0, 0.0)

    @model_validator(mode="after")
    def _meshable(self) -> SlabBody:
        check_directions(self.fibre, self.sheet)
        if min(self.size) < self.edge_length:
            raise fault(
                "parameter",
                f"the edge of {self.edge_length:g} mm is longer than a side of the slab",
                fix="use a shorter edge_length",
            )
        return self


class StrandBody(Section):
    """A thin bar of muscle along x: one cell across, `length` long."""

    kind: Literal["strand"]
    length: Length = 20.0
    edge_length: FineEdge = 0.2
    fibre: Direction = (1.0, 0.0, 0.0)
    sheet: Direction = (0.0, 1.0, 0.0)

    @model_validator(mode="after")
    def _meshable(self) -> StrandBody:
        check_directions(self.fibre, self.sheet)
        if self.length < self.edge_length:
            raise fault("parameter", "the strand is shorter than its edge_length")
        return self


Body = Annotated[CaseBody | IdealisedBody | SlabBody | StrandBody, Field(discriminator="kind")]

Along = Annotated[
    float, Quantity("mS/mm", 0.03, 3.0, shown="S/m", source="Clerc1976", note="along the fibre")
]
Across = Annotated[
    float, Quantity("mS/mm", 0.001, 1.5, shown="S/m", source="Clerc1976", note="across the fibre")
]
Factor = Annotated[float, Quantity("", 0.0, 10.0, note="factor on a conductivity")]


class Axes(Section):
    """Conductivities along fibre, sheet and sheet normal; `normal` is `sheet` when left out."""

    fibre: Along
    sheet: Across
    normal: Across | None = None

    @property
    def values(self) -> tuple[float, float, float]:
        """The three numbers in mS/mm."""
        return self.fibre, self.sheet, self.sheet if self.normal is None else self.normal


class AxisFactors(Section):
    """Factors on the conductivities along each axis."""

    fibre: Factor = 1.0
    sheet: Factor = 1.0
    normal: Factor = 1.0


class ConductivitySection(Section):
    """Conductivities of a place; later entries replace earlier ones where places overlap."""

    where: Place | None = Field(default=None, description="null: everywhere.")
    base: str | None = Field(default=None, description="Named literature set.")
    intracellular: Axes | None = None
    extracellular: Axes | None = None
    scale: AxisFactors = AxisFactors()
    conducting: Annotated[bool, Field(strict=True, description="false: does not conduct")] = True

    @model_validator(mode="after")
    def _complete(self) -> ConductivitySection:
        if self.base is not None and self.base not in conductivity_sets():
            raise fault(
                "value",
                f"no conductivity set {self.base!r}",
                fix=did_you_mean(self.base, list(conductivity_sets())),
            )
        own = self.intracellular is not None
        if own != (self.extracellular is not None):
            raise fault("value", "give intracellular and extracellular together, or neither")
        if own and self.base is not None:
            raise fault("value", "give a base set or own values, not both")
        return self


def conductivity_sets() -> Mapping[str, Any]:
    """Return the named literature sets of conductivities."""
    from heart.electro.tissue.conductivity import REGISTRY

    return REGISTRY


def check_directions(fibre: Direction, sheet: Direction) -> None:
    """Refuse directions that are zero or not at right angles."""
    length = [sum(c * c for c in axis) ** 0.5 for axis in (fibre, sheet)]
    if min(length) == 0.0:
        raise fault("parameter", "a fibre or sheet direction is zero")
    cosine = sum(a * b for a, b in zip(fibre, sheet, strict=True)) / (length[0] * length[1])
    if abs(cosine) > 1e-6:
        raise fault(
            "parameter",
            f"fibre {fibre} and sheet {sheet} are not at right angles",
            fix="give a sheet direction across the fibre",
        )
