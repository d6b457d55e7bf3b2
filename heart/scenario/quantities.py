"""The kinds of numbers that scenarios are made of, each with its unit and plausible range."""

from __future__ import annotations

from typing import Annotated

from heart.core.validation import Count, Quantity, Section

Apicobasal = Annotated[float, Quantity("", 0.0, 1.0, note="0 LV apex, 1 valve rings")]
Transmural = Annotated[float, Quantity("", 0.0, 1.0, note="0 endocardium, 1 epicardium")]
Rotational = Annotated[
    float,
    Quantity(
        "", 0.0, 1.0, note="0 anterior RV insertion, 1/3 lateral wall, 2/3 posterior insertion"
    ),
]
Coordinate = Annotated[float, Quantity("mm", -2000.0, 2000.0, note="RAS scanner coordinate")]
Delay = Annotated[float, Quantity("ms", -200.0, 200.0, note="negative: left ventricle first")]
Interval = Annotated[float, Quantity("ms", 20.0, 400.0, note="from the atrial event")]
EdgeLength = Annotated[
    float, Quantity("mm", 0.2, 6.0, note="mean edge of the tetrahedra; refused when coarser")
]
Radius = Annotated[float, Quantity("mm", 0.1, 60.0, note="radius")]


class Position(Section):
    """A place in the ventricles, the same in every heart."""

    apicobasal: Apicobasal
    transmural: Transmural
    rotational: Rotational
    chamber: Annotated[int, Count(-1, 1, "-1 LV with septum, +1 RV free wall")] = -1
