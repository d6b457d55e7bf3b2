"""Cell models by name: which text, which variant, which starting state, which pulse captures it.

A name stands for a cell of a paper, so an entry says nothing that the paper does not: the text
and its switch, published starting states, and the pulse that the reference traces were made with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from heart.core.errors import ScenarioError
from heart.core.validation import did_you_mean
from heart.electro.ionic import initial_states
from heart.electro.ionic.model import CellModel
from heart.electro.ionic.text import read_text


@dataclass(frozen=True)
class Pulse:
    """Stimulus of a single cell: size in A/F (positive depolarises) and duration in ms."""

    amplitude: float
    duration: float


@dataclass(frozen=True)
class Entry:
    """A named cell.

    Attributes
    ----------
    text
        Name of the text in heart/electro/ionic/models.
    title
        What it is, for people.
    source
        Key of the paper in docs/refs.bib.
    pulse
        Stimulus that the reference traces use: about twice threshold at rest.
    values
        Parameters that differ from the text, in its units: the switch of the variant.
    initial
        Starting states that differ from the text, in its units.
    sets
        Other starting states that a user may ask for by name.
    """

    text: str
    title: str
    source: str
    pulse: Pulse
    values: Mapping[str, float] = field(default_factory=dict)
    initial: Mapping[str, float] = field(default_factory=dict)
    sets: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


ENDO, EPI, MID = ({"cell.type": number} for number in (0.0, 1.0, 2.0))

_TT2006_PULSE = Pulse(52.0, 1.0)
_MINIMAL_PULSE = Pulse(20.0, 2.0)
_TORORD_PULSE = Pulse(53.0, 1.0)

REGISTRY: dict[str, Entry] = {
    "tt2006_epi": Entry(
        "tt2006",
        "human ventricle, epicardium, ten Tusscher–Panfilov 2006",
        "TenTusscher2006",
        _TT2006_PULSE,
        EPI,
        initial_states.TT2006_EPI,
        {"niederer2011": initial_states.TT2006_EPI},
    ),
    "tt2006_endo": Entry(
        "tt2006",
        "human ventricle, endocardium, ten Tusscher–Panfilov 2006",
        "TenTusscher2006",
        _TT2006_PULSE,
        ENDO,
        initial_states.TT2006_ENDO,
    ),
    "tt2006_mid": Entry(
        "tt2006",
        "human ventricle, mid-myocardium, ten Tusscher–Panfilov 2006",
        "TenTusscher2006",
        _TT2006_PULSE,
        MID,
        initial_states.TT2006_MID,
    ),
    "torord_land_endo": Entry(
        "torord_land",
        "human ventricle with contraction, endocardium, ToR-ORd-dynCl with Land 2017",
        "Tomek2019",
        _TORORD_PULSE,
        ENDO,
    ),
    "torord_land_epi": Entry(
        "torord_land",
        "human ventricle with contraction, epicardium, ToR-ORd-dynCl with Land 2017",
        "Tomek2019",
        _TORORD_PULSE,
        EPI,
        initial_states.TORORD_EPI,
    ),
    "torord_land_mid": Entry(
        "torord_land",
        "human ventricle with contraction, mid-myocardium, ToR-ORd-dynCl with Land 2017",
        "Tomek2019",
        _TORORD_PULSE,
        MID,
        initial_states.TORORD_MID,
    ),
    "courtemanche1998": Entry(
        "courtemanche1998",
        "human atrium, Courtemanche–Ramirez–Nattel 1998",
        "Courtemanche1998",
        Pulse(20.0, 2.0),
    ),
    "mitchell_schaeffer": Entry(
        "mitchell_schaeffer",
        "two currents with closed-form restitution, Mitchell–Schaeffer 2003",
        "MitchellSchaeffer2003",
        Pulse(20.0, 1.0),
    ),
    "bueno_orovio_epi": Entry(
        "bueno_orovio",
        "human ventricle, epicardium, minimal model of Bueno-Orovio 2008",
        "BuenoOrovio2008",
        _MINIMAL_PULSE,
        EPI,
    ),
    "bueno_orovio_endo": Entry(
        "bueno_orovio",
        "human ventricle, endocardium, minimal model of Bueno-Orovio 2008",
        "BuenoOrovio2008",
        _MINIMAL_PULSE,
        ENDO,
    ),
    "bueno_orovio_mid": Entry(
        "bueno_orovio",
        "human ventricle, mid-myocardium, minimal model of Bueno-Orovio 2008",
        "BuenoOrovio2008",
        _MINIMAL_PULSE,
        MID,
    ),
    "aliev_panfilov": Entry(
        "aliev_panfilov",
        "two variables with restitution of canine ventricle, Aliev–Panfilov 1996",
        "AlievPanfilov1996",
        Pulse(20.0, 2.0),
    ),
}


def entry(name: str) -> Entry:
    """Return the registry entry called `name`.

    Raises
    ------
    ScenarioError
        There is no such cell.
    """
    if name not in REGISTRY:
        raise ScenarioError(f"unknown cell model {name!r}", fix=did_you_mean(name, list(REGISTRY)))
    return REGISTRY[name]


def cell_model(name: str | Path, start: str = "") -> CellModel:
    """Return the cell called `name`, ready to pace.

    Parameters
    ----------
    name
        Key of REGISTRY, or path of an ``.mmt`` text, as `heart ionic import` writes it.
    start
        Named starting state of the entry, such as ``"niederer2011"``; its own by default.

    Raises
    ------
    ScenarioError
        There is no such cell or starting state.
    """
    if str(name).endswith(".mmt"):
        return CellModel(Path(name).stem, read_text(Path(name)))
    name = str(name)
    model, found = _made(name), entry(name)
    if not start:
        return model
    if start not in found.sets:
        known = ", ".join(found.sets) or "none"
        raise ScenarioError(
            f"{name} has no starting state {start!r}",
            expected=f"one of: {known}",
            fix="leave it out to start from the published resting state",
        )
    return model.with_initial(found.sets[start])


@cache
def _made(name: str) -> CellModel:
    found = entry(name)
    return CellModel(name, read_text(found.text), found.values, found.initial)
