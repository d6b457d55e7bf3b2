"""Which cells: a registered model or the user's own text for each place, with its parameters.

Parameters and states are named as the model's text names them and are checked against it when
the scenario is read, so that a misspelt conductance is an error with a suggestion and never a run
with the default. A value carries its unit; `scale` is a factor on the model's own value.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from heart.core.errors import HeartError, ParameterError, UnitError
from heart.core.units import parse
from heart.core.validation import Count, Quantity, Section, did_you_mean, fault, short
from heart.electro.ionic.model import CellModel
from heart.electro.ionic.registry import REGISTRY, cell_model
from heart.electro.ionic.text import CellText
from heart.scenario.electro_places import Place

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.]{0,99}$")]
Value = str | float
Factor = Annotated[float, Quantity("", 0.0, 100.0, note="factor on the model's own value")]
CycleLength = Annotated[float, Quantity("ms", 100.0, 5000.0, note="between beats")]
TEXTS = (".mmt",)

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\Z")
_SCALED = re.compile(r"(.+) \(([0-9.eE+-]+)\)\Z")


class CellSection(Section):
    """The cells of a place; later entries replace earlier ones where places overlap."""

    where: Place | None = Field(default=None, description="null: everywhere.")
    model: str = Field(description="Name of a registered model, or FILE.mmt beside the scenario.")
    start: str = Field(default="", description="Named starting state of a registered model.")
    parameters: dict[Name, Value] = Field(
        default_factory=dict, description="By the model's own names, as text with a unit."
    )
    scale: dict[Name, Factor] = Field(default_factory=dict)
    initial: dict[Name, Value] = Field(
        default_factory=dict, description="States to start from, as text with a unit."
    )

    @property
    def is_file(self) -> bool:
        """Whether the model is a text of the user."""
        return PurePosixPath(self.model).suffix in TEXTS

    @model_validator(mode="after")
    def _known(self) -> CellSection:
        doubled = sorted(set(self.parameters) & set(self.scale))
        if doubled:
            raise fault("value", f"{doubled[0]!r} has a value and a factor", fix="keep one of them")
        if self.is_file:
            if self.start:
                raise fault("value", "a text has no named starting states", fix="use initial")
            return self
        if self.model not in REGISTRY:
            raise fault(
                "value",
                f"unknown cell model {self.model!r}",
                fix=did_you_mean(self.model, list(REGISTRY)),
            )
        try:
            self.resolve(cell_model(self.model, self.start))
        except HeartError as error:
            kind = "unit" if isinstance(error, UnitError) else "parameter"
            raise fault(kind, error.what, expected=error.expected, fix=error.fix) from error
        return self

    def resolve(self, model: CellModel) -> CellModel:
        """Return `model` with the parameters, factors and initial states of this section.

        Raises
        ------
        ParameterError
            A name that the text does not have, with the nearest that it has.
        UnitError
            A value without a unit, or with one of another dimension.
        """
        text, own = model.text, model.parameters
        values = {
            name: converted(value, text.parameters[text.parameter(name)].unit, name)
            for name, value in self.parameters.items()
        }
        values |= {name: factor * own[text.parameter(name)] for name, factor in self.scale.items()}
        initial = {
            name: converted(value, _state_unit(text, name), name)
            for name, value in self.initial.items()
        }
        changed = model.with_values(values) if values else model
        return changed.with_initial(initial) if initial else changed


class PrepacingSection(Section):
    """Beats of the isolated cells before the tissue starts, so that it starts from their cycle."""

    cycle_length: CycleLength = 600.0
    beats: Annotated[int, Count(1, 10000, "ToR-ORd with tension needs 100 or more")] = 100


def converted(value: Value, unit: str, name: str) -> float:
    """Return `value` as the user wrote it in the `unit` of the model's text.

    Raises
    ------
    UnitError
        No unit, an unknown one, or one of another dimension.
    ParameterError
        A dimensionless value that is not a number.
    """
    if unit == "1":
        if isinstance(value, str):
            raise ParameterError(f"{name} = {short(value)} has no dimension", expected="a number")
        return float(value)
    if not isinstance(value, str):
        raise UnitError(
            f"{name} = {value:g} has no unit",
            expected=f'text with a unit convertible to {unit}, e.g. "{value:g} {unit}"',
            fix="write value and unit",
        )
    number = value.strip().removesuffix(unit).strip()
    if _NUMBER.match(number):
        return float(number)
    # Myokit writes kPa as "Pa (1000)": a unit of pint and a factor.
    scaled = _SCALED.match(unit)
    base, factor = (scaled[1], float(scaled[2])) if scaled else (unit, 1.0)
    try:
        return parse(value, base) / factor
    except UnitError as error:
        raise UnitError(f"{name}: {error.what}", expected=error.expected, fix=error.fix) from error


def _state_unit(text: CellText, name: str) -> str:
    return text.units[text.states.index(text.state(name))]
