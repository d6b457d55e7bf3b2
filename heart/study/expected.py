"""Expected results of the packaged scenarios: numbers that a run has to reproduce.

`scenarios/expected/NAME.json` holds, for each quantity of interest, a value and a tolerance that
allows for other versions of the mesher and other machines, not for another model. They are this
program's own numbers at the commit named in the file: a change of them is a change of the answer
and has to be explained by whoever makes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from heart.core.errors import MissingDataError
from heart.core.paths import packaged


@dataclass(frozen=True)
class Expected:
    """One expected quantity: its name, value, tolerance and unit.

    `published` is what others found for the same question, with its `source`; None without.
    """

    name: str
    value: float
    tolerance: float
    unit: str
    published: float | None = None
    source: str = ""

    def holds(self, ours: float) -> bool:
        """Return whether `ours` lies within the tolerance."""
        return abs(ours - self.value) <= self.tolerance


def load(scenario: str) -> list[Expected]:
    """Read the expected results of the scenario called `scenario`.

    Raises
    ------
    MissingDataError
        There is no such file.
    """
    path = packaged("scenarios") / "expected" / f"{scenario}.json"
    if not path.is_file():
        raise MissingDataError(f"no expected results for {scenario!r}", expected=path.name)
    data = json.loads(path.read_text(encoding="utf-8"))
    return [
        Expected(
            name,
            float(item["value"]),
            float(item["tolerance"]),
            str(item["unit"]),
            None if item.get("published") is None else float(item["published"]),
            str(item.get("source", "")),
        )
        for name, item in data["quantities"].items()
    ]


def value_of(quantities: Mapping[str, Any], name: str) -> float:
    """Return a number of qoi.json by name; NaN where it is absent or null."""
    item = quantities.get(name)
    value = item["value"] if isinstance(item, Mapping) else item
    return float("nan") if value is None else float(value)
