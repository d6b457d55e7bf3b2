"""Static problems in which cavities have prescribed volumes: the pressures are unknowns.

One Newton iteration finds displacement and pressures; a pressure is what its cavity's volume
costs, so a maximum of the pressure is passed where a pressure control snaps through. The relation
between pressures and volumes can be another than prescribed volumes, with unknowns of its own: a
circulation, or a cavity that is pressed while the other is filled.

With a truncated base that moves, the pressure's work on the inner surface is not all of p dV; the
traction of `basal_traction` adds what the missing rest of the cavity does to the base.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import ufl
from dolfinx import fem
from numpy.typing import NDArray

from heart.anatomy.heart_mesh import RINGS
from heart.core.errors import ParameterError
from heart.mechanics import balance
from heart.mechanics.axes import Axes
from heart.mechanics.basal_traction import base_area, unit_load, wall_vectors
from heart.mechanics.cavity_volume import LONG_AXIS, Lid, VolumeFunctional
from heart.mechanics.loads import BasalTraction, CavityVolume, FollowerPressure, Load
from heart.mechanics.model import MechanicsModel
from heart.mechanics.relations import PrescribedVolumes, Relation
from heart.mechanics.rigid import near_nullspace
from heart.mechanics.space import MechanicsSpace
from heart.mechanics.static import Ramp, StaticProblem
from heart.numerics.bordered import Border, BorderedSolver, BorderedSystem, Functional
from heart.numerics.newton import NonlinearOutcome
from heart.numerics.profiles import Profile
from heart.numerics.step_controller import Worst

Float = NDArray[np.float64]


class _Closure:
    """The relation of the cavities, and the traction on the base that their pressures cause.

    Unknowns are those of the relation, with the three components t of the traction behind the
    pressures: t A = Σ p_i N_i. Functionals are k volumes, then k vectors N_i, then the area A.
    """

    def __init__(self, relation: Relation, cavities: int, base: bool) -> None:
        self.relation, self.cavities, self.base = relation, cavities, base
        self.own = np.ones(len(relation.start) + 3 * base, bool)
        self.own[cavities : cavities + 3 * base] = False
        self.scale = np.ones(len(self.own))

    def weigh(self, columns: Float, area: float) -> None:
        """Give each equation the weight of a force, from the norms of the columns."""
        scale = self.relation.scale.copy()
        scale[: self.cavities] *= columns[: self.cavities]
        scale[self.cavities :] *= columns[: self.cavities].mean()
        self.scale[self.own] = scale
        if self.base:
            self.scale[~self.own] = columns[self.cavities :] / area

    def residual(self, unknowns: Float, values: Float) -> Float:
        k, found = self.cavities, np.empty(len(unknowns))
        found[self.own] = self.relation.residual(unknowns[self.own], values[:k])
        if self.base:
            vectors, area = values[k : 4 * k].reshape(k, 3), values[4 * k]
            found[~self.own] = area * unknowns[~self.own] - unknowns[:k] @ vectors
        return found

    def slopes(self, unknowns: Float, values: Float) -> tuple[Float, Float]:
        k = self.cavities
        direct, through = np.zeros((len(unknowns),) * 2), np.zeros((len(unknowns), len(values)))
        inside, outside = self.relation.slopes(unknowns[self.own], values[:k])
        direct[np.ix_(self.own, self.own)] = inside
        through[np.ix_(self.own, np.arange(len(values)) < k)] = outside
        if self.base:
            rows = np.flatnonzero(~self.own)
            direct[rows, rows] = values[4 * k]
            direct[rows, :k] = -values[k : 4 * k].reshape(k, 3).T
            through[rows, 4 * k] = unknowns[rows]
            for cavity in range(k):
                through[rows, k + 3 * cavity + np.arange(3)] = -unknowns[cavity]
        return direct, through


class CavityProblem:
    """A static problem with cavities; satisfies `Steppable`.

    Parameters
    ----------
    problem
        Has a `FollowerPressure` with a constant on each cavity's boundary, and a `BasalTraction`
        where the base shall carry its share; `with_cavities` makes it so.
    cavities
        Volumes at full load. With a `relation` of your own only the boundaries are used.
    relation
        Between pressures and volumes; None prescribes the volumes.
    lid, axis, base
        What closes the cavities, see `VolumeFunctional`.

    Attributes
    ----------
    problem
        For displacement, pressure of the muscle and forms.
    system
        The bordered system.
    rest
        Volumes (k,) in mm³ of the state that the problem came with.
    volume_functionals
        One for each cavity.

    Raises
    ------
    MeshInputError
        A cavity is not closed.
    ParameterError
        No cavity, a boundary twice, or a boundary without an unknown pressure.
    NonPhysicalError
        A volume at rest is not positive.
    """

    def __init__(
        self,
        problem: StaticProblem,
        cavities: Sequence[CavityVolume],
        relation: Relation | None = None,
        *,
        lid: Lid = Lid.CONE,
        axis: tuple[float, float, float] = LONG_AXIS,
        base: Collection[int] = RINGS,
    ) -> None:
        self.problem, self.cavities, space = problem, tuple(cavities), problem.space
        tags = [int(cavity.boundary) for cavity in cavities]
        if not tags or len(set(tags)) < len(tags):
            raise ParameterError(f"cavities {tags}", expected="one or more different boundaries")
        v, _ = space.split(ufl.TestFunction(space.space))
        constants = [_pressure(problem, tag) for tag in tags]
        borders = [
            Border(constant, balance.pressure_work(1.0, space, FollowerPressure(tag, 0.0),
                                                   problem.u, v))
            for tag, constant in zip(tags, constants, strict=True)
        ]  # fmt: skip
        volumes = [VolumeFunctional(space, problem.state, tag, lid, axis, base) for tag in tags]
        self.rest = np.array([volume.volume() for volume in volumes])
        functionals: list[Functional] = list(volumes)
        traction = next((one for one in problem.loads if isinstance(one, BasalTraction)), None)
        if traction is not None:
            borders += [
                Border(
                    traction.traction[axis],
                    balance.basal_work(unit_load(traction, axis), space, problem.u, v),
                )
                for axis in range(3)
            ]
            for tag in tags:
                functionals += wall_vectors(space, problem.state, tag)
            functionals.append(base_area(space, problem.state, traction.boundary))
        target = np.array([cavity.volume for cavity in self.cavities])
        self.relation = PrescribedVolumes(self.rest, target) if relation is None else relation
        self._closure = _Closure(self.relation, len(tags), traction is not None)
        start = np.zeros(len(self._closure.own))
        start[self._closure.own] = self.relation.start
        nullspace = None if space.mixed else near_nullspace(space)
        fields = problem.fields() if space.mixed else None
        self.system = BorderedSystem(
            problem.system, borders, functionals, self._closure,
            start=start, near_nullspace=nullspace, fields=fields,
        )  # fmt: skip
        area = float(self.system.measures()[-1]) if traction is not None else 1.0
        self._closure.weigh(self.system.column_norms(), area)
        self.volume_functionals = tuple(volumes)
        self._solvers: dict[str, BorderedSolver] = {}
        self.apply(1.0)

    @property
    def pressures(self) -> Float:
        """Pressures of the cavities (k,) in kPa, the same on all ranks."""
        return self.system.small[: len(self.cavities)].copy()

    @property
    def traction(self) -> Float:
        """Traction on the base (3,) in kPa per deformed area; empty without one."""
        return self.system.small[~self._closure.own].copy()

    @property
    def others(self) -> Float:
        """The relation's own unknowns behind the pressures."""
        return self.system.small[self._closure.own][len(self.cavities) :]

    def volumes(self) -> Float:
        """Return the volumes (k,) in mm³. Collective.

        Raises
        ------
        NonPhysicalError
            One is not positive.
        """
        return np.array([volume.volume() for volume in self.volume_functionals])

    def apply(self, fraction: float) -> None:
        """Set volumes and all other loads to a fraction of the way to their full value."""
        self.problem.apply(fraction)
        self.relation.apply(fraction)

    def solve(self, profile: Profile) -> NonlinearOutcome:
        """Solve at the present volumes, starting from the present state. Collective.

        Raises
        ------
        NonlinearSolveError, LinearSolveError, NonFiniteError, OutOfMemoryError
            As `NewtonSolver.solve`.
        """
        if profile.name not in self._solvers:
            self._solvers[profile.name] = BorderedSolver(self.system, profile)
        return self._solvers[profile.name].solve()

    def values(self) -> Float:
        """Return a copy of this rank's unknowns; on rank 0 the pressures are last."""
        return self.system.values()

    def set_values(self, values: Float) -> None:
        """Put unknowns back. Collective."""
        self.system.set_values(values)

    def worst(self) -> Worst:
        """Return the smallest volume ratio over all cells. Collective."""
        return self.problem.worst()

    def jump(self, before: Float) -> float:
        """Return the largest change of a displacement over the body's size. Collective."""
        return self.problem.jump(before[: self.system.owned])


def with_cavities(
    model: MechanicsModel,
    space: MechanicsSpace,
    axes: Axes,
    loads: Sequence[Load],
    cavities: Sequence[CavityVolume],
    ramps: Sequence[Ramp] = (),
    *,
    relation: Relation | None = None,
    carried_by: int | None = None,
    lid: Lid = Lid.CONE,
    axis: tuple[float, float, float] = LONG_AXIS,
    base: Collection[int] = RINGS,
) -> CavityProblem:
    """Return a problem with an unknown pressure for each cavity.

    Parameters
    ----------
    model, space, axes, loads, ramps
        As for `StaticProblem`, without the pressures of the cavities.
    cavities, relation, lid, axis, base
        As for `CavityProblem`.
    carried_by
        Tag of a truncated base that carries the pressure on the lid [Regazzoni2022]; None leaves
        it out, as is right where the base is fixed.
    """
    pressed: list[Load] = [
        FollowerPressure(cavity.boundary, fem.Constant(space.mesh, 0.0)) for cavity in cavities
    ]
    if carried_by is not None:
        x, y, z = (fem.Constant(space.mesh, 0.0) for _ in range(3))
        pressed.append(BasalTraction(carried_by, (x, y, z)))
    problem = StaticProblem(model, space, axes, [*loads, *pressed], ramps)
    return CavityProblem(problem, cavities, relation, lid=lid, axis=axis, base=base)


def _pressure(problem: StaticProblem, tag: int) -> Any:
    """Return the constant of the unknown pressure on a boundary."""
    for load in problem.loads:
        if isinstance(load, FollowerPressure) and int(load.boundary) == tag:
            if isinstance(load.value, fem.Constant):
                return load.value
            break
    raise ParameterError(
        f"no unknown pressure acts on boundary {tag}",
        fix="make the problem by with_cavities, or give FollowerPressure a constant",
    )
