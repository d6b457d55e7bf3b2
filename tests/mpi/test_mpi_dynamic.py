"""Motion on several ranks as on one: ``mpiexec -n 2 python -m pytest -m mpi``."""

from typing import Any

import numpy as np
import pytest
import ufl
from dolfinx import fem
from mpi4py import MPI

from heart.anatomy.benchmark_ventricles import PROBES, monoventricle
from heart.anatomy.heart_mesh import Boundary
from heart.core.errors import MeshInputError
from heart.mechanics.active import ActiveStress
from heart.mechanics.axes import Axes
from heart.mechanics.compressibility import Penalty
from heart.mechanics.dynamic import Drive, DynamicProblem, Pressure
from heart.mechanics.energy_budget import EnergyBudget
from heart.mechanics.loads import Direction, Robin
from heart.mechanics.materials.neo_hookean import NeoHookean
from heart.mechanics.model import MechanicsModel
from heart.mechanics.space import Element, MechanicsSpace, tetrahedral
from heart.mechanics.time_stepper import TimeStepper
from heart.mechanics.viscosity import KelvinVoigt
from heart.numerics.profiles import load
from heart.observe.probes import Probes

AXES = Axes(*(ufl.as_vector(row) for row in np.eye(3).tolist()))
HEART = monoventricle(22.0, layers=1)
LADDER = [load("mechanics/direct")]


def space(comm: Any) -> MechanicsSpace:
    parts = tetrahedral(HEART.points, HEART.cells, HEART.facets, HEART.facet_tags, comm)
    return MechanicsSpace(*parts, Element.P2)


def beaten(comm: Any) -> np.ndarray:
    """Return probes at three times and the last energies of a ventricle with every term."""
    room = space(comm)
    tension = fem.Constant(room.mesh, 0.0)
    model = MechanicsModel(
        NeoHookean(5.0), Penalty(100.0), ActiveStress(tension), KelvinVoigt(20.0), 1.0
    )
    loads = [
        Pressure(Boundary.LV_ENDO, lambda time: 0.05 * time),
        Robin(Boundary.EPI, 1.0, 5.0, Direction.NORMAL),
        Robin(Boundary.BASE, 0.1, 5.0, Direction.FULL),
    ]
    problem = DynamicProblem(model, room, AXES, loads, [Drive(tension, lambda time: 0.2 * time)])
    probes, budget = Probes(room, PROBES), EnergyBudget(problem)
    seen: list[np.ndarray] = []

    def note(_step: object) -> None:
        budget.update()
        seen.append(probes.read(problem.present).ravel())

    TimeStepper(problem, LADDER).run(15.0, 5.0, [note])
    last = budget.history[-1]
    energies = [last.kinetic, last.stored, last.springs, last.pressure_work, last.lost, last.gap]
    return np.concatenate([*seen, energies])


@pytest.mark.mpi
def test_a_motion_does_not_depend_on_ranks() -> None:
    """Probes and energies after three steps, to 1e-6 of the largest."""
    shared, alone = beaten(MPI.COMM_WORLD), beaten(MPI.COMM_SELF)
    probes, energies = slice(0, 18), slice(18, None)
    assert np.abs(alone[probes]).max() > 0.01
    for part in (probes, energies):
        scale = np.abs(alone[part]).max()
        np.testing.assert_allclose(shared[part], alone[part], atol=1e-6 * scale, rtol=0.0)


@pytest.mark.mpi
def test_a_lost_probe_is_an_error_on_every_rank() -> None:
    """No rank waits for one that has given up."""
    with pytest.raises(MeshInputError, match="far away"):
        Probes(space(MPI.COMM_WORLD), {"far away": (500.0, 0.0, 0.0)})
