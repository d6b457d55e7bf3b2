"""Bring a foreign cell model to the conventions of the texts here, and say what was changed.

Conventions: time in ms, a membrane potential in mV that is a state, one stimulus in A/F that
depolarises when negative, labels for calcium and tension, units that do not contradict each other.
Foreign models have all of these in some form; nothing is changed silently, because a wrong unit
of time or a stimulus of the wrong sign gives results that look like results.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from heart.core.errors import ParameterError, ScenarioError, UnitError
from heart.core.validation import did_you_mean
from heart.electro.ionic.library import load_myokit
from heart.electro.ionic.text import VOLTAGE_LABEL

CALCIUM_LABEL, TENSION_LABEL = "cytosolic_calcium", "active_tension"
PACE = "pace"
NONE = "none"

# Names that published models give to the free calcium of the cytosol.
CALCIUM_NAMES = ("cai", "ca_i", "cac", "ca_c", "ca_cyt")
# A potential without a unit is taken for millivolts only where a resting cell can be.
RESTING = (-150.0, -20.0)
NUDGE = 10.0


@dataclass(frozen=True)
class Names:
    """Which variable of the foreign model is what; empty to find it.

    Attributes
    ----------
    voltage, stimulus, calcium, tension
        Qualified name (``membrane.V``) or short name where unique. A stimulus of ``"none"`` means
        that the model has none and gets one.
    """

    voltage: str = ""
    stimulus: str = ""
    calcium: str = ""
    tension: str = ""


def conform(model: Any, names: Names, *, where: str) -> tuple[list[str], list[str]]:
    """Change a Myokit `model` in place until it follows the conventions.

    Parameters
    ----------
    model
        The model; its other bindings are dropped.
    names
        What the user says about it.
    where
        File name for messages.

    Returns
    -------
    changes, problems
        What was changed, and which units contradicted each other (they are dropped there).

    Raises
    ------
    ParameterError
        A name of `names` is unknown.
    ScenarioError
        No time, no membrane potential, or a stimulus that does not act as one.
    UnitError
        Time or potential has a unit of another dimension.
    """
    for binding, variable in list(model.bindings()):
        if binding not in ("time", PACE):
            variable.set_binding(None)
    changes = [*_time(model, where)]
    voltage, more = _voltage(model, names.voltage, where)
    changes += more
    changes += _label(model, names.calcium, CALCIUM_LABEL, _find_calcium(model))
    changes += _label(model, names.tension, TENSION_LABEL, None)
    changes += _stimulus(model, voltage, names.stimulus, where)
    if list(model.time().refs_by()):
        users = ", ".join(sorted(v.qname() for v in model.time().refs_by()))
        changes.append(f"depends on time beside the stimulus: {users}")
    return changes, _drop_wrong_units(model)


def variable(model: Any, name: str) -> Any:
    """Return the variable called `name`, qualified or short; ParameterError where there is none."""
    known = {v.qname(): v for v in model.variables(deep=True)}
    found = [known[name]] if name in known else [v for v in known.values() if v.name() == name]
    if len(found) == 1:
        return found[0]
    if found:
        options = ", ".join(v.qname() for v in found)
        raise ParameterError(f"{name!r} names more than one variable", expected=f"one of {options}")
    raise ParameterError(f"no variable {name!r}", fix=did_you_mean(name, list(known)))


def _time(model: Any, where: str) -> list[str]:
    myokit = load_myokit()
    time = model.time()
    if time is None:
        raise ScenarioError("the model has no time", where=where, expected="a variable bound to it")
    time.set_rhs(0)
    unit = time.unit()
    if unit is None:
        time.set_unit("ms")
        return ["time has no unit: taken for ms"]
    if unit == myokit.parse_unit("ms"):
        return []
    try:
        _convert(model, time, "ms")
    except myokit.IncompatibleUnitError as error:
        raise UnitError(f"time is in {unit}", where=where, expected="a time, as [ms]") from error
    return [f"time converted from {unit} to [ms]"]


def _voltage(model: Any, name: str, where: str) -> tuple[Any, list[str]]:
    myokit = load_myokit()
    import myokit.lib.guess as guess

    if not model.count_states():
        raise ScenarioError("the model has no state variables", where=where)
    found = variable(model, name) if name else guess.membrane_potential(model)
    if found is None or not found.is_state():
        what = f"{found.qname()} is no state" if found is not None else "no membrane potential"
        states = ", ".join(v.qname() for v in model.states())
        raise ScenarioError(
            what, where=where, expected=f"one of: {states}", fix="name it with --voltage"
        )
    changes: list[str] = []
    unit = found.unit()
    start = float(found.initial_value(as_float=True))
    if unit is None:
        if not RESTING[0] <= start <= RESTING[1]:
            raise UnitError(
                f"{found.qname()} starts at {start:g} and has no unit",
                where=where,
                expected="millivolts at rest",
                fix="give it its unit in the file, or name another potential with --voltage",
            )
        found.set_unit("mV")
        changes.append(f"{found.qname()} has no unit: taken for mV")
    elif unit != myokit.parse_unit("mV"):
        try:
            _convert(model, found, "mV")
        except myokit.IncompatibleUnitError as error:
            raise UnitError(
                f"{found.qname()} is in {unit}",
                where=where,
                expected="a potential in volts or millivolts",
                fix="name the potential with --voltage, or scale it in the file",
            ) from error
        changes.append(f"{found.qname()} converted from {unit} to [mV]")
    old = model.label(VOLTAGE_LABEL)
    if old is not found:
        if old is not None:
            old.set_label(None)
        found.set_label(VOLTAGE_LABEL)
        changes.append(f"membrane potential: {found.qname()}")
    return found, changes


def _convert(model: Any, item: Any, name: str) -> None:
    """Express time or a state in another unit; the factors carry units, so checks still hold."""
    myokit = load_myokit()
    old, new = item.unit(), myokit.parse_unit(name)
    ratio = float(myokit.Unit.conversion_factor(old, new))
    factor = myokit.Number(ratio, new / old)
    item.set_unit(new)
    if item is model.time():
        scaled, change, back = list(model.states()), myokit.Divide, myokit.Multiply
    else:
        scaled, change, back = [item], myokit.Multiply, myokit.Divide
        item.set_initial_value(float(item.initial_value(as_float=True)) * ratio)
    users = list(item.refs_by(item.is_state()))
    for state in scaled:
        derivative = myokit.Derivative(myokit.Name(state))
        for user in list(state.refs_by(False)):
            user.set_rhs(user.rhs().clone(subst={derivative: back(derivative, factor)}))
        state.set_rhs(change(state.rhs(), factor))
    value = myokit.Name(item)
    for user in users:
        user.set_rhs(user.rhs().clone(subst={value: myokit.Divide(value, factor)}))


def _find_calcium(model: Any) -> Any:
    names = [v for v in model.states() if v.name().lower() in CALCIUM_NAMES]
    return names[0] if len(names) == 1 else None


def _label(model: Any, name: str, label: str, guessed: Any) -> list[str]:
    old = model.label(label)
    found = variable(model, name) if name else (old or guessed)
    if found is None or found is old:
        return []
    if old is not None:
        old.set_label(None)
    found.set_label(label)
    return [f"{label.replace('_', ' ')}: {found.qname()}"]


def _stimulus(model: Any, voltage: Any, name: str, where: str) -> list[str]:
    """Make the one input of the model a stimulus in A/F that enters dV/dt with factor -1."""
    myokit = load_myokit()
    import myokit.lib.guess as guess

    bound: Any = model.binding(PACE)
    found: Any = None
    if name and name != NONE:
        found = variable(model, name)
    elif not name:
        found = guess.stimulus_current(model)
        if found is None and bound is not None and bound.unit() == myokit.parse_unit("A/F"):
            found = bound
    if found is not None and found.is_state():
        raise ParameterError(f"{found.qname()} is a state, not a stimulus", where=where)
    effect = None if found is None else _effect(model, voltage, found)
    direct = effect is not None and math.isclose(effect, -1.0, rel_tol=1e-9)
    if bound is not None and found is bound and direct:
        bound.set_rhs(0)
        bound.set_unit("A/F")
        return []
    if found is not None and effect is None:
        raise ScenarioError(
            f"{found.qname()} does not add to the rate of {voltage.qname()} as a stimulus does",
            where=where,
            fix="name the stimulus current with --stimulus, or --stimulus none to add one",
        )
    if bound is not None:
        bound.set_binding(None)
        bound.set_rhs(0)
    owner = voltage.parent()
    input_ = owner.add_variable_allow_renaming("i_pace")
    input_.set_rhs(myokit.Number(0, myokit.parse_unit("A/F")))
    input_.set_unit("A/F")
    input_.set_binding(PACE)
    input_.meta["desc"] = "Stimulus current, negative depolarises"
    name_ = myokit.Name(input_)
    if found is None:
        voltage.set_rhs(myokit.Minus(voltage.rhs(), name_))
        return [f"no stimulus found: {input_.qname()} added to the rate of {voltage.qname()}"]
    old = _below(found)
    # A difference of rates carries round-off, which a constant of the text must not.
    scale = float(f"{-1.0 / float(effect or -1.0):.9g}")
    unit = None if found.unit() is None else found.unit() / myokit.parse_unit("A/F")
    found.set_rhs(name_ if scale == 1.0 else myokit.Multiply(name_, myokit.Number(scale, unit)))
    dropped = _drop_unused(model, old)
    told = f"stimulus: {found.qname()} = {scale:g} {input_.qname()} (per A/F)"
    return [told, *([f"no longer used: {', '.join(dropped)}"] if dropped else [])]


def _effect(model: Any, voltage: Any, stimulus: Any) -> float | None:
    """Return d(dV/dt)/d(stimulus), or None where it is zero or depends on the state."""
    myokit = load_myokit()
    clone = model.clone()
    current = clone.get(stimulus.qname())
    if current.binding() is not None:
        current.set_binding(None)
    row = clone.get(voltage.qname()).index()
    states = [clone.initial_values(as_floats=True) for _ in range(2)]
    states[1][row] += NUDGE
    slopes = []
    for state in states:
        rates = []
        for value in (0.0, 1.0):
            current.set_rhs(value)
            try:
                rates.append(clone.evaluate_derivatives(state, ignore_errors=True)[row])
            except myokit.MyokitError:
                return None
        slopes.append(rates[1] - rates[0])
    first, second = slopes
    if not abs(first) > 0.0 or not abs(first - second) <= 1e-6 * abs(first):
        return None
    return float(first)


def _below(start: Any) -> set[str]:
    """Return the qualified names of everything that `start` is computed from."""
    found: set[str] = set()
    todo = [start]
    while todo:
        for used in todo.pop().refs_to():
            if used.qname() not in found:
                found.add(used.qname())
                todo.append(used)
    return found


def _drop_unused(model: Any, names: set[str]) -> list[str]:
    """Remove those of `names` that nothing uses any more; return the ones removed."""
    dropped: list[str] = []
    while True:
        unused = [
            v
            for name in sorted(names - set(dropped))
            if not (v := model.get(name)).is_state()
            and not v.is_bound()
            and v.label() is None
            and not list(v.refs_by())
            and not list(v.variables())
        ]
        if not unused:
            return dropped
        for old in unused:
            dropped.append(old.qname())
            old.parent().remove_variable(old)


def _drop_wrong_units(model: Any) -> list[str]:
    """Drop the units of equations that contradict themselves; return what was wrong."""
    myokit = load_myokit()
    problems: list[str] = []
    for item, problem in _contradictions(model):
        problems.append(problem)
        numbers = {n: myokit.Number(float(n)) for n in item.rhs().walk(myokit.Number)}
        item.set_rhs(item.rhs().clone(subst=numbers))
        if item.label() != VOLTAGE_LABEL and not item.is_bound():
            item.set_unit(None)
    # What is left stands between variables: theirs go too, those of the potential at the very end.
    for last in (False, True):
        for _ in range(sum(1 for _ in model.variables(deep=True))):
            rest = list(_contradictions(model))
            if not rest:
                return problems
            for item, _ in rest:
                for used in (item, *item.refs_to()):
                    if last or not (used.label() == VOLTAGE_LABEL or used.is_bound()):
                        used.set_unit(None)
    return problems


def _contradictions(model: Any) -> Iterator[tuple[Any, str]]:
    myokit = load_myokit()
    mode = myokit.UNIT_TOLERANT
    time = model.time_unit(mode)
    for item in list(model.variables(deep=True)):
        unit = item.unit(mode)
        try:
            found = item.rhs().eval_unit(mode)
        except myokit.IncompatibleUnitError as error:
            what = " ".join(str(error).partition("Encountered")[0].split())
            yield item, f"{item.qname()}: {what.rstrip('.')}"
            continue
        if unit is None or found is None:
            continue
        if item.is_state() and time is not None:
            found = found * time
        if not myokit.Unit.close(unit, found):
            yield item, f"{item.qname()} is in {unit}, its equation in {found}"
