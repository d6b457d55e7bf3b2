"""The cases of the elastodynamics benchmark [Arostica2025] as problems that can be stepped.

One ventricle is contracted (0A), inflated (0B) or both (1), and both again with other stiffness
and strength (2A, 2B, 2C); a pair of ventricles has two pressures. All are held by springs and
dampers alone: stiff ones along the normal of the epicardium, soft ones at the base.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import basix
import basix.ufl
import numpy as np
import ufl
from dolfinx import fem
from dolfinx.fem import petsc as fem_petsc
from numpy.typing import NDArray
from petsc4py import PETSc

from heart.anatomy import coordinates
from heart.anatomy.benchmark_ventricles import (
    LONG_AXIS,
    PAIR_PROBES,
    PROBES,
    biventricle,
    curved_monoventricle,
    fibre_axes,
    irregular_monoventricle,
    monoventricle,
    published_pair,
)
from heart.anatomy.fibres import FibreAngles, fibres
from heart.anatomy.heart_mesh import Boundary, HeartMesh
from heart.mechanics.active import ActiveStress
from heart.mechanics.axes import Axes
from heart.mechanics.compressibility import Incompressible, Penalty
from heart.mechanics.curves import (
    LEFT_OF_TWO,
    RIGHT_OF_TWO,
    Curve,
    PressureLaw,
    TensionLaw,
)
from heart.mechanics.dynamic import Drive, DynamicProblem, Pressure
from heart.mechanics.energy_budget import Energies, EnergyBudget
from heart.mechanics.generalised_alpha import BENCHMARK, Scheme
from heart.mechanics.loads import Direction, Load, Robin
from heart.mechanics.materials.holzapfel_ogden import HolzapfelOgden
from heart.mechanics.materials.law import Split
from heart.mechanics.model import MechanicsModel
from heart.mechanics.space import FACETS, Element, MechanicsSpace, tetrahedral
from heart.mechanics.time_stepper import TimeStep, TimeStepper
from heart.mechanics.viscosity import KelvinVoigt
from heart.numerics.newton import compiled
from heart.numerics.profiles import load
from heart.observe.cavity import Cavity
from heart.observe.probes import Probes

Float = NDArray[np.float64]

LADDER = ("mechanics/dynamic", "mechanics/direct", "mechanics/direct_l2")
DENSITY, BULK, VISCOSITY = 1.0, 1000.0, 100.0
EPI_STIFFNESS, DAMPING = 100.0, 5.0
BASE_STIFFNESS, PAIR_BASE_STIFFNESS = 0.1, 1.0
DURATION = 1000.0


@dataclass(frozen=True)
class Case:
    """One case: law, tension and pressures by boundary; None for none."""

    name: str
    title: str
    law: HolzapfelOgden = field(default_factory=HolzapfelOgden)
    tension: TensionLaw | None = None
    pressures: Mapping[Boundary, PressureLaw] = field(default_factory=dict)
    pair: bool = False


def _stiffer(a: float, a_f: float, a_fs: float, a_s: float) -> HolzapfelOgden:
    return HolzapfelOgden(a=a, a_f=a_f, a_fs=a_fs, a_s=a_s)


PAIR_TENSION = TensionLaw(begin=163.0, end=500.0)
_LV = {Boundary.LV_ENDO: PressureLaw()}
CASES: dict[str, Case] = {
    case.name: case
    for case in (
        Case("0A", "contraction without pressure", tension=TensionLaw()),
        Case("0B", "pressure without contraction", pressures=_LV),
        Case("1", "contraction against pressure", tension=TensionLaw(), pressures=_LV),
        Case(
            "2A", "stiff and strong", _stiffer(0.177, 55.416, 0.648, 7.443),
            TensionLaw(strength=200.0), _LV,
        ),
        Case(
            "2B", "stiffest and weak", _stiffer(0.295, 92.360, 1.080, 12.405),
            TensionLaw(strength=100.0), _LV,
        ),
        Case(
            "2C", "soft and strong", _stiffer(0.019, 6.157, 0.072, 0.827),
            TensionLaw(strength=200.0), _LV,
        ),
        Case(
            "pair", "two ventricles", tension=PAIR_TENSION,
            pressures={Boundary.LV_ENDO: LEFT_OF_TWO, Boundary.RV_ENDO: RIGHT_OF_TWO}, pair=True,
        ),
    )
}  # fmt: skip
"""By name; parameters of 2A to 2C in kPa."""


@dataclass(frozen=True)
class Discretisation:
    """How a case is cut into cells and steps.

    Attributes
    ----------
    edge, layers
        Wanted edge in mm and cells through the wall (None: as the edge has it).
    curved
        Boundary edges on the ellipsoids; else straight, as in the benchmark's mesh.
    irregular
        Cells of the mesher, straight, as the teams had; else those of a regular grid. The number
        of layers is then the mesher's, and the pair is the benchmark's and not our own.
    seed
        Of the mesher.
    element
        `P2` has the benchmark's penalty, `P2_P1` the mixed form with the same bulk modulus.
    step
        ms.
    before
        Ends and steps in ms of stretches that come first, in order.
    """

    edge: float = 8.0
    layers: int | None = 2
    curved: bool = False
    irregular: bool = False
    seed: int = 1
    element: Element = Element.P2
    step: float = 2.0
    before: tuple[tuple[float, float], ...] = ()
    degree: int = 4
    scheme: Scheme = BENCHMARK


@dataclass(frozen=True)
class Series:
    """What was observed at each point of the grid of times.

    Attributes
    ----------
    times
        (n,) ms, from 0.
    displacements
        By probe, (n, 3) mm.
    volumes
        By cavity, (n,) mm³.
    tension
        (n,) kPa.
    pressures
        By cavity, (n,) kPa.
    energies
        Where asked for, at all accepted steps.
    steps
        All accepted steps.
    unknowns
        Size of the system.
    """

    times: Float
    displacements: Mapping[str, Float]
    volumes: Mapping[str, Float]
    tension: Float
    pressures: Mapping[str, Float]
    energies: Sequence[Energies]
    steps: Sequence[TimeStep]
    unknowns: int


def run_case(
    case: Case,
    cut: Discretisation,
    *,
    until: float = DURATION,
    budget: bool = False,
    accepted: Callable[[TimeStep], None] | None = None,
) -> Series:
    """Run a case from rest and return what was observed. Collective.

    Parameters
    ----------
    case, cut
        What and how.
    until
        ms.
    budget
        Whether to sum energies (P2 only).
    accepted
        Told of each accepted step.
    """
    problem = build(case, cut, until)
    return observe(
        case, problem, cut.step, until=until, before=cut.before, budget=budget, accepted=accepted
    )


def build(case: Case, cut: Discretisation, until: float = DURATION) -> DynamicProblem:
    """Return the problem of a case, at rest."""
    heart, space = _space(case, cut)
    mesh = space.mesh
    mixed = cut.element is Element.P2_P1
    active, drives = None, []
    if case.tension is not None:
        tension = fem.Constant(mesh, 0.0)
        active, drives = ActiveStress(tension), [Drive(tension, Curve(case.tension, until))]
    model = MechanicsModel(
        case.law,
        Incompressible(BULK) if mixed else Penalty(BULK),
        active,
        KelvinVoigt(VISCOSITY),
        DENSITY,
        Split.MATRIX,
    )
    base = PAIR_BASE_STIFFNESS if case.pair else BASE_STIFFNESS
    loads: list[Load | Pressure] = [
        *(Pressure(place, Curve(law, until)) for place, law in case.pressures.items()),
        Robin(Boundary.EPI, EPI_STIFFNESS, DAMPING, Direction.NORMAL),
        Robin(Boundary.BASE, base, DAMPING, Direction.FULL),
    ]
    axes = pair_axes(heart, space) if case.pair else ventricle_axes(space)
    return DynamicProblem(model, space, axes, loads, drives, cut.scheme)


def observe(
    case: Case,
    problem: DynamicProblem,
    step: float,
    *,
    until: float = DURATION,
    before: Sequence[tuple[float, float]] = (),
    budget: bool = False,
    accepted: Callable[[TimeStep], None] | None = None,
) -> Series:
    """Step a problem and read it at each point of the grid. Collective."""
    probes = Probes(problem.space, PAIR_PROBES if case.pair else PROBES)
    inner = [Boundary.LV_ENDO, *([Boundary.RV_ENDO] if case.pair else [])]
    cavities = {place.name: Cavity(problem.space, problem.u, place, LONG_AXIS) for place in inner}
    energies = EnergyBudget(problem) if budget else None
    times, moved = [problem.time], [probes.read(problem.present)]
    volumes = {name: [cavity.volume()] for name, cavity in cavities.items()}

    def note(taken: TimeStep) -> None:
        if energies is not None:
            energies.update(taken)
        if taken.on_grid:
            times.append(problem.time)
            moved.append(probes.read(problem.present))
            for name, cavity in cavities.items():
                volumes[name].append(cavity.volume())
        if accepted is not None:
            accepted(taken)

    stepper = TimeStepper(problem, [load(name) for name in LADDER])
    for end, size in (*before, (until, step)):
        stepper.run(min(end, until), size, [note])
    grid, motion = np.array(times), np.array(moved)
    layout = problem.space.space.dofmap
    return Series(
        grid,
        {name: motion[:, k] for k, name in enumerate(probes.names)},
        {name: np.array(values) for name, values in volumes.items()},
        np.zeros_like(grid) if case.tension is None else Curve(case.tension, until).at(grid),
        {place.name: Curve(law, until).at(grid) for place, law in case.pressures.items()},
        () if energies is None else tuple(energies.history),
        tuple(stepper.steps),
        layout.index_map.size_global * layout.index_map_bs,
    )


def _space(case: Case, cut: Discretisation) -> tuple[HeartMesh, MechanicsSpace]:
    if case.pair:
        heart = (published_pair if cut.irregular else biventricle)(cut.edge)
        points, cells = heart.points, np.asarray(heart.cells)
    elif cut.irregular:
        heart = irregular_monoventricle(cut.edge, seed=cut.seed)
        points, cells = heart.points, np.asarray(heart.cells)
    elif cut.curved:
        heart, points, cells = curved_monoventricle(cut.edge, layers=cut.layers)
    else:
        heart = monoventricle(cut.edge, layers=cut.layers)
        points, cells = heart.points, np.asarray(heart.cells)
    mesh, tags = tetrahedral(points, cells, heart.facets, heart.facet_tags)
    return heart, MechanicsSpace(mesh, tags, cut.element, cut.degree)


def ventricle_axes(space: MechanicsSpace) -> Axes:
    """Return the axes at the quadrature points, of a depth that solves Laplace's equation."""
    depth = _depth(space)
    rule, _ = basix.make_quadrature(space.mesh.basix_cell(), space.quadrature_degree)
    layout = space.mesh.topology.index_map(3)
    cells = np.arange(layout.size_local + layout.num_ghosts, dtype=np.int32)
    place = fem.Expression(ufl.SpatialCoordinate(space.mesh), rule, comm=space.comm)
    t = fem.Expression(depth, rule, comm=space.comm)
    points = place.eval(space.mesh, cells).reshape(-1, 3)
    depths = np.clip(t.eval(space.mesh, cells).reshape(-1), 0.0, 1.0)
    element = basix.ufl.quadrature_element(
        "tetrahedron", value_shape=(3,), degree=space.quadrature_degree
    )
    values = fem.functionspace(space.mesh, element)
    functions = []
    for axis in fibre_axes(points, depths):
        function = fem.Function(values)
        function.x.array.reshape(-1, 3)[values.dofmap.list.ravel()] = axis
        functions.append(function)
    return Axes(*functions)


def _depth(space: MechanicsSpace) -> Any:
    """Return 0 on the endocardium, 1 on the epicardium, harmonic between."""
    nodes = fem.functionspace(space.mesh, ("Lagrange", 2))
    trial, test = ufl.TrialFunction(nodes), ufl.TestFunction(nodes)
    zero = fem.Constant(space.mesh, 0.0)
    ends = []
    for place, value in ((Boundary.LV_ENDO, 0.0), (Boundary.EPI, 1.0)):
        facets = space.facets.find(int(place))
        ends.append(
            fem.dirichletbc(value, fem.locate_dofs_topological(nodes, FACETS, facets), nodes)
        )
    form = compiled(ufl.inner(ufl.grad(trial), ufl.grad(test)) * space.volume)
    load_form = compiled(zero * test * space.volume)
    matrix = fem_petsc.assemble_matrix(form, ends)
    matrix.assemble()
    vector = fem_petsc.assemble_vector(load_form)
    fem_petsc.apply_lifting(vector, [form], [ends])
    vector.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)
    fem_petsc.set_bc(vector, ends)
    depth: Any = fem.Function(nodes, name="depth")
    ksp: Any = PETSc.KSP().create(space.mesh.comm)
    ksp.setOperators(matrix)
    ksp.setType("cg")
    ksp.getPC().setType("jacobi")
    ksp.setTolerances(rtol=1e-10, max_it=5000)
    ksp.setErrorIfNotConverged(True)
    ksp.solve(vector, depth.x.petsc_vec)
    depth.x.scatter_forward()
    for thing in (ksp, matrix, vector):
        thing.destroy()
    return depth


def pair_axes(heart: HeartMesh, space: MechanicsSpace) -> Axes:
    """Return axes per cell by our own rule; the second lies in the wall, as in the single one."""
    field = fibres(heart, coordinates.compute(heart), FibreAngles(beta_endo=0.0, beta_epi=0.0))
    values = fem.functionspace(space.mesh, ("Discontinuous Lagrange", 0, (3,)))
    given = np.asarray(space.mesh.topology.original_cell_index)
    functions = []
    for axis in (field.fibre, field.normal, field.sheet):
        function = fem.Function(values)
        function.x.array.reshape(-1, 3)[:] = axis[given]
        functions.append(function)
    return Axes(*functions)
