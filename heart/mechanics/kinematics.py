"""Kinematics of finite deformation as pure functions of UFL expressions (docs/notation.md).

No mesh and no state: what a law needs can be tested on a constant deformation gradient.
"""

from __future__ import annotations

from typing import Any

import ufl

Expression = Any
"""A UFL expression."""


def deformation_gradient(displacement: Expression) -> Expression:
    """Return F = I + ∂u/∂X."""
    return ufl.Identity(3) + ufl.grad(displacement)


def right_cauchy_green(F: Expression) -> Expression:
    """Return C = FᵀF."""
    return F.T * F


def pushed(F: Expression, normal: Expression) -> Expression:
    """Return J F⁻ᵀN: the normal of the deformed surface times its area per reference area."""
    return ufl.det(F) * ufl.inv(F).T * normal


def green_lagrange(C: Expression) -> Expression:
    """Return E = ½(C − I)."""
    return 0.5 * (C - ufl.Identity(3))


def isochoric(C: Expression) -> Expression:
    """Return C̄ = J^(−2/3) C, which has no volume change, with J² = det C [Flory1961]."""
    return ufl.det(C) ** (-1.0 / 3.0) * C


def i1(C: Expression) -> Expression:
    """Return I₁ = tr C."""
    return ufl.tr(C)


def i4(C: Expression, axis: Expression) -> Expression:
    """Return I₄ = a·C a, the squared stretch along `axis`."""
    return ufl.inner(axis, C * axis)


def i8(C: Expression, first: Expression, second: Expression) -> Expression:
    """Return I₈ = a·C b, the shear between two axes."""
    return ufl.inner(first, C * second)
