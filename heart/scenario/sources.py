"""Which entries of docs/refs.bib stand behind a scenario: those of its parameters and states."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, get_args

from pydantic import BaseModel

from heart.core.errors import MissingDataError
from heart.core.paths import packaged
from heart.core.validation import Quantity
from heart.electro.conduction import REGISTRY as STATES
from heart.electro.ionic.registry import REGISTRY as CELLS
from heart.electro.velocity import REGISTRY as VELOCITIES
from heart.mechanics.materials.registry import REGISTRY as LAWS
from heart.scenario.crt import CrtScenario
from heart.scenario.electro import ElectroScenario
from heart.scenario.electro_body import conductivity_sets
from heart.scenario.electro_places import EarlySites
from heart.scenario.load import Scenario
from heart.scenario.mechanics import MechanicsScenario

_ENTRY = re.compile(r"^@\w+\{\s*([^,\s]+)\s*,.*?^\}", re.MULTILINE | re.DOTALL)


def sources_of(scenario: Scenario) -> list[str]:
    """Return the sorted keys of the sources that a scenario rests on."""
    keys = set(_used(scenario))
    if isinstance(scenario, CrtScenario):
        keys |= _of_crt(scenario)
    elif isinstance(scenario, MechanicsScenario):
        keys |= _of_mechanics(scenario)
    else:
        keys |= _of_electro(scenario)
    return sorted(keys - {"assumed"})


def _of_crt(scenario: CrtScenario) -> set[str]:
    conduction = scenario.conduction
    return {
        STATES[conduction.normal].source,
        STATES[conduction.baseline].source,
        VELOCITIES[conduction.velocity.base].source,
    }


def _of_electro(scenario: ElectroScenario) -> set[str]:
    sets = conductivity_sets()
    keys = {CELLS[cells.model].source for cells in scenario.cells if cells.model in CELLS}
    keys |= {sets[one.base].source for one in scenario.conductivity if one.base is not None}
    keys |= {
        STATES[stimulus.where.state].source
        for stimulus in scenario.stimuli
        if isinstance(stimulus.where, EarlySites)
    }
    return keys


def _of_mechanics(scenario: MechanicsScenario) -> set[str]:
    return {parameter.source for parameter in LAWS[scenario.law].PARAMETERS.values()}


def bibliography(keys: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the BibTeX entries of `keys`, and the keys that have none."""
    path = packaged("docs") / "refs.bib"
    if not path.is_file():
        raise MissingDataError("docs/refs.bib is not installed", fix="see it in the repository")
    text = path.read_text(encoding="utf-8")
    entries = {match.group(1): match.group(0) for match in _ENTRY.finditer(text)}
    wanted = list(keys)
    return [entries[key] for key in wanted if key in entries], [
        key for key in wanted if key not in entries
    ]


def _used(section: BaseModel) -> Iterable[str]:
    """Yield the source of every quantity that has a value in a model and its parts."""
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if value is None:
            continue
        yield from (
            one.source
            for one in (*field.metadata, *_nested(field.annotation))
            if isinstance(one, Quantity)
        )
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, BaseModel):
                yield from _used(part)


def _nested(annotation: Any) -> list[object]:
    own = list(getattr(annotation, "__metadata__", ()))
    return own + [found for inner in get_args(annotation) for found in _nested(inner)]
