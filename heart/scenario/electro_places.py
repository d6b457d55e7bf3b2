"""Where in the tissue: one way of saying it for cells, conductivities and stimuli.

A place is a box, a ball, a surface, a range of ventricular coordinates, AHA segments, a part of
the wall, scar, or the site of a lead. All of them mean a set of nodes or cells of whatever mesh
the scenario is run on, so that a coarser mesh asks the same question.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from heart.core.validation import Count, Quantity, Section, fault
from heart.scenario.candidates import His, LbbArea, Point, RvApex, Rvot, RvSeptum
from heart.scenario.priors import State
from heart.scenario.quantities import Coordinate, Radius

Vector = tuple[Coordinate, Coordinate, Coordinate]
Fraction = Annotated[float, Quantity("", 0.0, 1.0, note="ventricular coordinate")]
Span = tuple[Fraction, Fraction]
Depth = Annotated[float, Quantity("mm", 0.0, 60.0, note="from the surface into the wall")]
Patch = Annotated[float, Quantity("mm", 0.1, 10.0, note="muscle excited at once; 2 to 3")]


class Box(Section):
    """Everything between two corners, both included."""

    kind: Literal["box"]
    low: Vector
    high: Vector

    @model_validator(mode="after")
    def _ordered(self) -> Box:
        if any(a > b for a, b in zip(self.low, self.high, strict=True)):
            raise fault("parameter", "a corner 'low' lies above 'high'", expected="low <= high")
        return self


class Ball(Section):
    """Everything within `radius` of a point."""

    kind: Literal["sphere"]
    centre: Vector
    radius: Radius


class Surface(Section):
    """Everything within `depth` of a part of the surface."""

    kind: Literal["boundary"]
    boundary: Literal["epi", "lv_endo", "rv_endo", "base"]
    depth: Depth = 0.0


class Coordinates(Section):
    """A range of ventricular coordinates; rotational may run through 0 (0.9 to 0.1)."""

    kind: Literal["coordinates"]
    apicobasal: Span = (0.0, 1.0)
    transmural: Span = (0.0, 1.0)
    rotational: Span = (0.0, 1.0)
    chamber: Annotated[int, Count(-1, 1, "-1 LV with septum, +1 RV free wall")] | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Coordinates:
        for name in ("apicobasal", "transmural"):
            low, high = getattr(self, name)
            if low > high:
                raise fault("parameter", f"{name} runs from {low:g} down to {high:g}")
        return self


class Segments(Section):
    """AHA-17 segments."""

    kind: Literal["aha"]
    segments: Annotated[
        tuple[Annotated[int, Count(1, 17, "AHA-17 segment")], ...], Field(min_length=1)
    ]


class TissueKind(Section):
    """Healthy muscle, the border zone of a scar, or its core."""

    kind: Literal["tissue"]
    tissue: Literal["healthy", "border", "core"]


class Wall(Section):
    """A part of the ventricular wall."""

    kind: Literal["wall"]
    wall: Literal["lv_wall", "septum", "rv_wall"]


class EarlySites(Section):
    """The exits of the conduction system in one of its states, each at its own time."""

    kind: Literal["early_sites"]
    state: State = "healthy"


Site = Annotated[RvApex | RvSeptum | Rvot | LbbArea | His | Point, Field(discriminator="kind")]
Place = Annotated[
    Box | Ball | Surface | Coordinates | Segments | TissueKind | Wall, Field(discriminator="kind")
]
StimulusPlace = Annotated[
    Box
    | Ball
    | Surface
    | Coordinates
    | Segments
    | TissueKind
    | Wall
    | RvApex
    | RvSeptum
    | Rvot
    | LbbArea
    | His
    | Point
    | EarlySites,
    Field(discriminator="kind"),
]

SITES = (RvApex, RvSeptum, Rvot, LbbArea, His, Point)
