"""From the end of filling to now: the numbers by which cardiologists know a heart's contraction.

Images begin at end diastole, computations at rest: strains, rotation and descent are told from the
moment of the largest left ventricle on, where a smaller one follows, beside the ranges that healthy
adults have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heart.core.parameters import Parameter
from heart.numerics import tetrahedra
from heart.study.mechanics.result import MechanicsResult, Moment

Float = NDArray[np.float64]

CAVITY = {"lv_endo": "lv", "rv_endo": "rv"}
STRAINS = ("longitudinal", "circumferential", "radial", "fibre")
SEGMENTS = 17

_STRAIN = "Yingchoncharoen2013"
_SEEN = "echocardiography of healthy adults; ours is the mean over the depth of the wall"
_USUAL = "assumed"
HEALTHY: Mapping[str, Parameter] = {
    "lv.ejection_fraction": Parameter(0.62, "1", 0.52, 0.74, "Lang2015", "men 52, women 74 %"),
    "rv.ejection_fraction": Parameter(0.58, "1", 0.45, 0.71, "Lang2015", "mean and two deviations"),
    "lv.strain.longitudinal": Parameter(-0.197, "1", -0.221, -0.159, _STRAIN, _SEEN),
    "lv.strain.circumferential": Parameter(-0.233, "1", -0.278, -0.209, _STRAIN, _SEEN),
    "lv.strain.radial": Parameter(0.473, "1", 0.351, 0.590, _STRAIN, _SEEN),
    "lv.thickening.mean": Parameter(0.4, "1", 0.2, 0.8, _USUAL, "images by magnetic resonance"),
    "lv.rotation.apical": Parameter(9.6, "deg", 2.9, 16.2, "Nemes2020", "mean and two deviations"),
    "lv.rotation.basal": Parameter(-3.8, "deg", -7.7, 0.2, "Nemes2020", "mean and two deviations"),
    "lv.twist": Parameter(13.3, "deg", 5.0, 20.0, _USUAL, "sum of the means of [Nemes2020]"),
    "descent.mitral": Parameter(12.0, "mm", 8.0, 18.0, _USUAL, "long-axis excursion, MAPSE"),
    "descent.tricuspid": Parameter(21.0, "mm", 12.0, 31.0, _USUAL, "mean of the ring"),
}  # fmt: skip
"""Range of healthy adults by name; the value is the mean."""


@dataclass(frozen=True)
class Number:
    """A number with its unit."""

    value: float
    unit: str


def end_diastole(result: MechanicsResult, moment: Moment) -> Moment | None:
    """Return the moment of the largest left ventricle before a smaller one; None without."""
    volumes = result.traces.volumes.get("lv_endo")
    if volumes is None:
        return None
    before = [one for one in result.moments if one.at < moment.at]
    size = {one.label: volumes[row_of(result, one)] for one in [*before, moment]}
    largest = max(before, key=lambda one: size[one.label], default=None)
    if largest is None or not size[moment.label] < size[largest.label]:
        return None
    return largest


def row_of(result: MechanicsResult, moment: Moment) -> int:
    """Return the step at which a moment was noted."""
    return int(np.abs(result.traces.at - moment.at).argmin())


def since(result: MechanicsResult, moment: Moment, start: Moment) -> dict[str, Number]:
    """Return numbers of the contraction from one moment to another, by name.

    Strains are relative changes of length of the left wall; descent is towards the apex.
    """
    traces, now, then = result.traces, row_of(result, moment), row_of(result, start)
    found = {
        f"{CAVITY[name]}.ejection_fraction": Number(float(1.0 - sizes[now] / sizes[then]), "1")
        for name, sizes in traces.volumes.items()
    }
    for name in STRAINS:
        ratio = stretch_since(moment, start, name)
        if ratio is not None and result.segments is not None:
            mean = means(result, ratio - 1.0)[0]
            found[f"lv.strain.{name}"] = Number(mean, "1")
    change = {name: float(values[now] - values[then]) for name, values in traces.wall.items()}
    turned = {
        key: float(np.degrees(change[f"rotation.{key}"]))
        for key in ("apical", "basal")
        if f"rotation.{key}" in change
    }
    found |= {f"lv.rotation.{key}": Number(value, "deg") for key, value in turned.items()}
    if len(turned) == 2:
        found["lv.twist"] = Number(turned["apical"] - turned["basal"], "deg")
    if "length" in change:
        share = change["length"] / traces.wall["length"][then]
        found["lv.length_change"] = Number(float(share), "1")
    found |= {
        name: Number(value, "mm") for name, value in change.items() if name.startswith("descent.")
    }
    thickening = thickening_since(result, moment, start)
    if np.isfinite(thickening).any():
        found["lv.thickening.mean"] = Number(float(np.nanmean(thickening)), "1")
        found["lv.thickening.least"] = Number(float(np.nanmin(thickening)), "1")
        found |= {
            f"lv.thickening.segment_{k + 1}": Number(float(value), "1")
            for k, value in enumerate(thickening)
            if np.isfinite(value)
        }
    return found


def stretch_since(moment: Moment, start: Moment | None, name: str) -> Float | None:
    """Return the stretch (m,) of each cell from a moment (rest where None) on; None if unknown."""
    key = f"{name}_strain"
    if key not in moment.fields:
        return None
    now = np.sqrt(1.0 + 2.0 * np.asarray(moment.fields[key]))
    return np.asarray(now if start is None else now / np.sqrt(1.0 + 2.0 * start.fields[key]))


def thickening_since(result: MechanicsResult, moment: Moment, start: Moment | None) -> Float:
    """Return (h − h₀)/h₀ of the segments (17,), NaN where there is none."""
    now = row_of(result, moment)
    then = 0 if start is None else row_of(result, start)
    found = np.full(SEGMENTS, np.nan)
    for k in range(SEGMENTS):
        values = result.traces.wall.get(f"thickness.{k + 1}")
        if values is not None:
            found[k] = values[now] / values[then] - 1.0
    return found


def means(result: MechanicsResult, values: Float) -> tuple[float, Float]:
    """Return means of values per cell over the left wall, and of its segments (17,).

    By volume at rest; NaN where there is no cell.
    """
    segments = np.asarray(result.segments)
    volume = tetrahedra.volumes(result.mesh.points, result.mesh.cells)
    size = np.bincount(segments, volume, minlength=SEGMENTS + 1)[1 : SEGMENTS + 1]
    total = np.bincount(segments, volume * values, minlength=SEGMENTS + 1)[1 : SEGMENTS + 1]
    each = np.where(size > 0.0, total / np.maximum(size, 1e-300), np.nan)
    return float(total.sum() / max(size.sum(), 1e-300)), each.astype(np.float64)
