"""Distance inside the wall from a set of nodes, by the heat method and its fixed point.

A short heat flow gives the direction away from the source, a Poisson solve turns unit directions
into a distance [Crane2013].  Two elliptic solves that PETSc does in parallel, no ordering of
nodes.  The flow time is tied to the size of the heart, not to the edge length: with the usual
h² the far values fall below the tolerance of an iterative solver.  What this smooths is taken
back by repeating the Poisson step with the directions of the distance just found, a descent of
∫ (|∇φ| − 1)² that reuses the matrix.  Around the source, where a point is a singularity that no
P1 field resolves, the straight distance is prescribed on a few edge lengths.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from heart.core.errors import MeshInputError
from heart.numerics import profiles, tetrahedra
from heart.numerics.ksp import LinearSolver
from heart.numerics.p1 import P1Space

Float = NDArray[np.float64]
Int = NDArray[np.integer]

DECAYS = 12.0
SWEEPS = 1
FLOW_PROFILE = "elliptic_near"
NEAR_EDGES = 6.0
NEAR_AT_MOST = 10.0


class DirichletSolver:
    """One matrix with one set of prescribed nodes, set up once for many loads.

    Parameters
    ----------
    space
        P1 space on which the matrix lives.
    matrix
        From `P1Space.stiffness` or a combination; left unchanged.
    nodes, values
        (k,) prescribed global nodes and the values there.
    """

    def __init__(
        self, space: P1Space, matrix: object, nodes: Int, values: Float, profile: str
    ) -> None:
        self._space, self._nodes, self._values = space, nodes, values
        marker = np.zeros(space.nodes)
        marker[nodes] = 1.0
        prescribed = np.zeros(space.nodes)
        prescribed[nodes] = values
        self._fixed = space.vector(marker)
        self._value = space.vector(prescribed)
        self._lift = self._value.duplicate()
        self._system = matrix.copy()  # type: ignore[attr-defined]
        self._system.mult(self._value, self._lift)
        start = self._system.getOwnershipRange()[0]
        rows = (np.flatnonzero(self._fixed.array > 0.5) + start).astype(np.int32)
        self._system.zeroRowsColumns(rows, 1.0)
        self._solver = LinearSolver(self._system, profiles.load(profile))

    def solve(self, load: object | None = None) -> Float:
        """Return the solution (n,) for a PETSc load vector, or for none."""
        rhs = self._lift.copy()
        rhs.scale(-1.0)
        if load is not None:
            rhs.axpy(1.0, load)
        fixed = self._fixed.array > 0.5
        rhs.array[fixed] = self._value.array[fixed]
        solution = self._value.copy()
        self._solver.solve(rhs, solution)
        result = self._space.gather(solution)
        result[self._nodes] = self._values
        rhs.destroy()
        solution.destroy()
        return result

    def destroy(self) -> None:
        """Free the PETSc objects."""
        for thing in (self._solver, self._system, self._lift, self._value, self._fixed):
            thing.destroy()


def unit(vectors: Float, floor: float = 1e-300) -> Float:
    """Return vectors (…, 3) of length 1; shorter than `floor` they keep their ratio to it."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), floor)


def distance(
    space: P1Space,
    points: Float,
    cells: Int,
    sources: Int,
    *,
    sweeps: int = SWEEPS,
    profile: str = "elliptic_gamg",
) -> Float:
    """Return the geodesic distance to the nearest of the nodes `sources`, through the cells.

    Parameters
    ----------
    space
        P1 space of `points` (n, 3) in mm and `cells` (m, 4).
    sources
        (k,) node indices, k >= 1; the distance there is exactly 0.
    sweeps
        Repeated Poisson steps after the heat method's own.

    Returns
    -------
    ndarray
        (n,) mm, not negative, equal on all ranks.

    Raises
    ------
    MeshInputError
        No source node.

    References
    ----------
    [Crane2013] algorithm 1.
    """
    if len(sources) == 0:
        raise MeshInputError("no source node for a distance", fix="name the boundary it starts at")
    reach = float(np.linalg.norm(points - points[sources].mean(axis=0), axis=1).max())
    stiffness = space.stiffness()
    heat = stiffness.copy()
    heat.scale((reach / DECAYS) ** 2)
    lumped = space.vector(tetrahedra.node_volumes(points, cells))
    lumped.axpy(1.0, heat.getDiagonal())
    heat.setDiagonal(lumped)
    hot = DirichletSolver(space, heat, sources, np.ones(len(sources)), FLOW_PROFILE)
    field = -hot.solve()
    hot.destroy()
    ends = points[cells[:, tetrahedra.EDGES]]
    edge = float(np.linalg.norm(ends[:, :, 1] - ends[:, :, 0], axis=2).mean())
    near = min(NEAR_EDGES * edge, max(NEAR_AT_MOST, 2.5 * edge))
    straight = np.asarray(cKDTree(points[sources]).query(points)[0])
    known = np.flatnonzero(straight < near)
    poisson = DirichletSolver(space, stiffness, known, straight[known], profile)
    for _ in range(1 + sweeps):
        load = space.divergence_load(unit(tetrahedra.cell_gradients(points, cells, field)))
        field = poisson.solve(load)
        load.destroy()
    for thing in (poisson, lumped, heat, stiffness):
        thing.destroy()
    return np.maximum(field, 0.0)
