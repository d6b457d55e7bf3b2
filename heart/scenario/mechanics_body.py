"""Which body is loaded: a beam, the benchmark ellipsoid with curved cells, or a heart.

Boundaries have names, so that the same load can be put on any mesh of the body.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from heart.core.validation import Count, Quantity, Section, fault
from heart.scenario.electro_body import (
    CaseBody,
    Direction,
    IdealisedBody,
    Length,
    check_directions,
)

Edge = Annotated[float, Quantity("mm", 0.05, 20.0, note="edge of the tetrahedra")]

FACES = ("x_low", "x_high", "y_low", "y_high", "z_low", "z_high")
HEART = (
    "epi", "lv_endo", "rv_endo", "mitral", "aortic", "tricuspid", "pulmonary", "base", "rings",
)  # fmt: skip
CAVITIES = ("lv_endo", "rv_endo")
BoundaryName = Literal[
    "x_low", "x_high", "y_low", "y_high", "z_low", "z_high",
    "epi", "lv_endo", "rv_endo", "mitral", "aortic", "tricuspid", "pulmonary", "base", "rings",
]  # fmt: skip


class BeamBody(Section):
    """A box of muscle with straight fibres, corner at the origin; its faces are boundaries."""

    kind: Literal["beam"]
    size: tuple[Length, Length, Length] = (10.0, 1.0, 1.0)
    edge_length: Edge = 0.5
    fibre: Direction = (1.0, 0.0, 0.0)
    sheet: Direction = (0.0, 1.0, 0.0)

    @model_validator(mode="after")
    def _meshable(self) -> BeamBody:
        check_directions(self.fibre, self.sheet)
        if min(self.size) < self.edge_length:
            raise fault(
                "parameter",
                f"the edge of {self.edge_length:g} mm is longer than a side of the beam",
                fix="use a shorter edge_length",
            )
        return self


class LandBody(Section):
    """The truncated ellipsoid of [Land2015]: curved cells, fibres of the exact family."""

    kind: Literal["land_ellipsoid"]
    edge_length: Annotated[float, Quantity("mm", 0.2, 6.0, note="edge of the curved cells")] = 3.0


class BenchmarkBody(Section):
    """A ventricle of the elastodynamics benchmark [Arostica2025], or an own pair of them."""

    kind: Literal["benchmark_ventricle", "benchmark_pair"]
    edge_length: Annotated[float, Quantity("mm", 1.0, 20.0, note="edge of the tetrahedra")] = 8.0
    layers: Annotated[int, Count(1, 20, "cells through the wall")] | None = Field(
        default=None, description="null: as many as fit the edge. Of the single ventricle."
    )
    curved: Annotated[
        bool, Field(strict=True, description="Edges on the ellipsoids; of the single ventricle.")
    ] = False


AnyBody = BeamBody | LandBody | BenchmarkBody | CaseBody | IdealisedBody
MechanicsBody = Annotated[AnyBody, Field(discriminator="kind")]


def boundaries_of(body: AnyBody) -> tuple[str, ...]:
    """Return the names that boundaries of a body may have."""
    return FACES if isinstance(body, BeamBody) else HEART
