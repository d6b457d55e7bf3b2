"""Looks at a deformation for signs of failure: squeezed cells, and jumps between two states."""

from __future__ import annotations

from typing import Any

import basix
import numpy as np
from dolfinx import fem
from numpy.typing import NDArray

from heart.mechanics.kinematics import Expression, deformation_gradient
from heart.mechanics.space import MechanicsSpace
from heart.numerics.step_controller import Worst

Float = NDArray[np.float64]


class Watch:
    """The worst cell and the size of jumps of a displacement.

    Parameters
    ----------
    space
        Mesh and elements.
    u
        UFL expression of the displacement; changes with its function.
    """

    def __init__(self, space: MechanicsSpace, u: Expression) -> None:
        self._space = space
        corners = np.asarray(basix.geometry(space.mesh.basix_cell()), np.float64)
        sample = np.vstack([corners, corners.mean(axis=0)])
        self._gradient: Any = fem.Expression(deformation_gradient(u), sample, comm=space.comm)
        self._cells = np.arange(space.mesh.topology.index_map(3).size_local, dtype=np.int32)
        self._size = space.size()
        self.moving = moving(space)

    def worst(self) -> Worst:
        """Return the smallest volume ratio over vertices and centres of all cells. Collective."""
        mesh = self._space.mesh
        gradients = self._gradient.eval(mesh, self._cells).reshape(-1, 3, 3)
        with np.errstate(invalid="ignore"):
            ratios = np.linalg.det(gradients).reshape(len(self._cells), -1).min(axis=1)
        finite = bool(np.isfinite(ratios).all())
        ratio, place, cell = np.inf, (0.0, 0.0, 0.0), -1
        if len(ratios):
            at = int(np.argmin(np.nan_to_num(ratios, nan=-np.inf)))
            centre = mesh.geometry.x[mesh.geometry.dofmaps[0][at]].mean(axis=0)
            cell = int(mesh.topology.original_cell_index[at])
            ratio, place = float(ratios[at]), (float(centre[0]), float(centre[1]), float(centre[2]))
        everyone = self._space.comm.allgather((finite, ratio, cell, place))
        found = min(everyone, key=lambda one: (one[0], one[1]))
        return Worst(ratio=found[1] if found[0] else float("nan"), cell=found[2], place=found[3])

    def jump(self, before: Float, after: Float) -> float:
        """Return the largest change of a displacement over the body's size. Collective."""
        change = np.abs(after - before)[self.moving]
        largest = self._space.comm.allgather(float(np.max(change, initial=0.0)))
        return max(largest) / self._size


def moving(space: MechanicsSpace) -> NDArray[np.bool_]:
    """Return which of the unknowns that this rank owns are displacements."""
    layout = space.space.dofmap
    owned = layout.index_map.size_local * layout.index_map_bs
    if not space.mixed:
        return np.ones(owned, bool)
    _, dofs = space.space.sub(0).collapse()
    mask = np.zeros(owned, bool)
    local = np.asarray(dofs)
    mask[local[local < owned]] = True
    return mask
