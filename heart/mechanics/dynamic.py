"""Motion of the muscle with inertia and viscosity, step by step in time.

The unknown of a step is the balanced state u_mid = α_f u_old + (1−α_f) u_new of a generalised-α
scheme, not the new one: the law then sees its unknown directly, so that its form and tangent are
those of the static problem, whatever assembles them. Inertia, viscosity and dampers see rates
that are linear in the unknown, with coefficients that change with the step and a history that
changes with the state; nothing is compiled again. With no density the problem is quasi-static and
backward Euler is the natural scheme.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import ufl
from dolfinx import fem
from dolfinx.fem import petsc as fem_petsc
from numpy.typing import NDArray
from petsc4py import PETSc

from heart.core.errors import ParameterError
from heart.mechanics import balance
from heart.mechanics.axes import Axes
from heart.mechanics.compressibility import Incompressible
from heart.mechanics.curves import Course
from heart.mechanics.generalised_alpha import BACKWARD_EULER, BENCHMARK, Scheme
from heart.mechanics.kinematics import deformation_gradient
from heart.mechanics.loads import BasalTraction, Fixed, FollowerPressure, Load, Robin
from heart.mechanics.model import MechanicsModel
from heart.mechanics.rigid import near_nullspace, require_held
from heart.mechanics.space import FACETS, MechanicsSpace
from heart.mechanics.static import with_constants
from heart.mechanics.viscosity import KelvinVoigt
from heart.mechanics.watch import Watch
from heart.numerics.newton import NewtonSolver, NonlinearOutcome, NonlinearSystem, compiled
from heart.numerics.profiles import Profile
from heart.numerics.step_controller import Worst

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Pressure:
    """Follower pressure on a boundary that changes with time: kPa at a time in ms."""

    boundary: int
    course: Course


@dataclass(frozen=True)
class Drive:
    """A constant of the model that follows a course: active tension, for one."""

    constant: Any
    course: Course


class DynamicProblem:
    """Balance of momentum of a model on a space, advanced in time from rest.

    Parameters
    ----------
    model
        With density for inertia, and viscosity.
    space
        Elements and mesh; the compressibility has to fit them.
    axes
        Fibre, sheet, normal.
    loads
        `FollowerPressure` is constant; `Pressure` follows a course; faces can only be fixed at
        zero. Nothing needs to hold a body that has inertia.
    drives
        Constants that follow courses.
    scheme
        The benchmark's where there is inertia, else backward Euler.

    Attributes
    ----------
    time
        Of the last accepted state, ms.
    present, velocity, acceleration
        Functions of the last accepted state.
    u, p
        Displacement and pressure (None without) as UFL expressions of `present`.
    state
        Unknown of a step: the balanced state.
    middle_rate
        Balanced velocity as UFL expression.

    Raises
    ------
    ParameterError
        Model and elements do not fit, or nothing holds a body without inertia.
    """

    def __init__(
        self,
        model: MechanicsModel,
        space: MechanicsSpace,
        axes: Axes,
        loads: Sequence[Load | Pressure],
        drives: Sequence[Drive] = (),
        scheme: Scheme | None = None,
    ) -> None:
        if isinstance(model.compressibility, Incompressible) != space.mixed:
            raise ParameterError(
                f"elements {space.element.name} with {type(model.compressibility).__name__} volume",
                expected="elements with a pressure unknown for incompressible volume only",
            )
        if model.density is None:
            require_held(space, [load for load in loads if not isinstance(load, Pressure)])
        self.model, self.space, self.axes = with_constants(model, space.mesh), space, axes
        self.loads, self.drives = tuple(loads), tuple(drives)
        inert = BACKWARD_EULER if model.density is None else BENCHMARK
        self.scheme = inert if scheme is None else scheme
        self.time, self._trial, self._open = 0.0, 0.0, False
        mesh = space.mesh
        self._speed, self._force = fem.Constant(mesh, 0.0), fem.Constant(mesh, 0.0)
        self._past_speed, self._past_force = self._function("speed"), self._function("force")
        self.present: Any = self._function("present")
        self.velocity: Any = self._function("velocity")
        self.acceleration: Any = self._function("acceleration")
        self.state: Any = self._function("state")
        self.u, self.p = space.split(self.present)
        self.middle, self.middle_pressure = space.split(self.state)
        self.middle_rate = self._speed * self.middle + space.split(self._past_speed)[0]
        self._pressures: list[tuple[Any, Course]] = []
        self.forms = tuple(self._residual())
        conditions = [one for load in loads if isinstance(load, Fixed) for one in self._held(load)]
        self.system = NonlinearSystem(self.forms, self.state, conditions)
        self._solvers: dict[str, NewtonSolver] = {}
        self._watch = Watch(space, self.middle)

    def _function(self, name: str) -> Any:
        return fem.Function(self.space.space, name=name)

    def _residual(self) -> list[Any]:
        """Return the law first, as the static problem has it, then loads, then rates."""
        space, u = self.space, self.middle
        test = ufl.TestFunction(space.space)
        v, _ = space.split(test)
        energy = balance.potential(self.model, space, self.axes, u, self.middle_pressure)
        forms = [ufl.derivative(energy * space.volume, self.state, test)]
        linear: Any = None
        for load in self.loads:
            match load:
                case FollowerPressure():
                    forms.append(balance.pressure_work(load.value, space, load, u, v))
                case Pressure():
                    value = fem.Constant(space.mesh, 0.0)
                    self._pressures.append((value, load.course))
                    place = FollowerPressure(load.boundary, 0.0)
                    forms.append(balance.pressure_work(value, space, place, u, v))
                case BasalTraction():
                    forms.append(balance.basal_work(load, space, u, v))
                case Robin():
                    work = balance.spring_work(load, space, u, v, self.middle_rate)
                    linear = work if linear is None else linear + work
                case Fixed():
                    pass
        if self.model.density is not None:
            density = fem.Constant(space.mesh, float(self.model.density))
            force = self._force * u + space.split(self._past_force)[0]
            work = density * ufl.inner(force, v) * space.volume
            linear = work if linear is None else linear + work
        if linear is not None:
            forms.append(linear)
        if self.model.viscosity is not None:
            # One compiled form serves all viscosities.
            viscosity = fem.Constant(space.mesh, float(self.model.viscosity.viscosity))
            F = deformation_gradient(u)
            stress = viscosity * KelvinVoigt(1.0).stress(F, ufl.grad(self.middle_rate))
            forms.append(ufl.inner(F * stress, ufl.grad(v)) * space.volume)
        return forms

    def _held(self, load: Fixed) -> list[Any]:
        if load.displacement is not None:
            raise ParameterError(
                "a face with a prescribed displacement in a dynamic problem",
                expected="faces fixed at zero",
            )
        found = []
        self.space.surface(load.boundary)
        facets = self.space.facets.find(int(load.boundary))
        for axis in load.components:
            component = self.space.displacement.sub(axis)
            collapsed, _ = component.collapse()
            dofs = fem.locate_dofs_topological((component, collapsed), FACETS, facets)
            found.append(fem.dirichletbc(fem.Function(collapsed), dofs, component))
        return found

    def load_at(self, time: float) -> None:
        """Set pressures and drives to those of a time in ms."""
        for constant, course in self._pressures:
            constant.value = course(time)
        for drive in self.drives:
            drive.constant.value = drive.course(time)

    def pressure_constants(self) -> tuple[Any, ...]:
        """Return the constants of pressures that follow courses, in the order of the loads."""
        return tuple(constant for constant, _ in self._pressures)

    def start(self, displacement: Any, velocity: Any) -> None:
        """Set displacement and velocity at the present time; the acceleration balances them.

        Parameters
        ----------
        displacement, velocity
            Take points (3, n) in mm, return mm and mm/ms, (3, n).

        Raises
        ------
        ParameterError
            The model is incompressible or has no density.
        """
        if self.space.mixed or self.model.density is None:
            raise ParameterError(
                "a start in motion of an incompressible body or one without inertia",
                expected="a compressible model with density, or a start at rest",
            )
        self.present.interpolate(displacement)
        self.velocity.interpolate(velocity)
        system, u = self.system, _owned(self.present)
        self.load_at(self.time)
        self._speed.value = self._force.value = 0.0
        self._set(self._past_speed, _owned(self.velocity))
        self._set(self._past_force, np.zeros_like(u))
        system.set_values(u)
        system.unknowns.array[:] = u
        system.residual(system.unknowns, system.vector)
        trial, test = ufl.TrialFunction(self.space.space), ufl.TestFunction(self.space.space)
        density = fem.Constant(self.space.mesh, float(self.model.density))
        mass = compiled(density * ufl.inner(trial, test) * self.space.volume)
        matrix = fem_petsc.assemble_matrix(mass, system.conditions)
        matrix.assemble()
        ksp = PETSc.KSP().create(system.comm)
        ksp.setOperators(matrix)
        ksp.setType("cg")
        ksp.getPC().setType("jacobi")
        ksp.setTolerances(rtol=1e-12, max_it=2000)
        ksp.setErrorIfNotConverged(True)
        solution = system.vector.duplicate()
        ksp.solve(system.vector, solution)
        self._set(self.acceleration, -np.asarray(solution.array_r))
        for thing in (ksp, matrix, solution):
            thing.destroy()

    def trial(self, step: float, profile: Profile, *, predict: bool = True) -> NonlinearOutcome:
        """Solve for the balanced state of a step in ms; the accepted state stays. Collective.

        Raises
        ------
        NonlinearSolveError, LinearSolveError, NonFiniteError, OutOfMemoryError
            As `NewtonSolver.solve`.
        """
        u, v, a = (_owned(one) for one in (self.present, self.velocity, self.acceleration))
        self._trial, self._open = step, True
        self.load_at(self.time + (1.0 - self.scheme.alpha_f) * step)
        speed, force = self.scheme.middle(step)
        self._speed.value, self._force.value = speed[0], force[0]
        self._set(self._past_speed, -speed[0] * u + speed[1] * v + speed[2] * a)
        self._set(self._past_force, -force[0] * u + force[1] * v + force[2] * a)
        guess = u.copy()
        if predict:
            guess += (1.0 - self.scheme.alpha_f) * (step * v + 0.5 * step**2 * a)
        self.system.set_values(guess)
        if profile.name not in self._solvers:
            space = self.space
            rigid = None if space.mixed else near_nullspace(space)
            self._solvers[profile.name] = NewtonSolver(self.system, profile, near_nullspace=rigid)
        return self._solvers[profile.name].solve()

    def accept(self) -> None:
        """Make the state of the last trial the present one."""
        u, v, a = (_owned(one) for one in (self.present, self.velocity, self.acceleration))
        balanced = self.system.values()
        still = ~self._watch.moving
        change = (balanced - u) / (1.0 - self.scheme.alpha_f)
        ends = self.scheme.ends(self._trial)
        new = [row[0] * change + row[1] * v + row[2] * a for row in ends]
        for rate in new:
            rate[still] = 0.0
        self._set(self.present, self._end(balanced))
        self._set(self.velocity, new[0])
        self._set(self.acceleration, new[1])
        self.time += self._trial
        self._open = False

    def worst(self) -> Worst:
        """Return the smallest volume ratio over all cells. Collective.

        Of the balanced state, and of the end of a step that is not accepted yet: that lies beyond
        the balanced time, and a squeeze that is fast can leave it where nothing can be solved.
        """
        found = [self._watch.worst()]
        if self._open:
            balanced = self.system.values()
            self.system.set_values(self._end(balanced))
            found.append(self._watch.worst())
            self.system.set_values(balanced)
        return min(found, key=lambda one: one.ratio if np.isfinite(one.ratio) else -np.inf)

    def _end(self, balanced: Float) -> Float:
        """Return the unknowns at the end of the step whose balanced state is given."""
        u, still = _owned(self.present), ~self._watch.moving
        end = u + (balanced - u) / (1.0 - self.scheme.alpha_f)
        end[still] = balanced[still]
        return np.asarray(end)

    def jump(self) -> float:
        """Return how far the last trial moved the body, in sizes of the body. Collective."""
        return self._watch.jump(_owned(self.present), self.system.values())

    def displacement(self) -> Any:
        """Return the present displacement as a function of its own space."""
        return self.present.sub(0).collapse() if self.space.mixed else self.present

    def _set(self, function: Any, values: Float) -> None:
        function.x.array[: len(values)] = values
        function.x.scatter_forward()


def _owned(function: Any) -> Float:
    """Return a copy of the values that this rank owns."""
    layout = function.function_space.dofmap
    return np.array(function.x.array[: layout.index_map.size_local * layout.index_map_bs])
