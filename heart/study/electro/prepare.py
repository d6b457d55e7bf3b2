"""Everything that is made once before a tissue runs, the same on every rank."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from heart.core.errors import HeartError
from heart.core.progress import Telemetry
from heart.electro.ionic.model import CellModel
from heart.electro.ionic.pacing import limit_cycles
from heart.electro.ionic.population import CellLayout
from heart.electro.tissue.conductivity import Part
from heart.electro.tissue.extracellular import ExtracellularPotential
from heart.electro.tissue.pseudo_bidomain import lead_weights
from heart.electro.tissue.space import TissueSpace
from heart.electro.tissue.tuning import tune
from heart.observe.electrogram import electrogram_weights
from heart.scenario.electro import TWO_SPACES, ElectroScenario, EngineKind
from heart.scenario.load import LoadedScenario
from heart.study.crt import body as torso
from heart.study.electro.body import Muscle, build
from heart.study.electro.engines import Engine, Tissue3D, engine_of, named_region, scheme_of
from heart.study.electro.material import (
    Material,
    material,
    model_of_node,
    models_of,
    two_spaces,
)
from heart.study.electro.places import nearest_node
from heart.study.electro.recorders import Plan
from heart.study.electro.result import Probe
from heart.study.electro.step_check import check_step
from heart.study.electro.stimuli import Placed, Wired, place, state_of
from heart.therapy.protocol import Protocol

Float = NDArray[np.float64]

FRAMES = "frames"
_NODE = re.compile(r"node (\d+)")
# A probe may lie this many edges off the tissue, as one on the corner of a rounded mesh does.
_OFF = 1.0


@dataclass(frozen=True)
class Prepared:
    """A scenario on its mesh, ready to run.

    Attributes
    ----------
    muscle, material, layout
        Mesh and fibres, conductivities, cells.
    engine
        Makes problems.
    placed, protocol
        Stimuli on this mesh, and when they are given.
    probes, electrodes
        Traced nodes; places of electrograms by label.
    weights
        (k, n) electrograms, then the 12 leads where there is an ECG.
    prepacing, tuning
        Largest relative change of the last beat by model; factor and speed by axis.
    torso
        Of the ECG, in words.
    scenario, folder
        What is asked, and where the run is written.
    """

    muscle: Muscle
    material: Material
    layout: CellLayout
    engine: Engine
    placed: Mapping[str, Placed | Wired]
    protocol: Protocol
    probes: tuple[Probe, ...]
    electrodes: Mapping[str, Float]
    weights: Float
    prepacing: Mapping[str, float]
    tuning: Mapping[str, float]
    torso: str
    scenario: ElectroScenario
    folder: Path

    def plan(self, branch: int) -> Plan:
        """Return what is noted in a branch."""
        observe, output = self.scenario.observe, self.scenario.output
        writes = MPI.COMM_WORLD.rank == 0
        return Plan(
            threshold=observe.threshold,
            recovery=observe.repolarisation,
            sampling=observe.traces,
            probes=np.array([probe.node for probe in self.probes], np.int64),
            weights=self.weights,
            rest=float(self.layout.models[0].initial_states[0]),
            frames=output.every if output.fields else None,
            extracellular=output.extracellular,
            folder=self.folder / FRAMES / f"{branch:03d}" if writes else None,
        )

    def named(self, error: HeartError) -> HeartError:
        """Return an error of the fields with the region of its node in words."""
        match = _NODE.search(f"{error.where} {error.what}")
        return error if match is None else named_region(self.muscle, error, int(match[1]))


def prepare(loaded: LoadedScenario[ElectroScenario], folder: Path, watch: Telemetry) -> Prepared:
    """Make everything that a run needs. Collective.

    Raises
    ------
    HeartError
        Whatever is wrong with body, cells, conductivities, stimuli, probes or numerics.
    """
    scenario = loaded.scenario
    muscle = build(scenario.body, loaded.case_file, watch)
    placed = place(muscle, scenario.stimuli, scenario.membrane, loaded.files)
    probes = _probes(muscle, scenario)
    models = models_of(scenario.cells, loaded.files)
    of_node = model_of_node(muscle, scenario.cells)
    conduction = material(muscle, scenario.conductivity)
    _check_step(models, scenario)
    models, residual = _prepaced(models, scenario, watch)
    conduction, tuning = _tuned(muscle, conduction, models[0], scenario, watch)
    layout = CellLayout(models, of_node)
    tissue = Tissue3D(
        muscle,
        conduction,
        layout,
        scenario.membrane,
        scenario.velocity.resolve(),
        state_of(scenario.stimuli),
    )
    with watch.step("Assembling the tissue"):
        engine = engine_of(scenario.engine, tissue)
    electrodes = {
        one.label: np.array(one.position, np.float64) for one in scenario.observe.electrograms
    }
    weights, words = _weights(muscle, conduction, electrodes, loaded, watch)
    return Prepared(
        muscle=muscle,
        material=conduction,
        layout=layout,
        engine=engine,
        placed=placed,
        protocol=scenario.protocol.resolve(),
        probes=probes,
        electrodes=electrodes,
        weights=weights,
        prepacing=residual,
        tuning=tuning,
        torso=words,
        scenario=scenario,
        folder=folder,
    )


def _probes(muscle: Muscle, scenario: ElectroScenario) -> tuple[Probe, ...]:
    found = []
    for probe in scenario.observe.probes:
        position = np.array(probe.position, np.float64)
        node = nearest_node(muscle, position, f"probe {probe.label!r}", _OFF * muscle.edge)
        found.append(Probe(probe.label, node, np.array(muscle.mesh.points[node])))
    return tuple(found)


def _check_step(models: tuple[CellModel, ...], scenario: ElectroScenario) -> None:
    """Refuse a step of reaction–diffusion at which a cell alone goes wrong."""
    if scenario.engine.kind is EngineKind.REACTION_EIKONAL:
        return
    scheme = scheme_of(scenario.engine)
    check_step(dict.fromkeys(models), scheme.dt, scheme.method)


def _prepaced(
    models: tuple[CellModel, ...], scenario: ElectroScenario, watch: Telemetry
) -> tuple[tuple[CellModel, ...], dict[str, float]]:
    """Return the models at the start of a beat of their limit cycle."""
    asked = scenario.prepacing
    if asked is None:
        return models, {}
    with watch.step("Pacing single cells"):
        cycles = limit_cycles(models, [asked.cycle_length] * len(models), asked.beats)
    started = tuple(
        model.with_initial(cycle.states) for model, cycle in zip(models, cycles, strict=True)
    )
    return started, {
        f"{number}: {model.name}": float(cycle.residual[-1].max())
        for number, (model, cycle) in enumerate(zip(models, cycles, strict=True))
    }


def _tuned(
    muscle: Muscle,
    conduction: Material,
    cell: CellModel,
    scenario: ElectroScenario,
    watch: Telemetry,
) -> tuple[Material, dict[str, float]]:
    """Return conductivities that give the wanted speeds on a mesh of this size."""
    if scenario.tuning is None or scenario.engine.kind is EngineKind.REACTION_EIKONAL:
        return conduction, {}
    base = conduction.sets[0]
    tuned = tune(
        cell,
        replace(scheme_of(scenario.engine), multirate=None),
        muscle.edge,
        scenario.tuning.values,
        base,
        surface_to_volume=scenario.membrane.surface_to_volume,
        capacitance=scenario.membrane.capacitance,
        telemetry=watch,
    )
    numbers = {f"factor_{axis}": f for axis, f in zip(_AXES, tuned.factors, strict=True)}
    numbers |= {f"speed_{axis}": v for axis, v in zip(_AXES, tuned.speeds, strict=True)}
    return replace(conduction, factors=tuned.factors), numbers


def _weights(
    muscle: Muscle,
    conduction: Material,
    electrodes: Mapping[str, Float],
    loaded: LoadedScenario[ElectroScenario],
    watch: Telemetry,
) -> tuple[Float, str]:
    """Return the weights (k, n) of electrograms and ECG leads, and the torso in words."""
    mesh, rows, words = muscle.mesh, [], ""
    if electrodes and loaded.scenario.engine.kind in TWO_SPACES:
        rows.append(_inside(muscle, conduction, np.array([*electrodes.values()])))
    elif electrodes:
        sigma = conduction.tensor(muscle, Part.INTRACELLULAR)
        sigma = np.where(conduction.conducting[:, None, None], sigma, 0.0)
        rows.append(
            electrogram_weights(mesh.points, mesh.cells, sigma, np.array([*electrodes.values()]))
        )
    section = loaded.scenario.observe.ecg
    if section is not None:
        with watch.step("Lead fields of the ECG"):
            heart = muscle.heart_for("the ECG")
            around = torso.prepare(heart, section, muscle.patient, loaded.files)
            field = around.nominal(heart)
        rows.append(field.weights)
        words = field.description
    return np.concatenate([*rows, np.zeros((0, len(mesh.points)))]), words


_AXES = ("fibre", "sheet", "normal")


def _inside(muscle: Muscle, conduction: Material, electrodes: Float) -> Float:
    """Return the weights of electrodes in the extracellular space, with conductivities as given."""
    space = TissueSpace(muscle.mesh.points, muscle.mesh.cells)
    return lead_weights(ExtracellularPotential(space, two_spaces(muscle, conduction)), electrodes)
