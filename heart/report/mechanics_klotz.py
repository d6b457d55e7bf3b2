"""The fitted passive law in a report: its filling curve beside Klotz's, its parameters in a table.

Both curves go through the image; what can be seen is how they bend, and how far apart they are
without pressure, where the law has no freedom left to follow.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from heart.mechanics.klotz import MMHG
from heart.report import theme
from heart.study.mechanics.fitted import FittedLaw
from heart.study.mechanics.result import MechanicsResult

Float = NDArray[np.floating]

POINTS = 200
LEFT = "lv_endo"


def draw_klotz(path: Path, result: MechanicsResult) -> Path | None:
    """Draw the fitted filling curve beside Klotz's; None where no law was fitted."""
    fitted = result.fitted
    if fitted is None:
        return None
    figure = Figure(figsize=(6.2, 3.9), layout="constrained")
    axes = figure.subplots()
    highest = float(fitted.pressures.max())
    pressures = np.linspace(0.0, highest, POINTS)
    axes.plot(
        fitted.klotz.volume(pressures) / 1000.0, pressures / MMHG, color=theme.MUTED,
        linestyle="--", label="Klotz",
    )  # fmt: skip
    volumes, at = _course(result, fitted)
    axes.plot(volumes / 1000.0, at / MMHG, color=theme.AFTER, label="fitted law")
    axes.plot(
        fitted.volumes / 1000.0, fitted.pressures / MMHG, ".", color=theme.AFTER, markersize=9,
        label="where compared",
    )  # fmt: skip
    if result.image is not None and LEFT in result.image.volumes:
        axes.plot(
            result.image.volumes[LEFT] / 1000.0, result.image.pressures[LEFT] / MMHG, "o",
            markerfacecolor="none", color=theme.INK, markersize=10, label="image",
        )  # fmt: skip
    axes.set_xlabel("volume of the left ventricle (mL)")
    axes.set_ylabel("pressure (mmHg)")
    axes.set_ylim(bottom=0.0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=130)
    return path


def _course(result: MechanicsResult, fitted: FittedLaw) -> tuple[Float, Float]:
    """Return volumes in mm³ and pressures in kPa of the fitted law, rising.

    What the run then filled belongs to the same curve, if nothing else loaded the body.
    """
    volumes = np.concatenate([[fitted.rest], fitted.volumes])
    pressures = np.concatenate([[0.0], fitted.pressures])
    traces = result.traces
    image = () if result.image is None else tuple(result.image.pressures)
    alone = tuple(traces.pressures) == (LEFT,) == image and not traces.tension.any()
    if alone and not result.in_time:
        inside = traces.pressures[LEFT] <= fitted.pressures.max()
        volumes = np.concatenate([volumes, traces.volumes[LEFT][inside]])
        pressures = np.concatenate([pressures, traces.pressures[LEFT][inside]])
    order = np.argsort(pressures, kind="stable")
    return volumes[order], pressures[order]


def fit_context(fitted: FittedLaw | None) -> dict[str, Any] | None:
    """Return what the template shows of a fit; None without one."""
    if fitted is None:
        return None
    return {
        "words": fit_words(fitted),
        "caption": (
            "Klotz's curve rises from its volume at rest with no slope, which no law of this kind "
            f"does: without pressure it has {fitted.klotz.rest / 1000.0:.3g} mL, the reference "
            f"found here {fitted.rest / 1000.0:.3g} mL. The numbers are in traces/klotz.csv."
        ),
        "parameters": [
            {
                "name": one.name.replace("_", " "),
                "start": f"{one.start:.3g}",
                "value": f"{one.value:.4g}",
                "range": f"{one.low:g} to {one.high:g}",
                "unit": "" if one.unit == "1" else one.unit,
            }
            for one in fitted.parameters
        ],
    }


def fit_words(fitted: FittedLaw) -> str:
    """Return how good the fit is, in a sentence."""
    worst = fitted.worst
    return (
        f"From {fitted.pressures[0] / MMHG:.3g} to {fitted.pressures[-1] / MMHG:.3g} mmHg the "
        f"filled reference follows Klotz's curve within {100.0 * abs(fitted.errors[worst]):.2g} % "
        f"of volume (worst at {fitted.pressures[worst] / MMHG:.3g} mmHg), after {fitted.steps} "
        f"steps of the fit with {fitted.curves} filling curves."
    )
