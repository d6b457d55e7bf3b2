"""Reference solutions of single cells: the text as scalar code, integrated by LSODA to 1e-8.

The generated C is checked against this, so nothing is shared with its generator: equations are
printed one by one by Myokit as scalar Python, compiled by numba, and integrated by a multistep
method of variable order that is restarted at every edge of a pulse. It is for one cell at a time.

The compiled code is kept beside its source under the cache folder, by hash of that source.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heart.core.cache import cache_root, cached_arrays, content_hash
from heart.core.errors import NonFiniteError, ParameterError
from heart.electro.ionic.model import CellModel
from heart.electro.ionic.registry import Pulse
from heart.electro.ionic.text import CellText

Float = NDArray[np.float64]
Right = Callable[[float, Float, float, Float], tuple[Float, Float]]

TOLERANCE = 1e-8
# Concentrations of 1e-4 mM and gates of 1e-8 are states too: the absolute part is far below both.
ABSOLUTE = 1e-3
STEPS = 100_000
NUDGE = 1e-7
CALCIUM, TENSION = "cytosolic_calcium", "active_tension"


@dataclass(frozen=True)
class Trace:
    """A solution at given times.

    Attributes
    ----------
    times
        (n,) ms, increasing.
    states
        (S, n), in the order of the text; row 0 is the membrane potential in mV.
    rate
        (n,) dV/dt in mV/ms, stimulus included.
    calcium, tension
        (n,) in the units of the text; None where the text has no such label.
    """

    times: Float
    states: Float
    rate: Float
    calcium: Float | None = None
    tension: Float | None = None

    @property
    def voltage(self) -> Float:
        """Membrane potential (n,) in mV."""
        return self.states[0]


def reference(
    model: CellModel,
    starts: ArrayLike,
    pulse: Pulse,
    times: ArrayLike,
    *,
    rtol: float = TOLERANCE,
) -> Trace:
    """Integrate one cell from its initial states at time 0.

    Parameters
    ----------
    model
        The cell.
    starts
        Starts of the pulses, (k,) ms, increasing and at least one pulse duration apart.
    pulse
        Size and duration of every pulse.
    times
        When to note the solution, (n,) ms, increasing, not before 0.
    rtol
        Relative tolerance of LSODA; the absolute one is a thousandth of it in the units of the
        text.

    Raises
    ------
    ParameterError
        Pulses overlap, or times do not increase.
    NonFiniteError
        The integrator failed or a state became NaN.
    """
    begin = np.atleast_1d(np.asarray(starts, dtype=np.float64))
    at = np.asarray(times, dtype=np.float64)
    if at.size == 0 or at[0] < 0.0 or (np.diff(at) <= 0.0).any():
        raise ParameterError("output times of a reference solution", expected="0 ≤ t, increasing")
    if begin.size and (begin[0] < 0.0 or (np.diff(begin) < pulse.duration).any()):
        raise ParameterError(
            f"pulses of {pulse.duration:g} ms overlap or start before 0",
            expected="starts that increase by at least one duration",
        )
    key = content_hash(
        model.hash, _source(model.text), begin, at, pulse.amplitude, pulse.duration, rtol
    )
    stored = cached_arrays(
        "oracle_traces", key, lambda: _integrated(model, begin, pulse, at, rtol)
    )  # fmt: skip
    return Trace(at, stored["states"], stored["rate"], stored.get("calcium"), stored.get("tension"))


def beats(count: int, cycle_length: float) -> Float:
    """Return the starts of `count` pulses (count,) ms, the first at 0."""
    return np.arange(count) * cycle_length


def beat_times(start: float, length: float, *, fine: float = 0.01, coarse: float = 0.1) -> Float:
    """Return output times of one beat (n,) ms: `fine` for the 20 ms of the upstroke, then `coarse`.

    Parameters
    ----------
    start
        Start of the pulse, ms.
    length
        Length of the beat, ms.
    fine, coarse
        Steps, ms.
    """
    early = min(20.0, length)
    first = np.arange(round(early / fine)) * fine
    second = early + np.arange(round((length - early) / coarse)) * coarse
    return start + np.concatenate([first, second])


def _integrated(
    model: CellModel, begin: Float, pulse: Pulse, at: Float, rtol: float
) -> dict[str, Float]:
    from scipy.integrate import odeint

    right = _compiled(_source(model.text))
    parameters = np.array([model.parameters[name] for name in model.text.parameters])
    edges = np.unique(np.concatenate([[0.0, at[-1]], begin, begin + pulse.duration]))
    edges = edges[edges <= at[-1]]
    state = model.initial_states
    states = np.empty((at.size, state.size))
    on = np.zeros(at.size)
    states[at == 0.0] = state
    for left, stop in pairwise(edges):
        paced = bool(((begin <= left) & (left < begin + pulse.duration)).any())
        current = -pulse.amplitude if paced else 0.0
        inside = np.flatnonzero((at > left) & (at <= stop))
        grid = np.unique(np.concatenate([[left], at[inside], [stop]]))
        solved, report = odeint(
            lambda y, t, current=current: right(t, y, current, parameters)[0], state, grid,
            rtol=rtol, atol=rtol * ABSOLUTE, mxstep=STEPS, tcrit=[stop], full_output=True,
        )  # fmt: skip
        if report["message"] != "Integration successful." or not np.isfinite(solved).all():
            raise NonFiniteError(
                f"LSODA stopped in {model.name} after {left:g} ms: {report['message']}",
                fix="check parameters and starting states",
            )
        states[inside] = solved[1 : 1 + inside.size]
        on[inside] = current
        # The value at the end of a pulse belongs to the pulse, the one at its start to rest.
        state = solved[-1]
    pairs = [right(t, y, i, parameters) for t, y, i in zip(at, states, on, strict=True)]
    rates = np.array([derivative[0] for derivative, _ in pairs])
    outputs = np.array([output for _, output in pairs])
    found = {"states": states.T.copy(), "rate": rates}
    labels = [label for label in (CALCIUM, TENSION) if label in model.text.labels]
    for label, row in zip(labels, outputs.T, strict=True):
        found[{CALCIUM: "calcium", TENSION: "tension"}[label]] = row.copy()
    return found


@lru_cache(maxsize=32)
def _source(text: CellText) -> str:
    """Return Python source of `right(t, y, current, p) -> (dy, outputs)` for a text."""
    import myokit
    from myokit.formats.python import PythonExpressionWriter

    model = text.model()
    names: dict[Any, str] = {}
    for index, variable in enumerate(model.variables(deep=True, sort=True)):
        names[variable] = f"v{index}"
    writer = PythonExpressionWriter()
    writer.set_lhs_function(
        lambda left: (
            f"d{names[left.var()]}" if isinstance(left, myokit.Derivative) else names[left.var()]
        )
    )
    lines = []
    for index, state in enumerate(text.states):
        lines.append(f"{names[model.get(state)]} = y[{index}]")
    for index, parameter in enumerate(text.parameters):
        lines.append(f"{names[model.get(parameter)]} = p[{index}]")
    inputs = {"time": "t", "pace": "current"}
    for binding, variable in text.bindings.items():
        value = inputs.get(binding, repr(float(model.get(variable).eval())))
        lines.append(f"{names[model.get(variable)]} = {value}")
    given = {model.get(name) for name in (*text.parameters, *text.bindings.values())}
    for equations in model.solvable_order().values():
        for equation in equations:
            if equation.lhs.is_derivative() or equation.lhs.var() not in given:
                lines.append(f"{writer.ex(equation.lhs)} = {writer.ex(equation.rhs)}")
    for index, state in enumerate(text.states):
        lines.append(f"dy[{index}] = d{names[model.get(state)]}")
    labels = [text.labels[label] for label in (CALCIUM, TENSION) if label in text.labels]
    for index, name in enumerate(labels):
        lines.append(f"out[{index}] = {names[model.get(name)]}")
    body = "\n    ".join(lines)
    return (
        "import math\n\nimport numpy as np\nfrom numba import njit\n\n\n"
        '@njit(cache=True, nogil=True, error_model="numpy")\n'
        "def once(t, y, current, p, dy, out):\n"
        f"    {body}\n\n\n"
        "@njit(cache=True, nogil=True)\n"
        "def right(t, y, current, p):\n"
        f"    dy, out = np.empty({len(text.states)}), np.empty({len(labels)})\n"
        "    once(t, y, current, p, dy, out)\n"
        "    if not np.isfinite(dy).all():\n"
        "        beside = y.copy()\n"
        f"        beside[0] += {NUDGE}\n"
        "        once(t, beside, current, p, dy, out)\n"
        "    return dy, out\n"
    )


@lru_cache(maxsize=32)
def _compiled(source: str) -> Right:
    """Import `source` from a file of the cache folder, where numba can keep what it compiles."""
    name = f"right_{content_hash(source)}"
    folder = cache_root() / "oracle"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.py"
    if not path.exists() or path.read_text(encoding="utf-8") != source:
        handle, temporary = tempfile.mkstemp(dir=folder, suffix=".tmp")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(source)
        Path(temporary).replace(path)
    return _imported(name, path)


def _imported(name: str, path: Path) -> Right:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ParameterError(f"{path.name} in the cache folder is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    right: Right = module.right
    return right


def rates(model: CellModel, states: Sequence[float] | Float, current: float = 0.0) -> Float:
    """Return the time derivatives of all states (S,), per ms, for a stimulus `current` in A/F.

    Parameters
    ----------
    model
        The cell.
    states
        (S,), in the order of the text.
    current
        Value of the bound stimulus, negative depolarises.
    """
    parameters = np.array([model.parameters[name] for name in model.text.parameters])
    given = np.asarray(states, dtype=np.float64)
    return _compiled(_source(model.text))(0.0, given, current, parameters)[0]
