"""The numbers of a mechanics run under the names that scripts and tests rely on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from heart.numerics import tetrahedra
from heart.study.mechanics.fitted import fit_quantities
from heart.study.mechanics.result import MechanicsResult, Moment
from heart.study.mechanics.systole import CAVITY, end_diastole, row_of, since
from heart.study.mechanics.wall import STRESS, WORK

AXES = "xyz"
MM3_PER_ML = 1000.0
UJ_PER_MJ = 1000.0


def quantities(result: MechanicsResult) -> dict[str, Any]:
    """Return qoi.json as plain data: {name: {value, unit, interval}}.

    Names begin with ``reference`` or the label of a stage. Strains called ``…_strain.mean`` are
    Green–Lagrange and from rest, ``lv.strain.…`` are changes of length from the end of filling.
    """
    traces = result.traces
    named: dict[str, Any] = {
        "mesh.nodes": _entry(len(result.mesh.points), "1"),
        "mesh.cells": _entry(len(result.mesh.cells), "1"),
        "mesh.edge": _entry(result.steps["edge"], "mm"),
        "unknowns": _entry(int(result.steps["unknowns"]), "1"),
    }
    for boundary, volumes in traces.volumes.items():
        named[f"reference.{CAVITY[boundary]}.volume"] = _entry(float(volumes[0]), "mm3")
    if result.image is not None:
        for boundary, volume in result.image.volumes.items():
            named[f"image.{CAVITY[boundary]}.volume"] = _entry(volume, "mm3")
        named["image.distance"] = _entry(result.image.distance, "mm")
    if result.fitted is not None:
        named |= {k: _entry(*one) for k, one in fit_quantities(result.fitted).items()}
    for moment in result.moments:
        named |= {f"{moment.label}.{name}": one for name, one in _of_moment(result, moment).items()}
    named["steps"] = _entry(len(traces.at) - 1, "1")
    named["newton_iterations"] = _entry(int(traces.iterations.sum()), "1")
    named["failed_attempts"] = _entry(int(traces.failures.sum()), "1")
    named["least_volume_ratio"] = _entry(float(traces.least_ratio.min()), "1")
    named["timing.run_s"] = _entry(result.timings.get("run"), "s")
    return named


def _of_moment(result: MechanicsResult, moment: Moment) -> dict[str, Any]:
    traces, row = result.traces, row_of(result, moment)
    found: dict[str, Any] = {}
    for boundary, pressures in traces.pressures.items():
        name = CAVITY.get(boundary, boundary)
        found[f"{name}.pressure"] = _entry(float(pressures[row]), "kPa")
    for boundary, volumes in traces.volumes.items():
        name = CAVITY[boundary]
        found[f"{name}.volume"] = _entry(float(volumes[row]), "mm3")
        found[f"{name}.volume_ratio"] = _entry(float(volumes[row] / volumes[0]), "1")
    if traces.tension.any():
        found["tension"] = _entry(float(traces.tension[row]), "kPa")
    for k, probe in enumerate(result.probes):
        place = traces.places[k, row]
        for axis, name in enumerate(AXES):
            moved = float(place[axis] - probe.point[axis])
            found[f"probe.{probe.label}.{name}"] = _entry(float(place[axis]), "mm")
            found[f"probe.{probe.label}.u{name}"] = _entry(moved, "mm")
    volume = tetrahedra.volumes(result.mesh.points, result.mesh.cells)
    weight = volume / volume.sum()
    stretch = moment.fields["fibre_stretch"]
    found["fibre_stretch.mean"] = _entry(float(weight @ stretch), "1")
    found["fibre_stretch.low"] = _entry(float(np.percentile(stretch, 5.0)), "1")
    found["fibre_stretch.high"] = _entry(float(np.percentile(stretch, 95.0)), "1")
    for component in ("circumferential", "longitudinal", "radial"):
        name = f"{component}_strain"
        if name in moment.fields and result.segments is not None:
            lv = result.segments > 0
            share = volume[lv] / volume[lv].sum()
            found[f"lv.{name}.mean"] = _entry(float(share @ moment.fields[name][lv]), "1")
    if STRESS in traces.wall:
        found["lv.fibre_stress.mean"] = _entry(float(traces.wall[STRESS][row]), "kPa")
        found["work"] = _entry(float(traces.wall[WORK][row]) / UJ_PER_MJ, "mJ")
    start = end_diastole(result, moment)
    if start is not None:
        numbers = since(result, moment, start)
        found |= {name: _entry(one.value, one.unit) for name, one in numbers.items()}
    largest = np.linalg.norm(moment.displacement, axis=1).max()
    found["displacement.largest"] = _entry(float(largest), "mm")
    return found


def _entry(value: float | None, unit: str) -> Mapping[str, Any]:
    return {"value": _plain(value), "unit": unit, "interval": None}


def _plain(value: float | None) -> float | int | None:
    """Return a JSON number; what is not finite is null, as JSON has no other word for it."""
    if value is None or not math.isfinite(value):
        return None
    return value if isinstance(value, int) else round(float(value), 6)
