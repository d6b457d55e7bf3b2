"""One time step of reaction–diffusion, split or not.

Strang's splitting is half a reaction, diffusion, half a reaction. Two halves that meet are one
whole, so a run of steps costs as much as Godunov's; the voltage between them, which observers of
each step want, is the mean of those before and after the whole, which is the voltage after half of
it to second order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from heart.electro.tissue import vectors
from heart.electro.tissue.explicit import ExplicitDiffusion
from heart.electro.tissue.implicit import ImplicitDiffusion
from heart.electro.tissue.operators import TissueOperators
from heart.electro.tissue.reaction import Reaction
from heart.electro.tissue.scheme import Diffusion, Scheme, Splitting
from heart.electro.tissue.stimulus import LocalStimuli

Float = NDArray[np.float64]
Watch = Callable[[float, Float], None]
Load = Callable[[Float, Float], None]


class Stepper(Protocol):
    """Advances voltage and cells together."""

    def advance(
        self, voltage: Float, time: float, dt: float, count: int, watch: Watch | None
    ) -> None:
        """Take `count` steps of `dt` ms from `time`; tell `watch` the voltage after each."""

    def forget(self) -> None:
        """Drop what is kept of earlier steps, as after a restored state."""


class Diffuses(Protocol):
    """Advances the voltage by everything but the cells."""

    def advance(self, voltage: Float, duration: float, time: float = 0.0) -> None:
        """Change `voltage` in place from `time` on for `duration` ms."""

    def forget(self) -> None:
        """Drop what is kept of earlier steps."""


class DiffusionStep:
    """Diffusion alone, by the method of a scheme."""

    def __init__(self, operators: TissueOperators, scheme: Scheme) -> None:
        self._implicit = 1.0 if scheme.diffusion is Diffusion.IMPLICIT_EULER else 0.5
        self.solver: ImplicitDiffusion | ExplicitDiffusion
        if scheme.diffusion is Diffusion.RKC:
            self.solver = ExplicitDiffusion(operators)
        else:
            self.solver = ImplicitDiffusion(
                operators,
                lumped=scheme.lumped,
                tolerance=scheme.tolerance,
                order=scheme.prediction,
            )

    def advance(self, voltage: Float, duration: float, time: float = 0.0) -> None:
        """Diffuse `voltage` in place for `duration` ms; when that is does not matter."""
        del time
        if isinstance(self.solver, ExplicitDiffusion):
            self.solver.step(voltage, duration)
        else:
            self.solver.step(voltage, self._implicit * duration, duration)

    def forget(self) -> None:
        """Start the next solve without a prediction."""
        if isinstance(self.solver, ImplicitDiffusion):
            self.solver.forget()


class SplitStepper:
    """Godunov or Strang splitting.

    Attributes
    ----------
    diffusion
        Diffusion of the operators by the scheme.
    coupled
        What alternates with the cells: that, until another problem puts its own around it.
    """

    def __init__(
        self,
        operators: TissueOperators,
        reaction: Reaction,
        stimuli: LocalStimuli,
        scheme: Scheme,
    ) -> None:
        self.rows, self.reaction, self.stimuli = operators.rows, reaction, stimuli
        self.diffusion = DiffusionStep(operators, scheme)
        self.coupled: Diffuses = self.diffusion
        self._strang = scheme.splitting is Splitting.STRANG
        self._between = np.zeros(operators.rows)

    def forget(self) -> None:
        """Drop the prediction of the diffusion step."""
        self.coupled.forget()

    def advance(
        self, voltage: Float, time: float, dt: float, count: int, watch: Watch | None
    ) -> None:
        """Take `count` steps of `dt` ms from `time`; whole and consistent at the end."""
        if self._strang:
            self._centred(voltage, time, dt, count, watch)
            return
        cells = voltage[: self.rows]
        for step in range(count):
            begin = time + step * dt
            self._react(cells, begin, begin + dt)
            self.coupled.advance(voltage, dt, begin)
            if watch is not None:
                watch(time + (step + 1) * dt, cells)

    def _centred(
        self, voltage: Float, time: float, dt: float, count: int, watch: Watch | None
    ) -> None:
        cells, between = voltage[: self.rows], self._between
        self._react(cells, time, time + 0.5 * dt)
        for step in range(1, count + 1):
            self.coupled.advance(voltage, dt, time + (step - 1) * dt)
            now = time + step * dt
            if step == count:
                self._react(cells, now - 0.5 * dt, now)
                if watch is not None:
                    watch(now, cells)
                return
            if watch is None:
                self._react(cells, now - 0.5 * dt, now + 0.5 * dt)
                continue
            between[:] = cells
            self._react(cells, now - 0.5 * dt, now + 0.5 * dt)
            vectors.combine(self.rows, 0.5, between, 0.5, cells, between)
            watch(now, between)

    def _react(self, cells: Float, begin: float, end: float) -> None:
        self.reaction.advance(
            cells, end - begin, time=begin, stimulus=self.stimuli.current(begin, end)
        )


class UnsplitStepper:
    """Diffusion implicit, ionic current explicit in one equation, gates on their own.

    With implicit Euler or Crank–Nicolson the gates go first, at the old voltage, and the current
    is taken with the new gates: first order. BDF2 extrapolates current and voltage to second order
    and begins with a step of implicit Euler; the gates are as good as their own method.

    Parameters
    ----------
    load
        Writes ∫ I φ for the present states and a voltage into a vector; None for the mass times
        the nodal current (ionic-current interpolation).
    """

    def __init__(
        self,
        operators: TissueOperators,
        reaction: Reaction,
        stimuli: LocalStimuli,
        scheme: Scheme,
        load: Load | None = None,
    ) -> None:
        self.operators, self.reaction, self.stimuli = operators, reaction, stimuli
        self.scheme, self._load = scheme, load
        self.solver = ImplicitDiffusion(
            operators, lumped=scheme.lumped, tolerance=scheme.tolerance, order=scheme.prediction
        )
        self._nodal, self._rhs, self._ionic, self._before, self._last = (
            operators.vector() for _ in range(5)
        )
        self._dt = np.nan

    def forget(self) -> None:
        """Begin anew, BDF2 with a step of implicit Euler."""
        self._dt = np.nan
        self.solver.forget()

    def advance(
        self, voltage: Float, time: float, dt: float, count: int, watch: Watch | None
    ) -> None:
        """Take `count` steps of `dt` ms from `time`."""
        rows = self.operators.rows
        for step in range(count):
            begin = time + step * dt
            if self.scheme.diffusion is Diffusion.BDF2:
                self._second_order(voltage, begin, dt)
            else:
                self._first_order(voltage, begin, dt)
            if watch is not None:
                watch(begin + dt, voltage[:rows])

    def _first_order(self, voltage: Float, begin: float, dt: float) -> None:
        rows = self.operators.rows
        self.reaction.advance_gates(voltage[:rows], dt, time=begin)
        self._nodal[:rows] = 0.0
        self._sources(voltage, begin, dt, dt)
        self._integrate(self._nodal)
        if self._load is not None:
            self._load(voltage, self._ionic)
            self._rhs[:rows] -= dt * self._ionic[:rows]
        share = 1.0 if self.scheme.diffusion is Diffusion.IMPLICIT_EULER else 0.5
        self.solver.step(voltage, share * dt, dt, self._rhs)

    def _second_order(self, voltage: Float, begin: float, dt: float) -> None:
        rows, n = self.operators.rows, self._nodal
        fresh = self._dt != dt
        ionic = self._current(voltage)
        weight = dt if fresh else 2.0 / 3.0 * dt
        n[:rows] = 0.0 if fresh else (voltage[:rows] - self._before[:rows]) / 3.0
        stimulus = self.stimuli.current(begin, begin + dt)
        if stimulus is not None:
            n[:rows] += weight * stimulus
        predicted = ionic if fresh else 2.0 * ionic - self._last[:rows]
        middle = voltage[:rows] if fresh else 1.5 * voltage[:rows] - 0.5 * self._before[:rows]
        self.reaction.advance_gates(middle, dt, time=begin)
        if self._load is None:
            n[:rows] -= weight * predicted
        self._integrate(n)
        if self._load is not None:
            self._rhs[:rows] -= weight * predicted
        self._last[:rows], self._before[:rows], self._dt = ionic, voltage[:rows], dt
        self.solver.step(voltage, weight, weight, self._rhs)

    def _current(self, voltage: Float) -> Float:
        """Return the nodal current, or its load where states are interpolated, (n,)."""
        rows = self.operators.rows
        if self._load is None:
            return self.reaction.ionic_current(voltage[:rows]).copy()
        self._load(voltage, self._ionic)
        return self._ionic[:rows].copy()

    def _sources(self, voltage: Float, begin: float, dt: float, weight: float) -> None:
        """Add nodal sources to the nodal array: the stimulus, and the current where it is nodal."""
        rows = self.operators.rows
        stimulus = self.stimuli.current(begin, begin + dt)
        if stimulus is not None:
            self._nodal[:rows] += weight * stimulus
        if self._load is None:
            self._nodal[:rows] -= weight * self.reaction.ionic_current(voltage[:rows])

    def _integrate(self, nodal: Float) -> None:
        """Write mass × nodal values to the right-hand side."""
        operators = self.operators
        if self.scheme.lumped:
            padded = operators.pattern.padded
            np.multiply(operators.lumped, nodal[:padded], out=self._rhs[:padded])
        else:
            operators.apply(operators.mass, operators.lumped, nodal, self._rhs)
