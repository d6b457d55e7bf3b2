"""Everything that is made once before a body is loaded, the same on every rank."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from dolfinx import fem
from mpi4py import MPI
from numpy.typing import NDArray

from heart.core.errors import ParameterError
from heart.core.progress import Telemetry
from heart.mechanics.cavities import with_cavities
from heart.mechanics.cavity_volume import VolumeFunctional
from heart.mechanics.configuration import cell_axes
from heart.mechanics.loads import CavityVolume
from heart.mechanics.space import MechanicsSpace
from heart.mechanics.static import StaticProblem
from heart.numerics import profiles
from heart.numerics.profiles import Profile
from heart.observe.probes import Probes
from heart.observe.stress import Stresses
from heart.observe.wall_points import WallPoints
from heart.scenario.load import LoadedScenario
from heart.scenario.mechanics import MechanicsScenario
from heart.scenario.mechanics_dynamics import TimeSection
from heart.scenario.mechanics_fit import UnloadSection
from heart.study.mechanics.deformation import gradients
from heart.study.mechanics.directions import Directed, directed
from heart.study.mechanics.fit import fitted_reference
from heart.study.mechanics.marching import Marching
from heart.study.mechanics.model import (
    acting,
    element_of,
    model_of,
    pressures_of,
    ramp_tension,
    supports_of,
)
from heart.study.mechanics.numbering import Numbering
from heart.study.mechanics.recorders import Noted, Recorder
from heart.study.mechanics.specimen import Specimen, fibres_on, specimen_of
from heart.study.mechanics.staged import StagedProblem, StagedRelation
from heart.study.mechanics.unload import Reference, to_reference
from heart.study.mechanics.wall import HeartWall, MuscleStress

Float = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]

FRAMES = "frames"


@dataclass(frozen=True)
class Prepared:
    """A scenario on its mesh, ready to run.

    Attributes
    ----------
    specimen
        Mesh, names, fibres.
    engine
        What is loaded in stages, or marches in time.
    numbering
        Between its unknowns and arrays over nodes.
    volumes
        Functionals by name of the endocardium.
    probes
        Followed points.
    ladder
        Profiles.
    directed
        What is measured of each cell.
    reference
        Of the unloading; None where the mesh is free of stress.
    wall, stress
        What is measured at each step: of a heart's wall, and of stress where it is asked for.
    scenario, folder
        What is asked, and where the run is written.
    """

    specimen: Specimen
    engine: StagedProblem | Marching
    numbering: Numbering
    volumes: Mapping[str, VolumeFunctional]
    probes: Probes
    ladder: tuple[Profile, ...]
    directed: Directed
    reference: Reference | None
    wall: HeartWall | None
    stress: MuscleStress | None
    scenario: MechanicsScenario
    folder: Path

    @property
    def space(self) -> MechanicsSpace:
        """Elements and mesh."""
        space: MechanicsSpace = self.engine.problem.space
        return space

    @property
    def nodes(self) -> Float:
        """(N, 3) nodes of the displacement, mm."""
        linear = self.space.element.value[0] == 1
        return np.asarray(self.specimen.mesh.points) if linear else self.specimen.nodes

    @property
    def cells(self) -> NDArray[np.integer]:
        """(m, 4) or (m, 10) nodes of each cell."""
        linear = self.space.element.value[0] == 1
        return np.asarray(self.specimen.mesh.cells) if linear else self.specimen.cells

    def recorder(self) -> Recorder:
        """Return what notes the run."""
        writes = MPI.COMM_WORLD.rank == 0 and self.scenario.output.fields
        return Recorder(
            self.scenario.loads.loaded,
            tuple(self.volumes),
            len(self.probes.names),
            self.folder / FRAMES if writes else None,
            (
                *(() if self.wall is None else self.wall.names),
                *(() if self.stress is None else self.stress.names),
            ),
        )

    def measured(self) -> tuple[dict[str, float], Arrays]:
        """Return numbers of the wall and fields of the present state, the next step. Collective."""
        numbers = {} if self.wall is None else self.wall.measured()
        fields = self.fields()
        if self.stress is not None:
            more, of_stress = self.stress.record()
            numbers |= more
            fields |= of_stress
        return numbers, fields

    def fields(self) -> Arrays:
        """Return displacement, pressure and what is measured of each cell now. Collective."""
        state = self.numbering.arrays(self.engine.state)
        displacement = state["displacement"]
        gradient = gradients(self.nodes, self.cells, displacement)
        pressure = state.get("pressure")
        return {
            "displacement": displacement,
            "pressure": np.zeros(0) if pressure is None else pressure[:, 0],
            **self.directed.measured(gradient),
        }

    @property
    def points(self) -> Float:
        """(p, 3) places of the probes in the reference, mm."""
        table = [probe.position for probe in self.scenario.observe.probes]
        return np.array(table, np.float64).reshape(-1, 3)

    def noted(self, at: float, **more: Any) -> Noted:
        """Return what is noted of the present state. Collective."""
        return Noted(
            at=at,
            pressures=self.engine.pressures(),
            volumes={name: one.volume() for name, one in self.volumes.items()},
            tension=self.engine.tension,
            places=self.points + self.probes.read(self.engine.state),
            **more,
        )


def prepare(loaded: LoadedScenario[MechanicsScenario], folder: Path, watch: Telemetry) -> Prepared:
    """Make everything that a run needs. Collective.

    Raises
    ------
    HeartError
        Whatever is wrong with body, law, supports, loads, probes or profiles.
    """
    scenario = loaded.scenario
    ladder = tuple(profiles.load(f"mechanics/{name}") for name in scenario.solver.profiles)
    with watch.step("Mesh and fibres"):
        specimen = specimen_of(scenario.body, loaded.case_file, watch)
    if scenario.unload is not None:
        # A reference found as a quadratic displacement is a mesh of ten-node cells.
        specimen = replace(specimen, curved=element_of(scenario).value[0] == 2)
    space = specimen.space(element_of(scenario), scenario.elements.quadrature_degree)
    mesh = specimen.mesh
    numbering = Numbering(space, mesh.cells, len(mesh.points))
    reference, asked = None, scenario
    if scenario.unload is not None:
        reference = _unloaded(scenario, scenario.unload, specimen, space, numbering, ladder, watch)
        specimen, scenario = reference.specimen, reference.scenario
    with watch.step("Forms of the law and loads"):
        engine: StagedProblem | Marching
        if isinstance(scenario.dynamics, TimeSection):
            engine = Marching(scenario, scenario.dynamics, specimen, space)
        else:
            engine = _staged(scenario, specimen, space)
        if specimen.exact_axes is not None:
            fibres = fibres_on(engine.problem.axes, numbering)
            specimen = specimen.moved(specimen.nodes, fibres)
        volumes = {
            name: VolumeFunctional(space, engine.state, tag)
            for name in specimen.chambers
            for tag in specimen.tags(name)
        }
    measured = directed(specimen)
    with watch.step("Observations"):
        wall, stress = _observers(scenario, specimen, engine, numbering, measured)
    return Prepared(
        specimen=specimen,
        engine=engine,
        numbering=numbering,
        volumes=volumes,
        probes=Probes(space, {one.label: one.position for one in scenario.observe.probes}),
        ladder=ladder,
        directed=measured,
        reference=reference,
        wall=wall,
        stress=stress,
        scenario=asked,
        folder=folder,
    )


def _observers(
    scenario: MechanicsScenario,
    specimen: Specimen,
    engine: StagedProblem | Marching,
    numbering: Numbering,
    measured: Directed,
) -> tuple[HeartWall | None, MuscleStress | None]:
    """Return what is measured beside volumes and probes."""
    problem, segments = engine.problem, measured.segments
    space = problem.space
    held = segments is not None and bool(specimen.boundaries["rings"])
    if not held and not scenario.observe.stress:
        return None, None
    u, p = space.split(engine.state)
    points = WallPoints(space, u)
    wall = stress = None
    if segments is not None and held:
        wall = HeartWall(specimen, space, points, u, segments)
    if scenario.observe.stress:
        left = None if segments is None else points.per_cell(segments) > 0
        stresses = Stresses(points, problem.model, problem.axes, u, p)
        stress = MuscleStress(stresses, numbering, left)
    return wall, stress


def _staged(
    scenario: MechanicsScenario, specimen: Specimen, space: MechanicsSpace
) -> StagedProblem:
    constant, stress = ramp_tension(scenario, space)
    model = model_of(scenario, specimen, space, stress)
    axes, supports = specimen.axes(space), supports_of(scenario, specimen, space)
    loads = scenario.loads
    where = acting(scenario, specimen)
    if not loads.by_volume and not loads.basal_traction:
        pressures = pressures_of(scenario, specimen)
        problem = StaticProblem(model, space, axes, [*supports, *pressures])
        return StagedProblem(problem, where, constant)
    names = loads.loaded
    others = [name for name in names if name not in specimen.chambers]
    if others:
        raise ParameterError(
            f"pressure of {others[0]} beside cavities with volumes or a basal traction",
            expected="lv_endo and rv_endo alone",
        )
    rest = np.array([_rest(space, specimen, name) for name in names])
    relation = StagedRelation(rest)
    cavities = [
        CavityVolume(specimen.tags(name)[0], volume)
        for name, volume in zip(names, rest, strict=True)
    ]
    base = specimen.tags("base")[0] if loads.basal_traction else None
    bordered = with_cavities(
        model, space, axes, supports, cavities, relation=relation, carried_by=base
    )
    return StagedProblem(bordered, where, constant, names, relation)


def _rest(space: MechanicsSpace, specimen: Specimen, name: str) -> float:
    still = fem.Function(space.space)
    return VolumeFunctional(space, still, specimen.tags(name)[0]).volume()


def _unloaded(
    scenario: MechanicsScenario,
    section: UnloadSection,
    specimen: Specimen,
    space: MechanicsSpace,
    numbering: Numbering,
    ladder: tuple[Profile, ...],
    watch: Telemetry,
) -> Reference:
    """Move the mesh of a space to the reference of a scenario."""
    fibres = specimen.muscle.fibres
    specimen.axes(space)
    axes = cell_axes(space, fibres.fibre, fibres.sheet, fibres.normal)
    carried = replace(specimen, exact_axes=lambda _space: axes)
    if section.fit is None:
        return to_reference(scenario, section, carried, space, axes, numbering, ladder, watch)
    return fitted_reference(
        scenario, section, section.fit, carried, space, axes, numbering, ladder, watch
    )
