"""Everything that is made once before a body is loaded, the same on every rank."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from heart.core.errors import ParameterError
from heart.core.progress import Telemetry
from heart.mechanics.static import StaticProblem
from heart.numerics import profiles
from heart.numerics.profiles import Profile
from heart.numerics.step_controller import Policy
from heart.observe.cavity import Cavity
from heart.scenario.load import LoadedScenario
from heart.scenario.mechanics import MechanicsScenario
from heart.scenario.mechanics_body import CAVITIES
from heart.study.electro.places import extent
from heart.study.mechanics.deformation import gradients, strain, stretch
from heart.study.mechanics.model import (
    element_of,
    model_of,
    pressures_of,
    supports_of,
    tension_of,
)
from heart.study.mechanics.numbering import Numbering
from heart.study.mechanics.recorders import Noted, Recorder
from heart.study.mechanics.result import FollowedPoint
from heart.study.mechanics.specimen import Specimen, specimen_of
from heart.study.mechanics.staged import StagedProblem

Float = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]

FRAMES = "frames"
# A probe may lie this many edges off the nearest node.
_OFF = 1.0


@dataclass(frozen=True)
class Prepared:
    """A scenario on its mesh, ready to run.

    Attributes
    ----------
    specimen
        Mesh, names, fibres.
    staged
        The problem and its loads.
    numbering
        Between its unknowns and arrays over nodes.
    cavities
        Volumes by name of the endocardium.
    probes
        Followed nodes.
    ladder, policy
        Profiles and steps.
    scenario, folder
        What is asked, and where the run is written.
    """

    specimen: Specimen
    staged: StagedProblem
    numbering: Numbering
    cavities: Mapping[str, Cavity]
    probes: tuple[FollowedPoint, ...]
    ladder: tuple[Profile, ...]
    policy: Policy
    scenario: MechanicsScenario
    folder: Path

    @property
    def problem(self) -> StaticProblem:
        """What is solved."""
        return self.staged.problem

    @property
    def nodes(self) -> Float:
        """(N, 3) nodes of the displacement, mm."""
        if self.problem.space.element.value[0] == 1:
            return np.asarray(self.specimen.mesh.points)
        return self.specimen.nodes

    @property
    def cells(self) -> NDArray[np.integer]:
        """(m, 4) or (m, 10) nodes of each cell."""
        if self.problem.space.element.value[0] == 1:
            return np.asarray(self.specimen.mesh.cells)
        return self.specimen.cells

    def recorder(self) -> Recorder:
        """Return what notes the run."""
        writes = MPI.COMM_WORLD.rank == 0 and self.scenario.output.fields
        return Recorder(
            self.scenario.loads.loaded,
            tuple(self.cavities),
            len(self.probes),
            self.folder / FRAMES if writes else None,
        )

    def fields(self) -> Arrays:
        """Return displacement, pressure and what is known of each cell now. Collective."""
        state = self.numbering.arrays(self.problem.state)
        displacement = state["displacement"]
        gradient = gradients(self.nodes, self.cells, displacement)
        fibre = self.specimen.muscle.fibres.fibre
        pressure = state.get("pressure")
        return {
            "displacement": displacement,
            "pressure": np.zeros(0) if pressure is None else pressure[:, 0],
            "fibre_stretch": stretch(gradient, fibre),
            "fibre_strain": strain(gradient, fibre),
            "volume_ratio": np.linalg.det(gradient),
        }

    def noted(self, at: float, fields: Arrays, **more: Any) -> Noted:
        """Return what is noted of the present state. Collective."""
        followed = [probe.node for probe in self.probes]
        return Noted(
            at=at,
            pressures=dict(self.staged.now.pressure),
            volumes={name: cavity.volume() for name, cavity in self.cavities.items()},
            tension=self.staged.now.tension,
            places=(self.nodes + fields["displacement"])[followed],
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
    with watch.step("Forms of the law and loads"):
        space = specimen.space(element_of(scenario), scenario.elements.quadrature_degree)
        tension = tension_of(scenario, space)
        problem = StaticProblem(
            model_of(scenario, specimen, space, tension),
            space,
            specimen.axes(space),
            [*supports_of(scenario, specimen), *pressures_of(scenario, specimen)],
        )
        cavities = {
            name: Cavity(space, problem.u, tag, specimen.long_axis)
            for name in CAVITIES
            if specimen.is_heart
            for tag in specimen.boundaries.get(name, ())
        }
    tags = {name: specimen.tags(name) for name in scenario.loads.loaded}
    mesh = specimen.mesh
    prepared = Prepared(
        specimen=specimen,
        staged=StagedProblem(problem, tags, tension),
        numbering=Numbering(space, mesh.cells, len(mesh.points)),
        cavities=cavities,
        probes=(),
        ladder=ladder,
        policy=Policy(first=scenario.steps.first, largest=scenario.steps.largest),
        scenario=scenario,
        folder=folder,
    )
    return _with_probes(prepared)


def _with_probes(prepared: Prepared) -> Prepared:
    from dataclasses import replace

    specimen, nodes = prepared.specimen, prepared.nodes
    furthest = _OFF * specimen.muscle.edge
    found = []
    for probe in prepared.scenario.observe.probes:
        gap, node = cKDTree(nodes).query(np.array(probe.position, np.float64))
        if gap > furthest:
            raise ParameterError(
                f"probe {probe.label!r} is {gap:.1f} mm outside the body",
                expected=f"at most {furthest:.2g} mm; it lies in {extent(specimen.muscle)}",
            )
        found.append(FollowedPoint(probe.label, int(node), np.array(nodes[node])))
    return replace(prepared, probes=tuple(found))
