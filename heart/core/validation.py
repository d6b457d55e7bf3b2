"""From YAML to typed values: quantities with units, and every fault as one line with its place.

Models derive from `Section` (frozen, unknown keys refused with a suggestion). Numbers carry their
unit, plausible range and source in the annotation, which also makes the JSON schema:

    speed: Annotated[float, Quantity("mm/ms", 0.2, 1.5, shown="m/s", source="Taggart2000")] = 0.65
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from heart.core.errors import (
    HeartError,
    ParameterError,
    ScenarioError,
    UnitError,
    UnsafeInputError,
)
from heart.core.parameters import Parameter
from heart.core.units import parse, registry
from heart.core.yaml import Document, KeyPath

_CLASSES: dict[str, type[HeartError]] = {
    "heart_unsafe": UnsafeInputError,
    "extra_forbidden": ScenarioError,
    "heart_value": ScenarioError,
    "heart_unit": UnitError,
    "heart_parameter": ParameterError,
}
_ORDER = list(_CLASSES)

# Units that people mix up, by dimension: tried to name the likely cause of a value out of range.
_CONFUSED = (
    ("m/s", "cm/s", "mm/s", "mm/ms"),
    ("um", "mm", "cm", "m"),
    ("us", "ms", "s"),
    ("S/m", "mS/cm", "mS/m", "mS/mm"),
    ("Pa", "kPa", "mmHg"),
    ("uV", "mV", "V"),
    ("degree", "radian"),
    ("mg", "g", "kg"),
)
_NUMBER = r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?"


def fault(kind: str, what: str, *, expected: str = "", fix: str = "") -> PydanticCustomError:
    """Return the error that a validator raises; `validate` gives it its place and class.

    Parameters
    ----------
    kind
        ``"unsafe"`` (exit code 15), ``"value"`` (10), ``"unit"`` or ``"parameter"`` (13).
    """
    context = {"what": what, "expected": expected, "fix": fix}
    return PydanticCustomError(f"heart_{kind}", "{what}", context)


def short(value: object) -> str:
    """Return `value` as it is quoted in a message: one line of at most 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:45]}... ({len(text)} characters)"


def did_you_mean(word: str, known: list[str]) -> str:
    """Return a suggestion for a misspelt `word`, or the list of what is known."""
    close = difflib.get_close_matches(word, known, n=2, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(map(repr, close))}?"
    return f"known: {', '.join(sorted(known))}"


class Section(BaseModel):
    """A mapping of the YAML: frozen, without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Show defaults as they are written in YAML, with their unit."""
        made = handler.resolve_ref_schema(handler(schema))
        defaults = cls.model_construct().model_dump(mode="json", by_alias=True, warnings=False)
        for name, entry in made.get("properties", {}).items():
            if "default" in entry:
                entry["default"] = defaults[name]
        return made


@dataclass(frozen=True)
class Quantity:
    """A float in the internal `unit`, written in YAML as text with a unit.

    Attributes
    ----------
    unit
        Internal unit; ``""`` for a pure number, written bare.
    low, high
        Plausible range in the internal unit, both included.
    shown
        Unit for messages, schema and the resolved scenario; the internal one by default.
    source
        Key in docs/refs.bib, or ``"assumed"``.
    note
        What it means.
    """

    unit: str
    low: float
    high: float
    shown: str = ""
    source: str = "assumed"
    note: str = ""

    @classmethod
    def of(cls, parameter: Parameter, *, shown: str = "") -> Quantity:
        """Return the quantity with unit, range, source and note of a documented parameter."""
        unit = "" if parameter.unit == "1" else parameter.unit
        return cls(unit, parameter.low, parameter.high, shown, parameter.source, parameter.note)

    def read(self, value: Any) -> float:
        """Return `value` (text with a unit, or a bare number when there is none) as a float."""
        if self.unit:
            try:
                number = parse(value, self.unit)
            except UnitError as error:
                raise fault("unit", error.what, expected=self._example(), fix=error.fix) from error
            return self.check(number, value)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise fault(
                "value", f"{short(value)} is not a number", expected=f"a number, {self.range}"
            )
        return self.check(float(value), value)

    def check(self, number: float, written: Any = None) -> float:
        """Return `number` when it is in range; raise the fault that names the likely cause."""
        shown = self.shown or self.unit
        low, high, value = (_convert(x, self.unit, shown) for x in (self.low, self.high, number))
        slack = 1e-12 * max(abs(low), abs(high))
        if low - slack <= value <= high + slack:
            return number
        middle = min(max(0.0, low), high)
        parameter = Parameter(middle, shown, low, high, self.source, self.note)
        try:
            parameter.check(value)
        except ParameterError as error:
            far = abs(value) > 3.0 * max(abs(low), abs(high)) or 0.0 < 3.0 * value < low
            kind, fix = "parameter", error.fix if far else ""
            likely = self._likely_unit(written)
            if likely:
                kind, fix = "unit", f"did you mean {likely!r}?"
            what = f"{short(written if written is not None else value)} is not plausible"
            raise fault(kind, what, expected=self.range, fix=fix) from error
        return number

    def write(self, number: float) -> str | float:
        """Return `number` as it is written in YAML."""
        if not self.unit:
            return number
        shown = self.shown or self.unit
        return f"{_convert(number, self.unit, shown):.15g} {shown}"

    @property
    def range(self) -> str:
        """The plausible range as text."""
        shown = self.shown or self.unit
        low, high = (_convert(x, self.unit, shown) for x in (self.low, self.high))
        return f"{low:.6g} to {high:.6g} {shown}".rstrip()

    def _example(self) -> str:
        return f'text with a unit such as "{self._typical():.2g} {self.shown or self.unit}"'

    def _typical(self) -> float:
        """Return a plausible value in the shown unit, for examples."""
        value = math.sqrt(self.low * self.high) if self.low > 0.0 else self.high / 2.0
        return _convert(value, self.unit, self.shown or self.unit)

    def _likely_unit(self, written: Any) -> str:
        """Return the text with another unit of the same dimension that would be in range."""
        number = str(written).split(maxsplit=1)[0] if isinstance(written, str) else ""
        for family in _CONFUSED if self.unit else ():
            if not registry().is_compatible_with(self.unit, family[0]):
                continue
            for unit in family:
                try:
                    value = parse(f"{number} {unit}", self.unit)
                except UnitError:
                    return ""
                if self.low <= value <= self.high:
                    return f"{number} {unit}"
        percent = not self.unit and isinstance(written, (int, float)) and self.high <= 1.0
        if percent and 1.0 < written <= 100.0 and written / 100.0 >= self.low:
            return f"{written / 100.0:g}"
        return ""

    def __get_pydantic_core_schema__(
        self,
        source_type: Any,
        handler: GetCoreSchemaHandler,
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.read,
            serialization=core_schema.plain_serializer_function_ser_schema(
                self.write, when_used="json"
            ),
        )

    def __get_pydantic_json_schema__(
        self,
        schema: CoreSchema,
        handler: GetJsonSchemaHandler,
    ) -> dict[str, Any]:
        about = f"{self.note + '. ' if self.note else ''}Plausible: {self.range}. "
        about += f"Source: {self.source}."
        if not self.unit:
            bounds = {"minimum": self.low, "maximum": self.high}
            return {"type": "number", **bounds, "description": about}
        example = f"{self._typical():.2g} {self.shown or self.unit}"
        return {
            "type": "string",
            "pattern": rf"^\s*{_NUMBER}\s*[A-Za-zµ°/*^0-9 ]+$",
            "examples": [example],
            "description": about,
        }


@dataclass(frozen=True)
class Count:
    """A whole number between `low` and `high`."""

    low: int
    high: int
    note: str = ""

    def read(self, value: Any) -> int:
        """Return `value` when it is an int in range."""
        expected = f"a whole number, {self.low} to {self.high}"
        if isinstance(value, bool) or not isinstance(value, int):
            raise fault("value", f"{short(value)} is not a whole number", expected=expected)
        if not self.low <= value <= self.high:
            raise fault("parameter", f"{value} is out of range", expected=expected)
        return value

    def __get_pydantic_core_schema__(
        self,
        source_type: Any,
        handler: GetCoreSchemaHandler,
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(
        self,
        schema: CoreSchema,
        handler: GetJsonSchemaHandler,
    ) -> dict[str, Any]:
        bounds = {"minimum": self.low, "maximum": self.high}
        return {"type": "integer", **bounds, "description": f"{self.note}."}


_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


def _identifier(text: str) -> str:
    if not _IDENTIFIER.match(text):
        raise fault("unsafe", f"{short(text)} is not an identifier", expected="[A-Za-z0-9_-]{1,64}")
    return text


# Names become folder names and are shown in reports: no separators, no markup, no line breaks.
Identifier = Annotated[
    str,
    AfterValidator(_identifier),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}),
]


@dataclass(frozen=True)
class OneOf:
    """A word out of a registry."""

    words: tuple[str, ...]

    def __get_pydantic_core_schema__(
        self,
        source_type: Any,
        handler: GetCoreSchemaHandler,
    ) -> CoreSchema:
        return core_schema.literal_schema(list(self.words))


def validate[Model: BaseModel](model: type[Model], document: Document) -> Model:
    """Make a `model` from the document; the worst fault becomes the error that is raised.

    Raises
    ------
    ScenarioError, UnitError, ParameterError, UnsafeInputError
        One line with file and line, the key, what was expected, and how to fix it.
    """
    data = document.data
    if not isinstance(data, Mapping):
        raise ScenarioError(
            "the file holds no keys", where=document.where(), expected="key: value lines"
        )
    try:
        return model.model_validate(data)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        raise _worst(model, faults, document) from None


def _worst(model: type[BaseModel], faults: list[Any], document: Document) -> HeartError:
    def rank(one: Any) -> int:
        return _ORDER.index(one["type"]) if one["type"] in _CLASSES else len(_ORDER)

    one = min(faults, key=rank)
    path = _path(one["loc"], document.data, missing=one["type"] == "missing")
    dotted = ".".join(map(str, path)) or "the file"
    what, expected, fix = _words(one)
    place = path
    if one["type"] == "extra_forbidden":
        dotted = ".".join(map(str, path[:-1])) or "the file"
        what, expected = f"unknown key {path[-1]!r}", ""
        fix = did_you_mean(str(path[-1]), _known_keys(model, one["loc"][:-1]))
    if one["type"] == "missing":
        dotted = ".".join(map(str, path[:-1])) or "the file"
        place, what, expected = path[:-1], f"the key {path[-1]!r} is missing", ""
    more = f" ({len(faults) - 1} more after this one)" if len(faults) > 1 else ""
    kind = _CLASSES.get(one["type"], ScenarioError)
    return kind(f"{dotted}: {what}{more}", where=document.where(place), expected=expected, fix=fix)


def _words(one: Any) -> tuple[str, str, str]:
    """Return what, expected and fix of one pydantic error."""
    context = one.get("ctx", {})
    if "what" in context:
        return context["what"], context["expected"], context["fix"]
    given = short(one["input"]) if isinstance(one["input"], (str, int, float)) else "the value"
    name = str(context.get("discriminator", "")).strip("'")
    if one["type"] == "union_tag_invalid":
        known = [word.strip(" '") for word in context["expected_tags"].split(",")]
        what = f"unknown {name} {context['tag']!r}"
        return what, "", did_you_mean(context["tag"], known)
    if one["type"] == "union_tag_not_found":
        return f"the key {name!r} is missing", "", ""
    if one["type"] == "literal_error":
        known = [word.strip(" '") for word in context["expected"].replace(" or ", ",").split(",")]
        return f"{given} is not known here", "", did_you_mean(str(one["input"]), known)
    if one["type"] == "value_error":
        return str(context["error"]), "", ""
    message = one["msg"].replace("Input should be ", "")
    return f"{given} is not valid", message, ""


def _path(location: tuple[str | int, ...], data: Any, *, missing: bool) -> KeyPath:
    """Return the part of a pydantic location that exists in the file (union tags do not)."""
    path: list[str | int] = []
    for position, part in enumerate(location):
        inside = isinstance(data, dict) and part in data
        inside |= isinstance(data, list) and isinstance(part, int) and part < len(data)
        if inside:
            data = data[part]
            path.append(part)
        elif missing and position == len(location) - 1:
            path.append(part)
    return tuple(path)


def _known_keys(model: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    """Return the keys that the models at a pydantic location have."""
    models = [model]
    for part in location:
        inner = [
            found
            for one in models
            for name, field in one.model_fields.items()
            if part in (name, field.alias)
            for found in _models_in(field.annotation)
        ]
        chosen = [one for one in models if part == one.__name__ or part in _tags(one)]
        models = inner or chosen or models
    return [field.alias or name for one in models for name, field in one.model_fields.items()]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for inner in get_args(annotation) for found in _models_in(inner)]


def _tags(model: type[BaseModel]) -> tuple[Any, ...]:
    kind = model.model_fields.get("kind")
    return get_args(kind.annotation) if kind else ()


def _convert(value: float, unit: str, shown: str) -> float:
    if unit == shown:
        return value
    return float(registry().Quantity(value, unit).to(shown).magnitude)


def as_yaml_data(model: BaseModel) -> dict[str, Any]:
    """Return the model as plain data with units as text, every default filled in."""
    return model.model_dump(mode="json", by_alias=True)
