"""Cells with known solutions, for tests of the tissue solvers: smooth right-hand sides in numpy.

They stand in for a cell model wherever a closed form is wanted. Their own time integration is
Runge–Kutta of fourth order, so that the error of splitting and diffusion is all that is seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int = NDArray[np.integer]
Rates = Callable[[float, Float], Float]


class SmoothCells:
    """Cells of an explicit system; row 0 of the states is the voltage.

    Parameters
    ----------
    start
        (k, n) states at the beginning.
    rates
        Time derivative (k, n) of all states at a time, without diffusion.
    """

    def __init__(self, start: Float, rates: Rates) -> None:
        self.states, self._rates = np.array(start, np.float64), rates
        self._time = 0.0

    @property
    def voltage(self) -> Float:
        """(n,) voltage that the cells hold."""
        return self.states[0]

    def advance(
        self, voltage: Float, dt: float, *, time: float = 0.0, stimulus: Float | None = None
    ) -> None:
        """Advance states and `voltage` in place by one step of Runge–Kutta."""
        y = self.states
        y[0] = voltage

        def rates(when: float, states: Float) -> Float:
            slope = self._rates(when, states)
            if stimulus is not None:
                slope[0] += stimulus
            return slope

        self.states = _runge_kutta(rates, time, y, dt)
        voltage[:] = self.states[0]
        self._time = time + dt

    def ionic_current(self, voltage: Float) -> Float:
        """Return −dV/dt of the cells."""
        self.states[0] = voltage
        return -self._rates(self._time, self.states)[0]

    def advance_gates(self, voltage: Float, dt: float, *, time: float = 0.0) -> None:
        """Advance all states but the voltage."""
        self.states[0] = voltage

        def rates(when: float, states: Float) -> Float:
            slope = self._rates(when, states)
            slope[0] = 0.0
            return slope

        self.states = _runge_kutta(rates, time, self.states, dt)
        self._time = time + dt

    def states_by_node(self) -> dict[str, NDArray[Any]]:
        """Return the states without the voltage, (n, k − 1)."""
        return {"states": np.ascontiguousarray(self.states[1:].T)}

    def restore(self, states: dict[str, NDArray[Any]]) -> None:
        """Put back what `states_by_node` returned."""
        self.states[1:] = states["states"].T

    def check(self, name_node: Callable[[int], str] | None = None) -> None:
        """Find nothing wrong: the solution is known."""


def _runge_kutta(rates: Rates, time: float, y: Float, dt: float) -> Float:
    a = rates(time, y)
    b = rates(time + 0.5 * dt, y + 0.5 * dt * a)
    c = rates(time + 0.5 * dt, y + 0.5 * dt * b)
    d = rates(time + dt, y + dt * c)
    return y + dt / 6.0 * (a + 2.0 * (b + c) + d)


@dataclass(frozen=True)
class PathmanathanGray:
    """The solution V = √(1+t) cos πx cos 2πy cos 3πz of [Pathmanathan2014] on the unit cube.

    With u₁ = (1+t) G + V, u₂ = G^(−1/2) / (1+t), u₃ = 0, G = 1 + x y² z³ the current
    −(C_m/2)(u₁+u₃−V) u₂² (V−u₃) is −(C_m/2) F/√(1+t), which cancels C_m ∂V/∂t; what is left of
    the equation is χ (β/χ) V = ∇·σ∇V, so β = −Σ σ_ii (n_i π)² with n = 1, 2, 3.

    Attributes
    ----------
    surface_to_volume, capacitance
        χ and C_m.
    sigma
        Conductivities along x, y, z.
    """

    surface_to_volume: float = 3.0
    capacitance: float = 2.0
    sigma: tuple[float, float, float] = (0.111453302, 0.121585420, 0.030396355)

    @property
    def beta(self) -> float:
        """Eigenvalue of ∇·σ∇ for cos πx cos 2πy cos 3πz."""
        waves = np.pi * np.arange(1, 4)
        return float(-np.sum(np.array(self.sigma) * waves**2))

    def voltage(self, points: Float, time: float) -> Float:
        """Return the exact V at points (n, 3)."""
        waves = np.pi * np.arange(1, 4)
        return np.sqrt(1.0 + time) * np.cos(points * waves).prod(axis=1)

    def states(self, points: Float, time: float) -> Float:
        """Return exact V, u₁, u₂, u₃ at points (n, 3): (4, n)."""
        x, y, z = points.T
        g, v = 1.0 + x * y**2 * z**3, self.voltage(points, time)
        return np.stack([v, (1.0 + time) * g + v, g**-0.5 / (1.0 + time), np.zeros_like(x)])

    def rates(self, time: float, states: Float) -> Float:
        """Return the derivative of V, u₁, u₂, u₃ without diffusion, (4, n)."""
        v, u1, u2, u3 = states
        gap = u1 + u3 - v
        ionic = -0.5 * gap * u2**2 * (v - u3) + self.beta / (
            self.surface_to_volume * self.capacitance
        ) * (v - u3)
        slope = gap**2 * u2**2 + 0.5 * gap * u2**2 * (v - u3)
        del time
        return np.stack([-ionic, slope, -gap * u2**3, np.zeros_like(v)])


def excitable(time: float, states: Float) -> Float:
    """Return the rates of a smooth excitable cell that does not commute with diffusion, (2, n)."""
    del time
    v, w = states
    return np.stack([4.0 * v * (1.0 - v) * (v - 0.15) - w, 0.5 * (0.6 * v - w)])


def forced(mode: Float, rate: float) -> Rates:
    """Return v′ = −v + φ eᵗ ((2 + λ) sin t + cos t), s′ = v: solution v = φ eᵗ sin t.

    Parameters
    ----------
    mode
        (n,) eigenvector φ of diffusion.
    rate
        Its eigenvalue λ in 1/ms.
    """

    def rates(time: float, states: Float) -> Float:
        v = states[0]
        force = np.exp(time) * ((2.0 + rate) * np.sin(time) + np.cos(time))
        return np.stack([force * mode - v, v])

    return rates
