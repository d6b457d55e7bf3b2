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
        self._gradient: Any = fem.Expression(
            deformation_gradient(u), reference_samples(space), comm=space.comm
        )
        self._cells = np.arange(space.mesh.topology.index_map(3).size_local, dtype=np.int32)
        self._size = space.size()
        self.moving = moving(space)

    def worst(self) -> Worst:
        """Return the smallest volume ratio over vertices and centres of all cells. Collective."""
        mesh = self._space.mesh
        gradients = self._gradient.eval(mesh, self._cells).reshape(-1, 3, 3)
        with np.errstate(invalid="ignore"):
            ratios = np.linalg.det(gradients).reshape(len(self._cells), -1).min(axis=1)
        return worst_of(self._space, ratios, mesh.geometry.x)

    def jump(self, before: Float, after: Float) -> float:
        """Return the largest change of a displacement over the body's size. Collective."""
        change = np.abs(after - before)[self.moving]
        largest = self._space.comm.allgather(float(np.max(change, initial=0.0)))
        return max(largest) / self._size


def reference_samples(space: MechanicsSpace) -> Float:
    """Return the points of the reference cell where volume ratios are watched: vertices, centre."""
    corners = np.asarray(basix.geometry(space.mesh.basix_cell()), np.float64)
    return np.vstack([corners, corners.mean(axis=0)])


def worst_of(space: MechanicsSpace, ratios: Float, nodes: Float) -> Worst:
    """Return the cell with the smallest ratio, the first that is not finite before it. Collective.

    Parameters
    ----------
    space
        Its mesh.
    ratios
        One per cell of this rank, ghosts left out.
    nodes
        (n, 3) of the geometry in mm, where the cell's place is told.
    """
    mesh, ratio, place, cell = space.mesh, np.inf, (0.0, 0.0, 0.0), -1
    finite = bool(np.isfinite(ratios).all())
    if len(ratios):
        at = int(np.argmin(np.nan_to_num(ratios, nan=-np.inf)))
        x, y, z = nodes[mesh.geometry.dofmaps[0][at]].mean(axis=0).tolist()
        cell, ratio, place = (
            int(mesh.topology.original_cell_index[at]),
            float(ratios[at]),
            (x, y, z),
        )
    found = min(space.comm.allgather((finite, ratio, cell, place)), key=lambda one: one[:2])
    return Worst(ratio=found[1] if found[0] else float("nan"), cell=found[2], place=found[3])


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
