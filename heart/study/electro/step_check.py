"""Whether the time step suits the cells: one beat of each model alone, before the tissue starts.

A step that is too large shows in the upstroke first: the potential overshoots, oscillates or
becomes infinite. A beat of one cell costs milliseconds, so it is tried, and where it fails the
message names the step that works instead of leaving the user to guess.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from heart.core.errors import ParameterError
from heart.core.parameters import Parameter
from heart.electro.ionic.kernel import Method, compile_kernel
from heart.electro.ionic.model import CellModel
from heart.electro.tissue.stimulus import PARAMETERS

UNTIL = 15.0
START = 1.0
HALVINGS = 12
DIFFERENCE = Parameter(
    10.0, "mV", 1.0, 100.0, "assumed", "difference of the upstroke's peak from that of an 8th step"
)
WINDOW = (-150.0, 120.0)
FINER = 8


def check_step(models: Iterable[CellModel], dt: float, method: Method) -> None:
    """Refuse a step at which a beat of a single cell goes wrong.

    Parameters
    ----------
    models
        The cells of the tissue.
    dt
        Step of the cells in ms.
    method
        How they are integrated.

    Raises
    ------
    ParameterError
        Names the step, the model and the largest step that works.
    """
    for model in models:
        if _works(model, dt, method):
            continue
        stable = dt
        for _ in range(HALVINGS):
            stable *= 0.5
            if _works(model, stable, method):
                break
        raise ParameterError(
            f"a time step of {dt:g} ms is too large for {model.name} with {method.name.lower()}",
            where="engine.dt",
            expected=f"at most {stable:.3g} ms",
            fix=f"write 'dt: {stable:.3g} ms' in engine, or another method",
        )


def _works(model: CellModel, dt: float, method: Method) -> bool:
    coarse, fine = _peak(model, dt, method), _peak(model, dt / FINER, method)
    if not np.isfinite([coarse, fine]).all():
        return False
    return abs(coarse - fine) <= DIFFERENCE.value


def _peak(model: CellModel, dt: float, method: Method) -> float:
    """Return the peak potential of a beat in mV; NaN where the cell left its window."""
    cells = compile_kernel(model, method=method).allocate(1)
    push = np.array([PARAMETERS["amplitude"].value])
    end = START + PARAMETERS["duration"].value
    peak, time = -np.inf, 0.0
    while time < UNTIL:
        on = START <= time + 0.5 * dt < end
        cells.advance(dt, time=time, stimulus=push if on else None)
        time += dt
        value = float(cells.voltage[0])
        if not WINDOW[0] <= value <= WINDOW[1]:
            return float("nan")
        peak = max(peak, value)
    return peak
