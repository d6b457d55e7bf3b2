"""Everything that an electrophysiology run found, as plain frozen data for reports and files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.heart import Heart
from heart.anatomy.heart_mesh import HeartMesh
from heart.observe.ecg import Ecg

Float = NDArray[np.floating]
Int = NDArray[np.integer]


@dataclass(frozen=True)
class Probe:
    """A place whose potential was traced.

    Attributes
    ----------
    label, node, point
        Name, node of the mesh and its place (3,) in mm.
    """

    label: str
    node: int
    point: Float


@dataclass(frozen=True)
class Pulse:
    """One stimulus that was given: its name, start in ms, and whether it belongs to S1."""

    stimulus: str
    time: float
    is_train: bool


@dataclass(frozen=True)
class Branch:
    """One run from the last S1 on (or from the start) with its own extrastimuli.

    Attributes
    ----------
    name
        ``"run"`` where there is one only, else for example ``"s2_300ms"``.
    coupling
        Coupling interval in ms that tells the branches apart; None with one branch.
    pulses
        Stimuli given, with those of the shared part.
    ended
        Time in ms at which it ended, and why: ``"duration"`` or ``"quiescent"``.
    reason
        See `ended`.
    activation, repolarisation
        (b, n) ms of each beat of each node; NaN where there is none.
    speed
        (m,) mm/ms of the first beat after the last stimulus; empty when not asked for.
    times, traces
        (T,) ms and (p, T) mV at the probes.
    electrograms
        (k, T) mV.
    ecg
        12 leads; None when not asked for.
    frames
        Times in ms of the fields in fields/voltage_NAME.vtkhdf.
    captured
        Whether the last extrastimulus activated tissue beyond its own patch; None without one.
    sustained
        ms from the last stimulus to the last activity.
    reentry
        Whether tissue was activated again after the wave of the last stimulus had had its turn.
    """

    name: str
    coupling: float | None
    pulses: tuple[Pulse, ...]
    ended: float
    reason: str
    activation: Float
    repolarisation: Float
    speed: Float
    times: Float
    traces: Float
    electrograms: Float
    ecg: Ecg | None
    frames: tuple[float, ...]
    captured: bool | None
    sustained: float
    reentry: bool

    @property
    def first_activation(self) -> Float:
        """(n,) ms of the first beat; NaN where never activated."""
        if not len(self.activation):
            return np.full(self.activation.shape[1], np.nan)
        return self.activation[0]

    @property
    def last_stimulus(self) -> float:
        """Time of the last stimulus in ms."""
        return self.pulses[-1].time


@dataclass(frozen=True)
class ElectroResult:
    """Result of an electrophysiology scenario. Research use only.

    Attributes
    ----------
    name, title
        Of the scenario, and what it is about.
    engine
        Which equations carried the wave.
    scenario
        The resolved scenario as plain data.
    mesh
        Tetrahedra with boundaries, regions and scar.
    fibre
        (m, 3) direction per cell.
    heart
        Coordinates and segments where it is a heart.
    quality
        Numbers of the mesh.
    models, model_of_node
        Names of the cells, and which each node (n,) has.
    conducting
        (m,) whether a cell conducts.
    probes, electrodes
        Places of traces, and {label: (3,) mm} of electrograms.
    branches
        In the order they were run.
    prepacing
        {model: change of the states over the last beat} where cells were paced before.
    tuning
        {axis: factor on the conductivities} where they were tuned.
    steps
        Time step in ms, degree of the elements, unknowns.
    assumptions
        In words, for the report.
    timings
        Seconds of each step.
    provenance
        Versions, ranks, hashes.
    """

    name: str
    title: str
    engine: str
    scenario: Mapping[str, Any]
    mesh: HeartMesh
    fibre: Float
    heart: Heart | None
    quality: Mapping[str, Any]
    models: tuple[str, ...]
    model_of_node: Int
    conducting: NDArray[np.bool_]
    probes: tuple[Probe, ...]
    electrodes: Mapping[str, Float]
    branches: tuple[Branch, ...]
    prepacing: Mapping[str, float]
    tuning: Mapping[str, float]
    steps: Mapping[str, float]
    assumptions: tuple[str, ...]
    timings: Mapping[str, float]
    provenance: Mapping[str, Any]

    def restitution(self, branch: int = 0) -> tuple[Float, Float]:
        """Return diastolic intervals and durations (k,) ms of all nodes and beats of a branch."""
        one = self.branches[branch]
        interval = one.activation[1:] - one.repolarisation[:-1]
        duration = (one.repolarisation - one.activation)[1:]
        known = np.isfinite(interval) & np.isfinite(duration)
        return interval[known], duration[known]
