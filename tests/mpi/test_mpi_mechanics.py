"""Mechanics on several ranks as on one: ``mpiexec -n 2 python -m pytest -m mpi``."""

from typing import Any

import numpy as np
import pytest
import ufl
from dolfinx import fem
from mpi4py import MPI

from heart.anatomy.heart_mesh import Boundary
from heart.anatomy.idealised import biv_ellipsoid
from heart.core.errors import MeshInputError
from heart.mechanics.axes import Axes
from heart.mechanics.cavities import CavityProblem, with_cavities
from heart.mechanics.cavity_volume import VolumeFunctional
from heart.mechanics.loads import CavityVolume, Direction, Fixed, FollowerPressure, Robin
from heart.mechanics.materials.neo_hookean import NeoHookean
from heart.mechanics.model import MechanicsModel
from heart.mechanics.relations import PrescribedVolumes
from heart.mechanics.space import Element, MechanicsSpace, tetrahedral, vertex_numbers
from heart.mechanics.static import StaticProblem
from heart.numerics.profiles import load
from heart.numerics.step_controller import Policy, StepController

LADDER = [load("mechanics/direct")]
AXES = Axes(*(ufl.as_vector(row) for row in np.eye(3).tolist()))
MODEL = MechanicsModel(NeoHookean(10.0))
HEART = biv_ellipsoid(14.0)
CAVITIES = [CavityVolume(Boundary.LV_ENDO, 1.0), CavityVolume(Boundary.RV_ENDO, 1.0)]


def space(comm: Any, tags: Any = None) -> MechanicsSpace:
    """Return quadratic displacement and linear pressure on both ventricles."""
    tags = HEART.facet_tags if tags is None else tags
    return MechanicsSpace(*tetrahedral(HEART.points, HEART.cells, HEART.facets, tags, comm))


def stepped(problem: Any) -> Any:
    """Return the problem at full load."""
    StepController(problem, LADDER, Policy(first=0.5, largest=0.5)).run()
    return problem


def at_vertices(problem: StaticProblem) -> np.ndarray:
    """Return displacements at the vertices in the order of the input, the same on all ranks."""
    mesh, u = problem.space.mesh, problem.displacement()
    cells = mesh.topology.index_map(3).size_local
    vertices = mesh.topology.connectivity(3, 0).array.reshape(-1, 4)[:cells]
    numbers = vertex_numbers(mesh)[vertices]
    values = u.x.array.reshape(-1, 3)[np.asarray(u.function_space.dofmap.list)[:cells, :4]]
    found = np.full((len(HEART.points), 3), -np.inf)
    found[numbers] = values
    everything = np.empty_like(found)
    mesh.comm.Allreduce(found, everything, op=MPI.MAX)
    return everything


def filled(comm: Any) -> CavityProblem:
    """Fill both ventricles, the base carrying their lids and held by springs."""
    springs = [
        Robin(Boundary.BASE, 1.0, direction=Direction.FULL),
        Robin(Boundary.EPI, 0.2, direction=Direction.DEFORMED_NORMAL),
    ]
    problem = with_cavities(MODEL, space(comm), AXES, springs, CAVITIES, carried_by=Boundary.BASE)
    wanted = PrescribedVolumes(problem.rest, problem.rest * [1.2, 1.3])
    return stepped(CavityProblem(problem.problem, CAVITIES, wanted))


@pytest.mark.mpi
def test_inflation_does_not_depend_on_ranks() -> None:
    """Displacement by prescribed pressures, quadratic elements, to 1e-6 of the largest."""
    loads = [
        Fixed(Boundary.BASE),
        FollowerPressure(Boundary.LV_ENDO, 1.0),
        FollowerPressure(Boundary.RV_ENDO, 0.3),
    ]
    shared, alone = (
        at_vertices(stepped(StaticProblem(MODEL, space(comm), AXES, loads)))
        for comm in (MPI.COMM_WORLD, MPI.COMM_SELF)
    )
    largest = np.abs(alone).max()
    assert largest > 0.5
    assert np.abs(shared - alone).max() < 1e-6 * largest


@pytest.mark.mpi
def test_filled_cavities_do_not_depend_on_ranks() -> None:
    """Two unknown pressures and the traction they cause on the base, volumes, displacement."""
    shared, alone = filled(MPI.COMM_WORLD), filled(MPI.COMM_SELF)
    np.testing.assert_allclose(shared.rest, alone.rest, rtol=1e-12)
    np.testing.assert_allclose(shared.volumes(), alone.rest * [1.2, 1.3], rtol=1e-8)
    np.testing.assert_allclose(shared.pressures, alone.pressures, rtol=1e-6)
    np.testing.assert_allclose(shared.traction, alone.traction, atol=1e-6)
    moved = at_vertices(alone.problem)
    apart = np.abs(at_vertices(shared.problem) - moved).max()
    assert apart < 1e-6 * np.abs(moved).max()
    assert (
        MPI.COMM_WORLD.allgather(shared.pressures.tobytes()).count(shared.pressures.tobytes())
        == MPI.COMM_WORLD.size
    )


@pytest.mark.mpi
def test_an_open_cavity_is_an_error_on_all_ranks() -> None:
    """The facet is on one rank only; the others must not wait for it."""
    tags = HEART.facet_tags.copy()
    tags[np.flatnonzero(tags == Boundary.RV_ENDO)[2]] = Boundary.EPI
    here = MechanicsSpace(
        *tetrahedral(HEART.points, HEART.cells, HEART.facets, tags, MPI.COMM_WORLD), Element.P1
    )
    state = fem.Function(here.space)
    with pytest.raises(MeshInputError, match="not closed"):
        VolumeFunctional(here, state, Boundary.RV_ENDO)
