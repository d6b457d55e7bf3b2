"""Probes read what the elements say, at any point and in any kind of cell."""

from __future__ import annotations

import numpy as np
import pytest
from dolfinx import fem
from dolfinx.mesh import CellType, create_box
from mpi4py import MPI

from heart.anatomy.benchmark_ventricles import curved_monoventricle, monoventricle
from heart.core.errors import MeshInputError
from heart.mechanics.space import Element, MechanicsSpace, marked, tetrahedral
from heart.observe.probes import Probes

POINTS = {"a": (0.31, 0.42, 0.17), "corner": (0.0, 0.0, 0.0), "b": (0.9, 0.05, 0.66)}


def quadratic(x: np.ndarray) -> np.ndarray:
    return np.stack([x[0] ** 2 - x[1], x[1] * x[2], 3.0 * x[0] + x[2] ** 2])


@pytest.mark.parametrize("element", [Element.P2, Element.P2_P1], ids=lambda one: one.name)
def test_quadratic_fields_are_read_exactly(element: Element) -> None:
    """Inside cells and at a corner, with and without a pressure unknown."""
    mesh = create_box(MPI.COMM_SELF, [[0, 0, 0], [1, 1, 1]], [2, 2, 2], CellType.tetrahedron)
    tags = marked(mesh, {1: lambda x: np.isclose(x[0], 0.0)})
    space = MechanicsSpace(mesh, tags, element)
    function = fem.Function(space.space)
    target = function.sub(0) if space.mixed else function
    target.interpolate(quadratic)
    probes = Probes(space, POINTS)
    expected = quadratic(np.array(list(POINTS.values())).T).T
    np.testing.assert_allclose(probes.read(function), expected, atol=1e-10)


@pytest.mark.parametrize("curved", [False, True])
def test_probes_of_the_benchmark_are_found_on_coarse_cells(curved: bool) -> None:
    """Curved cells, and straight ones that leave p0 just outside: the linear field is exact."""
    if curved:
        heart, points, cells = curved_monoventricle(14.0, layers=1)
    else:
        heart = monoventricle(12.0, layers=1)
        points, cells = heart.points, heart.cells
    mesh, tags = tetrahedral(points, cells, heart.facets, heart.facet_tags, MPI.COMM_SELF)
    space = MechanicsSpace(mesh, tags, Element.P2)
    function = fem.Function(space.space)
    # Nodes of the displacement are where the geometry puts them, so its place is read back.
    function.x.array.reshape(-1, 3)[:] = space.space.tabulate_dof_coordinates()
    wanted = {"p0": (25.0, 30.0, 0.0), "p1": (0.0, 30.0, 0.0)}
    places = Probes(space, wanted).read(function)
    np.testing.assert_allclose(places, list(wanted.values()), atol=1e-6)


def test_a_point_outside_is_named() -> None:
    """The user reads which probe, where it is and what to do."""
    mesh = create_box(MPI.COMM_SELF, [[0, 0, 0], [1, 1, 1]], [1, 1, 1], CellType.tetrahedron)
    space = MechanicsSpace(mesh, marked(mesh, {1: lambda x: np.isclose(x[0], 0.0)}), Element.P1)
    with pytest.raises(MeshInputError, match=r"apex.*in no cell.*into the wall"):
        Probes(space, {"apex": (1.5, 0.5, 0.5)})
