"""From what was noted to the result that a reader sees: maps, verdicts, words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heart.core.validation import as_yaml_data
from heart.observe.beats import Beats
from heart.observe.ecg import Ecg
from heart.observe.velocity_map import velocity_map
from heart.scenario.electro import ElectroScenario, EngineKind
from heart.study.electro.prepare import Prepared
from heart.study.electro.recorders import Recorder
from heart.study.electro.result import Branch, ElectroResult, Pulse
from heart.therapy.protocol import Protocol

Float = NDArray[np.float64]

# Share of the conducting muscle that a wave has to reach to count as captured or re-entrant: more
# than a patch under an electrode, less than a wave that is blocked in places.
REACHED = 0.3


def branch_of(
    prepared: Prepared,
    protocol: Protocol,
    name: str,
    recorder: Recorder,
    ended: float,
    reason: str,
) -> Branch:
    """Return what a branch found. Collective."""
    beats = recorder.beats()
    times, traces, signals = recorder.samples()
    k = len(prepared.electrodes)
    events = tuple(Pulse(one.stimulus, one.time, one.is_train) for one in protocol.events())
    later = beats.since(protocol.last)
    active = recorder.last_active()
    return Branch(
        name=name,
        coupling=protocol.extras[-1].coupling if protocol.extras else None,
        pulses=events,
        ended=ended,
        reason=reason,
        activation=beats.activation,
        repolarisation=beats.repolarisation,
        speed=_speed(prepared, later),
        times=times,
        traces=traces,
        electrograms=signals[:k],
        ecg=Ecg(times, signals[k:]) if prepared.scenario.observe.ecg is not None else None,
        frames=recorder.frame_times,
        captured=_reached(prepared, later, 0) if protocol.extras else None,
        sustained=max(0.0, active - protocol.last) if np.isfinite(active) else 0.0,
        reentry=_reached(prepared, later, 1),
    )


def result_of(
    prepared: Prepared,
    scenario: ElectroScenario,
    branches: Sequence[Branch],
    seconds: Mapping[str, float],
    record: Mapping[str, Any],
) -> ElectroResult:
    """Return the result of a run."""
    muscle = prepared.muscle
    return ElectroResult(
        name=scenario.name,
        title=scenario.title or muscle.title,
        engine=scenario.engine.kind.value,
        scenario=as_yaml_data(scenario),
        mesh=muscle.mesh,
        fibre=muscle.fibres.fibre,
        heart=muscle.heart,
        quality=muscle.quality,
        models=tuple(model.name for model in prepared.layout.models),
        model_of_node=np.asarray(prepared.layout.of_node, np.int32),
        conducting=prepared.material.conducting,
        probes=prepared.probes,
        electrodes=prepared.electrodes,
        branches=tuple(branches),
        prepacing=prepared.prepacing,
        tuning=prepared.tuning,
        steps={
            "dt": prepared.engine.dt,
            "degree": float(scenario.engine.degree),
            "unknowns": float(prepared.engine.unknowns),
            "edge": muscle.edge,
        },
        assumptions=assumptions(prepared, scenario),
        timings=dict(seconds),
        provenance=record,
    )


def assumptions(prepared: Prepared, scenario: ElectroScenario) -> tuple[str, ...]:
    """Return in words what a reader has to know before believing the numbers."""
    lines = [*prepared.muscle.notes]
    if scenario.engine.kind is EngineKind.MONODOMAIN:
        lines.append("Monodomain: intra- and extracellular anisotropy are taken as proportional.")
    elif scenario.engine.kind is EngineKind.PSEUDO_BIDOMAIN:
        lines.append(
            "Pseudo-bidomain: the wave of a monodomain; electrograms are extracellular potentials "
            "of the muscle alone, insulated, against their mean."
        )
    elif scenario.engine.kind is EngineKind.BIDOMAIN:
        lines.append(
            "Bidomain: the muscle alone, insulated; electrograms are extracellular potentials "
            "against their mean."
        )
    else:
        lines.append(
            "Reaction-eikonal: the wave runs at the speeds given, whatever the cells and the mesh; "
            "restitution of the speed is that of a strand."
        )
    if any(one.electrodes is not None for one in scenario.stimuli):
        lines.append("Electrograms leave out the field of the stimulating electrodes themselves.")
    if scenario.tuning is not None and prepared.tuning:
        lines.append("Conductivities are tuned to the speeds wanted on a mesh of this size.")
    if scenario.prepacing is None:
        lines.append("Cells start from the states of their text, not from a limit cycle.")
    if prepared.torso:
        lines.append(prepared.torso)
    lines.append("No mechanics, no heat: the muscle does not move. Research use only.")
    return tuple(lines)


def _speed(prepared: Prepared, beats: Beats) -> Float:
    if not prepared.scenario.observe.velocity:
        return np.zeros(0)
    mesh = prepared.muscle.mesh
    first = np.where(np.isfinite(beats.first()), beats.first(), np.inf)
    return velocity_map(mesh.points, mesh.cells, first).speed


def _reached(prepared: Prepared, beats: Beats, row: int) -> bool:
    """Return whether beat `row` after the last stimulus reached a good part of the muscle."""
    alive = np.zeros(len(prepared.muscle.mesh.points), np.bool_)
    alive[prepared.muscle.mesh.cells[prepared.material.conducting]] = True
    if len(beats.activation) <= row:
        return False
    share = np.isfinite(beats.activation[row][alive]).mean()
    return bool(share >= REACHED)
