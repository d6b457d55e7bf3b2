"""Volume of a cavity from its wall, and its derivative by the motion of the wall.

By the divergence theorem over the inner surface and a lid. Two lids: a plane of which the normal
stays along an axis, which then needs no lid in the formula; and the cone over the rim, which is
right however the base moves. They agree where the base is fixed or slides in its plane.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum
from typing import Any

import numpy as np
import ufl
from dolfinx import fem
from mpi4py import MPI

from heart.anatomy.heart_mesh import RINGS
from heart.core.errors import NonPhysicalError
from heart.mechanics.kinematics import Expression, deformation_gradient, pushed
from heart.mechanics.rim import Rim
from heart.mechanics.space import MechanicsSpace
from heart.numerics.bordered import assemble
from heart.numerics.newton import compiled

LONG_AXIS = (0.0, 0.0, 1.0)


class Lid(Enum):
    """What closes the cavity: a plane across an axis, the cone over the rim, or nothing.

    `NONE` is for a sector between planes of symmetry through the origin, and for a cavity inside
    the mesh; both need nothing.
    """

    PLANE = "plane"
    CONE = "cone"
    NONE = "none"


def volume_form(
    space: MechanicsSpace,
    displacement: Expression,
    boundary: int,
    lid: Lid = Lid.CONE,
    axis: tuple[float, float, float] = LONG_AXIS,
) -> Any:
    """Return the UFL form of the volume about the origin, without the part of a conical lid.

    The field is x/3, or with a plane lid half of x across the axis: it has no flux through the
    lid.

    Parameters
    ----------
    space
        Mesh, tags and quadrature.
    displacement
        UFL expression in mm.
    boundary
        Tag of the inner surface.
    lid, axis
        What closes the cavity; normal of a plane lid.
    """
    place = ufl.SpatialCoordinate(space.mesh) + displacement
    field = place / 3.0
    if lid is Lid.PLANE:
        unit = np.asarray(axis, float) / np.linalg.norm(axis)
        field = 0.5 * ufl.as_matrix((np.eye(3) - np.outer(unit, unit)).tolist()) * place
    normal = pushed(deformation_gradient(displacement), ufl.FacetNormal(space.mesh))
    # Outward of the muscle is into the cavity, hence the sign.
    return -ufl.inner(field, normal) * space.surface(boundary)


class VolumeFunctional:
    """The volume behind an inner surface, as a functional of the state.

    Parameters
    ----------
    space
        Mesh, tags and quadrature.
    state
        Function of the space that holds the displacement.
    boundary
        Tag of the inner surface.
    lid, axis
        What closes the cavity; normal of a plane lid.
    base
        Tags that the rim may border on, for a conical lid.

    Raises
    ------
    MeshInputError
        No facet has the tag, or the cavity is not closed.
    """

    def __init__(
        self,
        space: MechanicsSpace,
        state: Any,
        boundary: int,
        lid: Lid = Lid.CONE,
        axis: tuple[float, float, float] = LONG_AXIS,
        base: Collection[int] = RINGS,
    ) -> None:
        displacement, _ = space.split(state)
        form = volume_form(space, displacement, boundary, lid, axis)
        self._comm, self._boundary, self._state = space.comm, int(boundary), state
        self._form = compiled(form)
        self._slope = compiled(ufl.derivative(form, state, ufl.TestFunction(space.space)))
        self._rim = Rim(space, boundary, base) if lid is Lid.CONE else None

    def value(self) -> float:
        """Return the volume in mm³, of either sign. Collective."""
        wall = float(self._comm.allreduce(fem.assemble_scalar(self._form), op=MPI.SUM))
        if self._rim is None:
            return wall
        return wall + self._rim.lids(self._rim.positions(self._state))[0]

    def volume(self) -> float:
        """Return the volume in mm³. Collective.

        Raises
        ------
        NonPhysicalError
            It is not positive: the wall has passed through itself, or the tag is of an outer wall.
        """
        return positive(self.value(), self._boundary)

    def row(self, out: Any) -> None:
        """Write the derivative by the unknowns (mm²) into a PETSc vector. Collective."""
        assemble(out, self._slope)
        if self._rim is not None:
            _, slope = self._rim.lids(self._rim.positions(self._state))
            out.array[self._rim.unknowns()] += self._rim.own(slope)


def positive(volume: float, boundary: int) -> float:
    """Return a volume that is positive.

    Raises
    ------
    NonPhysicalError
        It is not.
    """
    if not volume > 0.0:
        raise NonPhysicalError(
            f"cavity behind boundary {boundary} has a volume of {volume:.4g} mm3",
            expected="a positive volume",
            fix="check the tags of the surface and the deformation",
        )
    return volume
