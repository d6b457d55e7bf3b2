"""Reference solutions of single cells: LSODA at 1e-8 on the scalar code of the text.

The generated C is checked against this. The multistep method of variable order is restarted at
every edge of a pulse and wherever a comparison in the equations changes its outcome: the crossing
is found to a rounding error and stepped over, because across a jump no tolerance means anything
(and LSODA stands still where a slope all but vanishes behind it).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heart.core.cache import cached_arrays, content_hash
from heart.core.errors import NonFiniteError, ParameterError
from heart.electro.ionic.model import CellModel
from heart.electro.ionic.registry import Pulse
from heart.electro.ionic.scalar import Flags, Scalar, scalar

Float = NDArray[np.float64]

TOLERANCE = 1e-8
# Concentrations of 1e-4 mM and gates of 1e-8 are states too: the absolute part is far below both.
ABSOLUTE = 1e-3
STEPS = 100_000
# Times that differ by less are the same (ms).
SAME = 1e-9
# Comparisons are looked at so often (ms); a branch that comes and goes within is not seen.
WATCH = 0.5
# So many times are solved for at once; behind a crossing they are solved for again.
CHUNK = 500
# A beat has some twenty crossings.
CROSSINGS = 10_000
# Part of the key of stored traces: raise it when the integration changes.
CODE = 3
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
        model.hash,
        scalar(model.text, _outputs(model)).source,
        CODE,
        begin,
        at,
        pulse.amplitude,
        pulse.duration,
        rtol,
    )
    stored = cached_arrays(
        "oracle_traces", key, lambda: _integrated(model, begin, pulse, at, rtol)
    )  # fmt: skip
    return Trace(at, stored["states"], stored["rate"], stored.get("calcium"), stored.get("tension"))


def beats(count: int, cycle_length: float) -> Float:
    """Return the starts of `count` pulses (count,) ms, the first at 0."""
    return np.arange(count, dtype=np.float64) * cycle_length


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


def rates(model: CellModel, states: Sequence[float] | Float, current: float = 0.0) -> Float:
    """Return the time derivatives of all states (S,), per ms.

    Parameters
    ----------
    model
        The cell.
    states
        (S,), in the order of the text.
    current
        Value of the bound stimulus in A/F, negative depolarises.
    """
    problem = _Problem.of(model)
    given = np.asarray(states, dtype=np.float64)
    taken = problem.outcomes(0.0, given, current)
    return problem.code.right(0.0, given, current, problem.parameters, taken)


@dataclass(frozen=True)
class _Problem:
    """Compiled code with the parameter values of one cell."""

    name: str
    code: Scalar
    parameters: Float
    rtol: float

    @classmethod
    def of(cls, model: CellModel, rtol: float = TOLERANCE) -> _Problem:
        values = np.array([model.parameters[name] for name in model.text.parameters])
        return cls(model.name, scalar(model.text, _outputs(model)), values, rtol)

    def outcomes(self, time: float, state: Float, current: float) -> Flags:
        """Return the outcome of every comparison at a state."""
        taken = np.zeros(self.code.comparisons, dtype=np.bool_)
        for _ in range(self.code.comparisons + 1):
            true = self.code.look(time, state, current, self.parameters, taken)[3]
            if (true == taken).all():
                break
            taken = true
        return taken

    def advance(self, state: Float, grid: Float, current: float, taken: Flags) -> Float:
        """Return the states (n, S) at the times of `grid`, the first being `state` itself."""
        from scipy.integrate import ODEintWarning, odeint

        right, values = self.code.right, self.parameters
        with warnings.catch_warnings():
            # The report says the same, and it is an error here.
            warnings.simplefilter("ignore", ODEintWarning)
            solved, report = odeint(
                lambda y, t: right(t, y, current, values, taken), state, grid,
                rtol=self.rtol, atol=self.rtol * ABSOLUTE, mxstep=STEPS, full_output=True,
            )  # fmt: skip
        if report["message"] != "Integration successful." or not np.isfinite(solved).all():
            raise NonFiniteError(
                f"LSODA stopped in {self.name} after {grid[0]:g} ms: {report['message']}",
                fix="check parameters and starting states",
            )
        return np.asarray(solved)

    def margins(self, time: float, state: Float, current: float, taken: Flags) -> Float:
        """Return the margins (c,), positive while a comparison has the outcome `taken`."""
        _, _, margin, true = self.code.look(time, state, current, self.parameters, taken)
        return np.where(true == taken, 1.0, -1.0) * np.abs(margin)

    def piece(self, state: Float, grid: Float, current: float) -> Float:
        """Return the states (n, S) on `grid` under a constant current, branches switched."""
        states = np.empty((grid.size, state.size))
        states[0], done, now = state, 0, float(grid[0])
        taken = self.outcomes(now, state, current)
        for _ in range(CROSSINGS):
            if done == grid.size - 1:
                return states
            ahead = np.concatenate([[now], grid[done + 1 : done + 1 + CHUNK]])
            solved = self.advance(state, ahead, current, taken)
            changed = self.code.change(ahead, solved, current, self.parameters, taken)
            if changed == ahead.size:
                states[done + 1 : done + changed] = solved[1:]
                done += changed - 1
                now, state = float(ahead[-1]), solved[-1]
                continue
            states[done + 1 : done + changed] = solved[1:changed]
            done += changed - 1
            now, state, taken = self._crossed(
                solved[changed - 1], float(ahead[changed - 1]), float(ahead[changed]),
                current, taken,
            )  # fmt: skip
            if now >= grid[done + 1] - SAME:
                done += 1
                states[done], now = state, float(grid[done])
        raise NonFiniteError(
            f"{self.name} crosses a comparison more than {CROSSINGS} times near {now:g} ms",
            fix="the branches of the text push back into each other",
        )

    def _crossed(
        self, state: Float, left: float, right: float, current: float, taken: Flags
    ) -> tuple[float, Float, Flags]:
        """Return time, state and branches just behind the first crossing in (left, right]."""
        from scipy.optimize import brentq

        def at(time: float) -> Float:
            if time <= left:
                return state
            return np.asarray(self.advance(state, np.array([left, time]), current, taken)[-1])

        def margin(time: float, index: int) -> float:
            return float(self.margins(time, at(time), current, taken)[index])

        end = self.margins(right, at(right), current, taken)
        begin = self.margins(left, state, current, taken)
        times = [
            left if begin[index] <= 0.0 else brentq(margin, left, right, (index,), xtol=SAME / 10)
            for index in np.flatnonzero(end < 0.0)
        ]
        first = min(times)
        now = min(first + SAME, right)
        behind = at(now)
        switched = taken.copy()
        for index, time in zip(np.flatnonzero(end < 0.0), times, strict=True):
            if time <= first + SAME:
                switched[index] = not taken[index]
        return now, behind, switched


def _integrated(
    model: CellModel, begin: Float, pulse: Pulse, at: Float, rtol: float
) -> dict[str, Float]:
    problem = _Problem.of(model, rtol)
    edges = np.unique(np.concatenate([[0.0, at[-1]], begin, begin + pulse.duration]))
    edges = edges[(edges <= at[-1] - SAME) | (edges == at[-1])]
    # Steps of a rounding error's length stop LSODA.
    nearest = edges[np.clip(np.searchsorted(edges, at - SAME), 0, edges.size - 1)]
    at = np.where(np.abs(nearest - at) <= SAME, nearest, at)
    state = model.initial_states
    states = np.empty((at.size, state.size))
    on = np.zeros(at.size)
    states[at == 0.0] = state
    for left, stop in pairwise(edges):
        paced = bool(((begin <= left) & (left < begin + pulse.duration)).any())
        current = -pulse.amplitude if paced else 0.0
        inside = np.flatnonzero((at > left) & (at <= stop))
        watch = np.linspace(left, stop, max(2, 1 + round((stop - left) / WATCH)))
        grid, place = np.unique(np.concatenate([at[inside], watch]), return_inverse=True)
        solved = problem.piece(state, grid, current)
        # The value at the end of a pulse belongs to the pulse, the one at its start to rest.
        states[inside], on[inside] = solved[place[: inside.size]], current
        state = solved[-1]
    return _noted(problem, model, at, states, on)


def _noted(
    problem: _Problem, model: CellModel, at: Float, states: Float, on: Float
) -> dict[str, Float]:
    rows = []
    for time, state, current in zip(at, states, on, strict=True):
        taken = problem.outcomes(time, state, current)
        derivative, output = problem.code.look(time, state, current, problem.parameters, taken)[:2]
        rows.append((derivative[0], *output))
    columns = np.array(rows).T
    found = {"states": states.T.copy(), "rate": columns[0].copy()}
    short = {CALCIUM: "calcium", TENSION: "tension"}
    labels = [label for label in (CALCIUM, TENSION) if label in model.text.labels]
    for label, column in zip(labels, columns[1:], strict=True):
        found[short[label]] = column.copy()
    return found


def _outputs(model: CellModel) -> tuple[str, ...]:
    labels = model.text.labels
    return tuple(labels[label] for label in (CALCIUM, TENSION) if label in labels)
