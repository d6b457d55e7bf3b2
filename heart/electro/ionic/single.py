"""Single cells on the generated kernel: copies of one cell, each with pulses of its own.

The kernel takes all copies in one call per step, so a restitution curve costs about as much as one
of its beats. Time is cut at the edges of the pulses, so that no step contains one, and the first
milliseconds after a pulse are taken in finer steps: the kernels are of first order, and the height
and the steepness of the upstroke need steps sixteen times smaller than all that follows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import NonFiniteError, ParameterError
from heart.core.parameters import Parameter
from heart.electro.ionic.kernel import Cells, Method, Precision, compile_kernel
from heart.electro.ionic.model import CellModel
from heart.electro.ionic.registry import Pulse
from heart.electro.ionic.restitution import Samples

Float = NDArray[np.float64]

UPSTROKE_STEP = Parameter(
    0.00125, "ms", 1e-4, 0.1, "assumed", "measured: docs/verification/single_cells.md"
)
STEP = Parameter(0.02, "ms", 1e-4, 0.5, "assumed", "measured: docs/verification/single_cells.md")
UPSTROKE = Parameter(5.0, "ms", 1.0, 100.0, "assumed", "from the pulse to behind the peak")
# Times that differ by less are the same (ms).
SAME = 1e-9
# Behind the upstroke so much (ms) is taken between two notes.
SAMPLE = 0.1


@dataclass(frozen=True)
class Steps:
    """How single cells are stepped.

    Attributes
    ----------
    dt, upstroke_dt
        Steps in general and for `upstroke` ms from the start of every pulse, ms.
    upstroke
        Length of the finer part, ms.
    method, precision
        Of the kernel.
    """

    dt: float = STEP.value
    upstroke_dt: float = UPSTROKE_STEP.value
    upstroke: float = UPSTROKE.value
    method: Method = Method.GRL1
    precision: Precision = Precision.DOUBLE

    def __post_init__(self) -> None:
        STEP.check(self.dt, name="step")
        UPSTROKE_STEP.check(self.upstroke_dt, name="step of the upstroke")
        UPSTROKE.check(self.upstroke, name="length of the upstroke")


@dataclass(frozen=True)
class Recording:
    """What copies of a cell did in a window, noted at every step of an upstroke, then each 0.1 ms.

    Attributes
    ----------
    times
        (t,) ms, from the start to the end of the window.
    voltage
        (t, n) mV.
    final
        (S, n) states at the end.
    monitors
        (t, n) of every variable asked for, by qualified name.
    """

    times: Float
    voltage: Float
    final: Float
    monitors: Mapping[str, Float] = field(default_factory=dict)


def record(
    model: CellModel,
    starts: Float,
    pulse: Pulse,
    window: tuple[float, float],
    steps: Steps,
    *,
    monitors: tuple[str, ...] = (),
) -> Recording:
    """Integrate copies of one cell from time 0 and note them in a window.

    Parameters
    ----------
    model
        The cell, at its initial states.
    starts
        (n, k) ms, starts of the pulses of each of n copies.
    pulse
        Size and duration of all of them.
    window
        First and last time noted, ms.
    steps
        Steps and method.
    monitors
        Variables to note beside the potential, states included, by qualified or short name.

    Raises
    ------
    ParameterError
        The window is empty or starts before 0, or the starts are not (n, k).
    NonFiniteError
        A state became NaN or infinite.
    """
    if starts.ndim != 2 or not 0.0 <= window[0] < window[1]:
        raise ParameterError(
            f"starts of shape {starts.shape}, window {window[0]:g} to {window[1]:g} ms",
            expected="(copies, pulses), and a window after 0",
        )
    names = tuple(model.text.variable(name) for name in monitors)
    watched = tuple(name for name in names if name not in model.text.states)
    kernel = compile_kernel(
        model, method=steps.method, precision=steps.precision, monitors=watched
    )  # fmt: skip
    cells = kernel.allocate(starts.shape[0])
    times: list[float] = []
    rows: list[Float] = []

    def note(time: float) -> None:
        times.append(time)
        rows.append(_row(cells, names, time))

    for left, right, count, on in _pieces(starts, pulse, window, steps):
        stimulus = pulse.amplitude * on if on.any() else None
        if left < window[0] - SAME:
            cells.advance(right - left, time=left, stimulus=stimulus, substeps=count)
            continue
        if not times:
            note(left)
        dt = (right - left) / count
        together = max(1, min(count, round(SAMPLE / dt))) if dt > steps.upstroke_dt else 1
        for step in range(0, count, together):
            taken = min(together, count - step)
            now = left + step * dt
            cells.advance(taken * dt, time=now, stimulus=stimulus, substeps=taken)
            note(now + taken * dt)
    noted = np.stack(rows)
    final = cells.states[:, : cells.n].copy()
    if not np.isfinite(noted).all() or not np.isfinite(final).all():
        raise NonFiniteError(
            f"{model.name} is not finite between {window[0]:g} and {window[1]:g} ms",
            fix=f"take steps shorter than {steps.dt:g} ms, or check the parameters of this cell",
        )
    kept = {name: noted[:, index] for index, name in enumerate(names, start=1)}
    return Recording(np.array(times), noted[:, 0], final, kept)


@dataclass(frozen=True)
class KernelStepper:
    """The generated kernel as a `heart.electro.ionic.restitution.Stepper`."""

    steps: Steps = field(default_factory=Steps)

    def __call__(
        self, model: CellModel, starts: Float, pulse: Pulse, windows: Float
    ) -> list[Samples]:
        """Integrate all copies at once; see `Stepper`."""
        # Copies whose windows end together run together, so that each stops where it should.
        found: list[Samples | None] = [None] * len(windows)
        for end in np.unique(windows[:, 1]):
            members = np.flatnonzero(windows[:, 1] == end)
            first = float(windows[members, 0].min())
            made = record(model, starts[members], pulse, (first, float(end)), self.steps)
            for column, copy in enumerate(members):
                inside = made.times >= windows[copy, 0] - SAME
                found[copy] = Samples(
                    made.times[inside], made.voltage[inside, column], made.final[:, column]
                )
        return [one for one in found if one is not None]


def _pieces(
    starts: Float, pulse: Pulse, window: tuple[float, float], steps: Steps
) -> Iterator[tuple[float, float, int, Float]]:
    """Yield begin, end, number of steps and which copies (n,) are stimulated, up to the end."""
    begins = starts[starts < window[1] - SAME]
    ends = np.array([0.0, *window])
    cuts = [begins, begins + pulse.duration, begins + steps.upstroke, ends]
    edges = np.unique(np.concatenate(cuts))
    edges = edges[(edges >= 0.0) & (edges <= window[1])]
    edges = edges[np.diff(edges, prepend=-1.0) > SAME]
    for left, right in pairwise(edges):
        middle = 0.5 * (left + right)
        fine = ((begins <= middle) & (middle < begins + steps.upstroke)).any()
        count = int(np.ceil((right - left) / (steps.upstroke_dt if fine else steps.dt) - 1e-6))
        on = ((starts <= middle) & (middle < starts + pulse.duration)).any(axis=1)
        yield float(left), float(right), max(1, count), on.astype(np.float64)


def _row(cells: Cells, names: tuple[str, ...], time: float) -> Float:
    """Return potential and named variables (1 + names, n)."""
    row = np.empty((1 + len(names), cells.n))
    row[0] = cells.voltage
    watched = cells.kernel.monitors
    values = cells.monitor(time=time) if watched else row
    for index, name in enumerate(names, start=1):
        row[index] = values[watched.index(name)] if name in watched else cells.state(name)
    return row
