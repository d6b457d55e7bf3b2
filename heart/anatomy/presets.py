"""Label presets: which number means what in the output of well-known software.

A preset is a YAML file in meshes/labels/, so that a new one is data and needs no code. Only the
left ventricle must occur in a map that uses a preset; the rest is taken where it is found.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from heart.anatomy.image import LabelKey
from heart.anatomy.labels import Label
from heart.core.errors import ScenarioError
from heart.core.paths import packaged
from heart.core.yaml import load_yaml

REQUIRED = (Label.LV_CAVITY, Label.LV_WALL)
KEYS = frozenset({"description", "source", "labels"})


@dataclass(frozen=True)
class LabelPreset:
    """The numbering of one software: label → values or segment names, and where it is stated."""

    name: str
    description: str
    source: str
    labels: dict[Label, tuple[LabelKey, ...]]


def preset_names() -> list[str]:
    """Return the names of the packaged presets."""
    return sorted(path.stem for path in (packaged("meshes") / "labels").glob("*.yaml"))


def load_preset(name: str, *, where: str = "") -> LabelPreset:
    """Read the preset `name`.

    Raises
    ------
    ScenarioError
        No preset of this name, or its file is malformed.
    """
    known = preset_names()
    if name not in known:
        raise ScenarioError(
            f"no label preset {name!r}",
            where=where,
            expected=f"one of {', '.join(known)}",
            fix=did_you_mean(name, known),
        )
    folder = packaged("meshes") / "labels"
    document = load_yaml(folder / f"{name}.yaml", folder)
    data = document.data
    if not isinstance(data, dict) or set(data) != KEYS or not isinstance(data["labels"], dict):
        raise ScenarioError(
            "malformed label preset",
            where=document.path.name,
            expected=f"the keys {', '.join(sorted(KEYS))}",
        )
    labels = {
        parse_label(key, where=document.where(("labels", key))): parse_keys(
            value, where=document.where(("labels", key))
        )
        for key, value in data["labels"].items()
    }
    return LabelPreset(name, str(data["description"]), str(data["source"]), labels)


def parse_label(text: str, *, where: str = "") -> Label:
    """Return the `Label` of a name such as ``lv_cavity``.

    Raises
    ------
    ScenarioError
        Not the name of a label.
    """
    names = [label.name.lower() for label in Label if label is not Label.BACKGROUND]
    if text not in names:
        raise ScenarioError(
            f"unknown label {text!r}",
            where=where,
            expected=f"one of {', '.join(names)}",
            fix=did_you_mean(text, names),
        )
    return Label[text.upper()]


def parse_keys(value: object, *, where: str = "") -> tuple[LabelKey, ...]:
    """Return the values or segment names of one label as a tuple.

    Raises
    ------
    ScenarioError
        Not a positive whole number, a segment name, or a list of them.
    """
    items = value if isinstance(value, list | tuple) else [value]
    for item in items:
        whole = isinstance(item, int) and not isinstance(item, bool) and item > 0
        if not whole and not (isinstance(item, str) and item.strip()):
            raise ScenarioError(
                f"{item!r} is no label value",
                where=where,
                expected="a whole number above 0, a segment name, or a list of them",
            )
    if not items:
        raise ScenarioError("a label has no value", where=where)
    return tuple(items)


def did_you_mean(text: str, known: list[str]) -> str:
    """Return ``did you mean 'x'?`` for the nearest of `known`, or nothing."""
    close = difflib.get_close_matches(text, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else ""
