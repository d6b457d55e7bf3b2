"""The text of a cell as scalar code for one cell, compiled by numba: what the reference integrates.

Nothing is shared with the generator of the C kernels. Each equation is printed on a line of its
own by Myokit's Python writer. Comparisons are not evaluated where they stand: the code takes their
outcomes as input and returns their margins, so that an integrator can hold the branch while it
steps and switch it exactly where a margin crosses zero.

The compiled code is kept beside its source under the cache folder, by hash of that source.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heart.core.cache import cache_root, content_hash
from heart.core.errors import ParameterError
from heart.electro.ionic.text import CellText

Float = NDArray[np.float64]
Flags = NDArray[np.bool_]
Right = Callable[[float, Float, float, Float, Flags], Float]
Look = Callable[[float, Float, float, Float, Flags], tuple[Float, Float, Float, Flags]]
Change = Callable[[Float, Float, float, Float, Flags], int]

# Where an expression has a removable singularity, its limit is taken so far (mV) beside it.
NUDGE = 1e-7


@dataclass(frozen=True)
class Scalar:
    """Compiled right-hand side of one cell.

    Attributes
    ----------
    source
        The generated code.
    comparisons
        Number of comparisons that depend on states.
    right
        ``right(t, y, current, p, taken)`` returns dy/dt (S,) per ms with the branches `taken`.
    look
        The same arguments; returns dy/dt, the outputs, the margins (c,) of the comparisons (left
        minus right side) and their true outcomes (c,).
    change
        ``change(times, states, current, p, taken)`` returns the first index from 1 on at which an
        outcome is not as `taken`; the number of times where there is none.
    """

    source: str
    comparisons: int
    right: Right
    look: Look
    change: Change


@lru_cache(maxsize=32)
def scalar(text: CellText, outputs: tuple[str, ...] = ()) -> Scalar:
    """Return the compiled right-hand side of a text.

    Parameters
    ----------
    text
        The cell.
    outputs
        Qualified names of variables that `look` returns as well.
    """
    source, comparisons = _source(text, outputs)
    module = _imported(source)
    return Scalar(source, comparisons, module.right, module.look, module.change)


def _source(text: CellText, outputs: tuple[str, ...]) -> tuple[str, int]:
    model = text.model()
    ordered = model.variables(deep=True, sort=True)
    names = {variable: f"v{index}" for index, variable in enumerate(ordered)}
    writer = _writer(names)
    lines = [f"{names[model.get(name)]} = y[{i}]" for i, name in enumerate(text.states)]
    lines += [f"{names[model.get(name)]} = p[{i}]" for i, name in enumerate(text.parameters)]
    inputs = {"time": "t", "pace": "current"}
    for binding, name in text.bindings.items():
        value = inputs.get(binding, repr(float(model.get(name).eval())))
        lines.append(f"{names[model.get(name)]} = {value}")
    given = {model.get(name) for name in (*text.parameters, *text.bindings.values())}
    count = 0
    for equations in model.solvable_order().values():
        for equation in equations:
            if equation.lhs.var() in given and not equation.lhs.is_derivative():
                continue
            expression, found = _held(equation.rhs, count)
            for left, sign, right in found:
                lines.append(f"margin[{count}] = ({writer.ex(left)}) - ({writer.ex(right)})")
                lines.append(f"true[{count}] = ({writer.ex(left)}) {sign} ({writer.ex(right)})")
                count += 1
            lines.append(f"{writer.ex(equation.lhs)} = {writer.ex(expression)}")
    lines += [f"dy[{i}] = d{names[model.get(name)]}" for i, name in enumerate(text.states)]
    lines += [f"out[{i}] = {names[model.get(name)]}" for i, name in enumerate(outputs)]
    sizes = len(text.states), len(outputs), count
    return _MODULE.format(*sizes, body="\n    ".join(lines), nudge=NUDGE), count


_MODULE = """\
import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, error_model="numpy")
def once(t, y, current, p, taken, dy, out, margin, true):
    {body}


@njit(cache=True, nogil=True)
def look(t, y, current, p, taken):
    dy, out = np.empty({0}), np.empty({1})
    margin, true = np.empty({2}), np.empty({2}, np.bool_)
    once(t, y, current, p, taken, dy, out, margin, true)
    if not (np.isfinite(dy).all() and np.isfinite(out).all()):
        beside = y.copy()
        beside[0] += {nudge}
        once(t, beside, current, p, taken, dy, out, margin, true)
    return dy, out, margin, true


@njit(cache=True, nogil=True)
def right(t, y, current, p, taken):
    return look(t, y, current, p, taken)[0]


@njit(cache=True, nogil=True)
def change(times, states, current, p, taken):
    for index in range(1, times.size):
        if (look(times[index], states[index], current, p, taken)[3] != taken).any():
            return index
    return times.size
"""


def _writer(names: dict[Any, str]) -> Any:
    import myokit
    from myokit.formats.python import PythonExpressionWriter

    def name(left: Any) -> str:
        if left.is_derivative():
            return f"d{names[left.var()]}"
        # Outcomes of comparisons are names that no model has.
        own = left.var()
        return names[own] if isinstance(own, myokit.Variable) else str(own)

    writer = PythonExpressionWriter()
    writer.set_lhs_function(name)
    return writer


def _held(expression: Any, first: int) -> tuple[Any, list[tuple[Any, str, Any]]]:
    """Return `expression` with its comparisons held, and these as (left, sign, right).

    Comparisons of constants stay: they choose a variant of the text.
    """
    import myokit

    signs = {myokit.More: ">", myokit.MoreEqual: ">=", myokit.Less: "<", myokit.LessEqual: "<="}
    walked = expression.walk(allowed_types=tuple(signs))
    found = [one for one in walked if not one.is_constant()]
    outcomes = {
        one: myokit.NotEqual(myokit.Name(f"taken[{first + index}]"), myokit.Number(0))
        for index, one in enumerate(found)
    }
    return expression.clone(subst=outcomes), [(one[0], signs[type(one)], one[1]) for one in found]


def _imported(source: str) -> Any:
    """Import `source` from a file of the cache folder, where numba can keep what it compiles."""
    name = f"right_{content_hash(source)}"
    folder = cache_root() / "scalar"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.py"
    if not path.exists() or path.read_text(encoding="utf-8") != source:
        handle, temporary = tempfile.mkstemp(dir=folder, suffix=".tmp")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(source)
        Path(temporary).replace(path)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ParameterError(f"{path.name} in the cache folder is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
