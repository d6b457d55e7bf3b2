"""The AHA 17-segment bull's-eye of a quantity, anterior at the top, septum on the left."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Wedge
from numpy.typing import NDArray

from heart.report import theme

RADII = (0.22, 0.48, 0.74, 1.0)


def wedges() -> dict[int, tuple[float, float, float, float]]:
    """Return (inner, outer radius, start, end angle in degrees) of each AHA segment."""
    shapes: dict[int, tuple[float, float, float, float]] = {17: (0.0, RADII[0], 0.0, 360.0)}
    for ring, first in ((2, 1), (1, 7)):
        for sector in range(6):
            start = 60.0 + 60.0 * sector
            shapes[first + sector] = (RADII[ring], RADII[ring + 1], start, start + 60.0)
    for sector in range(4):
        start = 45.0 + 90.0 * sector
        shapes[13 + sector] = (RADII[0], RADII[1], start, start + 90.0)
    return shapes


def draw(
    path: Path,
    values: NDArray[np.float64],
    *,
    title: str,
    unit: str,
    star: int | None = None,
    diverging: bool = True,
    note: str = "grey: not a lead region",
) -> Path:
    """Draw the bull's-eye and save a PNG.

    Parameters
    ----------
    path
        PNG to write.
    values
        (17,) value of segments 1 to 17; NaN where there is none.
    title, unit
        Heading and unit of the colour bar.
    star
        Segment to mark, e.g. where the best lead is.
    diverging
        Whether zero is the centre of the colour scale.
    note
        Words at the foot.
    """
    figure = Figure(figsize=(5.2, 5.4), dpi=160)
    axes = figure.add_axes((0.04, 0.10, 0.80, 0.80))
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if diverging:
        high = max(abs(low), abs(high), 1e-9)
        low = -high
    mapping = ScalarMappable(
        Normalize(low, high),
        mpl.colormaps[theme.BENEFIT_MAP if diverging else theme.SCORE_MAP],
    )
    for segment, (inner, outer, start, end) in wedges().items():
        value = values[segment - 1]
        colour = mapping.to_rgba(value) if np.isfinite(value) else "#eef1f4"
        _segment(axes, segment, value, colour, (inner, outer, start, end), marked=segment == star)
    for text, x, y in (
        ("anterior", 0.0, 1.09),
        ("inferior", 0.0, -1.09),
        ("septal", -1.07, 0.0),
        ("lateral", 1.07, 0.0),
    ):
        axes.text(
            x,
            y,
            text,
            ha="center",
            va="center",
            rotation=0 if x == 0 else (90 if x < 0 else -90),
            fontsize=9,
            color=theme.MUTED,
        )
    axes.set_xlim(-1.18, 1.18)
    axes.set_ylim(-1.18, 1.18)
    axes.set_aspect("equal")
    axes.axis("off")
    figure.text(0.04, 0.95, title, fontsize=12, weight="bold", color=theme.INK)
    foot = " · ".join(words for words in (note, theme.DISCLAIMER.lower()) if words)
    figure.text(0.04, 0.03, foot, fontsize=7, color=theme.MUTED)
    bar = figure.colorbar(mapping, cax=figure.add_axes((0.88, 0.22, 0.025, 0.5)))
    bar.set_label(unit, fontsize=9)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)
    figure.savefig(path)
    return path


def _segment(
    axes: Axes,
    segment: int,
    value: float,
    colour: object,
    shape: tuple[float, float, float, float],
    *,
    marked: bool,
) -> None:
    inner, outer, start, end = shape
    if segment == 17:
        axes.add_patch(Circle((0, 0), outer, facecolor=colour, edgecolor="white", lw=2))
    else:
        axes.add_patch(
            Wedge(
                (0, 0),
                outer,
                start,
                end,
                width=outer - inner,
                facecolor=colour,
                edgecolor="white",
                lw=2,
            )
        )
    middle = np.deg2rad((start + end) / 2)
    radius = 0.0 if segment == 17 else (inner + outer) / 2
    x, y = radius * np.cos(middle), radius * np.sin(middle)
    red, green, blue = mpl.colors.to_rgb(colour)  # type: ignore[arg-type]
    dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.55
    label = f"{segment}" if not np.isfinite(value) else f"{segment}\n{value:+.0f}"
    if marked:
        label = f"★ {label}"
    axes.text(
        x,
        y,
        label,
        ha="center",
        va="center",
        fontsize=8.5,
        color="white" if dark else theme.INK,
        weight="bold" if marked else "normal",
    )
