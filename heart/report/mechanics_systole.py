"""Contraction as a cardiologist reads it: numbers beside healthy ranges, segments, stress."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from heart.report import bullseye
from heart.report.mechanics_figures import CUT, UPRIGHT, Shown, half_view, outside_view
from heart.report.panels import ColourBar, compose, render
from heart.study.mechanics.result import MechanicsResult, Moment
from heart.study.mechanics.systole import (
    HEALTHY,
    Number,
    end_diastole,
    means,
    since,
    stretch_since,
    thickening_since,
)
from heart.study.mechanics.wall import STRESS

LABELS = {
    "lv.ejection_fraction": "Ejection fraction, left",
    "rv.ejection_fraction": "Ejection fraction, right",
    "lv.strain.longitudinal": "Longitudinal strain",
    "lv.strain.circumferential": "Circumferential strain",
    "lv.strain.radial": "Radial strain",
    "lv.thickening.mean": "Wall thickening, mean of the segments",
    "lv.rotation.apical": "Rotation of the apex",
    "lv.rotation.basal": "Rotation of the base",
    "lv.twist": "Twist, apex less base",
    "descent.mitral": "Descent of the mitral ring",
    "descent.tricuspid": "Descent of the tricuspid ring",
}
FIRST = ("lv.ejection_fraction", "lv.strain.longitudinal", "lv.twist", "descent.mitral")
STRESS_MAP = "inferno"


def spans(result: MechanicsResult) -> tuple[Moment, Moment] | None:
    """Return the end of filling and the last moment; None where nothing is ejected."""
    last = result.moments[-1]
    start = end_diastole(result, last)
    return None if start is None else (start, last)


def contraction(result: MechanicsResult) -> dict[str, Any] | None:
    """Return what the template shows of a contraction; None where there is none."""
    between = spans(result)
    if between is None:
        return None
    start, last = between
    numbers = since(result, last, start)
    rows = [_row(name, numbers[name]) for name in HEALTHY if name in numbers]
    outside = [row["name"] for row in rows if row["verdict"] != "within"]
    words = f"From {_label(start)} to {_label(last)}, as images tell it from end diastole on. "
    words += (
        "All numbers lie in the range of healthy adults."
        if not outside
        else f"Outside the range of healthy adults: {', '.join(outside).lower()}."
    )
    return {"words": words, "rows": rows}


def first_numbers(result: MechanicsResult) -> list[tuple[str, str, str]]:
    """Return name, value and note of the numbers that a reader looks for first."""
    between = spans(result)
    if between is None:
        return []
    numbers = since(result, between[1], between[0])
    return [
        (LABELS[name], _shown(name, numbers[name].value), f"healthy {_range(name)}")
        for name in FIRST
        if name in numbers
    ]


def _row(name: str, number: Number) -> dict[str, Any]:
    healthy, value = HEALTHY[name], number.value
    low, high = min(healthy.low, value), max(healthy.high, value)
    reach = high - low
    low, high = low - 0.1 * reach, high + 0.1 * reach
    verdict = "within"
    if not healthy.low <= value <= healthy.high:
        # Of a shortening the smaller one is below, whatever its sign.
        below = abs(value) < abs(healthy.value)
        verdict = "below" if below else "above"
    return {
        "name": LABELS[name],
        "value": _shown(name, value),
        "healthy": _range(name),
        "source": healthy.source,
        "verdict": verdict,
        "at": round(100.0 * (value - low) / (high - low), 1),
        "from": round(100.0 * (healthy.low - low) / (high - low), 1),
        "width": round(100.0 * (healthy.high - healthy.low) / (high - low), 1),
    }


def _shown(name: str, value: float) -> str:
    unit = HEALTHY[name].unit
    if unit == "1":
        return f"{100.0 * value:.0f} %".replace("-", "−")
    return f"{value:.1f}{'°' if unit == 'deg' else f' {unit}'}".replace("-", "−")


def _range(name: str) -> str:
    healthy = HEALTHY[name]
    factor, unit = (100.0, " %") if healthy.unit == "1" else (1.0, " mm")
    unit = "°" if healthy.unit == "deg" else unit
    ends = (f"{factor * end:.0f}".replace("-", "−") for end in (healthy.low, healthy.high))
    return " to ".join(ends) + unit


def _label(moment: Moment) -> str:
    return moment.label.replace("_", " ")


def draw_longitudinal(path: Path, result: MechanicsResult) -> Path | None:
    """Draw longitudinal strain since the end of filling by segment; None without contraction."""
    between = spans(result)
    stretch = None if between is None else stretch_since(between[1], between[0], "longitudinal")
    if stretch is None:
        return None
    values = 100.0 * means(result, stretch - 1.0)[1]
    return bullseye.draw(path, values, title="longitudinal strain", unit="%", note="")


def draw_thickening(path: Path, result: MechanicsResult) -> Path | None:
    """Draw wall thickening since the end of filling by segment; None without contraction."""
    between = spans(result)
    if between is None:
        return None
    values = 100.0 * thickening_since(result, between[1], between[0])
    if not np.isfinite(values).any():
        return None
    return bullseye.draw(path, values, title="wall thickening", unit="%", note="", diverging=False)


def draw_stress(path: Path, result: MechanicsResult) -> Path | None:
    """Draw the stress along the fibre at the last moment, outside and cut; None without stress."""
    last = result.moments[-1]
    if STRESS not in last.fields or result.heart is None:
        return None
    shown = Shown(result)
    values = shown.at_vertices(np.asarray(last.fields[STRESS], float))
    low, high = np.percentile(values, [2.0, 98.0])
    bar = ColourBar("Cauchy stress along the fibre (kPa)", float(low), float(high), STRESS_MAP)
    moved = last.displacement
    bounds = tuple(float(one) for one in shown.surface(moved).bounds)
    images = [
        render(partial(outside_view, body=shown.surface(moved, values), bar=bar, bounds=bounds,
                       view=view), UPRIGHT)
        for view in ("AP", "Left lateral")
    ]  # fmt: skip
    images.append(
        render(
            partial(half_view, shown=shown, moved=moved, values=values, bar=bar, bounds=bounds),
            UPRIGHT,
        )
    )
    return compose(path, [images], columns=["AP", "Left lateral", CUT], bar=bar)
