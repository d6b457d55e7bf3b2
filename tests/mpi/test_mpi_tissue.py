"""The same wave on several ranks as on one: ``mpiexec -n 2 python -m pytest -m mpi``.

Every rank computes the tissue once together and once alone, and compares.
"""

from dataclasses import replace

import numpy as np
import pytest
from mpi4py import MPI

from heart.anatomy.idealised import slab
from heart.core.errors import NonFiniteError
from heart.electro.ionic.population import CellLayout
from heart.electro.ionic.registry import cell_model
from heart.electro.tissue.conductivity import REGISTRY, tensors
from heart.electro.tissue.model import MonodomainModel
from heart.electro.tissue.monodomain import Monodomain
from heart.electro.tissue.observer import ActivationRecorder
from heart.electro.tissue.operators import assemble
from heart.electro.tissue.scheme import Diffusion, Interpolation, Multirate, Scheme, Splitting
from heart.electro.tissue.space import TissueSpace
from heart.electro.tissue.stimulus import TissueStimulus

SCHEME = Scheme(dt=0.02, check_every=50)
SCHEMES = {
    "strang": SCHEME,
    "explicit": replace(SCHEME, diffusion=Diffusion.RKC, lumped=True),
    "multirate": replace(SCHEME, multirate=Multirate()),
    "bdf2": replace(SCHEME, splitting=Splitting.UNSPLIT, diffusion=Diffusion.BDF2),
    "interpolated_states": replace(
        SCHEME,
        splitting=Splitting.UNSPLIT,
        diffusion=Diffusion.IMPLICIT_EULER,
        interpolation=Interpolation.STATE_VARIABLE,
    ),
}


def made(scheme, comm, degree=1):
    """A block with a hole of scar and two kinds of cells."""
    mesh = slab((4.0, 1.5, 1.0), 0.25 if degree == 1 else 0.5)
    space = TissueSpace(mesh.points, mesh.cells, degree, comm)
    sigma = tensors(
        np.tile(np.eye(3), (len(mesh.cells), 1, 1)), REGISTRY["niederer2011"].conductivities
    )
    centre = mesh.points[mesh.cells].mean(axis=1)
    conducting = np.linalg.norm(centre - [2.0, 0.75, 0.5], axis=1) > 0.45
    kinds = (space.points[:, 2] > 0.6).astype(int)
    g_kr = np.linspace(0.1, 0.2, len(space.points))
    models = cell_model("tt2006_epi"), cell_model("tt2006_endo")
    layout = CellLayout(models, kinds, {"g_Kr": g_kr})
    stimulus = TissueStimulus(np.flatnonzero(space.points[:, 0] < 0.6), 0.0, 1.0, 60.0)
    model = MonodomainModel(layout, sigma, conducting=conducting)
    return Monodomain(space, model, scheme, [stimulus])


@pytest.mark.mpi
@pytest.mark.parametrize(("name", "degree"), [*((name, 1) for name in SCHEMES), ("strang", 2)])
def test_wave_does_not_depend_on_ranks(name, degree):
    """Voltage and all states to 1e-8, activation to 0.01 ms, the same arrays on all ranks."""
    recorders, problems = [], []
    for comm in (MPI.COMM_WORLD, MPI.COMM_SELF):
        recorder, problem = ActivationRecorder(), made(SCHEMES[name], comm, degree)
        problem.run(2.5, observers=[recorder])
        recorders.append(recorder.first())
        problems.append(problem)
    together, alone = (problem.voltage(0.0) for problem in problems)
    assert np.isfinite(recorders[1]).sum() > 20
    assert np.abs(together - alone).max() < 1e-8
    assert np.array_equal(np.isnan(recorders[0]), np.isnan(recorders[1]))
    assert np.nanmax(np.abs(recorders[0] - recorders[1])) < 1e-6
    assert np.array_equal(MPI.COMM_WORLD.bcast(together), together)
    states = [problem.snapshot() for problem in problems]
    for key, values in states[0].items():
        other = states[1][key]
        assert np.allclose(values, other, rtol=1e-8, atol=1e-10, equal_nan=True), key


@pytest.mark.mpi
def test_restart_on_another_number_of_ranks():
    """A snapshot is in the global order: what many ranks wrote one rank can continue."""
    first = made(SCHEME, MPI.COMM_WORLD)
    first.run(1.0)
    snapshot = first.snapshot()
    voltages = []
    for comm in (MPI.COMM_WORLD, MPI.COMM_SELF):
        second = made(SCHEME, comm)
        second.restore(snapshot)
        second.run(2.0)
        voltages.append(second.voltage(0.0))
    assert np.abs(voltages[0] - voltages[1]).max() < 1e-8


@pytest.mark.mpi
def test_a_failure_on_one_rank_is_raised_on_all():
    """A rank that waits for one that has failed hangs a job until its time limit."""
    problem = made(SCHEME, MPI.COMM_WORLD)
    problem.run(0.2)
    if problem.comm.rank == 0:
        problem.reaction.groups[0].cells.states[3, 0] = np.nan
    with pytest.raises(NonFiniteError, match="node"):
        problem.run(0.4)
    assert problem.last_good is not None


@pytest.mark.mpi
def test_operators_do_not_depend_on_ranks():
    """Mass and stiffness of both degrees, with scar, to round-off."""
    mesh = slab((2.0, 1.0, 1.0), 0.5)
    sigma = np.tile(np.diag([2.0, 3.0, 5.0]), (len(mesh.cells), 1, 1))
    conducting = mesh.points[mesh.cells].mean(axis=1)[:, 0] < 1.4
    for degree in (1, 2):
        found = []
        for comm in (MPI.COMM_WORLD, MPI.COMM_SELF):
            space = TissueSpace(mesh.points, mesh.cells, degree, comm)
            found.append(assemble(space, sigma, conducting, single=False).matrices())
        for a, b in zip(*found, strict=True):
            assert abs(a - b).max() < 1e-13
