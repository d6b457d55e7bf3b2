"""Volume of a cavity from the motion of its wall alone, also where the base is cut open.

By the formulas of `heart.mechanics.cavity_volume`, for any displacement, without unknowns.
"""

from __future__ import annotations

from typing import Any

from dolfinx import fem
from mpi4py import MPI

from heart.mechanics.cavity_volume import LONG_AXIS, Lid, positive, volume_form
from heart.mechanics.kinematics import Expression
from heart.mechanics.space import MechanicsSpace
from heart.numerics.newton import compiled


class Cavity:
    """The volume behind an inner surface, with a plane lid across an axis.

    Right as long as the lid keeps its normal; `heart.mechanics.cavity_volume.VolumeFunctional`
    follows a base that tilts.

    Parameters
    ----------
    space
        Mesh, tags and quadrature.
    displacement
        UFL expression of the displacement; changes with its function.
    boundary
        Tag of the inner surface.
    axis
        Normal of the lid.
    """

    def __init__(
        self,
        space: MechanicsSpace,
        displacement: Expression,
        boundary: int,
        axis: tuple[float, float, float] = LONG_AXIS,
    ) -> None:
        self._comm, self._boundary = space.comm, int(boundary)
        self._form: Any = compiled(volume_form(space, displacement, boundary, Lid.PLANE, axis))

    def volume(self) -> float:
        """Return the present volume in mm³. Collective.

        Raises
        ------
        NonPhysicalError
            It is not positive: the wall has passed through itself, or the tag is of an outer wall.
        """
        value = float(self._comm.allreduce(fem.assemble_scalar(self._form), op=MPI.SUM))
        return positive(value, self._boundary)
