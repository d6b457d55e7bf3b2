"""A wave that one rank has to itself is iterated without the others, with the same result."""

import numpy as np
import pytest
from mpi4py import MPI

from heart.anatomy.idealised import slab
from heart.electro.tissue.implicit import ImplicitDiffusion
from heart.electro.tissue.operators import assemble
from heart.electro.tissue.space import TissueSpace


def solved(comm, told=None):
    """Diffuse a field with a front that walks through a strip of 24 mm; return it at the end."""
    mesh = slab((24.0, 1.0, 1.0), 0.25)
    space = TissueSpace(mesh.points, mesh.cells, comm=comm)
    operators = assemble(space, np.tile(0.1 * np.eye(3), (len(mesh.cells), 1, 1)), single=False)
    solver = ImplicitDiffusion(operators, lumped=False, tolerance=1e-6)
    shared = solver._shared_by

    def noted(inside, mask):
        answer = shared(inside, mask)
        if told is not None:
            told.append(answer[1])
        return answer

    solver._shared_by = noted
    x = space.points[operators.nodes, 0]
    voltage = operators.vector()
    voltage[: operators.rows] = -85.0
    for step in range(300):
        # The reaction: a step of 0.08 mm of a front that diffusion would blur.
        front = 2.0 + 0.066 * step
        rise = 100.0 / (1.0 + np.exp((x - front) / 0.3))
        voltage[: operators.rows] += 0.5 * (rise - 85.0 - voltage[: operators.rows])
        solver.step(voltage, 0.01, 0.02)
    return operators.gather(voltage)


@pytest.mark.mpi
def test_one_rank_alone_gives_what_all_together_give():
    """Both ways are taken on several ranks, and the field is that of one rank to 1e-8 mV."""
    told: list[bool] = []
    together = solved(MPI.COMM_WORLD, told)
    alone = solved(MPI.COMM_SELF)
    assert np.abs(together - alone).max() < 1e-8
    if MPI.COMM_WORLD.size > 1:
        assert any(told)
        assert not all(told)
