"""Diffusion of the voltage together with the extracellular potential, split into two solves.

The parabolic equation is stepped with a potential that is extrapolated from the two steps before;
the elliptic one is then solved for the voltage that came out, at the same point of the step (its
middle for Crank–Nicolson, its end for implicit Euler). That keeps the order of the scheme with one
elliptic solve per step [Whiteley2006] and is stable for any step, because the part that is
explicit is σ_i/(σ_i + σ_e) < 1 of the part that is implicit. Further passes with the new potential
converge to the coupled step; the first step of a run, which nothing precedes, always takes two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from heart.core.errors import NonlinearSolveError, ParameterError
from heart.core.parameters import Parameter
from heart.electro.tissue.extracellular import ExtracellularPotential
from heart.electro.tissue.implicit import ImplicitDiffusion
from heart.electro.tissue.operators import TissueOperators

Float = NDArray[np.float64]

TOLERANCE = Parameter(1e-3, "mV", 1e-12, 1.0, "assumed", "change of φ_e that ends the passes")


@dataclass(frozen=True)
class Coupling:
    """How often voltage and potential are solved for in a step.

    Attributes
    ----------
    passes
        At most so many; 1 relies on the extrapolation.
    tolerance
        Largest change of the potential in mV after which a pass was the last.
    strict
        Raise where the last pass still changed it by more.
    """

    passes: int = 1
    tolerance: float = TOLERANCE.value
    strict: bool = False

    def __post_init__(self) -> None:
        if self.passes < 1:
            raise ParameterError(f"{self.passes} passes per step", expected="at least 1")
        TOLERANCE.check(self.tolerance, name="tolerance of the coupling")


class CoupledDiffusion:
    """One step of both equations without cells.

    Parameters
    ----------
    operators
        With the intracellular diffusivity.
    solver
        Of the parabolic equation with these.
    potential
        Of the elliptic equation.
    implicit
        Share of the step's end: 1 implicit Euler, 0.5 Crank–Nicolson.
    coupling
        Number of passes.

    Attributes
    ----------
    now, before
        (n,) potential of the last step and of the one before, without that of electrodes.
    known, dt
        How many of these are valid, and the step they were taken with in ms.
    """

    def __init__(
        self,
        operators: TissueOperators,
        solver: ImplicitDiffusion,
        potential: ExtracellularPotential,
        implicit: float,
        coupling: Coupling,
    ) -> None:
        self.operators, self.solver, self.potential = operators, solver, potential
        self.coupling, self._implicit = coupling, implicit
        size = len(potential.nodes)
        self.now, self.before = np.zeros(size), np.zeros(size)
        self.known, self.dt = 0, np.nan
        self._earlier: Float | None = None
        self._zero = np.broadcast_to(0.0, operators.lumped.shape)
        self._start, self._outside, self._load = (operators.vector() for _ in range(3))

    def forget(self) -> None:
        """Begin anew, as after a restored state."""
        self.known, self._earlier = 0, None
        self.solver.forget()

    def advance(self, voltage: Float, duration: float, time: float = 0.0) -> None:
        """Change `voltage` in place from `time` on for `duration` ms. Collective.

        Raises
        ------
        NonlinearSolveError
            The passes were to converge and did not.
        """
        rows, share = self.operators.rows, self._implicit
        start = self._start
        start[:rows] = voltage[:rows]
        if duration != self.dt:
            self.known, self.dt, self._earlier = min(self.known, 1), duration, None
        present = self._predicted(voltage)
        imposed = np.zeros(len(present))
        self.potential.impose(time, time + duration, imposed)
        passes = max(self.coupling.passes, 2 if self.known < 2 else 1)
        change = np.inf
        for index in range(passes):
            voltage[:rows] = start[:rows]
            self._outside[:rows] = (present + imposed)[self.potential.within]
            self.operators.apply(self.operators.stiffness, self._zero, self._outside, self._load)
            self._load[:rows] *= -duration
            self.solver.step(voltage, share * duration, duration, self._load, again=index > 0)
            middle = (1.0 - share) * start[:rows] + share * voltage[:rows]
            guess = present.copy()
            if index == 0 and self._earlier is not None:
                # A parabola is the better start of a solve; the step itself keeps to the line.
                present += self.now - 2.0 * self.before + self._earlier
            self.potential.respond(middle, present)
            change = self._largest(present - guess)
            if change <= self.coupling.tolerance:
                break
        if self.coupling.strict and not change <= self.coupling.tolerance:
            raise NonlinearSolveError(
                f"voltage and potential still change by {change:.2e} mV after {passes} passes",
                expected=f"{self.coupling.tolerance:g} mV",
                fix="allow more passes or take a smaller step",
            )
        self._earlier = self.before if self.known == 2 else None
        self.before, self.now = self.now, present
        self.known = min(self.known + 1, 2)

    def _predicted(self, voltage: Float) -> Float:
        """Return the potential in this step as those before it let expect, (n,) mV."""
        if self.known == 2:
            return 2.0 * self.now - self.before
        result = self.now.copy()
        if self.known == 0:
            self.potential.respond(voltage, result)
        return result

    def _largest(self, values: Float) -> float:
        local = float(np.abs(values).max(initial=0.0))
        return float(self.potential.space.comm.allreduce(local, op=MPI.MAX))
