"""The bodies and loads of [Land2015], solved: what the benchmark, its tests and scenarios share.

The beam is of hexahedra, the ventricle of curved tetrahedra. The apex of the ventricle decides:
the wall is most curved there, the fibres of the family meet in a pole, and the benchmark measures
it; so cells can be finer there, and there is more than one layer of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import ufl
from dolfinx import fem
from dolfinx.mesh import CellType, create_box
from mpi4py import MPI
from numpy.typing import NDArray

from heart.anatomy.curved import curved_lv_ellipsoid
from heart.anatomy.heart_mesh import Boundary
from heart.anatomy.idealised import (
    LAND_LONG,
    LAND_SHORT,
    LAND_WALL,
    lv_ellipsoid,
    lv_ellipsoid_transmural,
)
from heart.core.errors import NonlinearSolveError
from heart.mechanics.active import ActiveStress
from heart.mechanics.axes import Axes
from heart.mechanics.kinematics import Expression, i4
from heart.mechanics.loads import Fixed, FollowerPressure, Load
from heart.mechanics.materials.guccione import Guccione
from heart.mechanics.materials.law import Split
from heart.mechanics.model import MechanicsModel
from heart.mechanics.space import MechanicsSpace, marked, tetrahedral
from heart.mechanics.static import Ramp, StaticProblem
from heart.numerics.profiles import load
from heart.numerics.step_controller import Policy, Step, StepController
from heart.observe.cavity import Cavity
from heart.study.verification.land2015_fibres import family_axes

Float = NDArray[np.float64]

LOG = logging.getLogger(__name__)

LADDER = ("mechanics/direct", "mechanics/direct_l2")
ROOT_FACE, PUSHED = 1, 2
PUSH = 0.004
PASSIVE_PRESSURE, ACTIVE_PRESSURE, TENSION = 10.0, 15.0, 60.0
ENDO_APEX, EPI_APEX = -LAND_LONG.value, -(LAND_LONG.value + LAND_WALL.value)
MIDDLE_SHORT = LAND_SHORT.value + 0.5 * LAND_WALL.value
MIDDLE_LONG = LAND_LONG.value + 0.5 * LAND_WALL.value
ON_SURFACE = 1e-6
DEGREE = 4


@dataclass(frozen=True)
class Wall:
    """A mesh of the ventricle: edges in mm, layers of cells, and whether edges are curved."""

    edge: float
    layers: int = 2
    apex_edge: float | None = None
    curved: bool = True

    @property
    def name(self) -> str:
        """What to call it in a table."""
        apex = "" if self.apex_edge is None else f", {self.apex_edge:g} mm at the apex"
        return f"{self.edge:g} mm × {self.layers} layers{apex}"

    def space(self, degree: int = DEGREE) -> MechanicsSpace:
        """Return quadratic displacement and linear pressure on it."""
        heart = lv_ellipsoid(self.edge, layers=self.layers, apex_edge=self.apex_edge)
        points, cells = heart.points, np.asarray(heart.cells)
        if self.curved:
            points, cells = curved_lv_ellipsoid(heart)
        mesh, tags = tetrahedral(points, cells, heart.facets, heart.facet_tags)
        return MechanicsSpace(mesh, tags, quadrature_degree=degree)


@dataclass(frozen=True)
class Nodes:
    """Nodes on a line or surface: where they are and where they go, (n, 3) each in mm."""

    reference: Float
    deformed: Float


@dataclass(frozen=True)
class Ventricle:
    """What is measured on a ventricle, after each step and at the last load.

    Attributes
    ----------
    load, endo, epi, volume
        (k,) fraction of the load, height of the apices in mm and cavity in mm³; at rest first.
    middle
        Nodes of the mid-wall at the last load.
    iterations
        Newton steps in all.
    unknowns
        Of displacement and pressure.
    """

    load: Float
    endo: Float
    epi: Float
    volume: Float
    middle: Nodes
    iterations: int
    unknowns: int


@dataclass(frozen=True)
class TensionPerStretch:
    """The other convention, S = Ta/λ f₀⊗f₀ (Ψ = Ta (λ − 1)): what the benchmark does not mean."""

    tension: Expression

    def energy(self, C: Expression, axes: Axes) -> Expression:
        """Return the potential in kPa at fixed tension."""
        return self.tension * (ufl.sqrt(i4(C, axes.fibre)) - 1.0)


def beam(
    lengthwise: int, across: int, cell: CellType = CellType.hexahedron, degree: int = 5
) -> tuple[Float, Nodes]:
    """Solve problem 1.

    Parameters
    ----------
    lengthwise, across
        Cells along the beam and along each short side.
    cell
        Shape.
    degree
        Of the quadrature.

    Returns
    -------
    tuple
        Displacement (3,) in mm of the point (10, 0.5, 1); nodes of the line (X, 0.5, 0.5).
    """
    counts = [lengthwise, across, across]
    mesh = create_box(MPI.COMM_WORLD, [[0, 0, 0], [10, 1, 1]], counts, cell)
    tags = marked(
        mesh,
        {ROOT_FACE: lambda x: np.isclose(x[0], 0.0), PUSHED: lambda x: np.isclose(x[2], 0.0)},
    )
    space = MechanicsSpace(mesh, tags, quadrature_degree=degree)
    loads: list[Load] = [Fixed(ROOT_FACE), FollowerPressure(PUSHED, PUSH)]
    model = MechanicsModel(Guccione(2.0, 8.0, 2.0, 4.0))
    problem = StaticProblem(model, space, cartesian(), loads)
    walk(problem, Policy(first=0.1))
    line = nodes_where(problem, lambda x: np.abs(x[:, 1:] - 0.5).max(axis=1) < ON_SURFACE)
    return displacement_at(problem, np.array([10.0, 0.5, 1.0])), line


def inflation(
    wall: Wall, *, split: Split = Split.ISOCHORIC, until: float = 1.0, cuts: int = 12
) -> Ventricle:
    """Solve problem 2 up to a fraction of its load, or as far as a controller gets.

    Parameters
    ----------
    split
        Which invariants are isochoric; the benchmark's values need all.
    until
        Fraction of the load.
    cuts
        Halvings of a step before the walk ends early; `Ventricle.load` tells where.
    """
    model = MechanicsModel(Guccione(10.0, 1.0, 1.0, 1.0), split=split)
    problem = StaticProblem(model, wall.space(), cartesian(), _loads(PASSIVE_PRESSURE))
    return measured(problem, Policy(first=0.1, largest=0.1, cuts=cuts), until)


def contraction(wall: Wall, *, per_stretch: bool = False, until: float = 1.0) -> Ventricle:
    """Solve problem 3; with the tension of the other convention where `per_stretch`."""
    space = wall.space()
    strength = fem.Constant(space.mesh, 0.0)
    active: Any = TensionPerStretch(strength) if per_stretch else ActiveStress(strength)
    model = MechanicsModel(Guccione(2.0, 8.0, 2.0, 4.0), active=active)
    problem = StaticProblem(
        model, space, family_axes(space), _loads(ACTIVE_PRESSURE), [Ramp(strength, TENSION)]
    )
    return measured(problem, Policy(first=0.05, largest=0.1), until)


def cartesian() -> Axes:
    """Return axes along x, y, z."""
    return Axes(*(ufl.as_vector(row) for row in np.eye(3).tolist()))


def _loads(pressure: float) -> list[Load]:
    return [Fixed(Boundary.BASE), FollowerPressure(Boundary.LV_ENDO, pressure)]


def measured(problem: StaticProblem, policy: Policy, until: float) -> Ventricle:
    """Walk to a fraction of the load, or as far as it goes; measure after each step. Collective."""
    cavity = Cavity(problem.space, problem.u, Boundary.LV_ENDO)
    rows = [(0.0, ENDO_APEX, EPI_APEX, cavity.volume())]
    steps: list[Step] = []

    def note(step: Step) -> None:
        steps.append(step)
        rows.append((step.fraction, *apices(problem), cavity.volume()))

    try:
        walk(problem, policy, until, note)
    except NonlinearSolveError as error:
        LOG.warning("%s", error.line())
    layout = problem.space.space.dofmap
    fraction, endo, epi, volume = np.array(rows).T
    return Ventricle(
        fraction,
        endo,
        epi,
        volume,
        nodes_where(problem, lambda x: np.abs(lv_ellipsoid_transmural(x) - 0.5) < ON_SURFACE),
        sum(step.iterations for step in steps),
        layout.index_map.size_global * layout.index_map_bs,
    )


def walk(
    problem: StaticProblem,
    policy: Policy,
    until: float = 1.0,
    accepted: Callable[[Step], None] | None = None,
) -> list[Step]:
    """Walk to a fraction of the load."""
    controller = StepController(problem, [load(name) for name in LADDER], policy)
    return controller.run(until, accepted)


def apices(problem: StaticProblem) -> tuple[float, float]:
    """Return the heights of the endocardial and the epicardial apex in mm. Collective."""
    endo, epi = (
        z + float(displacement_at(problem, np.array([0.0, 0.0, z]))[2])
        for z in (ENDO_APEX, EPI_APEX)
    )
    return endo, epi


def displacement_at(problem: StaticProblem, point: Float) -> Float:
    """Return the displacement (3,) at the node at `point`. Collective."""
    places, moved = _owned(problem)
    away = np.linalg.norm(places - point, axis=1)
    at = int(np.argmin(away)) if len(away) else 0
    mine = (float(away[at]), moved[at].tolist()) if len(away) else (np.inf, [0.0] * 3)
    return np.array(min(problem.space.comm.allgather(mine))[1])


def nodes_where(problem: StaticProblem, chosen: Callable[[Float], NDArray[np.bool_]]) -> Nodes:
    """Return the nodes of displacement that fulfil a condition on points (n, 3). Collective."""
    places, moved = _owned(problem)
    here = chosen(places)
    parts = problem.space.comm.allgather((places[here], moved[here]))
    reference, motion = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Nodes(reference, reference + motion)


def _owned(problem: StaticProblem) -> tuple[Float, Float]:
    """Return place and displacement of the nodes that this rank owns."""
    u = problem.displacement()
    owned = u.function_space.dofmap.index_map.size_local
    places = u.function_space.tabulate_dof_coordinates()[:owned]
    return places, u.x.array.reshape(-1, 3)[:owned]
