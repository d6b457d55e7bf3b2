"""Kernels and direct insertion on several ranks: ``mpiexec -n 2 python -m pytest -m mpi``."""

from __future__ import annotations

import numpy as np
import pytest
import ufl
from dolfinx.mesh import CellType, create_box
from mpi4py import MPI

from heart.mechanics.axes import Axes
from heart.mechanics.compressibility import Incompressible, Penalty
from heart.mechanics.loads import Fixed, FollowerPressure
from heart.mechanics.materials.neo_hookean import NeoHookean
from heart.mechanics.model import MechanicsModel
from heart.mechanics.space import Element, MechanicsSpace, marked
from heart.mechanics.static import StaticProblem
from heart.numerics.newton import Assembly
from heart.numerics.profiles import load

AXES = Axes(*(ufl.as_vector(row) for row in np.eye(3).tolist()))
SIDES = {1: lambda x: np.isclose(x[0], 0.0), 2: lambda x: np.isclose(x[0], 4.0)}


def bar(comm: MPI.Intracomm, element: Element, assembly: Assembly) -> StaticProblem:
    """Return a bar that is held at one end and pushed at the other."""
    mesh = create_box(comm, [[0, 0, 0], [4, 1, 1]], [4, 1, 1], CellType.tetrahedron)
    space = MechanicsSpace(mesh, marked(mesh, SIDES), element)
    volume = Incompressible() if space.mixed else Penalty(100.0)
    model = MechanicsModel(NeoHookean(15.0), volume)
    return StaticProblem(
        model, space, AXES, [Fixed(1), FollowerPressure(2, 1.0)], assembly=assembly
    )


def shaped(problem: StaticProblem) -> None:
    """Set a state that is the same function of place on any number of ranks."""
    u = problem.state.sub(0) if problem.space.mixed else problem.state
    u.interpolate(lambda x: 0.02 * np.array([np.sin(x[0]), x[0] * x[1], np.cos(x[2]) * x[0]]))
    problem.state.x.scatter_forward()


@pytest.mark.mpi
@pytest.mark.parametrize("element", [Element.P2_P1, Element.P2])
def test_kernels_on_ranks_are_the_form(element: Element) -> None:
    """The first tangent goes through DOLFINx, the second to its places: both as the compiler's."""
    found = {}
    for assembly in Assembly:
        system = (problem := bar(MPI.COMM_WORLD, element, assembly)).system
        assert system.assembly is assembly
        shaped(problem)
        x, along = system.vector.duplicate(), system.matrix.createVecRight()
        x.array[:] = system.values()
        along.array[:] = np.sin(np.arange(along.getSize())[slice(*along.getOwnershipRange())])
        products = []
        for _ in range(2):
            system.tangent(x, system.matrix)
            products.append(system.matrix.createVecLeft())
            system.matrix.mult(along, products[-1])
        residual = system.vector.duplicate()
        system.residual(x, residual)
        found[assembly] = (residual, *products)
    for ours, theirs in zip(found[Assembly.KERNEL], found[Assembly.FORM], strict=True):
        assert (ours - theirs).norm() < 1e-12 * theirs.norm()


@pytest.mark.mpi
def test_the_solution_does_not_depend_on_ranks() -> None:
    """Length and side of the loaded bar, to 1e-9 of its length."""
    found = []
    for comm in (MPI.COMM_WORLD, MPI.COMM_SELF):
        problem = bar(comm, Element.P2_P1, Assembly.KERNEL)
        problem.solve(load("mechanics/direct"))
        u = problem.displacement().x.array
        found.append((comm.allreduce(u.max(), MPI.MAX), comm.allreduce(u.min(), MPI.MIN)))
    np.testing.assert_allclose(found[0], found[1], rtol=0, atol=4e-9)
