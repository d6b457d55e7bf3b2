"""How the wall moves as images show it: thickening, and the paths of apex and base.

Thickness of a segment is twice its volume over the sum of its inner and outer area, before and
after. It is what an image shows (the mean distance between the surfaces, square to the wall), it
needs no pairing of inner with outer points, and it is exact on a tube; the radial stretch of
`strain` follows a material line instead, which tilts when layers slide, and its mean over the
volume weighs outer layers more. On a sphere of wall 3 and inner radius 7 the rule is 2 % off in
thickness, and much less in the ratio.
"""

from __future__ import annotations

from typing import Any

import basix
import numpy as np
import ufl
from dolfinx import fem
from numpy.typing import NDArray

from heart.core.errors import MeshInputError
from heart.mechanics.kinematics import Expression, deformation_gradient, pushed
from heart.mechanics.space import MechanicsSpace
from heart.numerics.newton import COMPILER, compiled
from heart.observe.wall_points import WallPoints, sums_by_label
from heart.observe.wall_segments import COUNT

Float = NDArray[np.float64]
Int = NDArray[np.integer]


class WallThickness:
    """Mean thickness of each AHA segment, now and in the reference.

    Parameters
    ----------
    points
        Give the volume of the deformed segments.
    displacement
        UFL expression; changes with its function.
    inner, outer
        Tags of the surfaces between which the wall is; the septum's outer one is the RV
        endocardium.
    labels
        (m,) segment of each of this rank's cells.
    """

    def __init__(
        self,
        points: WallPoints,
        displacement: Expression,
        inner: tuple[int, ...],
        outer: tuple[int, ...],
        labels: Int,
    ) -> None:
        self.points, self._labels = points, labels
        space = points.space
        cells = fem.functionspace(space.mesh, ("DG", 0))
        push = pushed(deformation_gradient(displacement), ufl.FacetNormal(space.mesh))
        test = ufl.TestFunction(cells)
        sides = [space.surface(tag) for tag in (*inner, *outer)]
        self._areas = [compiled(ufl.sqrt(ufl.inner(push, push)) * test * side) for side in sides]
        rest = [compiled(test * side) for side in sides]
        self._rows = cells.dofmap.list[: len(points.cells), 0]
        self.reference = self._thickness(points.volume.sum(axis=1), rest)

    def _thickness(self, volume: Float, areas: list[Any]) -> dict[int, float]:
        area = sum(fem.assemble_vector(form).array[self._rows] for form in areas)
        comm = self.points.space.comm
        whole = sums_by_label(comm, self._labels, volume, COUNT)
        sides = sums_by_label(comm, self._labels, np.asarray(area), COUNT)
        if ((whole > 0.0) & (sides <= 0.0)).any():
            segment = int(np.argmax((whole > 0.0) & (sides <= 0.0)))
            raise MeshInputError(
                f"segment {segment} has no inner or outer surface",
                fix="check the labels of the cells and the tags of the surfaces",
            )
        return {k: float(2.0 * whole[k] / sides[k]) for k in range(COUNT) if whole[k] > 0.0}

    def thickness(self) -> dict[int, float]:
        """Return the present mean thickness in mm by segment. Collective."""
        ratio = np.linalg.det(self.points.gradient())
        return self._thickness((self.points.volume * ratio).sum(axis=1), self._areas)

    def thickening(self) -> dict[int, float]:
        """Return (h − h₀)/h₀ by segment. Collective."""
        now = self.thickness()
        return {k: now[k] / rest - 1.0 for k, rest in self.reference.items()}


class PlaneMotion:
    """Mean displacement of a surface: of the base, or of the mitral ring (MAPSE).

    Parameters
    ----------
    space, displacement
        The problem's.
    boundary
        Tag of the surface.
    """

    def __init__(self, space: MechanicsSpace, displacement: Expression, boundary: int) -> None:
        self._comm = space.comm
        self._way: Any = fem.Constant(space.mesh, np.zeros(3))
        side = space.surface(boundary)
        self._form = compiled(ufl.inner(self._way, displacement) * side)
        one: Any = fem.Constant(space.mesh, 1.0)
        area = fem.assemble_scalar(compiled(one * side))
        self._area = float(self._comm.allreduce(area))

    def displacement(self) -> Float:
        """Return the mean displacement (3,) in mm. Collective."""
        mean = np.zeros(3)
        for axis in range(3):
            self._way.value[:] = np.eye(3)[axis]
            mean[axis] = self._comm.allreduce(fem.assemble_scalar(self._form)) / self._area
        return mean

    def descent(self, up: Float) -> float:
        """Return how far the surface moved towards the apex in mm. Collective."""
        return -float(self.displacement() @ np.asarray(up, float) / np.linalg.norm(up))


class Landmark:
    """Displacement of the vertex nearest to a place: the apex, or the point of a benchmark.

    Parameters
    ----------
    space, displacement
        The problem's.
    place
        (3,) mm in the reference.

    Attributes
    ----------
    place
        (3,) reference position of that vertex.
    """

    def __init__(self, space: MechanicsSpace, displacement: Expression, place: Float) -> None:
        self._comm, self._mesh = space.comm, space.mesh
        corners = np.asarray(basix.geometry(space.mesh.basix_cell()), np.float64)
        local = space.mesh.topology.index_map(3).size_local
        nodes = space.mesh.geometry.dofmaps[0][:local, : len(corners)]
        away = np.linalg.norm(space.mesh.geometry.x[nodes] - np.asarray(place, float), axis=-1)
        cell, corner = np.unravel_index(int(np.argmin(away)) if away.size else 0, away.shape)
        nearest = self._comm.allgather(float(away.min(initial=np.inf)))
        self._owner = int(np.argmin(nearest))
        self._cell, self._corner = np.array([cell], np.int32), int(corner)
        at = space.mesh.geometry.x[nodes[cell, corner]] if away.size else np.zeros(3)
        self.place: Float = np.asarray(self._comm.bcast(np.array(at), root=self._owner))
        self._expression = fem.Expression(
            displacement, corners, comm=space.comm, jit_options=COMPILER
        )

    def displacement(self) -> Float:
        """Return u (3,) in mm. Collective."""
        mine = None
        if self._comm.rank == self._owner:
            mine = self._expression.eval(self._mesh, self._cell)[0, self._corner]
        return np.asarray(self._comm.bcast(mine, root=self._owner))
