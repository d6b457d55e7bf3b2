"""What a case may ask of the repair step, and what it says about the patient.

Every default is a number with a reason: a recipe that thickens a thin wall changes a finding, so
the defaults close what cannot be anatomy and leave the rest to the author of the case.
"""

from __future__ import annotations

from typing import Annotated, Literal

from heart.core.validation import Quantity, Section

Thickness = Annotated[
    float, Quantity("mm", 0.0, 20.0, source="assumed", note="Least wall around the cavity")
]
Radius = Annotated[
    float, Quantity("mm", 0.0, 10.0, source="assumed", note="0 mm leaves the shape alone")
]


class Repair(Section):
    """Recipe of the repair step.

    Attributes
    ----------
    keep_largest
        Keep only the largest component of every label.
    minimum_lv_wall, minimum_rv_wall
        Wall is added where less than this separates the cavity from the outside. An RV wall that
        nobody segmented is made of this thickness and called synthetic.
    spur_radius
        Outgrowths of the wall thinner than twice this are removed.
    smoothing
        Width of the smoothing of the cavities; none unless asked for.
    largest_hole
        Diameter of the largest hole in a wall that is closed; above it the map is refused.
    slices
        Whether shapes are interpolated between slices: when the spacing asks for it, or not.
    align_slices
        Whether slices of a stack are first moved onto a smooth axis, against breath-holds of
        different depth. It moves what was drawn, so it is done only when asked for.
    """

    keep_largest: bool = True
    minimum_lv_wall: Thickness = 4.0
    minimum_rv_wall: Thickness = 3.0
    spur_radius: Radius = 3.0
    smoothing: Radius = 0.0
    largest_hole: Annotated[
        float,
        Quantity("mm", 0.0, 60.0, source="assumed", note="Diameter; a mitral ring has 35 mm"),
    ] = 35.0
    slices: Literal["auto", "keep"] = "auto"
    align_slices: bool = False


class Patient(Section):
    """Size and sex of the patient, for the torso; never a name or a date."""

    height: Annotated[float, Quantity("mm", 500.0, 2500.0, shown="cm", note="Body height")]
    weight: Annotated[float, Quantity("mg", 5e6, 3e8, shown="kg", note="Body weight")]
    sex: Literal["female", "male", "unknown"] = "unknown"
