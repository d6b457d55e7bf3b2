"""A cell model: a text with values of its own for some parameters and initial states.

Variants of one paper (epi, endo, mid), remodelled regions and members of an ensemble are all the
same text with other values, so a model is data and comparing two models is comparing data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from heart.core.cache import content_hash
from heart.core.errors import ParameterError
from heart.electro.ionic.text import CellText


@dataclass(frozen=True)
class CellModel:
    """A text with overrides.

    Parameters
    ----------
    name
        Name shown to people.
    text
        The equations.
    values
        Parameters that differ from the text, by qualified or (unique) short name, in the unit of
        the text.
    initial
        States that start differently from the text, by qualified or short name; None for none.

    Raises
    ------
    ParameterError
        A name is unknown or a value is not finite.
    """

    name: str
    text: CellText
    values: Mapping[str, float] = field(default_factory=dict)
    initial: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        values = _checked({self.text.parameter(k): v for k, v in self.values.items()}, self.name)
        initial = {self.text.state(k): v for k, v in (self.initial or {}).items()}
        object.__setattr__(self, "values", dict(sorted(values.items())))
        object.__setattr__(self, "initial", dict(sorted(_checked(initial, self.name).items())))

    def __hash__(self) -> int:
        return hash(self.hash)

    @property
    def hash(self) -> str:
        """Hash of the equations and all values, for caches."""
        return content_hash(self.text.sha, dict(self.values), dict(self.initial or {}))

    @property
    def parameters(self) -> dict[str, float]:
        """All parameters by qualified name, overrides applied."""
        return {
            name: float(self.values.get(name, entry.value))
            for name, entry in self.text.parameters.items()
        }

    @property
    def initial_states(self) -> NDArray[np.float64]:
        """Initial states (S,) in the order of `text.states`, overrides applied."""
        given = self.initial or {}
        pairs = zip(self.text.states, self.text.initial, strict=True)
        return np.array([given.get(name, value) for name, value in pairs], dtype=np.float64)

    def with_values(self, values: Mapping[str, float] | None = None, **more: float) -> CellModel:
        """Return this model with other parameter values; names are qualified or short."""
        given = {self.text.parameter(k): v for k, v in {**(values or {}), **more}.items()}
        return replace(self, values={**self.values, **given})

    def with_initial(self, initial: Mapping[str, float] | NDArray[np.float64]) -> CellModel:
        """Return this model starting from other states: by name, or all of them as (S,)."""
        if not isinstance(initial, Mapping):
            if len(initial) != len(self.text.states):
                raise ParameterError(
                    f"{len(initial)} initial states for {self.name}",
                    expected=f"{len(self.text.states)}",
                )
            initial = dict(zip(self.text.states, map(float, initial), strict=True))
        given = {self.text.state(k): v for k, v in initial.items()}
        return replace(self, initial={**(self.initial or {}), **given})

    def state_index(self, name: str) -> int:
        """Return the row of the state called `name`, qualified or short."""
        return self.text.states.index(self.text.state(name))


def _checked(values: Mapping[str, float], model: str) -> dict[str, float]:
    for name, value in values.items():
        if not math.isfinite(value):
            raise ParameterError(f"{name} = {value} in {model}", expected="a finite number")
    return {name: float(value) for name, value in values.items()}
