"""Where leads may be placed: one model per generator, told apart by `kind`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from heart.core.validation import Count, Quantity, Section, fault
from heart.scenario.quantities import Apicobasal, Coordinate, Position

Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ,()_.-]{0,63}$")]
Rows = Annotated[tuple[Apicobasal, ...], Field(min_length=1, max_length=20)]
Around = Annotated[
    int, Count(1, 72, "sites from the anterior to the posterior insertion in each row")
]


class LvEpicardialGrid(Section):
    """Rows of sites on the epicardium of the LV free wall, where coronary veins could lead."""

    kind: Literal["lv_epicardial_grid"]
    apicobasal: Rows = (0.3, 0.5, 0.7, 0.85)
    rotations: Around = 12


class LvEndocardialGrid(Section):
    """Rows of sites on the LV endocardium of the free wall (leadless pacing)."""

    kind: Literal["lv_endocardial_grid"]
    apicobasal: Rows = (0.3, 0.5, 0.7)
    rotations: Around = 6


class CoronaryVeins(Section):
    """Sites along segmented coronary veins.

    The file is a table (CSV with columns ``vein,x,y,z`` in mm, RAS) beside the scenario.
    """

    kind: Literal["coronary_veins"]
    file: str
    spacing: Annotated[float, Quantity("mm", 1.0, 50.0, note="between sites along a vein")] = 5.0


class RvApex(Section):
    """The usual place of an RV lead."""

    kind: Literal["rv_apex"]


class RvSeptum(Section):
    """RV side of the septum."""

    kind: Literal["rv_septum"]
    apicobasal: Apicobasal = 0.5


class Rvot(Section):
    """Septal side of the RV outflow tract."""

    kind: Literal["rvot"]
    apicobasal: Apicobasal = 0.85


class LbbArea(Section):
    """Left bundle branch area: deep in the basal septum, below the LV endocardium."""

    kind: Literal["lbb_area"]
    apicobasal: Apicobasal = 0.8


class His(Section):
    """His bundle: the healthy activation, where the block is proximal."""

    kind: Literal["his"]


class Point(Section):
    """One named place: in ventricular coordinates, in millimetres, or as an AHA segment."""

    kind: Literal["point"]
    label: Label
    wall: Literal["lv_epicardium", "lv_endocardium", "rv_endocardium", "rv_epicardium"] = (
        "lv_epicardium"
    )
    coordinates: Position | None = None
    position: tuple[Coordinate, Coordinate, Coordinate] | None = None
    aha: Annotated[int, Count(1, 17, "AHA-17 segment")] | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Point:
        if sum(place is not None for place in (self.coordinates, self.position, self.aha)) != 1:
            raise fault(
                "value",
                f"point {self.label!r} has no place or several",
                expected="one of coordinates, position (mm) or aha",
            )
        return self


Candidate = Annotated[
    LvEpicardialGrid
    | LvEndocardialGrid
    | CoronaryVeins
    | RvApex
    | RvSeptum
    | Rvot
    | LbbArea
    | His
    | Point,
    Field(discriminator="kind"),
]
