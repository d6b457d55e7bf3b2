"""Coordinates on several ranks equal those on one: ``mpiexec -n 2 python -m pytest -m mpi``.

Every rank computes the heart once together and once alone, and compares.
"""

import numpy as np
import pytest
from mpi4py import MPI

from heart.anatomy import coordinates, frames, idealised, rotation
from heart.numerics.geodesic import distance
from heart.numerics.p1 import P1Space


@pytest.mark.mpi
def test_distance_does_not_depend_on_ranks():
    """The same PETSc solve, distributed or not, to 1e-6 of the longest distance."""
    mesh = idealised.lv_ellipsoid(2.0)
    sources = np.flatnonzero(mesh.points[:, 2] > 4.9)
    fields = [
        distance(P1Space(mesh.points, mesh.cells, comm), mesh.points, mesh.cells, sources)
        for comm in (MPI.COMM_WORLD, MPI.COMM_SELF)
    ]
    assert np.abs(fields[0] - fields[1]).max() < 1e-6 * fields[1].max()


@pytest.mark.mpi
def test_coordinates_do_not_depend_on_ranks(monkeypatch):
    """All coordinates of a biventricle agree to 1e-6, and all ranks hold the same arrays."""
    mesh = idealised.biv_ellipsoid(5.0)
    together = coordinates.compute(mesh)

    def alone(points, cells):
        return P1Space(points, cells, MPI.COMM_SELF)

    monkeypatch.setattr(frames, "P1Space", alone)
    monkeypatch.setattr(rotation, "P1Space", alone)
    single = coordinates.compute(mesh)
    assert np.array_equal(together.chamber, single.chamber)
    assert np.abs(together.apicobasal - single.apicobasal).max() < 1e-6
    assert np.abs(together.transmural - single.transmural).max() < 1e-6
    off = np.abs(together.rotational - single.rotational)
    assert np.minimum(off, 1.0 - off).max() < 1e-6
    first = MPI.COMM_WORLD.bcast(together.apicobasal if MPI.COMM_WORLD.rank == 0 else None)
    assert np.array_equal(first, together.apicobasal)
