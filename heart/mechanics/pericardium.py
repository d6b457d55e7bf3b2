"""Springs of which the stiffness varies in space: pericardium, and a mounted apex.

The pericardium holds the apex and the lower free walls along the normal, and leaves the base free
to move towards the apex [Strocchi2020Robin]. That work scaled the stiffness region by region by the
motion in images; without images it is graded here along the apicobasal coordinate. A heart without
a pericardium can be mounted on springs around its apex instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from dolfinx import fem
from mpi4py import MPI
from numpy.typing import NDArray

from heart.core.errors import ParameterError
from heart.core.parameters import Parameter
from heart.mechanics.space import MechanicsSpace, vertex_numbers

Float = NDArray[np.float64]

_GRADED = "from the apex to the base; recalled order of [Strocchi2020Robin], to be tuned by motion"
LARGEST = Parameter(1.0, "kPa/mm", 0.0, 100.0, "assumed", f"pericardium at the apex, {_GRADED}")
LEAST = Parameter(0.0, "kPa/mm", 0.0, 100.0, "assumed", f"pericardium at the base, {_GRADED}")
FULL_BELOW = Parameter(0.5, "1", 0.0, 1.0, "assumed", "apicobasal height of the last full springs")
LEAST_ABOVE = Parameter(0.9, "1", 0.0, 1.0, "assumed", "apicobasal height of the first least ones")
MOUNT = Parameter(1.0, "kPa/mm", 0.0, 100.0, "assumed", "springs at the apex itself")
REACH = Parameter(10.0, "mm", 0.1, 100.0, "assumed", "distance at which a mount ends")


@dataclass(frozen=True)
class Pericardium:
    """Stiffness along the apicobasal coordinate: full at the apex, least at the base."""

    largest: float = LARGEST.value
    least: float = LEAST.value
    full_below: float = FULL_BELOW.value
    least_above: float = LEAST_ABOVE.value

    def __post_init__(self) -> None:
        LARGEST.check(self.largest, name="largest stiffness of the pericardium")
        LEAST.check(self.least, name="least stiffness of the pericardium")
        FULL_BELOW.check(self.full_below, name="height of the last full springs")
        LEAST_ABOVE.check(self.least_above, name="height of the first least springs")
        if self.least > self.largest or self.full_below >= self.least_above:
            raise ParameterError(
                f"pericardium from {self.largest:g} kPa/mm below {self.full_below:g} to "
                f"{self.least:g} kPa/mm above {self.least_above:g}",
                expected="a stiffness that falls from the apex to the base",
            )

    def stiffness(self, apicobasal: Float) -> Float:
        """Return the stiffness (n,) in kPa/mm at heights (n,), 0 at the apex and 1 at the rings."""
        rise = _smooth((apicobasal - self.full_below) / (self.least_above - self.full_below))
        return self.largest + (self.least - self.largest) * rise


@dataclass(frozen=True)
class ApexMount:
    """Springs around the apex, softer with the distance and none beyond `reach`."""

    largest: float = MOUNT.value
    reach: float = REACH.value

    def __post_init__(self) -> None:
        MOUNT.check(self.largest, name="stiffness at the apex")
        REACH.check(self.reach, name="reach of the springs at the apex")

    def stiffness(self, distance: Float) -> Float:
        """Return the stiffness (n,) in kPa/mm at distances (n,) from the apex in mm."""
        return self.largest * (1.0 - _smooth(distance / self.reach))


def stiffness_field(space: MechanicsSpace, values: Float) -> Any:
    """Return a continuous linear field from values at vertices, for `Robin.stiffness`.

    Parameters
    ----------
    space
        Its mesh was made by `heart.mechanics.space.tetrahedral`.
    values
        (n,) in kPa/mm at the points given there, in their order; equal on all ranks.

    Raises
    ------
    ParameterError
        Negative or not finite, none positive, or too few values.
    """
    numbers = vertex_numbers(space.mesh)
    values = np.asarray(values, np.float64)
    highest = space.comm.allreduce(int(numbers.max(initial=0)), op=MPI.MAX)
    if values.ndim != 1 or len(values) <= highest:
        raise ParameterError(
            f"stiffness of springs has shape {values.shape}",
            expected=f"one value for each of at least {highest + 1} vertices",
        )
    wrong = np.flatnonzero(~np.isfinite(values) | (values < 0.0))
    if len(wrong):
        raise ParameterError(
            f"stiffness of springs is {values[wrong[0]]:g} kPa/mm",
            where=f"vertex {wrong[0]}",
            expected="at least zero",
        )
    if not (values > 0.0).any():
        raise ParameterError("stiffness of springs is zero everywhere", fix="leave them out")
    field: Any = fem.Function(fem.functionspace(space.mesh, ("Lagrange", 1)), name="stiffness")
    space.mesh.topology.create_connectivity(3, 0)
    dofs = np.asarray(field.function_space.dofmap.list)
    vertices = space.mesh.topology.connectivity(3, 0).array.reshape(dofs.shape)
    field.x.array[dofs] = values[numbers[vertices]]
    field.x.scatter_forward()
    return field


def _smooth(share: Float) -> Float:
    """Return 0 below 0, 1 above 1, and a cubic without kinks between."""
    inside = np.clip(np.asarray(share, np.float64), 0.0, 1.0)
    return np.asarray(inside * inside * (3.0 - 2.0 * inside))
