"""A cell model as text: what a Myokit file says about its states, parameters, labels and inputs.

The text is the only place where the equations of a cell model stand; everything else (generated C,
reference integrator, schema of user parameters) is derived from it. It is parsed and its units are
checked once, here, so that nothing below has to ask again. Myokit is imported when a text is read,
not with the package, because importing it takes most of a second.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from heart.core.errors import ParameterError, ScenarioError, UnitError
from heart.core.validation import did_you_mean
from heart.electro.ionic.library import load_myokit

MODELS = Path(__file__).parent / "models"
LARGEST_TEXT = 4_000_000
VOLTAGE_LABEL = "membrane_potential"


@dataclass(frozen=True)
class TextParameter:
    """A constant of the text that a user may change.

    Attributes
    ----------
    value
        Value in the text.
    unit
        Unit as the text has it, without brackets; ``"1"`` when dimensionless.
    description
        First line of its ``desc:``.
    """

    value: float
    unit: str
    description: str


@dataclass(frozen=True)
class CellText:
    """A parsed and checked cell model text.

    Attributes
    ----------
    source
        The text itself.
    sha
        SHA-256 of the text.
    name
        Name of the model in its header.
    states
        Qualified names of the S state variables; the membrane potential is the first.
    initial
        Initial values, (S,).
    units
        Units of the states, (S,).
    parameters
        Every constant with a literal value, switches included, by qualified name.
    switches
        Names of the dimensionless constants that appear in conditions only: they choose a variant
        and are folded when code is generated.
    labels, bindings
        Variable (qualified) that carries a label, or is bound to an input.
    intermediates
        Names of all other variables, which can be monitored.
    """

    source: str
    sha: str
    name: str
    states: tuple[str, ...]
    initial: tuple[float, ...]
    units: tuple[str, ...]
    parameters: Mapping[str, TextParameter]
    switches: tuple[str, ...]
    labels: Mapping[str, str]
    bindings: Mapping[str, str]
    intermediates: tuple[str, ...]

    def __hash__(self) -> int:
        return hash(self.sha)

    def parameter(self, name: str) -> str:
        """Return the qualified name of the parameter called `name`, qualified or short."""
        return _resolve(name, self.parameters, f"parameter of {self.name}")

    def state(self, name: str) -> str:
        """Return the qualified name of the state called `name`, qualified or short."""
        return _resolve(name, self.states, f"state of {self.name}")

    def variable(self, name: str) -> str:
        """Return the qualified name of any variable called `name`, qualified or short."""
        known = (*self.states, *self.parameters, *self.intermediates)
        return _resolve(name, known, f"variable of {self.name}")

    def model(self) -> Any:
        """Return a new Myokit model of this text, its states in the order of `states`."""
        model = _parse(self.source, self.name)
        model.reorder_state(list(self.states))
        return model


def read_text(source: str | Path) -> CellText:
    """Read a cell model text.

    Parameters
    ----------
    source
        Name of a text shipped with the package (``"tt2006"``), or path of an ``.mmt`` file.

    Raises
    ------
    ParameterError
        There is no such text.
    ScenarioError
        The text cannot be parsed, or has no membrane potential.
    UnitError
        Units contradict each other.
    """
    path = Path(source)
    if path.suffix != ".mmt":
        path = MODELS / f"{source}.mmt"
    if not path.is_file():
        known = sorted(entry.stem for entry in MODELS.glob("*.mmt"))
        raise ParameterError(
            f"no cell model text {str(source)!r}",
            expected=", ".join(known) if known else "the path of an .mmt file",
            fix=did_you_mean(path.stem, known),
        )
    if path.stat().st_size > LARGEST_TEXT:
        raise ScenarioError(f"{path.name} is too large for a cell model", expected="below 4 MB")
    try:
        return parse_text(path.read_text(encoding="utf-8"), where=path.name)
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{path.name} is not UTF-8 text ({error.reason})") from error


@lru_cache(maxsize=64)
def parse_text(source: str, *, where: str = "") -> CellText:
    """Parse and check the text `source`; errors as in `read_text`.

    Parameters
    ----------
    source
        The text in Myokit's format (its model section is enough).
    where
        File name for messages.
    """
    myokit = load_myokit()
    model = _parse(source, where)
    try:
        model.check_units(myokit.UNIT_TOLERANT)
    except myokit.IncompatibleUnitError as error:
        raise UnitError(f"units contradict each other: {error}", where=where) from error
    voltage = model.label(VOLTAGE_LABEL)
    if voltage is None or not voltage.is_state():
        raise ScenarioError(
            "the text names no membrane potential",
            where=where,
            expected=f"a state variable with `label {VOLTAGE_LABEL}`",
        )
    _check_unit(voltage, "mV", where)
    _check_unit(model.time(), "ms", where)
    order = [voltage, *(state for state in model.states() if state is not voltage)]
    values = dict(zip(model.states(), model.initial_values(as_floats=True), strict=True))
    literals = [v for v in model.variables(deep=True) if v.is_literal() and not v.is_bound()]
    return CellText(
        source=source,
        sha=hashlib.sha256(source.encode()).hexdigest(),
        name=model.name() or Path(where).stem or "cell",
        states=tuple(state.qname() for state in order),
        initial=tuple(float(values[state]) for state in order),
        units=tuple(_unit(state) for state in order),
        parameters={
            v.qname(): TextParameter(float(v.eval()), _unit(v), _desc(v)) for v in literals
        },
        switches=tuple(v.qname() for v in literals if _is_switch(v)),
        labels={label: v.qname() for label, v in model.labels()},
        bindings={binding: v.qname() for binding, v in model.bindings()},
        intermediates=tuple(
            v.qname()
            for v in model.variables(deep=True)
            if not v.is_state() and not v.is_literal() and not v.is_bound()
        ),
    )


def _parse(source: str, where: str) -> Any:
    myokit = load_myokit()
    try:
        model = myokit.parse(source)[0]
    except myokit.ParseError as error:
        place = f"{where or 'line'}:{error.line}" if error.line else where
        raise ScenarioError(f"{error.name}: {error.desc}", where=place) from error
    if model is None:
        raise ScenarioError("the text has no [[model]] section", where=where)
    try:
        model.validate()
    except myokit.IntegrityError as error:
        raise ScenarioError(f"the model is not closed: {error}", where=where) from error
    return model


def _resolve(name: str, known: Iterable[str], what: str) -> str:
    known = list(known)
    if name in known:
        return name
    short = [full for full in known if full.rpartition(".")[2] == name]
    if len(short) == 1:
        return short[0]
    if short:
        raise ParameterError(
            f"{name!r} names more than one {what}", expected=f"one of {', '.join(sorted(short))}"
        )
    close = did_you_mean(name, [*known, *(full.rpartition(".")[2] for full in known)])
    raise ParameterError(f"{name!r} is no {what}", fix=close)


def _check_unit(variable: Any, expected: str, where: str) -> None:
    import myokit

    unit = variable.unit()
    if unit is not None and unit != myokit.parse_unit(expected):
        raise UnitError(f"{variable.qname()} is in {unit}", where=where, expected=f"[{expected}]")


def _parameter(variable: Any) -> TextParameter:
    return TextParameter(float(variable.eval()), _unit(variable), _desc(variable))


def _unit(variable: Any) -> str:
    unit = variable.unit()
    return "1" if unit is None else str(unit).strip("[]")


def _desc(variable: Any) -> str:
    lines = str(variable.meta.get("desc", "")).strip().splitlines()
    return lines[0].strip() if lines else ""


def _is_switch(variable: Any) -> bool:
    """Return whether a literal is used, and in conditions of if() and piecewise() only."""
    import myokit

    users = list(variable.refs_by())
    name = myokit.Name(variable)
    return (
        bool(users)
        and _unit(variable) == "1"
        and all(not _outside_conditions(user.rhs(), name) for user in users)
    )


def _outside_conditions(expression: Any, name: Any) -> bool:
    import myokit

    if expression == name:
        return True
    if isinstance(expression, myokit.If):
        parts = list(expression)[1:]
    elif isinstance(expression, myokit.Piecewise):
        operands = list(expression)
        parts = [*operands[1:-1:2], operands[-1]]
    else:
        parts = list(expression)
    return any(_outside_conditions(part, name) for part in parts)
