"""The reference configuration in one solve: inverse elastostatics on the image [Govindjee1996].

The mesh is the body under its loads, x. Unknown is the way back, X = x + U, and with it
f = ∂X/∂x = I + ∂U/∂x, F = f⁻¹, j = det f = 1/J. Pulled to the image, the virtual work of the
forward problem, ∫ P : ∂v/∂X dX, is

    ∫ σ : ∂v/∂x dx = ∫ j P(F) : (∂v/∂x F) dx,

and every load has a counterpart: a pressure acts on the known surface, p ∫ n·v da; springs, at
rest in the reference, act per area there on u = −U, with N dA = j f⁻ᵀ n da; fixed faces have U = 0;
volume is kept by ∫ (J − 1) q j dx. With geometry and displacement of one degree these are, point
by point, the integrals of the forward problem on the mesh X: both have the same discrete solution.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import ufl
from dolfinx import fem
from numpy.typing import NDArray

from heart.core.errors import ParameterError
from heart.mechanics import balance
from heart.mechanics.configuration import AxesIn, Configuration, carried_symbolic
from heart.mechanics.kinematics import deformation_gradient, pushed, right_cauchy_green
from heart.mechanics.loads import BasalTraction, Direction, Fixed, FollowerPressure, Robin
from heart.mechanics.rigid import near_nullspace
from heart.mechanics.static import StaticProblem
from heart.mechanics.watch import reference_samples, worst_of
from heart.numerics.newton import NewtonSolver, NonlinearOutcome, NonlinearSystem
from heart.numerics.profiles import Profile
from heart.numerics.step_controller import Worst

Float = NDArray[np.float64]


class InverseProblem:
    """The way back from the image to the reference of a static problem.

    Shares mesh, spaces, law and its constants with the forward problem; satisfies `Steppable`.

    Parameters
    ----------
    problem
        The forward problem, on the mesh of the image.
    configuration
        Moves that mesh.

    Attributes
    ----------
    state
        U, and the pressure of incompressible models, as one function.

    Raises
    ------
    ParameterError
        The geometry has not the degree of the displacement, or a displacement is prescribed.
    """

    def __init__(self, problem: StaticProblem, configuration: Configuration) -> None:
        _check(problem, configuration)
        self.problem, self.configuration = problem, configuration
        space = problem.space
        self.state: Any = fem.Function(space.space, name="inverse")
        self._pressures: list[tuple[Any, float]] = []
        self.forms = tuple(self._residual())
        self.system = NonlinearSystem(self.forms, self.state, problem.system.conditions)
        self._solvers: dict[str, NewtonSolver] = {}
        self._corners = reference_samples(space)
        self._size = space.size()

    def _residual(self) -> list[Any]:
        problem, space = self.problem, self.problem.space
        motion, p = space.split(self.state)
        test = ufl.TestFunction(space.space)
        v, q = space.split(test)
        f = deformation_gradient(motion)
        j = ufl.det(f)
        axes = problem.axes
        if self.configuration.where is AxesIn.IMAGE:
            axes = carried_symbolic(axes, f)
        F = ufl.variable(ufl.inv(f))
        multiplier = None if p is None else ufl.variable(p)
        energy = problem.model.energy(right_cauchy_green(F), axes, multiplier)
        work = ufl.inner(ufl.diff(energy, F), ufl.grad(v) * F)
        if multiplier is not None:
            work += ufl.diff(energy, multiplier) * q
        if problem.modulus is not None:
            # The same in both configurations but for the volume: ∂p/∂X f and f⁻¹ ∂X cancel.
            penalty = balance.stabilisation(problem.model, space, p, problem.modulus.expression)
            work -= ufl.derivative(penalty, self.state, test)
        forms = [j * work * space.volume]
        normal = ufl.FacetNormal(space.mesh)
        for load in problem.loads:
            match load:
                case FollowerPressure():
                    pressure = load.value
                    if isinstance(pressure, int | float):
                        pressure = fem.Constant(space.mesh, 0.0)
                        self._pressures.append((pressure, float(load.value)))
                    forms.append(pressure * ufl.inner(normal, v) * space.surface(load.boundary))
                case BasalTraction():
                    pull = ufl.inner(ufl.as_vector(load.traction), v)
                    forms.append(-pull * space.surface(load.boundary))
                case Robin():
                    force = load.stiffness * _stretched(load, motion, f, normal)
                    forms.append(ufl.inner(force, v) * space.surface(load.boundary))
                case Fixed():
                    pass
        return forms

    def apply(self, fraction: float) -> None:
        """Set pressures and ramps to `fraction` of their full value."""
        self.problem.apply(fraction)
        for constant, value in self._pressures:
            constant.value = fraction * value

    def solve(self, profile: Profile) -> NonlinearOutcome:
        """Solve at the present loads from the present U, with the mesh put to the image.

        Raises
        ------
        NonlinearSolveError, LinearSolveError, NonFiniteError, OutOfMemoryError
            As `NewtonSolver.solve`.
        """
        self.configuration.to_image()
        if profile.name not in self._solvers:
            space = self.problem.space
            modes = None if space.mixed else near_nullspace(space)
            self._solvers[profile.name] = NewtonSolver(self.system, profile, near_nullspace=modes)
        return self._solvers[profile.name].solve()

    def reference(self) -> Float:
        """Return the nodes (n, 3) of the reference, X = x + U, in mm."""
        return self.configuration.image + self.configuration.motion(self.state)

    def values(self) -> Float:
        """Return a copy of this rank's unknowns."""
        return self.system.values()

    def set_values(self, values: Float) -> None:
        """Put unknowns back."""
        self.system.set_values(values)

    def worst(self) -> Worst:
        """Return where J or 1/J is smallest. Collective."""
        return worst_between(self.configuration, self.reference(), self._corners)

    def jump(self, before: Float) -> float:
        """Return the largest change of an unknown U since `before`, over the body's size."""
        now = self.values()
        here = self.configuration.motion(self.state)
        self.set_values(before)
        there = self.configuration.motion(self.state)
        self.set_values(now)
        return self.configuration.distance(here, there) / self._size


def worst_between(configuration: Configuration, reference: Float, samples: Float) -> Worst:
    """Return the smallest of J and 1/J between image and `reference` (n, 3). Collective.

    Parameters
    ----------
    samples
        (q, 3) on the reference cell.
    """
    local = configuration.space.mesh.topology.index_map(3).size_local
    f = np.linalg.det(configuration.gradient(reference, samples)[:local])
    with np.errstate(divide="ignore"):
        ratios = np.where(f > 0.0, np.minimum(f, 1.0 / f), f).min(axis=1, initial=np.inf)
    return worst_of(configuration.space, ratios, configuration.image)


def _stretched(load: Robin, motion: Any, f: Any, normal: Any) -> Any:
    """Return the spring's motion times dA/da, with N dA = j f⁻ᵀ n da."""
    push = pushed(f, normal)
    area = ufl.sqrt(ufl.inner(push, push))
    match load.direction:
        case Direction.FULL:
            return -motion * area
        case Direction.DEFORMED_NORMAL:
            return -ufl.inner(motion, normal) * normal * area
        case Direction.NORMAL:
            return -ufl.inner(motion, push) * push / area


def _check(problem: StaticProblem, configuration: Configuration) -> None:
    if not configuration.isoparametric:
        raise ParameterError(
            "the reference of quadratic displacements is curved, and the mesh is straight",
            expected="cells of ten nodes for quadratic elements",
            fix="make the cells with heart.anatomy.curved.second_order, or use linear elements",
        )
    prescribed: Sequence[Fixed] = [
        load for load in problem.loads if isinstance(load, Fixed) and load.displacement is not None
    ]
    if prescribed:
        raise ParameterError(
            f"boundary {prescribed[0].boundary} is moved by a prescribed displacement",
            expected="fixed faces, springs and pressures",
            fix="unload without it",
        )
