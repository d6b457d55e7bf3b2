"""Reaction-eikonal on several ranks as on one: ``mpiexec -n 2 python -m pytest -m mpi``.

Every rank computes the strand once together and once alone, and compares.
"""

import numpy as np
import pytest
from mpi4py import MPI

from heart.electro.ionic.population import CellLayout
from heart.electro.ionic.registry import cell_model
from heart.electro.reaction_eikonal.excitation import Excitation
from heart.electro.reaction_eikonal.problem import ReactionEikonal, Waves
from heart.electro.reaction_eikonal.restitution import Restitution
from heart.electro.reaction_eikonal.scheme import ReactionEikonalScheme
from heart.electro.tissue.model import MonodomainModel
from heart.electro.tissue.space import TissueSpace
from heart.numerics.eikonal import EikonalMesh, Lengths, tetrahedron_lengths, triangle_lengths
from heart.study.verification.shapes import box

# Cells in one step each, and the default: each block of cells chooses its own steps.
UNIFORM = ReactionEikonalScheme(dt=0.2, upstroke_dt=0.2, window=0.2)
BY_BLOCK = ReactionEikonalScheme()


@pytest.mark.mpi
@pytest.mark.parametrize("scheme", [UNIFORM, BY_BLOCK], ids=["one", "block"])
def test_waves_and_checkpoints_do_not_depend_on_ranks(scheme):
    """Two waves round a scar in two kinds of cells; a snapshot of all ranks goes on on one."""
    points, cells = box((20.0, 3.0, 2.0), 1.0)
    conducts = np.linalg.norm(points[cells].mean(axis=1) - [9.0, 1.0, 1.0], axis=1) > 1.6
    mesh = EikonalMesh.from_cells(points, cells, conducting=conducts)
    lengths = Lengths(tetrahedron_lengths(mesh, np.eye(3) / 0.5**2), triangle_lengths(mesh, 0.0))
    curve = Restitution(np.array([49.0, 340.0]), np.array([0.42, 1.0]), -86.2, -74.3)
    model = MonodomainModel(
        CellLayout(
            (cell_model("mitchell_schaeffer"), cell_model("mitchell_schaeffer")),
            (points[:, 2] > 1.5).astype(int),
        ),
        np.tile(0.13 * np.eye(3), (len(cells), 1, 1)),
        conducting=conducts,
    )
    pacing = (Excitation(np.flatnonzero(points[:, 0] < 1e-9), 0.0, 360.0, 2),)

    def problem(comm):
        space = TissueSpace(points, cells, comm=comm)
        return ReactionEikonal(space, model, Waves(mesh, lengths, (curve, curve)), scheme, pacing)

    together, alone, resumed = (
        problem(comm) for comm in (MPI.COMM_WORLD, MPI.COMM_SELF, MPI.COMM_SELF)
    )
    together.run(365.5)
    resumed.restore(together.snapshot())
    for one in (together, alone, resumed):
        one.run(470.0)
    for one in (together, resumed):
        assert np.nanmax(np.abs(one.voltage() - alone.voltage())) < 1e-8
        assert np.allclose(one.last_activation(), alone.last_activation(), rtol=0.0, atol=1e-8)
