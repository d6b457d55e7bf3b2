"""Tangents that go straight to their places in the matrix are those of the mesh as it is now."""

from __future__ import annotations

import pytest
import ufl
from dolfinx import fem
from dolfinx.mesh import create_unit_cube
from mpi4py import MPI

from heart.numerics.newton import Assembly, NonlinearSystem


def norms(assembly: Assembly) -> tuple[float, float]:
    """Return the norm of a tangent before and after its mesh is stretched."""
    mesh = create_unit_cube(MPI.COMM_WORLD, 2, 2, 2)
    space = fem.functionspace(mesh, ("Lagrange", 1, (3,)))
    state, test = fem.Function(space), ufl.TestFunction(space)
    measure = ufl.dx(domain=mesh, metadata={"quadrature_degree": 2})
    strain = ufl.sym(ufl.grad(state))
    energy = ufl.inner(strain, strain) * (1.0 + ufl.tr(strain) ** 2)
    system = NonlinearSystem(
        [ufl.derivative(energy * measure, state, test)], state, assembly=assembly
    )
    assert system.assembly is assembly
    system.unknowns.set(0.0)
    found = []
    for stretch in (1.0, 2.0):
        mesh.geometry.x[:, 0] *= stretch
        system.tangent(system.unknowns, system.matrix)
        found.append(float(system.matrix.norm()))
    return found[0], found[1]


def test_tangent_follows_a_mesh_that_moves() -> None:
    """Unloading moves nodes under a problem; a stale tangent let Newton crawl for 25 steps."""
    ours, compiled = norms(Assembly.KERNEL), norms(Assembly.FORM)
    assert ours == pytest.approx(compiled, rel=1e-12)
    assert abs(ours[1] / ours[0] - 1.0) > 0.05
