"""A thick tube of straight tetrahedra, on which motions with closed forms are prescribed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from dolfinx import fem
from mpi4py import MPI

from heart.anatomy import idealised
from heart.mechanics.space import Element, MechanicsSpace, tetrahedral
from heart.numerics import tetrahedra
from heart.observe.wall_points import WallPoints
from heart.observe.wall_segments import Directions, axial_directions

INNER, OUTER, HEIGHT = 7.0, 10.0, 12.0
INSIDE, OUTSIDE, BOTTOM, TOP = 2, 1, 7, 8
UP = np.array([0.0, 0.0, 1.0])


@dataclass
class Tube:
    """Space, a displacement to prescribe, centres of the cells as they were given."""

    space: MechanicsSpace
    u: Any
    centres: np.ndarray

    def move(self, motion: Callable[[np.ndarray], np.ndarray]) -> None:
        """Set the displacement so that points X (n, 3) go to motion(X)."""
        self.u.interpolate(lambda x: (motion(x.T) - x.T).T)
        self.u.x.scatter_forward()

    @cached_property
    def points(self) -> WallPoints:
        """Points of the wall."""
        return WallPoints(self.space, self.u)

    @cached_property
    def directions(self) -> Directions:
        """Directions of this rank's cells."""
        middle = self.points.cell_means(self.points.place)
        return axial_directions(middle * [1.0, 1.0, 0.0], UP)

    @cached_property
    def quadrants(self) -> np.ndarray:
        """Labels 0 to 3 around the axis, whole columns from the inner to the outer surface."""
        middle = self.points.cell_means(self.points.place)
        turn = np.mod(np.arctan2(middle[:, 1], middle[:, 0]), 2.0 * np.pi)
        return np.minimum((turn / (0.5 * np.pi)).astype(int), 3)


def tube(
    layers: int = 2,
    around: int = 16,
    high: int = 4,
    element: Element = Element.P2,
    comm: MPI.Intracomm = MPI.COMM_SELF,
) -> Tube:
    """Return a tube about z of so many cells through the wall, around and along."""
    grid = idealised.slab((float(layers), float(around), float(high)), 1.0)
    shape = (layers + 1, around + 1, high + 1)
    number = np.arange(len(grid.points)).reshape(shape)
    number[:, -1] = number[:, 0]
    kept = np.unique(number)
    cells = np.searchsorted(kept, number.ravel())[grid.cells]
    part = grid.points[kept] / np.array([layers, around, high])
    radius, angle = INNER + (OUTER - INNER) * part[:, 0], 2.0 * np.pi * part[:, 1]
    points = np.column_stack([radius * np.cos(angle), radius * np.sin(angle), HEIGHT * part[:, 2]])
    cells = tetrahedra.oriented(points, cells)
    facets, _ = tetrahedra.boundary_faces(cells)
    tags = np.full(len(facets), INSIDE)
    for tag, axis, value in ((OUTSIDE, 0, 1.0), (BOTTOM, 2, 0.0), (TOP, 2, 1.0)):
        tags[(np.abs(part[facets][:, :, axis] - value) < 1e-9).all(axis=1)] = tag
    mesh, marks = tetrahedral(points, cells, facets, tags, comm)
    space = MechanicsSpace(mesh, marks, element)
    return Tube(space, fem.Function(space.space), points[cells].mean(axis=1))


def about_axis(angle: np.ndarray | float, x: np.ndarray) -> np.ndarray:
    """Return points (n, 3) turned about z by angles in rad, right-handed."""
    c, s = np.cos(angle), np.sin(angle)
    return np.column_stack([c * x[:, 0] - s * x[:, 1], s * x[:, 0] + c * x[:, 1], x[:, 2]])


def rotation(axis: list[float], angle: float) -> np.ndarray:
    """Return the matrix (3, 3) of a rotation about any axis."""
    k = np.asarray(axis) / np.linalg.norm(axis)
    K = np.array([[0.0, -k[2], k[1]], [k[2], 0.0, -k[0]], [-k[1], k[0], 0.0]])
    return np.asarray(np.eye(3) + np.sin(angle) * K + (1.0 - np.cos(angle)) * K @ K)
