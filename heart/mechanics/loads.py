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
VOLUME = Parameter(1e5, "mm^3", 1e-3, 5e6, "assumed", "cavity: 100 mL of an adult LV")
STIFFNESS = Parameter(0.1, "kPa/mm", 0.0, 1e5, "assumed", "pericardium, base and valve rings")
DAMPING = Parameter(0.0, "kPa ms/mm", 0.0, 1e6, "assumed", "dampers beside the springs")
AXES = (0, 1, 2)


class Direction(Enum):
    """What a spring resists: motion along the normal of the reference or of now, or any."""

    NORMAL = "normal"
    DEFORMED_NORMAL = "deformed_normal"
    FULL = "full"


@dataclass(frozen=True)
class FollowerPressure:
    """Pressure in kPa on the deformed surface, against its outward normal.

    A number grows with the load; a constant of dolfinx is taken as it is, for an unknown pressure.
    """

    boundary: int
    value: Expression

    def __post_init__(self) -> None:
        if isinstance(self.value, int | float):
            PRESSURE.check(float(self.value), name="pressure")


@dataclass(frozen=True)
class BasalTraction:
    """A traction in kPa per deformed area, the same vector all over a boundary.

    Attributes
    ----------
    traction
        Three scalar constants of dolfinx, taken as they are.
    """

    boundary: int
    traction: tuple[Expression, Expression, Expression]


@dataclass(frozen=True)
class CavityVolume:
    """A cavity behind an inner surface, with the volume in mm³ that it has at full load."""

    boundary: int
    volume: float

    def __post_init__(self) -> None:
        VOLUME.check(self.volume, name="volume of a cavity")


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


Load = FollowerPressure | BasalTraction | Robin | Fixed
