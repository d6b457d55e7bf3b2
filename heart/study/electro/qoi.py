"""The numbers of an electrophysiology run under the names that scripts and tests rely on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heart.numerics import tetrahedra
from heart.study.electro.result import Branch, ElectroResult

Float = NDArray[np.floating]


def quantities(result: ElectroResult) -> dict[str, Any]:
    """Return qoi.json as plain data: {name: {value, unit, interval}} and the branches.

    Numbers without the name of a branch are those of the first.
    """
    first = result.branches[0]
    named: dict[str, Any] = {
        "mesh.nodes": _entry(len(result.mesh.points), "1"),
        "mesh.cells": _entry(len(result.mesh.cells), "1"),
        "mesh.edge": _entry(result.steps["edge"], "mm"),
        **_of_branch(result, first),
    }
    for probe in result.probes:
        name = f"probe.{probe.label}"
        named[f"{name}.activation"] = _entry(_first(first.activation, probe.node), "ms")
        named[f"{name}.apd"] = _entry(
            _first(first.repolarisation - first.activation, probe.node), "ms"
        )
    for name, value in result.tuning.items():
        unit = "mm/ms" if name.startswith("speed") else "1"
        named[f"tuning.{name}"] = _entry(value, unit)
    for name, value in result.prepacing.items():
        named[f"prepacing.{name}"] = _entry(value, "1")
    named["timing.run_s"] = _entry(result.timings.get("run"), "s")
    named["branches"] = [
        {
            "name": branch.name,
            "coupling_ms": branch.coupling,
            "captured": branch.captured,
            "reentry": branch.reentry,
            "sustained_ms": _plain(branch.sustained),
            "ended_ms": _plain(branch.ended),
            "reason": branch.reason,
        }
        for branch in result.branches
    ]
    return named


def _of_branch(result: ElectroResult, branch: Branch) -> dict[str, Any]:
    activation = branch.first_activation
    known = activation[np.isfinite(activation)]
    duration = (branch.repolarisation - branch.activation)[:1].ravel()
    duration = duration[np.isfinite(duration)]
    speed = branch.speed[np.isfinite(branch.speed)]
    volume = tetrahedra.volumes(result.mesh.points, result.mesh.cells)
    alive = volume[result.conducting].sum() / volume.sum()
    return {
        "muscle.conducting": _entry(float(alive), "1"),
        "activation.last": _entry(_of(known, np.max), "ms"),
        "activation.mean": _entry(_of(known, np.mean), "ms"),
        "activation.nodes": _entry(len(known), "1"),
        "apd.mean": _entry(_of(duration, np.mean), "ms"),
        "apd.sd": _entry(_of(duration, np.std), "ms"),
        "speed.median": _entry(_of(speed, np.median), "mm/ms"),
        "beats": _entry(len(branch.activation), "1"),
        "sustained": _entry(branch.sustained, "ms"),
        "reentry": _entry(int(branch.reentry), "1"),
        "ended": _entry(branch.ended, "ms"),
    }


def _first(table: Float, node: int) -> float | None:
    return float(table[0, node]) if len(table) else None


def _of(values: Float, what: Any) -> float | None:
    return float(what(values)) if len(values) else None


def _entry(value: float | None, unit: str) -> Mapping[str, Any]:
    return {"value": _plain(value), "unit": unit, "interval": None}


def _plain(value: float | None) -> float | int | None:
    """Return a JSON number; what is not finite is null, as JSON has no other word for it."""
    if value is None or not math.isfinite(value):
        return None
    return value if isinstance(value, int) else round(float(value), 6)
