"""The reference configuration by a fixed point on forward problems [Sellier2011].

Loading a guess X gives x(X); its distance from the image is taken off the guess,

    X ← X + ω (x_img − x(X)),

with Aitken's ω after the first two [Kuettler2008]. The load grows in steps, each of which starts
from the reference of the last one: a heart inflated by its full pressure once more is often beyond
what its law and mesh bear. What is not converged is an error, never a warning: a wrong reference
looks like a right one in every later result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import NonlinearSolveError
from heart.core.parameters import Parameter
from heart.mechanics.configuration import Configuration
from heart.mechanics.inverse import InverseProblem, worst_between
from heart.mechanics.static import StaticProblem
from heart.mechanics.watch import reference_samples
from heart.numerics.newton import NonlinearOutcome
from heart.numerics.profiles import Profile
from heart.numerics.step_controller import Policy, Step, StepController, Worst

Float = NDArray[np.float64]

DISTANCE = Parameter(0.05, "mm", 1e-10, 1.0, "assumed", "largest distance of a node from the image")
ITERATIONS = Parameter(25.0, "1", 2.0, 200.0, "assumed", "at most so many loadings at one load")
FACTOR = Parameter(1.0, "1", 0.05, 1.0, "Sellier2011", "ω before Aitken knows better")
RATIO = Parameter(0.1, "1", 0.0, 0.9, "assumed", "least volume ratio J; below it is no reference")
LOOSE = Parameter(10.0, "1", 1.0, 1e3, "assumed", "tolerance at partial loads over that at full")
LEAST_FACTOR, LARGEST_FACTOR = 0.05, 2.0
POLICY = Policy(first=0.25, largest=0.5, least_ratio=RATIO.value, cuts=6)


@dataclass(frozen=True)
class UnloadSettings:
    """When the fixed point has converged and how it relaxes; see the parameters above.

    Attributes
    ----------
    aitken
        Whether ω adapts; else it stays `factor`.
    """

    distance: float = DISTANCE.value
    iterations: int = int(ITERATIONS.value)
    factor: float = FACTOR.value
    aitken: bool = True

    def __post_init__(self) -> None:
        DISTANCE.check(self.distance, name="tolerance of the distance")
        ITERATIONS.check(self.iterations, name="iterations of the unloading")
        FACTOR.check(self.factor, name="relaxation factor")


@dataclass(frozen=True)
class Unloaded:
    """A reference configuration; the mesh of the problem is left in it, its state at rest.

    Attributes
    ----------
    points
        (n, 3) nodes of this rank's geometry in mm.
    steps
        Load steps, as accepted.
    loadings
        Nonlinear solves in all.
    """

    points: Float
    steps: tuple[Step, ...]
    loadings: int


@dataclass
class FixedPoint:
    """The unloading of a static problem as something whose load can be stepped (`Steppable`).

    Parameters
    ----------
    problem
        The forward problem with its full loads, its mesh now in the image configuration.
    configuration
        Moves that mesh.
    """

    problem: StaticProblem
    configuration: Configuration
    settings: UnloadSettings = field(default_factory=UnloadSettings)
    loadings: int = 0
    distances: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._samples = reference_samples(self.problem.space)
        self._points = self.configuration.points()
        self._fraction = 0.0

    def apply(self, fraction: float) -> None:
        """Set the loads that the reference has to bear to get into the image."""
        self._fraction = fraction
        self.problem.apply(fraction)

    def solve(self, profile: Profile) -> NonlinearOutcome:
        """Iterate at the present load from the present reference.

        Raises
        ------
        NonlinearSolveError
            Not converged, or no longer a body: named with the worst cell.
        LinearSolveError, NonFiniteError, OutOfMemoryError
            As `StaticProblem.solve`.
        """
        here, settings = self.configuration, self.settings
        factor, before = settings.factor, None
        newton = krylov = 0
        self.distances = []
        for _ in range(settings.iterations):
            self._place(self._points)
            outcome = self.problem.solve(profile)
            newton, krylov = newton + outcome.iterations, krylov + outcome.linear_iterations
            self.loadings += 1
            loaded = self._points + here.motion(self.problem.state)
            gap = here.image - loaded
            self.distances.append(here.distance(here.image, loaded))
            if self._near():
                return NonlinearOutcome(
                    len(self.distances), krylov, tuple(self.distances), f"{newton} Newton steps"
                )
            if before is not None and settings.aitken:
                change = gap - before
                length = here.product(change, change)
                if length > 0.0:
                    factor *= -here.product(before, change) / length
                    factor = float(np.clip(factor, LEAST_FACTOR, LARGEST_FACTOR))
            before = gap
            self._points = self._points + factor * gap
        raise NonlinearSolveError(
            f"unloading has not converged in {settings.iterations} iterations: nodes are still "
            f"{self.distances[-1]:.3g} mm from the image",
            expected=f"{settings.distance:g} mm",
            fix="take smaller load steps, check pressure and stiffness, or allow more iterations",
        )

    def _place(self, points: Float) -> None:
        worst = worst_between(self.configuration, points, self._samples)
        if not worst.ratio > RATIO.value:
            raise NonlinearSolveError(
                f"the reference has a cell at less than {RATIO.value:g} of its volume, "
                f"{worst.line()}"
            )
        self.configuration.to_reference(points)

    def _near(self) -> bool:
        loose = 1.0 if self._fraction == 1.0 else LOOSE.value
        return self.distances[-1] <= loose * self.settings.distance

    def values(self) -> Float:
        """Return a copy of this rank's nodes and unknowns."""
        return np.concatenate([self._points.ravel(), self.problem.values()])

    def set_values(self, values: Float) -> None:
        """Put nodes and unknowns back."""
        size = self._points.size
        self._points = values[:size].reshape(-1, 3)
        self.problem.set_values(values[size:])

    def worst(self) -> Worst:
        """Return the worst cell between rest and load, or between image and reference."""
        reference = worst_between(self.configuration, self._points, self._samples)
        loaded = self.problem.worst()
        return min(reference, loaded, key=lambda one: one.ratio if one.ratio == one.ratio else -1)

    def jump(self, before: Float) -> float:
        """Return how far the loaded body moved since `before`, in sizes of the body."""
        return self.problem.jump(before[self._points.size :])


def unload(fixed_point: FixedPoint, ladder: Sequence[Profile], policy: Policy = POLICY) -> Unloaded:
    """Return the reference that the loads of the problem bring into the image. Collective.

    The mesh is left in the reference, axes carried along; the state is at rest, the load zero.

    Raises
    ------
    NonlinearSolveError
        Not converged at the smallest load step: says how far it came and where.
    """
    steps = StepController(fixed_point, ladder, policy).run()
    points = fixed_point.configuration.points()
    _rest(fixed_point.problem)
    return Unloaded(points, tuple(steps), fixed_point.loadings)


def unload_inverse(
    inverse: InverseProblem, ladder: Sequence[Profile], policy: Policy = POLICY
) -> Unloaded:
    """Return the same by inverse elastostatics, one solve per load step. Collective.

    Raises
    ------
    NonlinearSolveError
        As `unload`.
    """
    steps = StepController(inverse, ladder, policy).run()
    points = inverse.reference()
    inverse.configuration.to_reference(points)
    _rest(inverse.problem)
    return Unloaded(points, tuple(steps), len(steps))


def reload(
    problem: StaticProblem,
    configuration: Configuration,
    ladder: Sequence[Profile],
    policy: Policy | None = None,
) -> float:
    """Load the reference to the full load; return the largest distance from the image in mm.

    Raises
    ------
    NonlinearSolveError
        The full load was not reached.
    """
    StepController(problem, ladder, policy).run()
    loaded = configuration.points() + configuration.motion(problem.state)
    return configuration.distance(loaded, configuration.image)


def _rest(problem: StaticProblem) -> None:
    problem.apply(0.0)
    problem.set_values(np.zeros_like(problem.values()))
