"""A 12-lead ECG as clinicians read it: 25 mm/s, 10 mm/mV (halved when tall), on mm paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from heart.report import theme

LAYOUT = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
MM_PER_MS = 0.025
COLUMN, ROW, MARGIN = 25.0, 30.0, 7.5
GAINS = (10.0, 5.0, 2.5)
"""mm/mV: standard, and the halves that recorders switch to when a lead would leave its row."""


@dataclass(frozen=True)
class Trace:
    """One ECG to draw: times (T,) ms from QRS onset, leads (12, T) mV, its name and colour."""

    times: NDArray[np.float64]
    leads: NDArray[np.float64]
    name: str
    colour: str


def draw(path: Path, traces: Sequence[Trace], title: str) -> Path:
    """Draw the traces over one another, one beat per lead, and save a PNG.

    Parameters
    ----------
    path
        PNG to write.
    traces
        One to three ECGs on their own time axes.
    title
        Heading above the paper.
    """
    width, height = 4 * COLUMN + 2 * MARGIN + 7.5, 3 * ROW + 2 * MARGIN + 12.5
    figure = Figure(figsize=(width / 25.4 * 1.8, height / 25.4 * 1.8), dpi=160)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    _paper(axes, width, height)
    tallest = max(float(np.abs(trace.leads).max()) for trace in traces)
    gain = next((g for g in GAINS if tallest * g < 0.75 * ROW), GAINS[-1])
    for row, names in enumerate(LAYOUT):
        for column, name in enumerate(names):
            left = MARGIN + 7.5 + column * COLUMN
            base = height - MARGIN - 10.0 - (row + 0.5) * ROW
            for trace in traces:
                _lead(axes, trace, name, (left, base), gain)
            axes.text(left + 0.5, base + 11.0, name, fontsize=9, weight="bold", color=theme.INK)
    for row in range(3):
        base = height - MARGIN - 10.0 - (row + 0.5) * ROW
        pulse = MARGIN + np.array([0.0, 1.0, 1.0, 4.0, 4.0, 5.0])
        axes.plot(pulse, base + np.array([0.0, 0.0, gain, gain, 0.0, 0.0]), color=theme.INK, lw=0.9)
    axes.text(MARGIN, height - 7.0, title, fontsize=11, weight="bold", color=theme.INK)
    for index, trace in enumerate(traces):
        x = MARGIN + index * 45.0
        axes.plot([x, x + 6.0], [4.2, 4.2], color=trace.colour, lw=1.6)
        axes.text(x + 7.5, 3.4, trace.name, fontsize=8.5, color=theme.INK)
    axes.text(
        width - 3.0,
        height - 7.0,
        f"25 mm/s · {gain:g} mm/mV · simulated · {theme.DISCLAIMER.lower()}",
        fontsize=7,
        ha="right",
        color=theme.MUTED,
    )
    figure.savefig(path)
    return path


def _paper(axes: Axes, width: float, height: float) -> None:
    from matplotlib.collections import LineCollection

    axes.set_xlim(0, width)
    axes.set_ylim(0, height)
    axes.set_aspect("equal")
    axes.axis("off")
    for step, colour, line in ((1.0, theme.ECG_FINE, 0.4), (5.0, theme.ECG_BOLD, 0.6)):
        xs, ys = np.arange(0, width + 0.1, step), np.arange(0, height + 0.1, step)
        segments = [[(x, 0), (x, height)] for x in xs] + [[(0, y), (width, y)] for y in ys]
        axes.add_collection(LineCollection(segments, colors=colour, linewidths=line, zorder=0))


def _lead(axes: Axes, trace: Trace, name: str, origin: tuple[float, float], gain: float) -> None:
    left, base = origin
    signal = trace.leads[LEADS.index(name)]
    x = left + 2.5 + trace.times * MM_PER_MS
    keep = x < left + COLUMN - 0.5
    axes.plot(
        x[keep],
        base + signal[keep] * gain,
        color=trace.colour,
        lw=1.1,
        solid_joinstyle="round",
    )


mpl.rcParams["font.family"] = ["DejaVu Sans"]
