"""Where the energy of a motion comes from and where it goes, summed step by step.

Work of pressures and of the muscle's tension in; motion, deformation and springs as stores;
viscosity and dampers as losses. What is left over is what the time scheme itself dissipates, so
that the balance closes with the step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import ufl
from dolfinx import fem
from mpi4py import MPI

from heart.core.errors import ParameterError
from heart.mechanics import balance
from heart.mechanics.dynamic import DynamicProblem, Pressure
from heart.mechanics.kinematics import deformation_gradient, right_cauchy_green
from heart.mechanics.loads import Direction, FollowerPressure, Robin
from heart.mechanics.viscosity import KelvinVoigt
from heart.numerics.newton import compiled


@dataclass(frozen=True)
class Energies:
    """Energies in mm mN at a time in ms; work and losses are sums from the start."""

    time: float
    kinetic: float
    stored: float
    springs: float
    pressure_work: float
    active_work: float
    lost: float

    @property
    def gap(self) -> float:
        """Work that is in no store and no loss: what the time scheme dissipated."""
        stores = self.kinetic + self.stored + self.springs
        return self.pressure_work + self.active_work - stores - self.lost


class EnergyBudget:
    """Sums the energies of a problem; call `update` after each accepted step, none left out.

    Parameters
    ----------
    problem
        With density, without a pressure unknown; a tension that is one constant.
    """

    def __init__(self, problem: DynamicProblem) -> None:
        if problem.space.mixed or problem.model.density is None:
            raise ParameterError(
                "energy budget of an incompressible body or one without inertia",
                expected="a compressible model with density",
            )
        self._problem, model, volume = problem, problem.model, problem.space.volume
        density = fem.Constant(problem.space.mesh, float(problem.model.density))
        C = right_cauchy_green(deformation_gradient(problem.u))
        still = replace(model, active=None)
        squared = ufl.inner(problem.velocity, problem.velocity)
        self._increment = fem.Function(problem.space.space)
        self._forms = {
            "kinetic": compiled(0.5 * density * squared * volume),
            "stored": compiled(still.energy(C, problem.axes) * volume),
        }
        self._add("springs", self._springs())
        self._add("pressure_work", self._pressure())
        self._add("lost", self._losses())
        self._active: Any = None
        if model.active is not None:
            unit = replace(model.active, tension=fem.Constant(problem.space.mesh, 1.0))
            self._active = compiled(unit.energy(C, problem.axes) * volume)
        self._tension: Any = None if model.active is None else model.active.tension
        self._shape = self._value(self._active)
        self._before = problem.present.x.array.copy()
        self._sums = {"pressure_work": 0.0, "active_work": 0.0, "lost": 0.0}
        self._time = problem.time
        self.history: list[Energies] = [self._now()]

    def _add(self, name: str, form: Any) -> None:
        self._forms[name] = None if form is None else compiled(form)

    def _springs(self) -> Any:
        problem, total = self._problem, None
        for load in problem.loads:
            if isinstance(load, Robin):
                term = 0.5 * load.stiffness * _along(problem, load, problem.u)
                part = term * problem.space.surface(load.boundary)
                total = part if total is None else total + part
        return total

    def _losses(self) -> Any:
        problem, total = self._problem, None
        for load in problem.loads:
            if isinstance(load, Robin):
                term = load.damping * _along(problem, load, problem.middle_rate)
                part = term * problem.space.surface(load.boundary)
                total = part if total is None else total + part
        if problem.model.viscosity is not None:
            viscosity = fem.Constant(problem.space.mesh, float(problem.model.viscosity.viscosity))
            F, rate = deformation_gradient(problem.middle), ufl.grad(problem.middle_rate)
            part = viscosity * KelvinVoigt(1.0).power(F, rate) * problem.space.volume
            total = part if total is None else total + part
        return total

    def _pressure(self) -> Any:
        problem, total = self._problem, None
        values = iter(problem.pressure_constants())
        for load in problem.loads:
            if isinstance(load, Pressure | FollowerPressure):
                value = next(values) if isinstance(load, Pressure) else load.value
                place = FollowerPressure(load.boundary, 0.0)
                part = -balance.pressure_work(
                    value, problem.space, place, problem.middle, self._increment
                )
                total = part if total is None else total + part
        return total

    def _value(self, form: Any) -> float:
        if form is None:
            return 0.0
        comm = self._problem.space.comm
        return float(comm.allreduce(fem.assemble_scalar(form), op=MPI.SUM))

    def update(self, _step: object = None) -> Energies:
        """Add the step that was accepted last. Collective."""
        problem = self._problem
        self._increment.x.array[:] = problem.present.x.array - self._before
        self._before[:] = problem.present.x.array
        self._sums["pressure_work"] += self._value(self._forms["pressure_work"])
        self._sums["lost"] += (problem.time - self._time) * self._value(self._forms["lost"])
        shape = self._value(self._active)
        if self._active is not None:
            # The constant still holds the tension of the balance.
            self._sums["active_work"] -= float(self._tension.value) * (shape - self._shape)
        self._shape, self._time = shape, problem.time
        self.history.append(self._now())
        return self.history[-1]

    def _now(self) -> Energies:
        stores = {name: self._value(self._forms[name]) for name in ("kinetic", "stored", "springs")}
        return Energies(self._problem.time, **stores, **self._sums)


def _along(problem: DynamicProblem, load: Robin, motion: Any) -> Any:
    if load.direction is Direction.FULL:
        return ufl.inner(motion, motion)
    return ufl.inner(motion, ufl.FacetNormal(problem.space.mesh)) ** 2
