"""The balance of momentum in weak form, term by term; the problems add the terms they need.

Inner virtual work is the derivative of the model's potential. Follower pressures do −p J F⁻ᵀN per
reference area, springs and dampers act on the reference surface. Every term has the quadrature
degree of its space. Tangents are the derivatives of these forms by the state.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import ufl
from dolfinx import fem

from heart.core.errors import ParameterError
from heart.mechanics.axes import Axes
from heart.mechanics.kinematics import Expression, deformation_gradient, right_cauchy_green
from heart.mechanics.loads import BasalTraction, Direction, FollowerPressure, Robin
from heart.mechanics.model import MechanicsModel
from heart.mechanics.space import Element, MechanicsSpace

STABILISATION = 1.0


def potential(
    model: MechanicsModel,
    space: MechanicsSpace,
    axes: Axes,
    u: Expression,
    p: Expression | None,
) -> Expression:
    """Return the potential per reference volume in kPa, with the stabilisation of equal orders.

    Parameters
    ----------
    model, space, axes
        The law and where it acts.
    u, p
        Displacement and pressure (None without) as UFL expressions.
    """
    energy = model.energy(right_cauchy_green(deformation_gradient(u)), axes, p)
    if space.element is Element.P1_P1_STABILISED:
        energy -= stabilisation(model, space, p)
    return energy


def pressure_work(
    pressure: Expression,
    space: MechanicsSpace,
    load: FollowerPressure,
    u: Expression,
    v: Expression,
) -> Any:
    """Return p ∫ J F⁻ᵀN · v over the boundary of `load`, `pressure` in kPa as a UFL constant."""
    F = deformation_gradient(u)
    push = ufl.det(F) * ufl.inv(F).T * ufl.FacetNormal(space.mesh)
    return pressure * ufl.inner(push, v) * space.surface(load.boundary)


def basal_work(load: BasalTraction, space: MechanicsSpace, u: Expression, v: Expression) -> Any:
    """Return −∫ t·v |J F⁻ᵀN| over the boundary of `load`: the traction pulls outward."""
    F = deformation_gradient(u)
    push = ufl.det(F) * ufl.inv(F).T * ufl.FacetNormal(space.mesh)
    area = ufl.sqrt(ufl.inner(push, push))
    return -area * ufl.inner(ufl.as_vector(load.traction), v) * space.surface(load.boundary)


def spring_work(
    load: Robin, space: MechanicsSpace, u: Expression, v: Expression, rate: Expression | None = None
) -> Any:
    """Return the virtual work of springs, and of dampers where a velocity `rate` is given."""
    force = load.stiffness * _resisted(load, space, u, u)
    if rate is not None:
        force = force + load.damping * _resisted(load, space, u, rate)
    return ufl.inner(force, v) * space.surface(load.boundary)


def _resisted(load: Robin, space: MechanicsSpace, u: Expression, motion: Expression) -> Expression:
    if load.direction is Direction.FULL:
        return motion
    normal = ufl.FacetNormal(space.mesh)
    if load.direction is Direction.DEFORMED_NORMAL:
        turned = ufl.inv(deformation_gradient(u)).T * normal
        normal = turned / ufl.sqrt(ufl.inner(turned, turned))
    return ufl.inner(motion, normal) * normal


def stabilisation(model: MechanicsModel, space: MechanicsSpace, p: Expression) -> Expression:
    """Return α/2µ times the variance of the pressure in a cell [Dohrmann2004].

    For a linear pressure that is ∇p·M∇p with M the second moment of the cell about its centre.
    """
    jacobian = ufl.Jacobian(space.mesh)
    moment = (4.0 * np.eye(3) - np.ones((3, 3))) / 80.0
    spread = jacobian * ufl.as_matrix(moment.tolist()) * jacobian.T
    slope = ufl.grad(p)
    return 0.5 * STABILISATION / shear_modulus(model) * ufl.inner(slope, spread * slope)


def shear_modulus(model: MechanicsModel) -> Expression:
    """Return the largest of the law's stiffness parameters, the scale of the stabilisation.

    It is a number, or a field in kPa where no stiffness is uniform.

    Raises
    ------
    ParameterError
        The law has no stiffness that is a constant or a function.
    """
    law = model.material
    given = [
        getattr(law, name) for name, parameter in law.PARAMETERS.items() if parameter.unit == "kPa"
    ]
    known = [float(value.value) for value in given if isinstance(value, fem.Constant)]
    if known:
        return max(known)
    fields = [value for value in given if isinstance(value, fem.Function)]
    if not fields:
        raise ParameterError(
            "stabilised elements need a law with at least one known stiffness",
            fix="use P2-P1 elements",
        )
    comm = fields[0].function_space.mesh.comm
    return max(fields, key=lambda field: max(comm.allgather(float(field.x.array.max(initial=0.0)))))
