"""What a truncated base carries: the pressure on the part of the cavity that was cut off.

A ventricle cut open would be pushed towards its apex by the pressure, because no wall is there to
push the other way. The traction t = Σ p_i N_i / A, N_i = ∫_endo J F⁻ᵀN and A = ∫_base |J F⁻ᵀN|,
in the direction of the missing lid's push and spread evenly over the deformed base, makes the
forces of each pressure vanish in sum, and the work that of the closed cavity as far as the base
moves as one [Regazzoni2022]. It depends on integrals over other surfaces: its three components
are unknowns of a bordered system, so that the tangent is exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import ufl

from heart.mechanics.kinematics import Expression, deformation_gradient, pushed
from heart.mechanics.loads import BasalTraction
from heart.mechanics.space import MechanicsSpace
from heart.numerics.bordered import FormFunctional


def push(space: MechanicsSpace, displacement: Expression) -> Expression:
    """Return J F⁻ᵀN, the outward normal times the deformed area per reference area."""
    return pushed(deformation_gradient(displacement), ufl.FacetNormal(space.mesh))


def wall_vectors(space: MechanicsSpace, state: Any, boundary: int) -> list[FormFunctional]:
    """Return the three components of ∫ J F⁻ᵀN in mm² over an inner surface, as functionals.

    Parameters
    ----------
    space
        Mesh, tags and quadrature.
    state
        Function of the space that holds the displacement.
    boundary
        Tag of the surface.
    """
    u, _ = space.split(state)
    return [
        _functional(space, state, push(space, u)[axis] * space.surface(boundary))
        for axis in range(3)
    ]


def base_area(space: MechanicsSpace, state: Any, boundary: int) -> FormFunctional:
    """Return the deformed area ∫ |J F⁻ᵀN| in mm² of a base, as a functional."""
    u, _ = space.split(state)
    vector = push(space, u)
    return _functional(space, state, ufl.sqrt(ufl.inner(vector, vector)) * space.surface(boundary))


def unit_load(load: BasalTraction, axis: int) -> BasalTraction:
    """Return the traction of 1 kPa along one axis on the same base."""
    x, y, z = (float(row) for row in np.eye(3)[axis])
    return BasalTraction(load.boundary, (x, y, z))


def _functional(space: MechanicsSpace, state: Any, form: Any) -> FormFunctional:
    slope = ufl.derivative(form, state, ufl.TestFunction(space.space))
    return FormFunctional(space.comm, form, slope)
