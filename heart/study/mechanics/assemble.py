"""From what was noted to the result that a reader sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from heart.core.validation import as_yaml_data
from heart.scenario.mechanics import MechanicsScenario
from heart.scenario.mechanics_dynamics import LawTension, RampTension, TimeSection
from heart.study.mechanics.activation import words
from heart.study.mechanics.prepare import Prepared
from heart.study.mechanics.result import (
    FollowedPoint,
    Image,
    MechanicsResult,
    Moment,
    Traces,
)

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
    layout = prepared.space.space.dofmap
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
        probes=tuple(
            FollowedPoint(name, point)
            for name, point in zip(prepared.probes.names, prepared.points, strict=True)
        ),
        moments=tuple(moments),
        traces=traces,
        steps={
            "unknowns": float(layout.index_map.size_global * layout.index_map_bs),
            "edge": muscle.edge,
        },
        assumptions=assumptions(prepared, scenario),
        timings=dict(seconds),
        provenance=record,
        image=_image(prepared, scenario),
        segments=prepared.directed.segments,
        fitted=None if prepared.reference is None else prepared.reference.fitted,
    )


def _image(prepared: Prepared, scenario: MechanicsScenario) -> Image | None:
    found, section = prepared.reference, scenario.unload
    if found is None or section is None:
        return None
    nodes = found.image[: len(prepared.nodes)]
    return Image(
        nodes, {str(k): v for k, v in section.pressure.items()}, dict(found.volumes), found.distance
    )


def assumptions(prepared: Prepared, scenario: MechanicsScenario) -> tuple[str, ...]:
    """Return in words what a reader has to know before believing the numbers."""
    lines = [*prepared.specimen.muscle.notes]
    dynamics = scenario.dynamics
    if not isinstance(dynamics, TimeSection) or dynamics.scheme == "quasi_static":
        lines.append("No inertia, no viscosity; each state is an equilibrium at its loads.")
    active = scenario.active
    if isinstance(active, LawTension):
        lines.append(words(active.activation))
    elif not isinstance(active, RampTension) or any(s.tension for s in scenario.loads.stages):
        lines.append("Tension is prescribed and uniform: no activation, no feedback of stretch.")
    if scenario.loads.valves:
        lines.append(
            "Valves are not in the mesh: closed ones pull at the cut face of their ring, with the "
            "share of areas at rest."
        )
    share = max(active.sheet, active.normal) if isinstance(active, RampTension) else 0.0
    if share > 0.0:
        lines.append(f"A share of {share:g} of the tension acts across the fibres.")
    kept = scenario.compressibility.augmentation
    if kept:
        lines.append(
            f"Single cells are kept from losing volume by {kept:g} kPa beside the pressure; stress "
            "has a grain of the size of cells."
        )
    if prepared.specimen.chambers and not prepared.specimen.curved:
        lines.append("Cells have straight edges: cavities are a few per cent small where coarse.")
    if prepared.reference is None:
        lines.append("The mesh is taken as free of stress.")
    else:
        fitted = prepared.reference.fitted
        law = "as given" if fitted is None else "fitted with it"
        lines.append(
            "The reference is that which the pressures of the image bring into the image, with "
            f"the law {law}."
        )
        if fitted is not None:
            lines.append(
                "No filling curve was measured: the one that human ventricles share (Klotz 2006) "
                "is taken, and ratios between fibre, sheet and normal stay those of the start."
            )
    lines.append("Research use only.")
    return tuple(lines)
