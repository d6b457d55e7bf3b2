"""Two spaces on several ranks as on one: ``mpiexec -n 2 python -m pytest -m mpi``."""

import numpy as np
import pytest
from mpi4py import MPI

from heart.anatomy.idealised import slab
from heart.electro.ionic.population import CellLayout
from heart.electro.ionic.registry import cell_model
from heart.electro.tissue.bidomain import Bidomain
from heart.electro.tissue.bidomain_model import BidomainModel
from heart.electro.tissue.conductivity import REGISTRY, Part, tensors
from heart.electro.tissue.pseudo_bidomain import PseudoBidomain
from heart.electro.tissue.scheme import Scheme
from heart.electro.tissue.shock import ExtracellularStimulus
from heart.electro.tissue.space import TissueSpace
from heart.electro.tissue.stimulus import TissueStimulus

SCHEME = Scheme(dt=0.05, tolerance=1e-7)


def made(comm, grounded, degree=1):
    """A block with a hole of scar, a stimulus and a shock."""
    mesh = slab((3.0, 1.5, 1.0), 0.25 if degree == 1 else 0.5)
    space = TissueSpace(mesh.points, mesh.cells, degree, comm)
    axes = np.tile(np.eye(3), (len(mesh.cells), 1, 1))
    sets = REGISTRY["roberts1982"].conductivities
    centre = mesh.points[mesh.cells].mean(axis=1)
    model = BidomainModel(
        CellLayout((cell_model("tt2006_epi"),), np.zeros(space.nodes, int)),
        tensors(axes, sets, part=Part.INTRACELLULAR),
        tensors(axes, sets, part=Part.EXTRACELLULAR),
        conducting=np.linalg.norm(centre - [1.5, 0.75, 0.5], axis=1) > 0.45,
    )
    x = space.points[:, 0]
    stimulus = TissueStimulus(np.flatnonzero(x < 0.6), 0.0, 1.0, 60.0)
    ends = np.flatnonzero(x > 2.9), np.flatnonzero(x < 0.1)
    shock = ExtracellularStimulus(ends[0], None if grounded else ends[1], 0.3, 0.4, 3.0)
    return Bidomain(space, model, SCHEME, [stimulus], [shock], ground=ends[1] if grounded else None)


@pytest.mark.mpi
@pytest.mark.parametrize(("grounded", "degree"), [(False, 1), (True, 1), (False, 2)])
def test_bidomain_does_not_depend_on_ranks(grounded, degree):
    """Voltage, potential and electrograms to 1e-8 of their range; equal arrays on all ranks.

    Multigrid differs with the ranks, so the agreement is that of its tolerance, not round-off.
    """
    found = []
    for comm in (MPI.COMM_WORLD, MPI.COMM_SELF):
        problem = made(comm, grounded, degree)
        watcher = PseudoBidomain(
            problem.potential, every=0.25, electrodes=[[0.7, 0.3, 0.2], [2.0, 1.5, 1.0]], keep=True
        )
        problem.run(1.5, observers=[watcher])
        found.append((problem.voltage(0.0), problem.extracellular(), watcher))
    (v, phi, one), (v_alone, phi_alone, other) = found
    assert np.ptp(v_alone) > 50.0
    assert np.abs(v - v_alone).max() < 1e-8 * np.ptp(v_alone)
    allowed = 1e-8 * np.ptp(other.fields)
    assert np.abs(phi - phi_alone).max() < allowed
    assert np.abs(one.signals - other.signals).max() < allowed
    assert np.abs(one.fields - other.fields).max() < allowed
    assert np.array_equal(MPI.COMM_WORLD.bcast(phi), phi)


@pytest.mark.mpi
def test_bidomain_restarts_on_another_number_of_ranks():
    """Voltage and the potentials of the last steps are in the global order."""
    first = made(MPI.COMM_WORLD, grounded=False)
    first.run(0.5)
    snapshot, voltages = first.snapshot(), []
    for comm in (MPI.COMM_WORLD, MPI.COMM_SELF):
        problem = made(comm, grounded=False)
        problem.restore(snapshot)
        problem.run(1.0)
        voltages.append(problem.voltage(0.0))
    assert np.abs(voltages[0] - voltages[1]).max() < 1e-8 * np.ptp(voltages[1])
