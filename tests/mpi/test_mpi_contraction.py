"""A contraction on several ranks as on one: ``mpiexec -n 2 python -m pytest -m mpi``."""

import numpy as np
import pytest
from mpi4py import MPI

from heart.mechanics.land2017 import Land2017
from heart.mechanics.time_stepper import TimeStepper
from heart.numerics.profiles import load
from tests.ellipsoids import Ventricle


def late(points: np.ndarray) -> np.ndarray:
    """Return activation that differs from vertex to vertex."""
    return 5.0 + 1.5 * (points[:, 0] + 10.0)


@pytest.mark.mpi
def test_contraction_does_not_depend_on_ranks() -> None:
    """Volume, mean tension and mean stretch of a wall activated from one side, to 1e-6."""
    found = []
    for comm in (MPI.COMM_WORLD, MPI.COMM_SELF):
        ventricle = Ventricle(Land2017(), edge=3.5, activation=late, comm=comm)
        TimeStepper(ventricle.beat, [load("mechanics/direct")]).run(60.0, 20.0)
        muscle, space = ventricle.muscle, ventricle.space
        owned = space.mesh.topology.index_map(3).size_local * len(muscle.field.points.rule)
        sums = [owned, muscle.tension[:owned].sum(), muscle.stretch[:owned].sum()]
        count, tension, stretch = comm.allreduce(np.array(sums, float))
        found.append([ventricle.volume, tension / count, stretch / count])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6)
    assert found[1][1] > 1.0
