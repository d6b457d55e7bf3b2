"""Tangents that go straight to their places in the matrix are those of the mesh as it is now."""

from __future__ import annotations

import basix.ufl
import numpy as np
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


def test_places_are_kept_for_pairs_of_nodes() -> None:
    """Nine entries share a place; with one for each, places were a tenth of a solve's memory."""
    mesh = create_unit_cube(MPI.COMM_SELF, 2, 2, 2)
    cell = mesh.basix_cell()
    displacement = basix.ufl.element("Lagrange", cell, 2, shape=(3,))
    pressure = basix.ufl.element("Lagrange", cell, 1)
    space = fem.functionspace(mesh, basix.ufl.mixed_element([displacement, pressure]))
    state, test = fem.Function(space), ufl.TestFunction(space)
    u, p = ufl.split(state)
    measure = ufl.dx(domain=mesh, metadata={"quadrature_degree": 2})
    energy = ufl.inner(ufl.grad(u), ufl.grad(u)) * (1.0 + p) + p * ufl.tr(ufl.grad(u))
    form = ufl.derivative(energy * measure, state, test)
    norms, kept = [], []
    for assembly in Assembly:
        system = NonlinearSystem([form], state, assembly=assembly)
        system.unknowns.array[:] = np.sin(np.arange(len(system.unknowns.array)))
        for _ in range(2):
            system.tangent(system.unknowns, system.matrix)
        product = system.vector.duplicate()
        system.matrix.mult(system.unknowns, product)
        norms.append(product.array.copy())
        if system._insertion is not None:
            kept.append(system._insertion._places.shape[1:])
    np.testing.assert_allclose(norms[0], norms[1], rtol=1e-10, atol=1e-10)
    assert kept == [(14, 14)]
