"""One beat of a cell that nobody here has seen before: whether it fires, and with which numbers.

The generated code is used, because that is what a tissue would run: a text that cannot be
generated, or that leaves the finite numbers, is found out here and not after an hour of tissue.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heart.core.errors import NonFiniteError
from heart.electro.ionic.biomarkers import Biomarkers, biomarkers
from heart.electro.ionic.codegen.calculus import below
from heart.electro.ionic.codegen.graph import Op
from heart.electro.ionic.codegen.translate import translate
from heart.electro.ionic.kernel import compile_kernel
from heart.electro.ionic.model import CellModel
from heart.electro.ionic.registry import Pulse

# Weak to strong: the first that fires is about the one that papers use, twice the threshold.
PULSES = tuple(Pulse(amplitude, 2.0) for amplitude in (10.0, 20.0, 40.0, 80.0))
LENGTH, EARLY = 1000.0, 20.0
STEP, LATER_STEP = 0.01, 0.05
OVERSHOOT, STEEPER = 5.0, 1.2


@dataclass(frozen=True)
class Trial:
    """What came of the beat.

    Attributes
    ----------
    pulse
        Weakest pulse tried that fired; the strongest one tried where none did.
    fired
        Whether the cell answered with more than the pulse put in.
    found
        Biomarkers of that beat.
    guarded
        Removable singularities that the generated code guards.
    """

    pulse: Pulse
    fired: bool
    found: Biomarkers
    guarded: int


def trial_beat(model: CellModel, pulses: tuple[Pulse, ...] = PULSES) -> Trial:
    """Pace `model` once from its initial states with pulses of growing size, side by side.

    Parameters
    ----------
    model
        The cell.
    pulses
        Pulses to try, of one duration, weak to strong.

    Raises
    ------
    ScenarioError
        The text uses something that no kernel can compute.
    NonFiniteError
        A state stopped being a finite number.
    """
    system = translate(model)
    guarded = sum(node.op is Op.BERNOULLI for node in below(system.rates))
    cells = compile_kernel(model).allocate(len(pulses))
    sizes = np.array([pulse.amplitude for pulse in pulses])
    early = round(EARLY / STEP)
    steps = np.concatenate(
        [np.full(early, STEP), np.full(round((LENGTH - EARLY) / LATER_STEP), LATER_STEP)]
    )
    times = np.concatenate([[0.0], np.cumsum(steps)])
    voltage = np.empty((times.size, sizes.size))
    voltage[0] = cells.voltage
    for index, dt in enumerate(steps):
        on = times[index] < pulses[0].duration - 0.5 * STEP
        cells.advance(float(dt), time=float(times[index]), stimulus=sizes if on else None)
        voltage[index + 1] = cells.voltage
    states = cells.states[:, : sizes.size]
    if not np.isfinite(states).all():
        row = int(np.flatnonzero(~np.isfinite(states).all(axis=1))[0])
        raise NonFiniteError(
            f"{model.text.states[row]} stopped being a number within one beat",
            where=model.name,
            fix="check units, initial states and the membrane potential of the file",
        )
    beats = [biomarkers(times, trace) for trace in voltage.T]
    # A passive membrane ends its rise with the pulse and never rises faster than it.
    at_end = voltage[round(pulses[0].duration / STEP)]
    fired = [
        index
        for index, beat in enumerate(beats)
        if beat.peak > at_end[index] + OVERSHOOT or beat.upstroke > STEEPER * sizes[index]
    ]
    chosen = fired[0] if fired else len(beats) - 1
    return Trial(pulses[chosen], bool(fired), beats[chosen], guarded)
