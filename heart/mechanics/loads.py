"""What pushes on the muscle and what holds it, as data; the forms are made by the problems."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import ParameterError
from heart.core.parameters import Parameter
from heart.mechanics.kinematics import Expression

Float = NDArray[np.float64]

PRESSURE = Parameter(1.0, "kPa", -50.0, 100.0, "assumed", "cavity: 1 kPa = 7.5 mmHg")
STIFFNESS = Parameter(0.1, "kPa/mm", 0.0, 1e5, "assumed", "pericardium, base and valve rings")
DAMPING = Parameter(0.0, "kPa ms/mm", 0.0, 1e6, "assumed", "dampers beside the springs")
AXES = (0, 1, 2)


class Direction(Enum):
    """What a spring resists: motion along the reference normal, or any."""

    NORMAL = "normal"
    FULL = "full"


@dataclass(frozen=True)
class FollowerPressure:
    """Pressure in kPa on the deformed surface, against its outward normal."""

    boundary: int
    value: float

    def __post_init__(self) -> None:
        PRESSURE.check(self.value, name="pressure")


@dataclass(frozen=True)
class Robin:
    """Springs (kPa/mm) and dampers (kPa ms/mm) to the reference position; UFL fields allowed."""

    boundary: int
    stiffness: Expression
    damping: Expression = 0.0
    direction: Direction = Direction.NORMAL

    def __post_init__(self) -> None:
        for parameter, value, name in (
            (STIFFNESS, self.stiffness, "stiffness of springs"),
            (DAMPING, self.damping, "damping"),
        ):
            if isinstance(value, int | float):
                parameter.check(float(value), name=name)


@dataclass(frozen=True)
class Fixed:
    """Components of the displacement that are prescribed: zero, or a field at full load.

    Attributes
    ----------
    components
        Which of x, y, z.
    displacement
        Takes points (n, 3), returns displacements (n, 3) in mm; None is zero.
    """

    boundary: int
    components: tuple[int, ...] = AXES
    displacement: Callable[[Float], Float] | None = None

    def __post_init__(self) -> None:
        if not self.components or any(axis not in AXES for axis in self.components):
            raise ParameterError(f"components {self.components} of a fixed face", expected="0 to 2")


def sliding(boundary: int, axis: int) -> Fixed:
    """Return a face that slides in its plane: only the component along `axis` is held."""
    return Fixed(boundary, (axis,))


Load = FollowerPressure | Robin | Fixed
