"""Each profile of solvers/mechanics finds the same equilibrium: they differ in cost alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import ufl
from dolfinx.mesh import create_box
from mpi4py import MPI
from numpy.typing import NDArray

from heart.core.errors import ParameterError, ScenarioError
from heart.core.paths import packaged
from heart.mechanics.axes import Axes
from heart.mechanics.compressibility import Incompressible, Penalty
from heart.mechanics.loads import Fixed, FollowerPressure
from heart.mechanics.materials.guccione import Guccione
from heart.mechanics.model import MechanicsModel
from heart.mechanics.space import Element, MechanicsSpace, marked
from heart.mechanics.static import StaticProblem
from heart.numerics.profiles import Profile, load
from heart.numerics.step_controller import Policy, StepController

PROFILES = sorted(path.stem for path in (packaged("solvers") / "mechanics").glob("*.yaml"))
DIRECT = load("mechanics/direct")
AXES = Axes(*(ufl.as_vector(row) for row in np.eye(3).tolist()))
ROOT, PUSHED, PUSH = 1, 2, 0.3
SAME = 1e-6
UNFIT = {"gamg": {Element.P2_P1}, "fieldsplit": {Element.P2}}


@dataclass(frozen=True)
class Case:
    """A bent block and its equilibrium by factorisation."""

    problem: StaticProblem
    expected: list[NDArray[np.float64]]


def block(element: Element) -> StaticProblem:
    """Return a block of muscle, held at one end and pushed from below."""
    mesh = create_box(MPI.COMM_SELF, [[0, 0, 0], [4, 1, 1]], [4, 1, 1])
    tags = marked(
        mesh, {ROOT: lambda x: np.isclose(x[0], 0.0), PUSHED: lambda x: np.isclose(x[2], 0.0)}
    )
    volume: Any = Penalty(100.0) if element is Element.P2 else Incompressible()
    space = MechanicsSpace(mesh, tags, element)
    loads = [Fixed(ROOT), FollowerPressure(PUSHED, PUSH)]
    return StaticProblem(MechanicsModel(Guccione(2.0, 8.0, 2.0, 4.0), volume), space, AXES, loads)


def walked(problem: StaticProblem, profile: Profile) -> list[NDArray[np.float64]]:
    """Return displacement, and pressure where there is one, after three steps of load from rest."""
    problem.set_values(np.zeros_like(problem.values()))
    StepController(problem, [profile], Policy(first=1 / 3, largest=1 / 3)).run()
    fields = [problem.displacement(), problem.pressure()]
    return [field.x.array.copy() for field in fields if field is not None]


@pytest.fixture(scope="module", params=[Element.P2, Element.P2_P1, Element.P1_P1_STABILISED])
def case(request: pytest.FixtureRequest) -> Case:
    """Elements without and with pressure, and the stabilised ones."""
    problem = block(request.param)
    return Case(problem, walked(problem, DIRECT))


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_finds_the_same_equilibrium(case: Case, name: str) -> None:
    """How linear systems are solved is not seen in the result; unfit ones are refused by name."""
    profile = load(f"mechanics/{name}")
    element = case.problem.space.element
    if element in UNFIT.get(str(profile.petsc["pc_type"]), ()):
        with pytest.raises(ParameterError, match=f"profile {profile.name}"):
            walked(case.problem, profile)
        return
    found = walked(case.problem, profile)
    assert np.abs(case.expected[0]).max() > 0.1
    for ours, expected in zip(found, case.expected, strict=True):
        assert np.abs(ours - expected).max() < SAME * np.abs(expected).max()


def test_an_unknown_option_of_a_profile_is_named(case: Case) -> None:
    """PETSc ignores what it does not know: a profile with a typing error would solve otherwise."""
    odd = Profile("odd", "test", DIRECT.petsc | {"pc_gamg_treshold": 0.1})
    with pytest.raises(ScenarioError, match="pc_gamg_treshold"):
        walked(case.problem, odd)
