"""The balance of momentum in weak form, term by term; the problems add the terms they need.

Inner virtual work is the derivative of the model's potential. Follower pressures do −p J F⁻ᵀN per
reference area, springs and dampers act on the reference surface. Every term has the quadrature
degree of its space. Tangents are the derivatives of these forms by the state.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import ufl
from dolfinx import fem
from ufl.algorithms.apply_algebra_lowering import apply_algebra_lowering

from heart.core.errors import ParameterError
from heart.mechanics.axes import Axes
from heart.mechanics.kinematics import Expression, deformation_gradient, pushed, right_cauchy_green
from heart.mechanics.loads import BasalTraction, Direction, FollowerPressure, Robin
from heart.mechanics.materials.law import Split, passive_energy
from heart.mechanics.model import MechanicsModel
from heart.mechanics.space import Element, MechanicsSpace

STABILISATION = 1.0
SMALL = 1e-3


def potential(
    model: MechanicsModel,
    space: MechanicsSpace,
    axes: Axes,
    u: Expression,
    p: Expression | None,
    modulus: Expression | None = None,
) -> Expression:
    """Return the potential per reference volume in kPa, with the stabilisation of equal orders.

    Parameters
    ----------
    model, space, axes
        The law and where it acts.
    u, p
        Displacement and pressure (None without) as UFL expressions.
    modulus
        Of the stabilisation, see `stabilisation`.
    """
    energy = model.energy(right_cauchy_green(deformation_gradient(u)), axes, p)
    if space.element is Element.P1_P1_STABILISED:
        energy -= stabilisation(model, space, p, modulus)
    return energy


def pressure_work(
    pressure: Expression,
    space: MechanicsSpace,
    load: FollowerPressure,
    u: Expression,
    v: Expression,
) -> Any:
    """Return p ∫ J F⁻ᵀN · v over the boundary of `load`, `pressure` in kPa as a UFL constant."""
    push = pushed(deformation_gradient(u), ufl.FacetNormal(space.mesh))
    return pressure * ufl.inner(push, v) * space.surface(load.boundary)


def basal_work(load: BasalTraction, space: MechanicsSpace, u: Expression, v: Expression) -> Any:
    """Return −∫ t·v |J F⁻ᵀN| over the boundary of `load`: the traction pulls outward."""
    push = pushed(deformation_gradient(u), ufl.FacetNormal(space.mesh))
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


def stabilisation(
    model: MechanicsModel, space: MechanicsSpace, p: Expression, modulus: Expression | None = None
) -> Expression:
    """Return α/2µ times the variance of the pressure in a cell [Dohrmann2004].

    Without `modulus` µ is that of the law as it is now; `ShearModulus` follows the law.

    For a linear pressure that is ∇p·M∇p with M the second moment of the cell about its centre.
    Tension resists a shear of its fibres as an elastic modulus does, and the pressures that have
    to be smoothed are of its size: without it in µ, contracting cells give their volume away.
    """
    jacobian = ufl.Jacobian(space.mesh)
    moment = (4.0 * np.eye(3) - np.ones((3, 3))) / 80.0
    spread = jacobian * ufl.as_matrix(moment.tolist()) * jacobian.T
    slope = ufl.grad(p)
    if modulus is None:
        modulus = ShearModulus(model, space.mesh).expression
    if model.active is not None:
        modulus = modulus + model.active.tension
    return 0.5 * STABILISATION / modulus * ufl.inner(slope, spread * slope)


class ShearModulus:
    """The scale of the stabilisation in kPa: one number, or a field where the law has one.

    The largest stiffness parameter of the law, or what the law resists a small shear with if that
    is more: the C of an exponential law is an order of magnitude below its shear modulus, and a
    stabilisation by C alone gives the volume away. A constant, so that a law whose parameters
    change, as in a fit, keeps the stabilisation that a new problem with these would have.

    Parameters
    ----------
    model
        With constants or functions as parameters of its law.
    mesh
        Of the constant.

    Attributes
    ----------
    expression
        As UFL expression.

    Raises
    ------
    ParameterError
        The law has no stiffness that is a constant or a function.
    """

    def __init__(self, model: MechanicsModel, mesh: Any) -> None:
        self._law, self._split = model.material, model.split
        self._known = _stiffnesses(self._law)
        self._factor = fem.Constant(mesh, 1.0)
        stiffest = max(self._known, key=_largest)
        self._field = stiffest if isinstance(stiffest, fem.Function) else None
        self.expression = self._factor if self._field is None else self._factor * self._field
        self.refresh()

    def refresh(self) -> None:
        """Take the law's present parameters. Collective."""
        law: Any = self._law
        largest = max(map(_largest, self._known))
        uniform = replace(law, **{name: _largest(getattr(law, name)) for name in law.PARAMETERS})
        ratio = max(1.0, small_shear_modulus(uniform, self._split) / largest)
        self._factor.value = ratio if self._field is not None else ratio * largest


def _stiffnesses(law: Any) -> list[Any]:
    """Return the constants among the stiffnesses of a law, or its fields where all are fields."""
    given = [
        getattr(law, name) for name, parameter in law.PARAMETERS.items() if parameter.unit == "kPa"
    ]
    known = [value for value in given if isinstance(value, fem.Constant)]
    known = known or [value for value in given if isinstance(value, fem.Function)]
    if not known:
        raise ParameterError(
            "stabilised elements need a law with at least one known stiffness",
            fix="use P2-P1 elements",
        )
    return known


def _largest(value: Any) -> float:
    """Return the value of a constant, or the largest of a field over all ranks."""
    if isinstance(value, fem.Function):
        comm = value.function_space.mesh.comm
        return max(comm.allgather(float(value.x.array.max(initial=-np.inf))))
    return float(value.value) if isinstance(value, fem.Constant) else float(value)


@cache
def small_shear_modulus(law: Any, split: Split) -> float:
    """Return the largest W/2ε² over simple shears E_ij = ε between two axes, in kPa.

    Parameters
    ----------
    law
        With numbers for all parameters.
    split
        Which invariants are isochoric.
    """
    axes = Axes(*(ufl.as_vector(row) for row in np.eye(3).tolist()))
    found = []
    for i, j in ((0, 1), (0, 2), (1, 2)):
        C = np.eye(3)
        C[i, j] = C[j, i] = 2.0 * SMALL
        energy = passive_energy(law, ufl.as_matrix(C.tolist()), axes, split)
        found.append(float(apply_algebra_lowering(energy)(())) / (2.0 * SMALL**2))
    return max(found)
