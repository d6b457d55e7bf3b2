"""What keeps linear cells their volume: an augmentation, and a stabilisation with tension."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import ufl
from dolfinx import fem
from dolfinx.mesh import create_unit_cube
from mpi4py import MPI

from heart.core.errors import ParameterError
from heart.mechanics.active import ActiveStress
from heart.mechanics.balance import stabilisation
from heart.mechanics.compressibility import Incompressible, Penalty
from heart.mechanics.materials.neo_hookean import NeoHookean
from heart.mechanics.model import MechanicsModel
from heart.mechanics.space import Element, MechanicsSpace, marked

CELLS, MODULUS = 2, 4.0


def energy(law: Incompressible, J: float, pressure: float) -> float:
    return float(ufl.as_ufl(law.energy(ufl.as_ufl(J), ufl.as_ufl(pressure)))(()))


def test_augmentation_is_the_penalty_beside_the_constraint() -> None:
    """It adds U(J) and nothing else, and nothing where the volume is kept."""
    law = Incompressible(augmentation=200.0)
    for J in (0.7, 1.0, 1.2):
        added = energy(law, J, 3.0) - energy(Incompressible(), J, 3.0)
        assert added == pytest.approx(float(Penalty(200.0).energy(ufl.as_ufl(J))(())), abs=1e-12)
    assert energy(law, 1.0, 3.0) == 0.0
    slope = (energy(law, 1.0 + 1e-5, 0.0) - energy(law, 1.0 - 1e-5, 0.0)) / 2e-5
    assert abs(slope) < 1e-6


def test_augmentation_out_of_range_is_refused() -> None:
    """A negative modulus would reward squeezed cells."""
    with pytest.raises(ParameterError, match="augmentation"):
        Incompressible(augmentation=-1.0)


def test_stabilisation_leans_on_law_and_tension() -> None:
    """Twice the modulus, half the stabilisation: a contracting cell is no softer than a passive."""
    mesh = create_unit_cube(MPI.COMM_SELF, CELLS, CELLS, CELLS)
    facets = marked(mesh, {1: lambda x: np.isclose(x[2], 0.0)})
    space = MechanicsSpace(mesh, facets, Element.P1_P1_STABILISED, 2)
    state = fem.Function(space.space)
    state.sub(1).interpolate(lambda x: x[0] + 2.0 * x[1])
    _, p = space.split(state)
    law = NeoHookean(fem.Constant(mesh, MODULUS))
    passive = MechanicsModel(law)
    tension = fem.Constant(mesh, 0.0)
    active = replace(passive, active=ActiveStress(tension))

    def total(model: MechanicsModel) -> float:
        return float(fem.assemble_scalar(fem.form(stabilisation(model, space, p) * space.volume)))

    at_rest = total(passive)
    assert at_rest > 0.0
    assert total(active) == pytest.approx(at_rest, rel=1e-12)
    tension.value = MODULUS
    assert total(active) == pytest.approx(0.5 * at_rest, rel=1e-5)
