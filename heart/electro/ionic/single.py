"""Single cells on the generated kernel: copies of one cell, each with pulses of its own.

The kernel takes all copies in one call per step, so a restitution curve costs about as much as one
of its beats. A pulse that begins or ends inside a step acts for its share of the step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import NonFiniteError, ParameterError
from heart.electro.ionic.kernel import Adaptive, Method, Precision, compile_kernel
from heart.electro.ionic.model import CellModel
from heart.electro.ionic.registry import Pulse
from heart.electro.ionic.restitution import Samples

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Steps:
    """How single cells are stepped.

    Attributes
    ----------
    dt
        Step, ms.
    method, precision
        Of the kernel.
    adaptive
        Sub-stepping rule; None for one sub-step per step.
    """

    dt: float
    method: Method = Method.GRL1
    precision: Precision = Precision.DOUBLE
    adaptive: Adaptive | None = None


@dataclass(frozen=True)
class Recording:
    """What copies of a cell did, sampled at the end of every step of a window.

    Attributes
    ----------
    times
        (t,) ms, the first the start of the window.
    voltage
        (t, n) mV.
    monitors
        (t, n) of every variable asked for, by qualified name.
    final
        (S, n) states at the end.
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
        Step and method.
    monitors
        Variables to note beside the potential, states included, by qualified or short name.

    Raises
    ------
    ParameterError
        The window is not a whole number of steps, or the starts are not (n, k).
    NonFiniteError
        A state became NaN or infinite.
    """
    if starts.ndim != 2:
        raise ParameterError(f"starts of shape {starts.shape}", expected="(copies, pulses)")
    first, last = (round(time / steps.dt) for time in window)
    if max(abs(first * steps.dt - window[0]), abs(last * steps.dt - window[1])) > 1e-6:
        raise ParameterError(
            f"window {window[0]:g} to {window[1]:g} ms with steps of {steps.dt:g} ms",
            expected="whole steps",
        )
    names = tuple(model.text.variable(name) for name in monitors)
    kept = {name: model.text.states.index(name) for name in names if name in model.text.states}
    watched = tuple(name for name in names if name not in kept)
    kernel = compile_kernel(
        model, method=steps.method, precision=steps.precision, monitors=watched
    )  # fmt: skip
    count = starts.shape[0]
    cells = kernel.allocate(count)
    rows = np.empty((last - first + 1, 1 + len(names), count))
    for step in range(last + 1):
        if step >= first:
            row = rows[step - first]
            row[0] = cells.voltage
            for index, name in enumerate(names, start=1):
                if name in kept:
                    row[index] = cells.states[kept[name], :count]
            if watched:
                values = cells.monitor(time=step * steps.dt)
                for name, value in zip(watched, values, strict=True):
                    row[1 + names.index(name)] = value
        if step < last:
            share = _share(starts, pulse, step * steps.dt, steps.dt)
            stimulus = pulse.amplitude * share if share.any() else None
            cells.advance(
                steps.dt, time=step * steps.dt, stimulus=stimulus, adaptive=steps.adaptive
            )
    if not np.isfinite(cells.states[:, :count]).all() or not np.isfinite(rows).all():
        raise NonFiniteError(
            f"{model.name} is not finite after {window[1]:g} ms",
            fix=f"take steps shorter than {steps.dt:g} ms, or check the parameters of this cell",
        )
    return Recording(
        np.arange(first, last + 1) * steps.dt,
        rows[:, 0],
        cells.states[:, :count].copy(),
        {name: rows[:, index] for index, name in enumerate(names, start=1)},
    )


def _share(starts: Float, pulse: Pulse, begin: float, dt: float) -> Float:
    """Return the share (n,) of the step from `begin` during which a pulse is on."""
    on = np.minimum(begin + dt, starts + pulse.duration) - np.maximum(begin, starts)
    share = np.clip(on, 0.0, None).sum(axis=1) / dt
    return np.where(share < 1e-9, 0.0, share)


@dataclass(frozen=True)
class KernelStepper:
    """The generated kernel as a `heart.electro.ionic.restitution.Stepper`."""

    steps: Steps

    def __call__(
        self, model: CellModel, starts: Float, pulse: Pulse, windows: Float
    ) -> list[Samples]:
        """Integrate all copies at once; see `Stepper`."""
        dt = self.steps.dt
        noted = np.round(windows / dt) * dt
        made = record(
            model, starts, pulse, (float(noted[:, 0].min()), float(noted[:, 1].max())), self.steps
        )
        found = []
        for copy, (begin, end) in enumerate(noted):
            inside = (made.times >= begin - dt / 2) & (made.times <= end + dt / 2)
            found.append(
                Samples(made.times[inside], made.voltage[inside, copy], made.final[:, copy])
            )
        return found
