"""Rendered views composed into one figure with the same type as every other figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from heart.report import theme
from heart.report.offscreen import plotter as new_plotter

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class ColourBar:
    """A colour scale: its title, limits, map, and number of bands (0 for a smooth one)."""

    title: str
    low: float
    high: float
    map: str
    bands: int = 0


def render(draw: Callable[[Any], None], size: tuple[int, int] = (640, 560)) -> Image:
    """Return the picture that `draw` makes on an off-screen plotter."""
    plotter = new_plotter(size)
    draw(plotter)
    image = np.asarray(plotter.screenshot(return_img=True))
    plotter.close()
    return image


def compose(
    path: Path,
    images: Sequence[Sequence[Image]],
    *,
    columns: Sequence[str],
    rows: Sequence[str] = (),
    bar: ColourBar | None = None,
    legend: Sequence[tuple[str, str]] = (),
) -> Path:
    """Write a grid of pictures with column and row titles, a colour bar and a legend.

    Parameters
    ----------
    path
        PNG to write.
    images
        Rows of pictures of one size.
    columns, rows
        Titles; `rows` may be empty.
    bar
        Colour scale below the grid.
    legend
        Pairs of words and colour below the grid.
    """
    height, width = images[0][0].shape[:2]
    scale = 3.6 / width
    foot, head, lane = 0.75, 0.35, 0.32 if rows else 0.0
    down = len(images) * (height * scale + lane)
    total = (len(columns) * width * scale, down + head + foot)
    figure = Figure(figsize=total, dpi=round(1.0 / scale))
    for i, line in enumerate(images):
        top = total[1] - head - i * (height * scale + lane)
        if rows:
            x, y = 0.1 / total[0], (top - 0.2) / total[1]
            figure.text(x, y, rows[i], fontsize=11, weight="bold", color=theme.INK)
        for j, image in enumerate(line):
            left = j * width * scale / total[0]
            box = (
                left,
                (top - lane - height * scale) / total[1],
                width * scale / total[0],
                height * scale / total[1],
            )
            axes = figure.add_axes(box)
            axes.imshow(image)
            axes.axis("off")
    for j, title in enumerate(columns):
        x = (j + 0.5) * width * scale / total[0]
        y = (total[1] - 0.25) / total[1]
        figure.text(x, y, title, fontsize=10.5, ha="center", color=theme.MUTED)
    if bar is not None:
        _bar(figure, bar, foot / total[1], 0.56 if legend else 0.33)
    if legend:
        handles = [
            Line2D([], [], marker="o", ls="", color=colour, label=words, markersize=8)
            for words, colour in legend
        ]
        figure.legend(
            handles=handles,
            loc="lower left" if bar else "lower center",
            ncols=4 if bar is None else 3,
            fontsize=9,
            frameon=False,
            labelcolor=theme.INK,
        )
    figure.text(
        1 - 0.1 / total[0],
        0.08 / total[1],
        theme.DISCLAIMER.lower(),
        fontsize=7,
        ha="right",
        color=theme.MUTED,
    )
    figure.savefig(path)
    return path


def _bar(figure: Figure, bar: ColourBar, foot: float, left: float) -> None:
    axes = figure.add_axes((left, 0.56 * foot, 0.34, 0.16 * foot))
    colours = mpl.colormaps[bar.map]
    norm: Normalize = Normalize(bar.low, bar.high)
    if bar.bands:
        norm = BoundaryNorm(np.linspace(bar.low, bar.high, bar.bands + 1), colours.N)
    scale = figure.colorbar(ScalarMappable(norm, colours), cax=axes, orientation="horizontal")
    if bar.bands:
        # A label needs about half an inch.
        room = max(2, int(0.34 * figure.get_figwidth() / 0.5))
        step = max(1, -(-bar.bands // room))
        scale.set_ticks(list(np.linspace(bar.low, bar.high, bar.bands + 1)[::step]))
    scale.outline.set_visible(False)
    axes.tick_params(labelsize=8, length=2)
    axes.set_title(bar.title, fontsize=9, color=theme.INK, pad=3)
