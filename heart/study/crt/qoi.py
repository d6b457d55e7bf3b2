"""The numbers of a CRT screen under the names that scripts and tests rely on (qoi.json)."""

from __future__ import annotations

import math
from typing import Any

from heart.study.crt.confirmation import Confirmation
from heart.study.crt.result import CrtResult, Metric, RankedLead

STATES = ("normal", "baseline", "best")
METRICS = ("tat", "lvat95", "bivat90", "qrs_duration", "qrs_area")


def quantities(result: CrtResult) -> dict[str, Any]:
    """Return qoi.json as plain data: {name: {value, unit, interval}} and the ranking."""
    mesh = result.heart.mesh
    named: dict[str, Any] = {
        "mesh.nodes": _entry(len(mesh.points), "1"),
        "mesh.cells": _entry(len(mesh.cells), "1"),
        "mesh.lv_cavity_volume": _entry(_millilitres(result.quality.get("lv_cavity_volume")), "mL"),
        "labels.lv_cavity_volume": _entry(
            _millilitres(result.label_volumes.get("lv_cavity")), "mL"
        ),
        "mesh.min_radius_ratio": _entry(result.quality.get("radius_ratio_min"), "1"),
    }
    for state in STATES:
        for name in METRICS:
            named[f"{state}.{name}"] = _metric(result.metrics[state][name])
    named["ranking"] = [_row(row) for row in result.ranking]
    named["candidates"] = _entry(result.candidates, "1")
    named["combinations"] = _entry(result.combinations, "1")
    named["members"] = _entry(len(result.ensemble.rows), "1")
    named["decision.clear"] = _entry(int(result.decision.clear), "1")
    named["screening.spearman"] = _entry(result.mesh_check.spearman, "1")
    if result.confirmation is not None:
        named |= _confirmed(result.confirmation)
    named["timing.screen_s"] = _entry(result.timings.get("screen"), "s")
    return named


def _confirmed(found: Confirmation) -> dict[str, Any]:
    """Return `confirm.*`: the heart's own beat is 0, the leads count from 1 as ranked."""
    named: dict[str, Any] = {
        "confirm.leads": _entry(len(found.leads), "1"),
        "confirm.edge": _entry(found.edge, "mm"),
        "confirm.spearman": _entry(found.spearman, "1"),
        "confirm.same_order": _entry(int(found.by_screen == found.by_engine), "1"),
        "confirm.within_5_ms": _entry(min(row.within for row in found.rows), "1"),
        "confirm.seconds": _entry(found.seconds, "s"),
    }
    for number, row in enumerate(found.rows):
        at = f"confirm.{number}"
        for name in row.engine:
            named[f"{at}.{name}"] = _entry(row.engine[name], "ms")
            named[f"{at}.{name}_screen"] = _entry(row.screen[name], "ms")
        named[f"{at}.within_5_ms"] = _entry(row.within, "1")
        named[f"{at}.percentile_95"] = _entry(row.percentile95, "ms")
        named[f"{at}.mean_difference"] = _entry(row.mean, "ms")
        named[f"{at}.missed"] = _entry(row.missed, "1")
        named[f"{at}.seconds"] = _entry(row.seconds, "s")
    named["confirm"] = {
        "engine": found.engine,
        "cells": found.cells,
        "profile": found.profile,
        "beats": [row.label for row in found.rows],
        "order_by_screen": list(found.by_screen),
        "order_by_engine": list(found.by_engine),
        "words": list(found.words),
    }
    return named


def _row(row: RankedLead) -> dict[str, Any]:
    return {
        "rank": row.rank,
        "label": row.label,
        "aha": row.aha,
        "coordinates": dict(row.coordinates),
        "kind": row.kind,
        "vv_delay_ms": row.vv_delay,
        "av_delay_ms": row.av_delay,
        "captured": row.captured,
        "bivat90_ms": _value(row, "bivat90"),
        "lvat95_ms": _value(row, "lvat95"),
        "qrs_duration_ms": _value(row, "qrs_duration"),
        "p_best": row.p_best,
        "p_top3": row.p_top3,
        "regret": row.regret,
        "pareto": row.pareto,
    }


def _value(row: RankedLead, name: str) -> float | None:
    return _plain(row.metrics[name].value) if name in row.metrics else None


def _metric(metric: Metric) -> dict[str, Any]:
    interval = None if metric.interval is None else [_plain(end) for end in metric.interval]
    return {"value": _plain(metric.value), "unit": metric.unit, "interval": interval}


def _entry(value: float | None, unit: str) -> dict[str, Any]:
    return {"value": _plain(value), "unit": unit, "interval": None}


def _plain(value: float | None) -> float | int | None:
    """Return a JSON number; what is not finite is null, as JSON has no other word for it."""
    if value is None or not math.isfinite(value):
        return None
    return value if isinstance(value, int) else round(float(value), 6)


def _millilitres(volume: float | None) -> float | None:
    return None if volume is None else float(volume) / 1000.0
