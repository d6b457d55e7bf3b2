"""Tension at the quadrature points of a body, that answers to the stretch within a time step.

At the begin of a step a law says what the tension at its end will be if the stretch stays, T, and
how it changes with the stretch, K; the mechanics solves with Ta = T + K (λ − λ₀) in residual and
tangent; then the law is advanced with the stretch that came out. Nothing is iterated between the
two, and the tension that the body felt is the law's own but for the curvature of the law over one
step: first order in the step, whatever the step.

The plain staggered scheme is kept for comparison: tension of the last stretch and stretch rate.
It oscillates as soon as the muscle is actively stiffer than passively, with growth per step, so
that smaller steps are worse [RegazzoniQuarteroni2021].
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import basix
import basix.ufl
import numpy as np
import ufl
from dolfinx import fem
from numpy.typing import ArrayLike, NDArray

from heart.core.errors import NonFiniteError, ParameterError
from heart.core.parameters import Parameter
from heart.mechanics.active import ACROSS, ActiveStress
from heart.mechanics.axes import Axes
from heart.mechanics.kinematics import Expression, deformation_gradient, i4, right_cauchy_green
from heart.mechanics.space import MechanicsSpace, vertex_numbers
from heart.mechanics.tension_law import ActiveLaw

Float = NDArray[np.float64]

PERIOD = Parameter(1000.0, "ms", 100.0, 1e5, "assumed", "beats of a heart at 60 per minute")


class Scheme(Enum):
    """How tension and stretch are coupled in a time step."""

    STABILISED = "stabilised"
    STAGGERED = "staggered"


class QuadraturePoints:
    """The points of a space's volume integrals on this rank: functions, samples, values at them.

    Parameters
    ----------
    space
        Mesh and quadrature degree.
    """

    def __init__(self, space: MechanicsSpace) -> None:
        self.space = space
        mesh, degree = space.mesh, space.quadrature_degree
        cell = mesh.basix_cell()
        self.rule: Float = basix.make_quadrature(cell, degree)[0]
        element = basix.ufl.quadrature_element(cell.name, degree=degree)
        self.functions: Any = fem.functionspace(mesh, element)
        layout = mesh.topology.index_map(3)
        self.cells = np.arange(layout.size_local + layout.num_ghosts, dtype=np.int32)
        self._places = np.asarray(self.functions.dofmap.list).ravel()

    @property
    def count(self) -> int:
        """Number of points on this rank, those of ghost cells included."""
        return len(self._places)

    def function(self, name: str, value: float = 0.0) -> Any:
        """Return a new function with one value per point."""
        function = fem.Function(self.functions, name=name)
        function.x.array[:] = value
        return function

    def fill(self, function: Any, values: Float) -> None:
        """Set the values (count,) of a function, in the order of cells and points."""
        function.x.array[self._places] = values

    def sampler(self, expression: Expression) -> Any:
        """Compile a UFL scalar for `sample`."""
        return fem.Expression(expression, self.rule, comm=self.space.comm)

    def sample(self, compiled: Any) -> Float:
        """Return the values (count,) of a compiled scalar."""
        return np.asarray(compiled.eval(self.space.mesh, self.cells), np.float64).reshape(-1)

    def of_vertices(self, values: ArrayLike) -> Float:
        """Return values (count,) of a field (n,) given per vertex in the order of the input mesh.

        Linear in each cell; where a vertex is not finite (never activated), neither is the cell.
        """
        mesh, given = self.space.mesh, np.asarray(values, np.float64)
        corners = len(basix.topology(mesh.basix_cell())[0])
        mesh.topology.create_connectivity(3, 0)
        vertices = mesh.topology.connectivity(3, 0).array.reshape(-1, corners)
        number = vertex_numbers(mesh)[vertices]
        if number.max(initial=-1) >= len(given):
            raise ParameterError(
                f"a field of {len(given)} values for vertices up to {number.max()}",
                expected="one value per vertex of the mesh",
            )
        linear = basix.ufl.element("Lagrange", mesh.basix_cell(), 1)
        weights = linear.tabulate(0, self.rule)[0]
        inside = given[number][self.cells]
        lost = ~np.isfinite(inside).all(axis=1)
        at = np.where(lost[:, None], 0.0, inside) @ weights.T
        return np.asarray(np.where(lost[:, None], np.inf, at).reshape(-1))

    def of_cells(self, values: ArrayLike) -> Float:
        """Return values (count,) of a field (m,) per cell in the order of the input mesh."""
        given = np.asarray(values, np.float64)
        order = np.asarray(self.space.mesh.topology.original_cell_index)[self.cells]
        return np.asarray(np.repeat(given[order], len(self.rule)))


@dataclass(frozen=True)
class TensionField:
    """T, K and λ₀ of the mechanics as functions at quadrature points."""

    points: QuadraturePoints
    tension: Any
    stiffness: Any
    stretch: Any

    @classmethod
    def on(cls, space: MechanicsSpace) -> TensionField:
        """Return a field without tension, at stretch one."""
        points = QuadraturePoints(space)
        return cls(
            points,
            points.function("tension"),
            points.function("stiffness"),
            points.function("stretch", 1.0),
        )

    def stress(
        self, sheet: Expression = ACROSS.value, normal: Expression = ACROSS.value
    ) -> ActiveStress:
        """Return the active part of a model with this tension."""
        return ActiveStress(self.tension, sheet, normal, self.stiffness, self.stretch)


class Muscle:
    """A law at all quadrature points, with its states and its coupling to the mechanics.

    Parameters
    ----------
    law
        One of `tension_law.REGISTRY`.
    field
        Whose stress is in the model of the mechanics.
    displacement
        UFL expression of the unknown displacement.
    axes
        Those of the mechanics.
    activation
        ms: one number, or one per quadrature point (`QuadraturePoints.of_vertices`); not finite
        where a point is never activated.
    strength
        Factor on the tension, 0 in scar: one number or one per quadrature point.
    period
        Time between beats in ms; None activates once.
    scheme
        Stabilised, or staggered for comparison.

    Attributes
    ----------
    states
        (k, count) of the law, for checkpoints.
    stretch, tension
        (count,) at the last accepted time: λ, and Ta in kPa as the mechanics felt it.
    before
        (count,) λ at the accepted time before that, which only the staggered scheme needs.
    """

    def __init__(
        self,
        law: ActiveLaw,
        field: TensionField,
        displacement: Expression,
        axes: Axes,
        *,
        activation: ArrayLike = 0.0,
        strength: ArrayLike = 1.0,
        period: float | None = None,
        scheme: Scheme = Scheme.STABILISED,
    ) -> None:
        if period is not None:
            PERIOD.check(period, name="time between beats")
        self.law, self.field, self.period, self.scheme = law, field, period, scheme
        points = field.points
        self.activation = self._per_point(activation, "activation")
        self.strength = self._per_point(strength, "strength of the tension")
        if not (np.isfinite(self.strength) & (self.strength >= 0.0)).all():
            raise ParameterError("a strength of the tension is negative or not finite")
        C = right_cauchy_green(deformation_gradient(displacement))
        self._sampler = points.sampler(ufl.sqrt(i4(C, axes.fibre)))
        self.states = law.states(points.count)
        self.stretch = self._stretches()
        self.tension = np.zeros(points.count)
        self.before = self.stretch
        self._pending = (0.0, 0.0)
        self._felt = (self.tension, self.tension)

    def _per_point(self, values: ArrayLike, name: str) -> Float:
        given, count = np.asarray(values, np.float64), self.field.points.count
        if given.shape not in ((), (1,), (count,)):
            raise ParameterError(
                f"{name} has {given.size} values",
                expected=f"1 or {count}, one per quadrature point",
            )
        return np.array(np.broadcast_to(given, (count,)))

    def since(self, time: float) -> Float:
        """Return the time (count,) since each point was last activated, −inf before and never."""
        late = np.where(np.isfinite(self.activation), time - self.activation, -np.inf)
        if self.period is not None:
            late = np.where(late >= 0.0, np.mod(np.maximum(late, 0.0), self.period), late)
        return np.asarray(late)

    def begin(self, time: float, step: float) -> None:
        """Give the mechanics tension and stiffness for a step that ends at `time`, in ms.

        May be called again with another step before `commit`.
        """
        since = self.since(time)
        if self.scheme is Scheme.STABILISED:
            end = self.law.advance(self.states, since, step, self.stretch, self.stretch)
            slope = self.strength * self.law.slope(self.states, since, step, self.stretch)
        else:
            end = self.law.advance(self.states, since, step, self.before, self.stretch)
            slope = np.zeros_like(self.stretch)
        tension = self.strength * self.law.tension(end, since, self.stretch)
        points, field = self.field.points, self.field
        points.fill(field.tension, tension)
        points.fill(field.stiffness, slope)
        points.fill(field.stretch, self.stretch)
        self._pending, self._felt = (time, step), (tension, slope)

    def commit(self) -> None:
        """Advance the law over the step that `begin` named, to the stretch of the mechanics.

        Raises
        ------
        NonFiniteError
            The stretch or a state is not finite. Raised on all ranks.
        """
        (time, step), (tension, slope) = self._pending, self._felt
        since, after = self.since(time), self._stretches()
        before = self.stretch
        start = before if self.scheme is Scheme.STABILISED else self.before
        end = after if self.scheme is Scheme.STABILISED else before
        states = self.law.advance(self.states, since, step, start, end)
        fine = bool(np.isfinite(after).all() and np.isfinite(states).all())
        if not all(self.field.points.space.comm.allgather(fine)):
            raise NonFiniteError(
                f"stretch or active tension is not finite at {time:g} ms", fix="take smaller steps"
            )
        self.states, self.before, self.stretch = states, before, after
        self.tension = tension + slope * (after - before)

    def _stretches(self) -> Float:
        return self.field.points.sample(self._sampler)
