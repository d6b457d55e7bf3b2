"""A body under loads that do not follow it, for solutions that are made up.

Forces per reference volume and area have a known virtual work, so an exact solution can be put
in; hearts have follower pressures instead, so this stays with the verification.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import ufl
from dolfinx import fem

from heart.mechanics import balance
from heart.mechanics.axes import Axes
from heart.mechanics.kinematics import Expression
from heart.mechanics.model import MechanicsModel
from heart.mechanics.space import FACETS, MechanicsSpace
from heart.mechanics.static import with_constants
from heart.numerics.newton import NewtonSolver, NonlinearSystem
from heart.numerics.profiles import load

COORDINATE_AXES = Axes(
    *(ufl.as_vector(row) for row in ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]))
)


class DeadLoad:
    """Equilibrium of a model under forces of given virtual work.

    Parameters
    ----------
    model, space
        Law and elements.
    work
        Takes the test displacement v, returns the virtual work of the full load as a form.
    held
        Faces by tag and the components that are held, with a function of points (3, n) that
        gives the displacement (3, n), or None for zero.
    tolerance
        Residual in mN at which Newton's method may stop; a large bulk modulus leaves round-off.
    """

    def __init__(
        self,
        model: MechanicsModel,
        space: MechanicsSpace,
        work: Callable[[Expression], Any],
        held: Sequence[tuple[int, tuple[int, ...], Callable[[Any], Any] | None]],
        tolerance: float = 1e-9,
    ) -> None:
        self.space = space
        self.model = with_constants(model, space.mesh)
        self.state: Any = fem.Function(space.space, name="state")
        self.u, self.p = space.split(self.state)
        test = ufl.TestFunction(space.space)
        v, _ = space.split(test)
        self._share = fem.Constant(space.mesh, 1.0)
        energy = balance.potential(self.model, space, COORDINATE_AXES, self.u, self.p)
        inner = ufl.derivative(energy * space.volume, self.state, test)
        conditions = [
            self._condition(tag, axis, motion) for tag, axes, motion in held for axis in axes
        ]
        self._system = NonlinearSystem([inner - self._share * work(v)], self.state, conditions)
        direct = load("mechanics/direct")
        profile = replace(direct, petsc={**direct.petsc, "snes_atol": tolerance})
        self._solver = NewtonSolver(self._system, profile)

    def _condition(self, tag: int, axis: int, motion: Callable[[Any], Any] | None) -> Any:
        component = self.space.displacement.sub(axis)
        collapsed, _ = component.collapse()
        values = fem.Function(collapsed)
        if motion is not None:
            values.interpolate(lambda x: motion(x)[axis])
        facets = self.space.facets.find(tag)
        dofs = fem.locate_dofs_topological((component, collapsed), FACETS, facets)
        return fem.dirichletbc(values, dofs, component)

    def solve(self, steps: int = 1) -> None:
        """Walk to the full load in equal steps, or raise."""
        for step in range(1, steps + 1):
            self._share.value = step / steps
            self._solver.solve()
