"""Passive parameters from an image and a pressure, by the Klotz curve, with the reference at once.

Two factors, one on all stiffnesses of the law and one on all its exponents, are changed by a
damped Gauss–Newton method on their logarithms until the filling curve of the reference that
belongs to them is the curve of [Klotz2006]; the point of the image is on both by construction
[Marx2022]. The ratios between fibre, sheet and normal stay those of the law's start: one curve
cannot tell them apart.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from dolfinx import fem
from mpi4py import MPI
from numpy.typing import NDArray

from heart.core.errors import NonlinearSolveError, ParameterError
from heart.mechanics.configuration import Configuration
from heart.mechanics.filling import FAILURES, Filling, FillingCurve
from heart.mechanics.fit_factors import (
    ERROR,
    ITERATIONS,
    PRESSURES,
    RANGE,
    Factor,
    factors_of,
    multiplied,
)
from heart.mechanics.klotz import MMHG, KlotzCurve, klotz_curve
from heart.mechanics.static import StaticProblem
from heart.numerics.profiles import Profile

Float = NDArray[np.float64]

LOG = logging.getLogger(__name__)

PROBE, SETTLED, FLAT = 0.03, 1e-2, 5e-2
DAMPING, LEAST_DAMPING, LARGEST_DAMPING = 1e-3, 1e-6, 1e4
LARGEST_MOVE = 0.7
STIFFER, TRIES = 2.0, 5


@dataclass(frozen=True)
class FitStep:
    """Where a fit is: its step (0 is the start), curves so far, factors, largest error."""

    number: int
    curves: int
    factors: Mapping[Factor, float]
    error: float

    def line(self) -> str:
        """Return it in words."""
        factors = ", ".join(f"{key.value} x {value:.3g}" for key, value in self.factors.items())
        return f"{factors}: largest error {100.0 * self.error:.2g} % of volume"


@dataclass(frozen=True)
class PassiveFit:
    """What was fitted and how well.

    Attributes
    ----------
    factors
        On the law's start.
    parameters
        Of the law, numbers only, by name.
    pressures, volumes, targets
        kPa and mm³: of the left ventricle, and on the Klotz curve.
    filling
        The last curve, with the reference.
    klotz
        The curve.
    iterations, curves
        Steps of the fit, and filling curves computed in all.
    """

    factors: Mapping[Factor, float]
    parameters: Mapping[str, float]
    pressures: Float
    volumes: Float
    targets: Float
    filling: Filling
    klotz: KlotzCurve
    iterations: int
    curves: int

    @property
    def errors(self) -> Float:
        """Relative errors of the volumes."""
        return np.asarray(self.volumes / self.targets - 1.0)

    def line(self) -> str:
        """Return it in words."""
        factors = ", ".join(f"{key.value} x {value:.3g}" for key, value in self.factors.items())
        worst = int(np.argmax(np.abs(self.errors)))
        return (
            f"{factors}; largest error {100 * self.errors[worst]:.2g} % of volume at "
            f"{self.pressures[worst] / MMHG:.3g} mmHg, after {self.iterations} steps and "
            f"{self.curves} curves"
        )


class _Scaled:
    """Constants and fields of a law that factors multiply in place."""

    def __init__(self, law: Any, factors: Sequence[Factor], comm: MPI.Intracomm) -> None:
        self.law, self._comm = law, comm
        self.groups = {
            factor: [(name, getattr(law, name)) for name in multiplied(type(law), factor)]
            for factor in factors
        }
        self._start = {
            name: np.array(_values(value))
            for group in self.groups.values()
            for name, value in group
        }
        self.keys = tuple(self.groups)

    def set(self, logarithms: Float) -> None:
        """Multiply the start by the factors' exponentials. Collective.

        Raises
        ------
        ParameterError
            A parameter leaves its plausible range.
        """
        for factor, logarithm in zip(self.keys, logarithms, strict=True):
            for name, value in self.groups[factor]:
                wanted = self._start[name] * np.exp(logarithm)
                # Over all ranks, so that all of them refuse or none.
                low = self._comm.allreduce(wanted.min(initial=np.inf), op=MPI.MIN)
                high = self._comm.allreduce(wanted.max(initial=-np.inf), op=MPI.MAX)
                for extreme in (low, high):
                    if np.isfinite(extreme):
                        self.law.PARAMETERS[name].check(
                            float(extreme), name=f"{type(self.law).__name__}.{name}"
                        )
                _values(value)[...] = wanted

    def numbers(self) -> dict[str, float]:
        """Return all parameters that are one number."""
        return {
            name: float(getattr(self.law, name).value)
            for name in self.law.PARAMETERS
            if isinstance(getattr(self.law, name), fem.Constant)
        }


def fit_passive(
    problem: StaticProblem,
    configuration: Configuration,
    cavity: int,
    pressure: float,
    ladder: Sequence[Profile],
    *,
    pressures: Sequence[float] = PRESSURES,
    factors: Sequence[Factor] | None = None,
    error: float = ERROR.value,
    iterations: int = int(ITERATIONS.value),
    told: Callable[[FitStep], None] | None = None,
) -> PassiveFit:
    """Fit the law of a problem to the Klotz curve, and find the reference. Collective.

    Afterwards the law has the fitted parameters, and mesh and axes are those of the reference,
    without load.

    Parameters
    ----------
    problem
        On the mesh of the image, with the loads that the image bears; all pressures of a filling
        grow together.
    configuration
        Moves that mesh.
    cavity
        Tag of the left endocardium.
    pressure
        In the left ventricle of the image, kPa.
    pressures
        Where volumes are compared, kPa, ascending.
    factors
        Which ones are fitted; all that the law has when None.
    error
        Largest relative error of a volume that is accepted.
    told
        Called after the first curve and after each step.

    Raises
    ------
    NonlinearSolveError
        No parameters give the curve to within `error`, or no reference was found.
    ParameterError
        Pressure, tolerance or parameters of the law are not plausible.
    """
    ERROR.check(error, name="tolerance of the fit")
    ITERATIONS.check(iterations, name="steps of the fit")
    law = type(problem.model.material)
    known = factors_of(law)
    chosen = known if factors is None else tuple(factors)
    if not chosen or not set(chosen) <= set(known):
        raise ParameterError(
            f"factors {', '.join(one.value for one in chosen) or 'none'} for {law.__name__}",
            expected=f"some of {', '.join(one.value for one in known)}",
        )
    wanted = np.asarray(pressures, np.float64)
    if not (np.diff(wanted) > 0.0).all() or wanted[0] <= 0.0:
        raise ParameterError("pressures of the fit", expected="positive and ascending, in kPa")
    curve = FillingCurve(problem, configuration, cavity, tuple(wanted / pressure), ladder)
    klotz = klotz_curve(pressure, curve.image_volume)
    scaled = _Scaled(problem.model.material, chosen, problem.space.comm)
    search = _Search(curve, scaled, klotz.volume(wanted), error, told)
    at, filling = search.run(iterations)
    fit = PassiveFit(
        factors={key: float(np.exp(x)) for key, x in zip(search.law.keys, at, strict=True)},
        parameters=search.law.numbers(),
        pressures=wanted,
        volumes=filling.volumes,
        targets=search.targets,
        filling=filling,
        klotz=klotz,
        iterations=search.steps,
        curves=search.curves,
    )
    LOG.info("passive fit: %s", fit.line())
    if np.abs(fit.errors).max() > error:
        raise NonlinearSolveError(
            f"no parameters bring the law to the Klotz curve: {fit.line()}",
            expected=f"at most {100 * error:g} %",
            fix="check pressure and wall of the image, start elsewhere, or use another law",
        )
    return fit


class _Search:
    """Damped Gauss–Newton on the logarithms of the factors."""

    def __init__(
        self,
        curve: FillingCurve,
        law: _Scaled,
        targets: Float,
        error: float,
        told: Callable[[FitStep], None] | None,
    ) -> None:
        self.curve, self.law, self.targets = curve, law, targets
        self.error, self.told = error, told
        self.steps = self.curves = 0
        self._range = float(np.log(RANGE.value))

    def run(self, iterations: int) -> tuple[Float, Filling]:
        """Return the best logarithms and their curve, with the problem in that state."""
        x, filling = self._start()
        self._tell(x, self._residual(filling))
        damping, slopes = DAMPING, None
        for self.steps in range(1, iterations + 1):
            before = self._residual(filling)
            fresh = slopes is None
            if slopes is None:
                slopes = self._slopes(x, before)
            found, damping = self._better(x, before, slopes, damping)
            if found is None:
                if fresh:
                    break
                slopes, damping = None, DAMPING
                continue
            there, filling = found
            move, change = there - x, self._residual(filling) - before
            x, gain = there, 1.0 - float(np.sum((before + change) ** 2) / (before @ before))
            # Broyden's update: new slopes cost a curve for each factor.
            slopes = slopes + np.outer(change - slopes @ move, move) / (move @ move)
            self._tell(x, before + change)
            if np.abs(move).max() < SETTLED or gain < FLAT:
                if fresh or np.abs(before + change).max() <= self.error:
                    break
                slopes = None
        self.law.set(x)
        return x, self.curve.fill()

    def _tell(self, x: Float, residual: Float) -> None:
        factors = {key: float(np.exp(one)) for key, one in zip(self.law.keys, x, strict=True)}
        step = FitStep(self.steps, self.curves, factors, float(np.abs(residual).max()))
        LOG.info("passive fit, step %d: %s; errors %s", step.number, step.line(), residual)
        if self.told is not None:
            self.told(step)

    def _better(
        self, x: Float, before: Float, slopes: Float, damping: float
    ) -> tuple[tuple[Float, Filling] | None, float]:
        """Return a better place with its curve, None where there is none; and the next damping."""
        while damping < LARGEST_DAMPING:
            there = x + self._step(slopes, before, damping, x)
            filling = self._try(there)
            if filling is not None:
                after = self._residual(filling)
                if after @ after < before @ before:
                    return (there, filling), max(0.1 * damping, LEAST_DAMPING)
            damping *= 10.0
        return None, damping

    def _start(self) -> tuple[Float, Filling]:
        """Return where the law starts: as given, or stiffer where nothing bears the image."""
        x = np.zeros(len(self.law.keys))
        for _ in range(TRIES):
            filling = self._try(x)
            if filling is not None:
                return x, filling
            x = x.copy()
            x[0] += np.log(STIFFER)
        return x, self._fill(x)

    def _fill(self, x: Float) -> Filling:
        self.law.set(x)
        self.curves += 1
        return self.curve.fill()

    def _try(self, x: Float) -> Filling | None:
        try:
            return self._fill(x)
        except (*FAILURES, ParameterError) as error:
            LOG.info("passive fit: factors %s: %s", np.exp(x), error.line())
        return None

    def _residual(self, filling: Filling) -> Float:
        return np.asarray(filling.volumes / self.targets - 1.0)

    def _slopes(self, x: Float, residual: Float) -> Float:
        columns = []
        for k in range(len(x)):
            for probe in (PROBE, -PROBE):
                there = x.copy()
                there[k] += probe
                filling = self._try(there)
                if filling is not None:
                    columns.append((self._residual(filling) - residual) / probe)
                    break
            else:
                raise NonlinearSolveError(
                    f"the passive fit has no reference on either side of a {self.law.keys[k].value}"
                    f" factor of {np.exp(x[k]):.3g}",
                    fix="start with other parameters or a finer mesh",
                )
        return np.stack(columns, axis=1)

    def _step(self, slopes: Float, residual: Float, damping: float, x: Float) -> Float:
        square = slopes.T @ slopes
        square = square + damping * np.diag(np.diag(square)) + 1e-14 * np.eye(len(x))
        step = -np.linalg.solve(square, slopes.T @ residual)
        step *= min(1.0, LARGEST_MOVE / max(float(np.abs(step).max()), 1e-300))
        return np.asarray(np.clip(x + step, -self._range, self._range) - x)


def _values(value: Any) -> Any:
    """Return the numbers of a constant or a field, to be changed in place."""
    if isinstance(value, fem.Constant):
        return value.value
    if isinstance(value, fem.Function):
        return value.x.array
    raise ParameterError(
        "a parameter of the law is an expression", expected="a number or a field of values"
    )
