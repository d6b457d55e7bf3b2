"""Equilibrium of the muscle under loads: residual from the energy, solved by Newton's method.

The residual is the derivative of the potential (energy of the model, springs), and the virtual
work of follower pressures, −p J F⁻ᵀN per reference area; the tangent is its derivative in turn,
both by UFL. All loads are scaled by one fraction, so that a step controller can walk to the full
load; everything is compiled and allocated once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import ufl
from dolfinx import fem
from numpy.typing import NDArray
from petsc4py import PETSc

from heart.core.errors import ParameterError
from heart.mechanics import balance
from heart.mechanics.axes import Axes
from heart.mechanics.compressibility import Incompressible
from heart.mechanics.loads import BasalTraction, Fixed, FollowerPressure, Load, Robin
from heart.mechanics.model import MechanicsModel
from heart.mechanics.rigid import displacement_rows, near_nullspace, require_held
from heart.mechanics.space import FACETS, Element, MechanicsSpace
from heart.mechanics.watch import Watch
from heart.numerics.newton import Assembly, NewtonSolver, NonlinearOutcome, NonlinearSystem
from heart.numerics.profiles import Profile
from heart.numerics.step_controller import Worst

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Ramp:
    """A constant of the model that grows with the load: active tension, for one."""

    constant: Any
    value: float


class StaticProblem:
    """Static equilibrium of a model on a space under loads.

    Parameters
    ----------
    model
        Its compressibility has to fit the elements of the space.
    space
        Elements and mesh.
    axes
        Fibre, sheet, normal.
    loads
        Pressures and what holds the body; all six rigid motions have to be held.
    ramps
        Constants that are scaled with the loads.
    assembly
        Of the integrals over cells; `system.assembly` tells what is in use.

    Attributes
    ----------
    state
        The unknowns as one function.
    forms
        The residual, of the law and of each load.
    u, p
        Displacement and pressure (None without) as UFL expressions of `state`.
    modulus
        Of the stabilisation; None with elements that need none.

    Raises
    ------
    ParameterError
        A rigid motion is free, or model and elements do not fit.
    """

    def __init__(
        self,
        model: MechanicsModel,
        space: MechanicsSpace,
        axes: Axes,
        loads: Sequence[Load],
        ramps: Sequence[Ramp] = (),
        assembly: Assembly = Assembly.KERNEL,
    ) -> None:
        _check_elements(model, space)
        require_held(space, loads)
        self.model, self.space, self.axes = with_constants(model, space.mesh), space, axes
        self.loads, self.ramps = tuple(loads), tuple(ramps)
        self.state: Any = fem.Function(space.space, name="state")
        self.u, self.p = space.split(self.state)
        self.modulus: balance.ShearModulus | None = None
        self._pressures: list[tuple[Any, float]] = []
        self._prescribed: list[tuple[Any, Float]] = []
        self.forms = tuple(self._residual())
        conditions = [
            condition
            for load in self.loads
            if isinstance(load, Fixed)
            for condition in self._conditions(load)
        ]
        self.system = NonlinearSystem(self.forms, self.state, conditions, assembly)
        self._solvers: dict[str, NewtonSolver] = {}
        self._watch = Watch(space, self.u)
        self.apply(1.0)

    def _residual(self) -> list[Any]:
        """Return the forms of the law and of the loads, each with the space's quadrature degree."""
        space, u = self.space, self.u
        test = ufl.TestFunction(space.space)
        v, _ = space.split(test)
        if space.element is Element.P1_P1_STABILISED:
            self.modulus = balance.ShearModulus(self.model, space.mesh)
        modulus = None if self.modulus is None else self.modulus.expression
        energy = balance.potential(self.model, space, self.axes, u, self.p, modulus)
        forms = [ufl.derivative(energy * space.volume, self.state, test)]
        for load in self.loads:
            match load:
                case FollowerPressure():
                    pressure = load.value
                    if isinstance(pressure, int | float):
                        pressure = fem.Constant(space.mesh, 0.0)
                        self._pressures.append((pressure, float(load.value)))
                    forms.append(balance.pressure_work(pressure, space, load, u, v))
                case BasalTraction():
                    forms.append(balance.basal_work(load, space, u, v))
                case Robin():
                    forms.append(balance.spring_work(load, space, u, v))
                case Fixed():
                    pass
        return forms

    def _conditions(self, load: Fixed) -> list[Any]:
        """Return one Dirichlet condition per component, whose values can be scaled."""
        found, displacement = [], self.space.displacement
        self.space.surface(load.boundary)
        facets = self.space.facets.find(int(load.boundary))
        for axis in load.components:
            component = displacement.sub(axis)
            collapsed, _ = component.collapse()
            values = fem.Function(collapsed)
            dofs = fem.locate_dofs_topological((component, collapsed), FACETS, facets)
            if load.displacement is not None:
                places = collapsed.tabulate_dof_coordinates()
                target = np.asarray(load.displacement(places), np.float64)[:, axis]
                self._prescribed.append((values, target))
            found.append(fem.dirichletbc(values, dofs, component))
        return found

    def apply(self, fraction: float) -> None:
        """Set all loads, prescribed displacements and ramps to `fraction` of their full value.

        The stabilisation follows the law's parameters, if these have changed. Collective.
        """
        if self.modulus is not None:
            self.modulus.refresh()
        for constant, value in self._pressures:
            constant.value = fraction * value
        for values, target in self._prescribed:
            values.x.array[:] = fraction * target
        for ramp in self.ramps:
            ramp.constant.value = fraction * ramp.value

    def set_pressures(self, pressures: Mapping[int, float]) -> None:
        """Set pressures in kPa by boundary, in place of a common fraction of their full value."""
        followers = [
            load
            for load in self.loads
            if isinstance(load, FollowerPressure) and isinstance(load.value, int | float)
        ]
        for load, (constant, _) in zip(followers, self._pressures, strict=True):
            if int(load.boundary) in pressures:
                constant.value = pressures[int(load.boundary)]

    def solve(self, profile: Profile) -> NonlinearOutcome:
        """Solve at the present loads, starting from the present state. Collective.

        Raises
        ------
        NonlinearSolveError, LinearSolveError, NonFiniteError, OutOfMemoryError
            As `NewtonSolver.solve`.
        """
        if profile.name not in self._solvers:
            self._solvers[profile.name] = self._solver(profile)
        return self._solvers[profile.name].solve()

    def _solver(self, profile: Profile) -> NewtonSolver:
        if not self.space.mixed:
            return NewtonSolver(self.system, profile, near_nullspace=near_nullspace(self.space))
        fields, kind = None, profile.petsc.get("pc_type")
        if kind == "fieldsplit":
            fields = self.fields()
        if kind == "gamg" and self.space.element is Element.P2_P1:
            raise ParameterError(
                f"profile {profile.name} with elements P2_P1, whose pressure block is zero",
                fix="use the profile mechanics/fieldsplit or mechanics/direct_lagged",
            )
        return NewtonSolver(self.system, profile, fields=fields)

    def fields(self) -> dict[str, Any]:
        """Return the global rows of displacement and pressure of a mixed space, by name."""
        rows = displacement_rows(self.space)
        layout = self.space.space.dofmap.index_map
        others = np.setdiff1d(np.arange(layout.size_local), rows)
        u, p = (
            PETSc.IS().createGeneral(
                (part + layout.local_range[0]).astype(PETSc.IntType), comm=self.space.mesh.comm
            )
            for part in (rows, others)
        )
        # Multigrid of the displacement's block goes by nodes, and has to keep rigid motions.
        u.setBlockSize(3)
        u.compose("nearnullspace", near_nullspace(self.space))
        return {"u": u, "p": p}

    def values(self) -> Float:
        """Return a copy of this rank's unknowns."""
        return self.system.values()

    def set_values(self, values: Float) -> None:
        """Put unknowns back."""
        self.system.set_values(values)

    def worst(self) -> Worst:
        """Return the smallest volume ratio over vertices and centres of all cells. Collective."""
        return self._watch.worst()

    def jump(self, before: Float) -> float:
        """Return the largest change of a displacement since `before`, over the body's size."""
        return self._watch.jump(before, self.values())

    def displacement(self) -> Any:
        """Return the displacement as a function of its own space."""
        if not self.space.mixed:
            return self.state
        return self.state.sub(0).collapse()

    def pressure(self) -> Any:
        """Return the pressure as a function of its own space; None without pressure unknown."""
        return self.state.sub(1).collapse() if self.space.mixed else None


def with_constants(model: MechanicsModel, mesh: Any) -> MechanicsModel:
    """Return the model with constants in place of the numbers of its law.

    Numbers are compiled into the code; constants are not, so that one compiled law serves all its
    parameters, and a fit can change them.
    """
    law: Any = model.material
    numbers = {
        name: fem.Constant(mesh, float(getattr(law, name)))
        for name in law.PARAMETERS
        if isinstance(getattr(law, name), int | float)
    }
    return replace(model, material=replace(law, **numbers))


def _check_elements(model: MechanicsModel, space: MechanicsSpace) -> None:
    incompressible = isinstance(model.compressibility, Incompressible)
    if incompressible != space.mixed:
        wanted = "P2_P1 or P1_P1_STABILISED" if incompressible else "P2 or P1"
        raise ParameterError(
            f"elements {space.element.name} with {type(model.compressibility).__name__} volume",
            expected=wanted,
        )
    if space.element is Element.P1_P1_STABILISED and space.mesh.basix_cell().name != "tetrahedron":
        raise ParameterError("stabilised elements on cells that are not tetrahedra")
