"""Volume of a cavity from the motion of its wall alone, also where the base is cut open.

By the divergence theorem with a field that has no component along the axis of the base: the lid
that is not in the mesh then adds nothing, whatever its height, as long as it stays a plane
perpendicular to that axis.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import ufl
from dolfinx import fem
from mpi4py import MPI
from numpy.typing import NDArray

from heart.core.errors import NonPhysicalError
from heart.mechanics.kinematics import Expression, deformation_gradient
from heart.mechanics.space import MechanicsSpace
from heart.numerics.newton import compiled

Float = NDArray[np.float64]

LONG_AXIS = (0.0, 0.0, 1.0)


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
        lid = np.asarray(axis, float) / np.linalg.norm(axis)
        across = ufl.as_matrix((np.eye(3) - np.outer(lid, lid)).tolist())
        F = deformation_gradient(displacement)
        normal = ufl.det(F) * ufl.inv(F).T * ufl.FacetNormal(space.mesh)
        place = ufl.SpatialCoordinate(space.mesh) + displacement
        # Outward of the muscle is into the cavity, hence the sign.
        self._form: Any = compiled(
            -0.5 * ufl.inner(across * place, normal) * space.surface(boundary)
        )

    def volume(self) -> float:
        """Return the present volume in mm³. Collective.

        Raises
        ------
        NonPhysicalError
            It is not positive: the wall has passed through itself, or the tag is of an outer wall.
        """
        value = float(self._comm.allreduce(fem.assemble_scalar(self._form), op=MPI.SUM))
        if not value > 0.0:
            raise NonPhysicalError(
                f"cavity behind boundary {self._boundary} has a volume of {value:.4g} mm3",
                expected="a positive volume",
                fix="check the tags of the surface and the deformation",
            )
        return value
