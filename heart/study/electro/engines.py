"""From the words of a scenario to a problem that runs: one way in for every engine.

An engine builds a problem for the stimuli of a branch; everything that branches share (cells,
conductivities, topology) is made once. `Running` is what a study needs of whatever runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from heart.anatomy.heart_mesh import Tissue
from heart.core.errors import HeartError, ParameterError
from heart.electro.activation import ActivationModel
from heart.electro.conduction import ConductionState
from heart.electro.ionic.kernel import Method, Precision
from heart.electro.ionic.population import CellLayout
from heart.electro.reaction_eikonal.problem import ReactionEikonal, Waves
from heart.electro.reaction_eikonal.scheme import ReactionEikonalScheme
from heart.electro.reaction_eikonal.strand import measured
from heart.electro.tissue import scheme as schemes
from heart.electro.tissue.bidomain import Bidomain
from heart.electro.tissue.bidomain_model import BidomainModel
from heart.electro.tissue.conductivity import Part
from heart.electro.tissue.extracellular import ExtracellularPotential
from heart.electro.tissue.model import MonodomainModel
from heart.electro.tissue.monodomain import Monodomain
from heart.electro.tissue.scheme import Diffusion, Interpolation, Scheme, Splitting
from heart.electro.tissue.shock import ExtracellularStimulus
from heart.electro.tissue.space import TissueSpace
from heart.electro.tissue.stimulus import TissueStimulus
from heart.electro.velocity import ConductionVelocity
from heart.numerics.eikonal import EikonalMesh, Lengths
from heart.scenario.electro import EngineKind, EngineSection, MembraneSection
from heart.study.electro.body import Muscle
from heart.study.electro.material import Material, two_spaces
from heart.study.electro.stimuli import Pulse
from heart.study.electro.wave import wave_of

Float = NDArray[np.float64]
Int = NDArray[np.integer]
Arrays = dict[str, NDArray[Any]]

DEFAULT_PROFILE = "accurate"


@dataclass(frozen=True)
class Running:
    """A problem that is stepped, observed, saved and restored.

    Predictions of a solver are dropped between pieces of a run: a run that is stopped and goes on
    has none either, and both are to be the same.

    Attributes
    ----------
    problem
        What runs.
    potential
        Of a monodomain whose extracellular potential is recovered: makes, once, what solves it.
    """

    problem: Monodomain | Bidomain | ReactionEikonal
    potential: Callable[[], ExtracellularPotential] | None = None

    @property
    def time(self) -> float:
        """Present time in ms."""
        return self.problem.time

    @property
    def nodes(self) -> Int:
        """(k,) global index of each of this rank's unknowns."""
        return np.asarray(self.problem.nodes)

    @property
    def comm(self) -> MPI.Intracomm:
        """Ranks that share the tissue."""
        return self.problem.comm

    def gather(self, values: Float) -> Float:
        """Return values of this rank's unknowns in global order, on all ranks."""
        return self.problem.gather(values)

    def run(self, until: float, observers: Sequence[Any]) -> None:
        """Advance to `until` ms. Collective."""
        if not isinstance(self.problem, ReactionEikonal):
            self.problem.stepper.forget()
        self.problem.run(until, observers=observers)

    def extracellular(self) -> Float:
        """Return the extracellular potential of all nodes in mV, on all ranks. Collective.

        Raises
        ------
        ParameterError
            The engine has one space.
        """
        if isinstance(self.problem, Bidomain):
            return self.problem.extracellular()
        if self.potential is None:
            raise ParameterError("this engine has no extracellular potential")
        elliptic = self.potential()
        found = np.zeros(len(elliptic.nodes))
        elliptic.respond(self.problem.local_voltage, found)
        return elliptic.gather(found)

    def snapshot(self) -> Arrays:
        """Return the state in global order. Collective."""
        return dict(self.problem.snapshot())

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a snapshot of any number of ranks."""
        self.problem.restore(arrays)

    def last_good(self) -> Arrays | None:
        """Return the state of the last test of the fields that passed. Collective."""
        return None if isinstance(self.problem, ReactionEikonal) else self.problem.last_good


@dataclass(frozen=True)
class Tissue3D:
    """What all branches of a run share.

    Attributes
    ----------
    muscle, material, layout, membrane
        Mesh, conductivities, cells, membrane.
    velocity
        Speeds for the reaction-eikonal engine.
    state
        Of the conduction system, whose factors slow that wave; None: none.
    """

    muscle: Muscle
    material: Material
    layout: CellLayout
    membrane: MembraneSection
    velocity: ConductionVelocity
    state: ConductionState | None = None

    def model(self) -> MonodomainModel:
        """Return cells and conductivities as the engines take them."""
        return MonodomainModel(
            self.layout,
            self.material.tensor(self.muscle),
            self.membrane.surface_to_volume,
            self.membrane.capacitance,
            self.material.conducting,
        )

    def bidomain(self) -> BidomainModel:
        """Return cells and both conductivities; tuning scales both spaces alike."""
        sets = tuple(one.scaled(*self.material.factors) for one in self.material.sets)
        scaled = replace(self.material, sets=sets, factors=(1.0, 1.0, 1.0))
        return BidomainModel(
            self.layout,
            scaled.tensor(self.muscle, Part.INTRACELLULAR),
            scaled.tensor(self.muscle, Part.EXTRACELLULAR),
            self.membrane.surface_to_volume,
            self.membrane.capacitance,
            self.material.conducting,
        )


Make = Callable[[Sequence[Pulse]], Running]


@dataclass(frozen=True)
class Engine:
    """How a scenario is computed.

    Attributes
    ----------
    make
        Returns a problem at rest for the stimuli of a branch. Collective.
    dt
        Time step in ms.
    unknowns
        Number of nodes over all ranks.
    """

    make: Make
    dt: float
    unknowns: int


def scheme_of(section: EngineSection) -> Scheme:
    """Return the numerics of a scenario: its profile, with what the scenario says laid over it.

    Raises
    ------
    ScenarioError, ParameterError
        No such profile, or choices that exclude each other.
    """
    base = schemes.load(section.profile or DEFAULT_PROFILE)
    given: dict[str, Any] = {}
    if section.dt is not None:
        given["dt"] = section.dt
    if section.lumped is not None:
        given["lumped"] = section.lumped
    for name, kind in _ENUMS.items():
        word = getattr(section, name)
        if word is not None:
            given[name] = kind[word.upper()]
    return replace(base, **given)


def engine_of(section: EngineSection, tissue: Tissue3D) -> Engine:
    """Return the engine of a scenario for a tissue. Collective."""
    return _ENGINES[section.kind](section, tissue)


def _monodomain(section: EngineSection, tissue: Tissue3D) -> Engine:
    scheme = scheme_of(section)
    mesh = tissue.muscle.mesh
    space = TissueSpace(mesh.points, mesh.cells, section.degree)
    model = tissue.model()

    @cache
    def potential() -> ExtracellularPotential:
        return ExtracellularPotential(space, two_spaces(tissue.muscle, tissue.material))

    recovered = potential if section.kind is EngineKind.PSEUDO_BIDOMAIN else None

    def make(stimuli: Sequence[Pulse]) -> Running:
        return Running(Monodomain(space, model, scheme, _across(stimuli)), recovered)

    return Engine(make, scheme.dt, space.nodes)


def _bidomain(section: EngineSection, tissue: Tissue3D) -> Engine:
    scheme = scheme_of(section)
    mesh = tissue.muscle.mesh
    space = TissueSpace(mesh.points, mesh.cells, section.degree)
    model = tissue.bidomain()

    def make(stimuli: Sequence[Pulse]) -> Running:
        shocks = [one for one in stimuli if isinstance(one, ExtracellularStimulus)]
        return Running(Bidomain(space, model, scheme, _across(stimuli), shocks))

    return Engine(make, scheme.dt, space.nodes)


def _reaction_eikonal(section: EngineSection, tissue: Tissue3D) -> Engine:
    mesh = tissue.muscle.mesh
    numerics = ReactionEikonalScheme.stepped(section.dt)
    space = TissueSpace(mesh.points, mesh.cells, 1)
    method = Method[(section.method or "grl2").upper()]
    precision = Precision[(section.precision or "double").upper()]
    model = tissue.model()

    waves = Waves(*front_of(tissue), [measured(one) for one in tissue.layout.models])

    def make(stimuli: Sequence[Pulse]) -> Running:
        return Running(
            ReactionEikonal(
                space, model, waves, numerics, _across(stimuli), method=method, precision=precision
            )
        )

    return Engine(make, numerics.dt, space.nodes)


def _across(stimuli: Sequence[Pulse]) -> list[TissueStimulus]:
    """Return the stimuli across the membrane."""
    return [one for one in stimuli if isinstance(one, TissueStimulus)]


def front_of(tissue: Tissue3D) -> tuple[EikonalMesh, Lengths]:
    """Return the eikonal problem of a tissue: a heart has its fast endocardium, a slab has none."""
    muscle, speed = tissue.muscle, tissue.velocity
    conducting = tissue.material.conducting
    if muscle.heart is not None and np.array_equal(conducting, muscle.mesh.tissue != Tissue.CORE):
        model = ActivationModel.of(muscle.heart, muscle.locator_for("the wave"))
        return model.mesh, model.lengths(speed, tissue.state)
    factor = tissue.state.myocardium if tissue.state else 1.0
    return wave_of(muscle, (speed.fibre, speed.sheet, speed.normal), conducting, factor)


def named_region(muscle: Muscle, error: HeartError, node: int) -> HeartError:
    """Return the error with the region of its node in words."""
    mesh = muscle.mesh
    cell = int(np.flatnonzero((mesh.cells == node).any(axis=1))[0])
    tissue = Tissue(int(muscle.node_tissue[node])).name.lower()
    region = tissue if muscle.heart is None else f"{_region(muscle, cell, node)}, {tissue}"
    place = f"{error.where}, region {region}" if error.where else f"region {region}"
    return type(error)(error.what, where=place, expected=error.expected, fix=error.fix)


def _region(muscle: Muscle, cell: int, node: int) -> str:
    from heart.anatomy.aha import SEGMENT_NAMES
    from heart.anatomy.heart_mesh import Region

    wall = Region(int(muscle.mesh.regions[cell])).name.lower()
    segment = int(muscle.heart.segments[node]) if muscle.heart is not None else 0
    return f"{wall} ({SEGMENT_NAMES[segment]})" if segment else wall


_ENUMS: dict[str, Any] = {
    "splitting": Splitting,
    "diffusion": Diffusion,
    "interpolation": Interpolation,
    "method": Method,
    "precision": Precision,
}
_ENGINES: dict[EngineKind, Callable[[EngineSection, Tissue3D], Engine]] = {
    EngineKind.MONODOMAIN: _monodomain,
    EngineKind.PSEUDO_BIDOMAIN: _monodomain,
    EngineKind.BIDOMAIN: _bidomain,
    EngineKind.REACTION_EIKONAL: _reaction_eikonal,
}
