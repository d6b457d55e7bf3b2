"""Rigid motions: which of them nothing holds, found before a solve instead of as a failed one.

A body that can float gives a singular tangent, which a direct solver may answer with a large
wrong motion. The six motions are tried on everything that holds the body: prescribed components
of the displacement, and springs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from dolfinx.mesh import entities_to_geometry
from numpy.typing import NDArray
from petsc4py import PETSc

from heart.core.errors import ParameterError
from heart.mechanics.loads import Direction, Fixed, Load, Robin
from heart.mechanics.space import FACETS, MechanicsSpace

Float = NDArray[np.float64]

NAMES = tuple(
    f"{kind} {axis}" for kind in ("translation along", "rotation about") for axis in "xyz"
)
FREE = 1e-8
SHOWN = 0.3


def motions(points: Float, centre: Float, size: float) -> Float:
    """Return the six rigid motions (6, n, 3) at points (n, 3), rotations scaled by the size."""
    arm = (points - centre) / size
    fields = np.zeros((6, len(points), 3))
    for axis in range(3):
        fields[axis, :, axis] = 1.0
        fields[3 + axis] = np.cross(np.eye(3)[axis], arm)
    return fields


def require_held(space: MechanicsSpace, loads: Sequence[Load]) -> None:
    """Refuse loads that leave a rigid motion of the body free. Collective.

    Raises
    ------
    ParameterError
        Names the free motions, or the closest axes of a combined one.
    """
    points = space.mesh.geometry.x
    size = space.size()
    count = space.comm.allreduce(len(points))
    centre = space.comm.allreduce(points.sum(axis=0)) / count
    gram = np.zeros((6, 6))
    for load in loads:
        rows = _rows(space, load, centre, size)
        if rows is not None:
            gram += rows @ rows.T / max(rows.shape[1], 1)
    gram = space.comm.allreduce(gram)
    values, vectors = np.linalg.eigh(gram)
    free = vectors[:, values < FREE * max(values[-1], 1e-300)]
    if values[-1] <= 0.0:
        free = np.eye(6)
    if free.shape[1]:
        share = np.linalg.norm(free, axis=1)
        names = [name for name, part in zip(NAMES, share, strict=True) if part > SHOWN]
        raise ParameterError(
            f"nothing holds the body against {free.shape[1]} rigid motions: {', '.join(names)}",
            expected="fixed faces or springs that hold all six",
            fix="fix the base, or add springs to the base or the epicardium",
        )


def _rows(space: MechanicsSpace, load: Load, centre: Float, size: float) -> Float | None:
    """Return what each motion does to what a load holds, (6, k) on this rank."""
    if not isinstance(load, Fixed | Robin):
        return None
    if isinstance(load, Robin) and isinstance(load.stiffness, int | float) and load.stiffness <= 0:
        return None
    corners = _corners(space, int(load.boundary))
    places = corners.reshape(-1, 3)
    fields = motions(places, centre, size)
    if isinstance(load, Fixed):
        return np.asarray(fields[:, :, list(load.components)].reshape(6, -1))
    if load.direction is Direction.FULL:
        return fields.reshape(6, -1)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-300)
    return np.einsum("mkj,kj->mk", fields, normal.repeat(corners.shape[1], axis=0))


def _corners(space: MechanicsSpace, boundary: int) -> Float:
    """Return the vertices (k, 3 or 4, 3) of a boundary's facets on this rank."""
    mesh = space.mesh
    mesh.topology.create_connectivity(FACETS, 3)
    facets = space.facets.find(boundary)
    width = 3 if mesh.basix_cell().name == "tetrahedron" else 4
    if not len(facets):
        return np.zeros((0, width, 3))
    nodes = entities_to_geometry(mesh, FACETS, facets)[:, :width]
    return np.asarray(mesh.geometry.x[nodes])


def near_nullspace(space: MechanicsSpace) -> Any:
    """Return the rigid motions as a PETSc near null space of the rows of displacement.

    These are all rows of a space without pressure, and those of `displacement_rows` of a mixed one.
    """
    places = _owned_nodes(space)
    count, total = space.comm.allreduce(len(places)), space.comm.allreduce(places.sum(axis=0))
    vectors, comm = [], space.mesh.comm
    for field in motions(places, total / count, space.size()):
        vector = PETSc.Vec().createMPI((field.size, None), bsize=3, comm=comm)
        vector.array[:] = field.ravel()
        vectors.append(vector)
    _orthonormalise(vectors)
    return PETSc.NullSpace().create(vectors=vectors, comm=comm)


def displacement_rows(space: MechanicsSpace) -> NDArray[np.integer]:
    """Return the local rows of displacement of a mixed space that this rank owns, in order.

    The three of a node follow one another.
    """
    _, dofs = space.space.sub(0).collapse()
    rows = np.unique(np.asarray(dofs, np.int64))
    return rows[rows < space.space.dofmap.index_map.size_local]


def _owned_nodes(space: MechanicsSpace) -> Float:
    """Return the places of displacement in the order of its rows."""
    if not space.mixed:
        owned = space.space.dofmap.index_map.size_local
        return np.asarray(space.space.tabulate_dof_coordinates()[:owned])
    collapsed, dofs = space.space.sub(0).collapse()
    rows = np.asarray(dofs, np.int64).ravel()[::3]
    mine = np.flatnonzero(rows < space.space.dofmap.index_map.size_local)
    return np.asarray(collapsed.tabulate_dof_coordinates()[mine[np.argsort(rows[mine])]])


def _orthonormalise(vectors: list[Any]) -> None:
    for k, vector in enumerate(vectors):
        for other in vectors[:k]:
            vector.axpy(-vector.dot(other), other)
        vector.normalize()
