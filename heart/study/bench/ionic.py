"""Cost of the cells: ns per cell and step on one core, and the error of the same step.

Cells are taken through an upstroke first and differ in phase, so that nothing is at rest where a
branch or a table might be kinder than in a wave.
"""

from __future__ import annotations

import numpy as np

from heart.core.progress import Telemetry
from heart.electro.ionic.biomarkers import biomarkers
from heart.electro.ionic.kernel import Cells, Precision, compile_kernel
from heart.electro.ionic.oracle import beat_times, reference
from heart.electro.ionic.registry import cell_model, entry
from heart.study.bench.clock import best_and_median, walls
from heart.study.bench.row import Order, Row, Workload

STEP = 0.02
COARSE = 0.05
TARGETS = {"tt2006_epi": (130.0, 40.0), "torord_land_endo": (300.0, 110.0)}
MANY, FEW = 100_000, 20_000


def run(order: Order, telemetry: Telemetry) -> list[Row]:
    """Time every model of `TARGETS` in both precisions."""
    rows = []
    for name, (must, aim) in TARGETS.items():
        for precision in Precision:
            with telemetry.step(f"{name}, {precision.value}"):
                rows.append(_row(order, name, precision, must, aim))
    return rows


def _row(order: Order, name: str, precision: Precision, must: float, aim: float) -> Row:
    count = MANY if order.full else FEW
    kernel = compile_kernel(cell_model(name), precision=precision)
    cells = kernel.allocate(count)
    _spread(cells, entry(name).pulse.amplitude)
    # A second of cells, whatever the size: shorter timings are mostly noise.
    steps = max(5, 1_000_000 // count)

    def work() -> None:
        for _ in range(steps):
            cells.advance(STEP)

    best, median = best_and_median(walls(work, 5), 1e9 / (count * steps))
    traffic = 16.0 * len(kernel.states)
    return Row(
        f"{name} cell, GRL1, {precision.value}, {count:,} cells",
        best,
        "ns",
        median,
        error=_error(name, precision),
        bound=traffic / order.machine.bandwidth,
        must=must,
        aim=aim,
    )


def _spread(cells: Cells, amplitude: float) -> None:
    """Fire all cells within 20 ms of each other, blocks of neighbours together as in a wave."""
    phase = np.linspace(0.0, 20.0, cells.n)
    for step in range(int(22.0 / COARSE)):
        now = step * COARSE
        fired = (phase <= now) & (now < phase + 1.0)
        cells.advance(COARSE, stimulus=np.where(fired, amplitude, 0.0))


def _error(name: str, precision: Precision) -> str:
    """Return the error of one beat at the same step against LSODA at 1e-8."""
    model, pulse = cell_model(name), entry(name).pulse
    trace = reference(model, [0.0], pulse, np.append(beat_times(0.0, 600.0), 600.0))
    exact = biomarkers(trace.times, trace.voltage, rate=trace.rate)
    cells = compile_kernel(model, precision=precision).allocate(1)
    count = round(600.0 / STEP)
    voltage = np.empty(count + 1)
    voltage[0] = cells.voltage[0]
    pulsed = np.array([pulse.amplitude])
    for step in range(count):
        inside = min(max((pulse.duration - step * STEP) / STEP, 0.0), 1.0)
        cells.advance(STEP, stimulus=inside * pulsed if inside > 0.0 else None)
        voltage[step + 1] = cells.voltage[0]
    ours = biomarkers(STEP * np.arange(count + 1), voltage)
    return f"APD90 {ours.apd90 - exact.apd90:+.2f} ms, peak {ours.peak - exact.peak:+.2f} mV"


WORKLOAD = Workload("ionic", "cells alone: ns per cell and step, one core", run)
