"""Time integration as data: which mixture of old and new state a step balances, and its rates.

Generalised-α methods [ChungHulbert1993] balance forces at x_(1−α) = α x_old + (1−α) x_new, with
one α for accelerations and one for all else; velocity and acceleration follow from displacements
by Newmark's relations. Such a method is a handful of numbers, and so are the trapezoidal rule and
backward Euler, which is the limit for a body without inertia.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import ParameterError

Float = NDArray[np.float64]
Row = tuple[float, float, float]


@dataclass(frozen=True)
class Scheme:
    """A one-step method for equations with second derivatives in time.

    Attributes
    ----------
    alpha_m, alpha_f
        Share of the old state in the acceleration, and in all other terms, that are balanced.
    velocity, acceleration
        New rates from the increment of the displacement, the old velocity and the old
        acceleration, for a unit step.
    """

    alpha_m: float
    alpha_f: float
    velocity: Row
    acceleration: Row

    def __post_init__(self) -> None:
        if not (-1.0 <= self.alpha_m < 1.0 and 0.0 <= self.alpha_f < 1.0):
            raise ParameterError(
                f"time scheme with alpha_m = {self.alpha_m:g}, alpha_f = {self.alpha_f:g}",
                expected="alpha_m from -1 to below 1, alpha_f from 0 to below 1",
            )

    def ends(self, step: float) -> Float:
        """Return (2, 3): new velocity and acceleration from (u_new − u_old, v_old, a_old)."""
        return np.array([self.velocity, self.acceleration]) * _powers(step)

    def middle(self, step: float) -> Float:
        """Return (2, 3): balanced velocity and acceleration from (u_mid − u_old, v_old, a_old).

        u_mid is the balanced displacement, α_f u_old + (1−α_f) u_new.
        """
        rows = self.ends(step)
        shares = np.array([[1.0 - self.alpha_f], [1.0 - self.alpha_m]])
        rows = shares * rows
        rows[:, 0] /= 1.0 - self.alpha_f
        rows[0, 1] += self.alpha_f
        rows[1, 2] += self.alpha_m
        return rows

    def amplification(self, frequency: float, damping: float = 0.0) -> Float:
        """Return the matrix (3, 3) that a unit step applies to an oscillator.

        The state is (u, v, a); the equation is a + 2 damping frequency v + frequency² u = 0.
        """
        speed, force = self.middle(1.0)
        stiffness = frequency**2
        drag = 2.0 * damping * frequency
        # (u_mid - u_old) w = -(stiffness u_old + drag terms + inertia terms) of the old state.
        w = force[0] + drag * speed[0] + stiffness
        old = np.array([stiffness, drag * speed[1] + force[1], drag * speed[2] + force[2]])
        increment = -old / w / (1.0 - self.alpha_f)
        ends = self.ends(1.0)
        rows = np.vstack([increment, np.outer(ends[:, 0], increment)])
        rows[0, 0] += 1.0
        rows[1:, 1:] += ends[:, 1:]
        return rows

    def spectral_radius(self, frequency: float, damping: float = 0.0) -> float:
        """Return the largest growth of an oscillator in a unit step; above 1 is unstable."""
        return float(np.abs(np.linalg.eigvals(self.amplification(frequency, damping))).max())


def generalised_alpha(alpha_m: float, alpha_f: float) -> Scheme:
    """Return the method of second order with the least dissipation of low frequencies.

    γ = ½ + α_f − α_m and β = ¼ (γ + ½)² [ChungHulbert1993].
    """
    gamma = 0.5 + alpha_f - alpha_m
    return newmark(gamma, 0.25 * (gamma + 0.5) ** 2, alpha_m, alpha_f)


def from_spectral_radius(radius: float) -> Scheme:
    """Return the method that keeps the share `radius` of infinite frequencies in a step.

    Raises
    ------
    ParameterError
        It is not from 0 to 1.
    """
    if not 0.0 <= radius <= 1.0:
        raise ParameterError(f"spectral radius {radius:g}", expected="0 to 1")
    return generalised_alpha((2.0 * radius - 1.0) / (radius + 1.0), radius / (radius + 1.0))


def newmark(gamma: float, beta: float, alpha_m: float = 0.0, alpha_f: float = 0.0) -> Scheme:
    """Return a method with Newmark's relations.

    u_new = u + v + (½−β) a + β a_new and v_new = v + (1−γ) a + γ a_new for a unit step.
    """
    if beta <= 0.0:
        raise ParameterError(f"Newmark's beta = {beta:g}", expected="above 0")
    acceleration = (1.0 / beta, -1.0 / beta, 1.0 - 0.5 / beta)
    velocity = (gamma / beta, 1.0 - gamma / beta, 1.0 - 0.5 * gamma / beta)
    return Scheme(alpha_m, alpha_f, velocity, acceleration)


def _powers(step: float) -> Float:
    """Return what a step other than one multiplies the coefficients by."""
    return np.array([[1.0 / step, 1.0, step], [1.0 / step**2, 1.0 / step, 1.0]])


BENCHMARK = generalised_alpha(0.2, 0.4)
"""The method of [Arostica2025]: spectral radius 2/3."""
TRAPEZOIDAL = newmark(0.5, 0.25)
"""Keeps the energy of linear systems."""
BACKWARD_EULER = Scheme(0.0, 0.0, (1.0, 0.0, 0.0), (1.0, -1.0, 0.0))
"""First order; for bodies without inertia."""
