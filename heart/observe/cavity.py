"""Volume of a cavity from the motion of its wall alone, also where the base is cut open.

By the formulas of `heart.mechanics.cavity_volume`. The lid is the cone over each opening of the
inner surface, which follows the base and fits tilted valve planes, unless an axis is given: then
it is a plane across that axis, whatever the rim looks like. On a heart with its valve planes where
they are, the plane across z is wrong by a third.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from dolfinx import fem
from mpi4py import MPI
from ufl.algorithms import extract_coefficients

from heart.anatomy.heart_mesh import RINGS
from heart.core.errors import ParameterError
from heart.mechanics.cavity_volume import LONG_AXIS, Lid, positive, volume_form
from heart.mechanics.kinematics import Expression
from heart.mechanics.rim import Rim
from heart.mechanics.space import MechanicsSpace
from heart.numerics.newton import compiled


class Cavity:
    """The volume behind an inner surface.

    Parameters
    ----------
    space
        Mesh, tags and quadrature.
    displacement
        UFL expression of the displacement; changes with its function.
    boundary
        Tag of the inner surface.
    axis
        Normal of a plane lid; None takes the cone over the rim.
    base
        Tags that the rim may border on, for the cone.

    Raises
    ------
    MeshInputError
        No facet has the tag, or the cavity is not closed.
    ParameterError
        The displacement is not that of one function of the space, and no axis is given.
    """

    def __init__(
        self,
        space: MechanicsSpace,
        displacement: Expression,
        boundary: int,
        axis: tuple[float, float, float] | None = None,
        base: Collection[int] = RINGS,
    ) -> None:
        self._comm, self._boundary = space.comm, int(boundary)
        lid = Lid.CONE if axis is None else Lid.PLANE
        form = volume_form(space, displacement, boundary, lid, axis or LONG_AXIS)
        self._form: Any = compiled(form)
        self._rim: Rim | None = None
        if axis is None:
            self._rim, self._state = Rim(space, boundary, base), _state(space, displacement)

    def volume(self) -> float:
        """Return the present volume in mm³. Collective.

        Raises
        ------
        NonPhysicalError
            It is not positive: the wall has passed through itself, or the tag is of an outer wall.
        """
        value = float(self._comm.allreduce(fem.assemble_scalar(self._form), op=MPI.SUM))
        if self._rim is not None:
            value += self._rim.lids(self._rim.positions(self._state))[0]
        return positive(value, self._boundary)


def _state(space: MechanicsSpace, displacement: Expression) -> Any:
    """Return the function of the space whose displacement it is."""
    functions = extract_coefficients(displacement)
    if len(functions) == 1 and functions[0].function_space == space.space:
        found, _ = space.split(functions[0])
        if found == displacement:
            return functions[0]
    raise ParameterError(
        "the lid of a cavity follows the displacement of one function of the space",
        fix="give the function, or the axis of a plane lid",
    )
