"""From what was noted to the result that a reader sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from heart.core.validation import as_yaml_data
from heart.scenario.mechanics import MechanicsScenario
from heart.study.mechanics.prepare import Prepared
from heart.study.mechanics.result import MechanicsResult, Moment, Traces

COMMON = ("displacement", "pressure")


def moment_of(label: str, at: float, fields: Mapping[str, NDArray[Any]]) -> Moment:
    """Return a moment from the fields that a run keeps."""
    return Moment(
        label=label,
        at=at,
        displacement=fields["displacement"],
        pressure=fields["pressure"],
        fields={name: values for name, values in fields.items() if name not in COMMON},
    )


def result_of(
    prepared: Prepared,
    moments: Sequence[Moment],
    traces: Traces,
    seconds: Mapping[str, float],
    record: Mapping[str, Any],
) -> MechanicsResult:
    """Return the result of a run."""
    scenario, muscle = prepared.scenario, prepared.specimen.muscle
    layout = prepared.problem.space.space.dofmap
    return MechanicsResult(
        name=scenario.name,
        title=scenario.title or muscle.title,
        scenario=as_yaml_data(scenario),
        mesh=muscle.mesh,
        nodes=prepared.nodes,
        cells=prepared.cells,
        fibre=muscle.fibres.fibre,
        heart=muscle.heart,
        quality=muscle.quality,
        probes=prepared.probes,
        moments=tuple(moments),
        traces=traces,
        steps={
            "unknowns": float(layout.index_map.size_global * layout.index_map_bs),
            "edge": muscle.edge,
        },
        assumptions=assumptions(prepared, scenario),
        timings=dict(seconds),
        provenance=record,
    )


def assumptions(prepared: Prepared, scenario: MechanicsScenario) -> tuple[str, ...]:
    """Return in words what a reader has to know before believing the numbers."""
    lines = [*prepared.specimen.muscle.notes, *prepared.specimen.notes]
    lines.append("Static: no inertia, no viscosity; each state is an equilibrium at its loads.")
    if any(stage.tension for stage in scenario.loads.stages):
        lines.append("Tension is prescribed and uniform: no activation, no feedback of stretch.")
    if prepared.specimen.is_heart and not prepared.specimen.curved:
        lines.append("Cells have straight edges: cavities are a few per cent small where coarse.")
    lines.append("The mesh is taken as free of stress. Research use only.")
    return tuple(lines)
