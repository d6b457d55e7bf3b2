"""From sections of a scenario to a mechanical model, what holds it and what loads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from dolfinx import fem
from numpy.typing import NDArray

from heart.anatomy.heart_mesh import Boundary
from heart.core.errors import ParameterError
from heart.core.parameters import Parameter
from heart.mechanics.active import ActiveStress
from heart.mechanics.closed_valves import valve_shares
from heart.mechanics.compressibility import Compressibility, Incompressible, Penalty, VolumeLaw
from heart.mechanics.loads import Direction, Fixed, FollowerPressure, Load, Robin, sliding
from heart.mechanics.materials.law import Material, Split
from heart.mechanics.materials.registry import REGISTRY
from heart.mechanics.model import MechanicsModel
from heart.mechanics.pericardium import ApexMount, Pericardium, stiffness_field
from heart.mechanics.space import Element, MechanicsSpace
from heart.mechanics.viscosity import KelvinVoigt
from heart.scenario.mechanics import MechanicsScenario
from heart.scenario.mechanics_dynamics import TimeSection
from heart.scenario.mechanics_loads import (
    FixedSection,
    MountSection,
    PericardiumSection,
    SlidingSection,
    SpringSection,
    Support,
)
from heart.scenario.mechanics_material import CompressibilitySection, MaterialSection, read
from heart.study.electro.places import cells_in
from heart.study.mechanics.specimen import Specimen, cell_field

Float = NDArray[np.float64]

COMPONENTS = {"x": 0, "y": 1, "z": 2}


def element_of(scenario: MechanicsScenario) -> Element:
    """Return the elements that a scenario names."""
    return Element[scenario.elements.kind.upper()]


def model_of(
    scenario: MechanicsScenario,
    specimen: Specimen,
    space: MechanicsSpace,
    active: ActiveStress | None,
) -> MechanicsModel:
    """Return the model of a scenario, with its active stress."""
    dynamics = scenario.dynamics
    moving = isinstance(dynamics, TimeSection) and dynamics.scheme == "generalised_alpha"
    viscosity = dynamics.viscosity if isinstance(dynamics, TimeSection) and moving else None
    return MechanicsModel(
        material=law_of(scenario.material, specimen, space),
        compressibility=_compressibility(scenario.compressibility),
        active=active,
        viscosity=None if viscosity is None else KelvinVoigt(viscosity),
        density=dynamics.density if isinstance(dynamics, TimeSection) and moving else None,
        split=Split[scenario.split.upper()],
    )


def law_of(
    sections: Sequence[MaterialSection], specimen: Specimen, space: MechanicsSpace
) -> Material:
    """Return the passive law, with a field for each parameter that differs between places.

    Raises
    ------
    ParameterError
        A place without cells, or a value that a factor makes implausible.
    """
    name = str(sections[0].law)
    table = parameters_of(sections, specimen)
    values: dict[str, Any] = {
        key: float(column[0]) if np.ptp(column) == 0.0 else cell_field(space, column)
        for key, column in table.items()
    }
    law: Any = REGISTRY[name]
    return law(**values)


def parameters_of(sections: Sequence[MaterialSection], specimen: Specimen) -> dict[str, Float]:
    """Return each parameter of the law per cell, (m,)."""
    name, count = str(sections[0].law), len(specimen.mesh.cells)
    known = REGISTRY[name].PARAMETERS
    first = {key: parameter.value for key, parameter in known.items()}
    first |= read(name, sections[0].parameters)
    first |= _scaled(sections[0], first, known)
    table = {key: np.full(count, value) for key, value in first.items()}
    for number, section in enumerate(sections[1:], start=1):
        inside = cells_in(specimen.muscle, section.where, f"material[{number}]")
        given = read(name, section.parameters) | _scaled(section, first, known)
        for key, value in given.items():
            table[key][inside] = value
    return table


def _scaled(section: MaterialSection, first: dict[str, float], known: Any) -> dict[str, float]:
    found = {}
    for key, factor in section.scale.items():
        parameter: Parameter = known[key]
        found[key] = parameter.check(factor * first[key], name=f"{key} times {factor:g}")
    return found


def supports_of(
    scenario: MechanicsScenario, specimen: Specimen, space: MechanicsSpace
) -> list[Load]:
    """Return what holds the body, one load for each tag."""
    return [
        _support(section, tag, specimen, space)
        for section in scenario.boundary
        for tag in specimen.tags(section.boundary)
    ]


def _support(section: Support, tag: int, specimen: Specimen, space: MechanicsSpace) -> Load:
    match section:
        case FixedSection():
            return Fixed(tag, tuple(COMPONENTS[name] for name in section.components))
        case SlidingSection():
            return sliding(tag, COMPONENTS[section.axis])
        case SpringSection():
            direction = Direction(section.direction)
            return Robin(tag, section.stiffness, section.damping, direction)
        case PericardiumSection():
            heart = specimen.muscle.heart_for("a pericardium")
            names = ("largest", "least", "full_below", "least_above")
            values = Pericardium(**_given(section, names)).stiffness(heart.coordinates.apicobasal)
            normal = Direction.NORMAL
            if section.normal == "deformed":
                normal = Direction.DEFORMED_NORMAL
            return Robin(tag, stiffness_field(space, values), section.damping, normal)
        case MountSection():
            heart = specimen.muscle.heart_for("an apex mount")
            apex = specimen.mesh.points[int(np.argmin(heart.coordinates.apicobasal))]
            away = np.linalg.norm(specimen.mesh.points - apex, axis=1)
            values = ApexMount(**_given(section, ("largest", "reach"))).stiffness(away)
            return Robin(tag, stiffness_field(space, values), section.damping, Direction.FULL)


def _given(section: Any, names: Sequence[str]) -> dict[str, float]:
    return {name: getattr(section, name) for name in names if getattr(section, name) is not None}


def pressures_of(scenario: MechanicsScenario, specimen: Specimen) -> list[Load]:
    """Return a follower pressure for each tag that any stage loads, at its largest."""
    largest = {
        name: max((stage.prescribed[0].get(name, 0.0) for stage in scenario.loads.stages), key=abs)
        for name in scenario.loads.loaded
    }
    return pressing(largest, acting(scenario, specimen))


def acting(scenario: MechanicsScenario, specimen: Specimen) -> dict[str, dict[int, float]]:
    """Return by boundary the tags on which its pressure acts, and how many times.

    Once on its own, and with closed valves negative times on their rings.
    """
    unloaded = scenario.unload.pressure if scenario.unload else {}
    named = dict.fromkeys([*scenario.loads.loaded, *map(str, unloaded)])
    found = {name: dict.fromkeys(specimen.tags(name), 1.0) for name in named}
    if scenario.loads.valves and not specimen.chambers:
        raise ParameterError(
            f"{specimen.muscle.title} has no cavity that valves could close",
            fix="leave loads.valves out",
        )
    for name in specimen.chambers if scenario.loads.valves else ():
        if name in found:
            shares = valve_shares(specimen.mesh, Boundary(specimen.tags(name)[0]))
            found[name] |= {tag: -share for tag, share in shares.items()}
    return found


def sums(
    pressures: Mapping[str, float], where: Mapping[str, Mapping[int, float]]
) -> dict[int, float]:
    """Return the pressure in kPa on each tag from those of boundaries, see `acting`."""
    found: dict[int, float] = {}
    for name, pressure in pressures.items():
        for tag, times in where[name].items():
            found[tag] = found.get(tag, 0.0) + times * pressure
    return found


def pressing(
    pressures: Mapping[str, float], where: Mapping[str, Mapping[int, float]]
) -> list[Load]:
    """Return a follower pressure for each tag, see `acting`."""
    return [FollowerPressure(tag, value) for tag, value in sums(pressures, where).items()]


def ramp_tension(scenario: MechanicsScenario, space: MechanicsSpace) -> tuple[Any, Any]:
    """Return the constant of the tension of the stages and its stress; None, None without any."""
    if not any(stage.tension for stage in scenario.loads.stages):
        return None, None
    constant = fem.Constant(space.mesh, 0.0)
    return constant, ActiveStress(constant, scenario.active.sheet, scenario.active.normal)


def _compressibility(section: CompressibilitySection) -> Compressibility:
    match section.kind:
        case "incompressible":
            return Incompressible(augmentation=section.augmentation or 0.0)
        case "nearly_incompressible":
            bulk = section.bulk_modulus or Penalty().bulk_modulus
            return Incompressible(bulk, section.augmentation or 0.0)
        case "penalty":
            law = VolumeLaw[section.law.upper()]
            return Penalty(section.bulk_modulus or Penalty().bulk_modulus, law)
