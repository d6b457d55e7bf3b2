"""Limit cycles of single cells: the state that a tissue starts from.

A cell taken from a paper is at nobody's heart rate. Its ions and its stores need tens to hundreds
of beats to settle, and tension follows the stores, so cells are paced alone, at their own cycle
length, before they are coupled; a beat of a tissue costs as much as the whole of it.

Over many beats a small loss of calcium per beat becomes a large one of tension: the first-order
steps that serve one beat shift the limit cycle of ToR-ORd-Land by 3 % in tension. Every beat is
therefore computed twice, with steps and with half steps, and extrapolated, which brings the limit
cycle to 0.002 % of that of LSODA for half as much again. Whether a cycle is one is measured and
said: the change of every state from beat to beat, relative to its range.

Cells of one text run side by side; different cycle lengths run one after the other, since their
upstrokes, which alone need small steps, never meet.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from heart.core.cache import Arrays, cache_root, cached_arrays, content_hash
from heart.core.errors import NonFiniteError, ParameterError
from heart.core.parameters import Parameter
from heart.electro.ionic.kernel import CellKernel, Cells, Method, compile_kernel
from heart.electro.ionic.model import CellModel

log = logging.getLogger(__name__)

Float = NDArray[np.float64]

CYCLE_LENGTH = Parameter(1000.0, "ms", 100.0, 20_000.0, "assumed", "rate of the reference traces")
BEATS = Parameter(
    100.0, "1", 1.0, 100_000.0, "assumed", "measured for ToR-ORd-Land: docs/decisions/0009"
)
AMPLITUDE = Parameter(
    53.0, "A/F", 1.0, 500.0, "Tomek2019", "stimulus of a single cell; positive depolarises"
)
DURATION = Parameter(1.0, "ms", 0.1, 10.0, "Tomek2019", "of the stimulus of a single cell")
TOLERANCE = Parameter(
    1e-3, "1", 1e-12, 1.0, "assumed", "largest change of any state per beat, relative to its range"
)
STEP = Parameter(
    0.02, "ms", 1e-4, 0.1, "assumed", "during the upstroke; then 2 and 10 times it, and half of all"
)
PHASES = ((3.0, 1.0), (20.0, 2.0), (np.inf, 10.0))
"""Until when, ms after the start of a beat, which multiple of the step is taken."""
SAMPLE = 4.0
NARROW = 1e-9
TENSION = "active_tension"


@dataclass(frozen=True)
class LimitCycle:
    """What pacing one cell came to.

    Attributes
    ----------
    model
        The cell as it was before.
    cycle_length
        ms.
    history
        States at the start of every beat (beats + 1, S), in the order of the text; the last row is
        the start of the beat after the last.
    scale
        Largest size of every state within the last beat (S,), which changes are relative to.
    tension
        Peak tension of every beat (beats,), sampled each 4 ms; empty where the text has none.
    tolerance
        Largest relative change per beat that counts as converged.
    """

    model: CellModel
    cycle_length: float
    history: Float
    scale: Float
    tension: Float
    tolerance: float

    @property
    def beats(self) -> int:
        """Number of beats paced."""
        return len(self.history) - 1

    @property
    def states(self) -> Float:
        """States (S,) that a beat starts from."""
        return self.history[-1]

    @property
    def residual(self) -> Float:
        """Relative change of every state over every beat (beats, S)."""
        return np.abs(np.diff(self.history, axis=0)) / self.scale

    @property
    def converged(self) -> bool:
        """Whether no state changed by more than the tolerance over the last beat."""
        return bool(self.residual[-1].max() <= self.tolerance)

    @property
    def alternates(self) -> bool:
        """Whether every second beat is the same while neighbours differ."""
        if self.beats < 2 or self.converged:
            return False
        over_two = np.abs(self.history[-1] - self.history[-3]) / self.scale
        return bool(over_two.max() <= self.tolerance)

    @property
    def start(self) -> CellModel:
        """The cell, starting from its limit cycle."""
        return self.model.with_initial(self.states)

    def describe(self) -> str:
        """Return one line that says how far the cell got."""
        last = self.residual[-1]
        worst = int(np.argmax(last))
        if self.converged:
            verdict = "converged"
        elif self.alternates:
            verdict = "alternates between two beats"
        else:
            verdict = f"not converged to {100.0 * self.tolerance:g} %: pace more beats"
        return (
            f"{self.model.name} at {self.cycle_length:g} ms, {self.beats} beats: largest change "
            f"{100.0 * last[worst]:.2g} % per beat ({self.model.text.states[worst]}); {verdict}"
        )


def limit_cycle(
    model: CellModel,
    cycle_length: float = CYCLE_LENGTH.value,
    beats: int = int(BEATS.value),
    *,
    amplitude: float = AMPLITUDE.value,
    duration: float = DURATION.value,
    tolerance: float = TOLERANCE.value,
    step: float = STEP.value,
) -> LimitCycle:
    """Pace one cell; parameters, result and errors as of `limit_cycles`."""
    return limit_cycles(
        [model],
        [cycle_length],
        beats,
        amplitude=amplitude,
        duration=duration,
        tolerance=tolerance,
        step=step,
    )[0]


def limit_cycles(
    models: Sequence[CellModel],
    cycle_lengths: Sequence[float] = (CYCLE_LENGTH.value,),
    beats: int = int(BEATS.value),
    *,
    amplitude: float = AMPLITUDE.value,
    duration: float = DURATION.value,
    tolerance: float = TOLERANCE.value,
    step: float = STEP.value,
) -> list[LimitCycle]:
    """Pace many cells, each at its own cycle length, and keep what comes out in the cache.

    Parameters
    ----------
    models
        The cells, starting from their initial states.
    cycle_lengths
        One for each cell, or one for all, ms.
    beats
        Number of beats.
    amplitude, duration
        Of the stimulus at the start of every beat, A/F (positive depolarises) and ms.
    tolerance
        Largest change of any state per beat, relative to its range, that counts as converged.
    step
        Time step during the upstroke, ms; see `PHASES` for those after it.

    Returns
    -------
    list of LimitCycle
        In the order of `models`; a warning is logged for each that has not converged.

    Raises
    ------
    ParameterError
        A number is not plausible, or there are not as many cycle lengths as cells.
    NonFiniteError
        A state became NaN or infinite.
    """
    lengths = list(cycle_lengths) * (len(models) if len(cycle_lengths) == 1 else 1)
    if len(lengths) != len(models):
        raise ParameterError(
            f"{len(lengths)} cycle lengths for {len(models)} cells", expected="one, or one each"
        )
    BEATS.check(beats, name="beats")
    TOLERANCE.check(tolerance, name="tolerance")
    plan = _Plan(
        AMPLITUDE.check(amplitude, name="stimulus amplitude"),
        DURATION.check(duration, name="stimulus duration"),
        STEP.check(step, name="step"),
    )
    for length in lengths:
        CYCLE_LENGTH.check(length, name="cycle length")
    wanted = [_Wanted(m, float(c), int(beats)) for m, c in zip(models, lengths, strict=True)]
    made = _made(list(dict.fromkeys(wanted)), plan)
    found = []
    for one in wanted:
        arrays = made[one]
        cycle = LimitCycle(
            one.model, one.length, arrays["history"], arrays["scale"], arrays["tension"], tolerance
        )
        log.log(logging.INFO if cycle.converged else logging.WARNING, "%s", cycle.describe())
        found.append(cycle)
    return found


@dataclass(frozen=True)
class _Plan:
    """Pulse and steps of a beat."""

    amplitude: float
    duration: float
    step: float

    def pieces(self, length: float) -> Iterator[tuple[float, float, int, bool]]:
        """Yield start, length, sub-steps and whether paced, of the pieces of one beat."""
        ends = [end for end, _ in PHASES if end < length]
        edges = np.unique([0.0, self.duration, *ends, *np.arange(SAMPLE, length, SAMPLE), length])
        for left, right in pairwise(edges):
            multiple = next(m for end, m in PHASES if left < end)
            count = max(1, int(np.ceil((right - left) / (multiple * self.step) - NARROW)))
            yield float(left), float(right - left), count, bool(left < self.duration)


@dataclass(frozen=True)
class _Wanted:
    model: CellModel
    length: float
    beats: int

    def key(self, plan: _Plan) -> str:
        values = (plan.amplitude, plan.duration, plan.step, repr(PHASES), SAMPLE)
        return content_hash(self.model.hash, self.length, self.beats, *values)

    @property
    def group(self) -> tuple[object, ...]:
        """What cells that run side by side have in common."""
        switches = tuple(self.model.parameters[name] for name in self.model.text.switches)
        return (self.model.text.sha, switches, self.length, self.beats)


def _made(wanted: Sequence[_Wanted], plan: _Plan) -> dict[_Wanted, Arrays]:
    """Return the paced cells, from the cache where they are, whole groups at once elsewhere."""
    groups: dict[tuple[object, ...], list[_Wanted]] = {}
    for one in wanted:
        path = cache_root() / "limit_cycles" / f"{one.key(plan)}.npz"
        if not path.exists():
            groups.setdefault(one.group, []).append(one)
    fresh: dict[_Wanted, Arrays] = {}
    for members in groups.values():
        fresh |= zip(members, _paced(members, plan), strict=True)

    def arrays(one: _Wanted) -> Arrays:
        # A damaged entry of the cache is seen only when it is read.
        return fresh[one] if one in fresh else _paced([one], plan)[0]

    return {
        one: cached_arrays("limit_cycles", one.key(plan), lambda one=one: arrays(one))  # type: ignore[misc]
        for one in wanted
    }


def _paced(wanted: Sequence[_Wanted], plan: _Plan) -> list[Arrays]:
    """Pace cells of one text and variant, at one cycle length, side by side."""
    length, beats, count = wanted[0].length, wanted[0].beats, len(wanted)
    models = [one.model for one in wanted]
    kernel, cells = _allocated(models)
    rough = cells.copy()
    pieces = list(plan.pieces(length))
    history = np.empty((beats + 1, len(kernel.states), count))
    tension = np.zeros((beats if kernel.monitors else 0, count))
    history[0] = cells.states[:, :count]
    for beat in range(beats):
        rough.states[:] = cells.states
        coarse, _ = _beat(rough, pieces, 1, plan, beat * length)
        fine, scale = _beat(cells, pieces, 2, plan, beat * length)
        cells.states[:] = 2.0 * cells.states - rough.states
        history[beat + 1] = cells.states[:, :count]
        if kernel.monitors:
            tension[beat] = (2.0 * fine - coarse).max(axis=0)
        _check(models, kernel, history[beat + 1], beat)
    scale = np.maximum(scale, np.finfo(np.float64).tiny)
    return [
        {"history": history[:, :, k].copy(), "scale": scale[:, k].copy(), "tension": tension[:, k]}
        for k in range(count)
    ]


def _beat(
    cells: Cells, pieces: Sequence[tuple[float, float, int, bool]], refine: int, plan: _Plan,
    time: float,
) -> tuple[Float, Float]:  # fmt: skip
    """Advance cells by a beat; return tension (pieces, n) and the size of the states (S, n)."""
    pulse = np.full(cells.n, plan.amplitude)
    scale = np.abs(cells.states[:, : cells.n])
    tension = np.zeros((len(pieces), cells.n))
    for row, (start, span, count, paced) in enumerate(pieces):
        stimulus = pulse if paced else None
        cells.advance(span, time=time + start, stimulus=stimulus, substeps=refine * count)
        np.maximum(scale, np.abs(cells.states[:, : cells.n]), out=scale)
        if cells.kernel.monitors:
            tension[row] = cells.monitor()[0]
    return tension, scale


def _allocated(models: Sequence[CellModel]) -> tuple[CellKernel, Cells]:
    """Return compiled code for the cells, and the cells in their initial states."""
    first = models[0]
    values: list[Mapping[str, float]] = [model.parameters for model in models]
    varying = tuple(
        name
        for name in first.text.parameters
        if name not in first.text.switches and len({v[name] for v in values}) > 1
    )
    monitors = (first.text.labels[TENSION],) if TENSION in first.text.labels else ()
    kernel = compile_kernel(first, method=Method.GRL1, varying=varying, monitors=monitors)
    cells = kernel.allocate(len(models))
    cells.states[:, : len(models)] = np.stack([model.initial_states for model in models], axis=1)
    for row, name in enumerate(varying):
        cells.varying[row, : len(models)] = [v[name] for v in values]
    return kernel, cells


def _check(models: Sequence[CellModel], kernel: CellKernel, states: Float, beat: int) -> None:
    bad = ~np.isfinite(states)
    if bad.any():
        row, column = (int(k[0]) for k in np.nonzero(bad))
        raise NonFiniteError(
            f"state {kernel.states[row]} of {models[column].name} is not finite",
            where=f"beat {beat + 1} of single-cell pacing",
            fix="take smaller steps, or check the parameters of this cell",
        )
