"""The words and numbers of the CRT report, as plain data for the page template.

The first thing a reader meets is the answer in a sentence, then what it would change, then how
sure it is; everything else is below for who wants to check.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from heart.anatomy.aha import SEGMENT_NAMES
from heart.report import theme
from heart.report.techniques import NAMES, best_of_each, shown_on_map
from heart.study.crt.result import CrtResult, Metric, RankedLead

MEASURES: dict[str, tuple[str, str]] = {
    "bivat90": (
        "BIVAT-90",
        "shortest interval in which 90 % of both ventricles are activated; the screening measure",
    ),
    "lvat95": ("LVAT-95", "time until 95 % of the left ventricle is activated"),
    "tat": ("TAT", "time from first to last activation"),
    "veu": ("VEU", "mean activation of the left minus that of the right ventricle"),
    "qrs_duration": ("QRS duration", "by spatial velocity over the 12 leads"),
    "qrs_area": ("QRS area", "of the vectorcardiogram (Kors)"),
}
DETAIL = "Assumed "
DISTURBED = {
    "lbbb": "left bundle branch block",
    "rbbb": "right bundle branch block",
    "lafb": "left anterior fascicular block",
    "lpfb": "left posterior fascicular block",
    "slow_myocardium": "slow conduction",
}


def number(metric: Metric | None, digits: int = 0) -> str:
    """Return value and unit of a metric, with its interval when there is one."""
    if metric is None:
        return "–"
    text = f"{metric.value:.{digits}f}"
    if metric.interval is not None:
        text += f" ({metric.interval[0]:.{digits}f}–{metric.interval[1]:.{digits}f})"
    return f"{text} {metric.unit}"


def delay(row: RankedLead) -> str:
    """Return the VV delay in words."""
    if row.vv_delay is None:
        return "–"
    if row.vv_delay == 0:
        return "0 ms"
    return f"{'LV' if row.vv_delay < 0 else 'RV'} first, {abs(row.vv_delay):.0f} ms"


def page(result: CrtResult, figures: Mapping[str, str], scenes: Sequence[Mapping[str, str]]) -> Any:
    """Return the context of the template.

    Parameters
    ----------
    result
        What the screen found.
    figures
        Data addresses of the pictures by name; absent ones are left out of the page.
    scenes
        ``id``, ``name`` and base64 ``data`` of the interactive scenes.
    """
    members = len(result.ensemble.rows)
    state = str(_get(result.scenario, "conduction", "baseline", default="baseline"))
    disease = DISTURBED.get(state, state)
    return {
        "title": f"{result.title}: lead position for CRT",
        "case": result.title,
        "scenario": result.name,
        "disclaimer": theme.DISCLAIMER,
        "answer": headline(result),
        "explanation": _explanation(result, disease, members),
        "kpis": _kpis(result),
        "figures": figures,
        "lead_map_caption": (
            "Epicardial positions (balls) coloured by the BIVAT-90 they gain over no pacing, each "
            "at its best delay; the surface is interpolated between them. Red: the best of them."
        ),
        "ranking_note": (
            f"{result.candidates} lead configurations with {result.combinations} settings of "
            f"delays, each in {max(members, 1)} hearts drawn from the stated priors. Values are of "
            "the nominal heart on the fine mesh; intervals span 5 to 95 % of the drawn hearts."
        ),
        "ranking_footnote": (
            "P(best): share of drawn hearts in which this configuration is the best of all. "
            "Regret: expected loss against the best of each heart, as a share of the attainable "
            "benefit. A nominal value can lie outside its interval where the priors are not "
            "centred on the nominal heart. ◇: no other configuration is better in BIVAT-90, "
            "LVAT-95 and QRS together."
        ),
        "techniques": _techniques(result),
        "rows": rows(result),
        "interactive": scenes,
        "activation_caption": (
            "Activation time with isochrones every 10 ms, one colour scale (red early, blue late). "
            "Dark balls: paced electrodes on the outside; those inside the heart are hidden."
        ),
        "ecg_caption": (
            "Simulated; the torso and the electrode positions are assumed unless given, so "
            "amplitudes and axes are indicative."
        ),
        "bullseye_caption": (
            "Mean BIVAT-90 gained in ms by the epicardial positions of each segment, with the RV "
            "lead of the scenario and the best delay of each."
        ),
        "certainty": _certainty(result, members),
        "states": ["healthy conduction", disease, "first in ranking"],
        "measures": _measures(result),
        "assumptions": [text for text in result.assumptions if not text.startswith(DETAIL)],
        "parameters": [text for text in result.assumptions if text.startswith(DETAIL)],
        "missing": result.missing,
        "quality": _quality(result),
        "changes": result.changes,
        "provenance": _provenance(result),
    }


def headline(result: CrtResult) -> str:
    """Return the answer as one short sentence."""
    best = result.best
    gain = _gain(result, best)
    if gain <= 0:
        return "No lead position improves activation in this model."
    outer = shown_on_map(result)
    where = f"{best.label} ranks first"
    if outer is not best:
        where += f"; among epicardial leads, {outer.label}"
    return f"{where}." if result.decision.clear else f"No site is clearly better. {where}."


def _explanation(result: CrtResult, disease: str, members: int) -> list[str]:
    texts = [result.decision.sentence]
    likely = max((row for row in result.ranking if row.captured), key=lambda row: row.p_best)
    if likely is not result.best and likely.p_best > result.best.p_best:
        texts.append(
            f"{likely.label} is best in more of the drawn hearts "
            f"({100 * likely.p_best:.0f} %) but ranks {likely.rank}, because the ranking goes by "
            "mean utility: where it is not best it loses more (expected regret "
            f"{100 * (likely.regret or 0.0):.0f} %)."
        )
    if result.latest is not None:
        late = result.latest
        texts.append(
            f"The usual rule, pacing where activation is latest, points to the {late.name} wall "
            f"(segment {late.aha}, {late.time:.0f} ms in {disease}): {late.label} ranks "
            f"{late.rank}. In the nominal heart its BIVAT-90 is {abs(late.bivat90_loss):.0f} ms "
            f"{'longer' if late.bivat90_loss >= 0 else 'shorter'} than that of the single LV lead, "
            "epicardial or placed by hand, that ranks best over all drawn hearts."
        )
    if members < 2:
        texts.append("One heart only was simulated: nothing can be said about uncertainty.")
    return texts


def _kpis(result: CrtResult) -> list[dict[str, str]]:
    rows_ = []
    for name in ("bivat90", "lvat95", "qrs_duration"):
        before, after = result.metrics["baseline"][name], result.metrics["best"][name]
        rows_.append(
            {
                "name": MEASURES[name][0],
                "value": f"{before.value:.0f} → {after.value:.0f} ms",
                "note": f"healthy {result.metrics['normal'][name].value:.0f}",
            }
        )
    best = result.best
    rows_.append(
        {
            "name": "P(best) of the first",
            "value": f"{100 * best.p_best:.0f} %",
            "note": f"top three {100 * best.p_top3:.0f} %",
        }
    )
    return rows_


def rows(result: CrtResult) -> list[dict[str, Any]]:
    """Return the rows of the ranking table: the first ones, the comparator, the not captured."""
    top = int(_get(result.scenario, "ranking", "top", default=10))
    reference = result.metrics["baseline"]["bivat90"].value
    keep = [r for r in result.ranking if r.captured and (r.rank or 0) <= top]
    lv = best_lv(result)
    latest = result.latest.rank if result.latest else None
    for row in result.ranking:
        extra = row is lv or (latest is not None and row.rank == latest)
        if row.captured and extra and row not in keep:
            keep.append(row)
    keep += [r for r in result.ranking if not r.captured]
    spans = [_span(row) for row in keep if row.captured] + [(reference, reference)]
    low, high = min(s[0] for s in spans), max(s[1] for s in spans)
    width = max(high - low, 1.0)
    low, width = low - 0.04 * width, 1.08 * width
    return [_row(row, reference, low, width, latest, lv) for row in keep]


def _techniques(result: CrtResult) -> list[dict[str, str]]:
    before = result.metrics["baseline"]
    first = {
        "technique": "No pacing",
        "label": "",
        "vv": "",
        "rank": "",
        "regret": "",
        **{key: number(before[key]) for key in ("bivat90", "lvat95", "qrs_duration", "qrs_area")},
    }
    return [first] + [
        {
            "technique": NAMES[key],
            "label": row.label,
            "vv": delay(row),
            "rank": str(row.rank),
            "regret": "–" if row.regret is None else f"{100 * row.regret:.0f} %",
            **{
                name: number(row.metrics.get(name))
                for name in ("bivat90", "lvat95", "qrs_duration", "qrs_area")
            },
        }
        for key, row in best_of_each(result).items()
    ]


def _row(
    row: RankedLead,
    reference: float,
    low: float,
    width: float,
    latest: int | None,
    lv: RankedLead | None,
) -> dict[str, Any]:
    badges = []
    if latest is not None and row.rank == latest:
        badges.append("latest activated")
    if row is lv and row.rank != 1:
        badges.append("best with LV lead")
    if row.pareto and row.captured:
        badges.append("◇")
    if row.note:
        badges.append(row.note)
    cells: dict[str, Any] = {
        "rank": row.rank or "–",
        "label": row.label,
        "badges": badges,
        "segment": f"{row.aha} {SEGMENT_NAMES[row.aha]}" if row.aha else SEGMENT_NAMES[0],
        "vv": delay(row),
        "captured": row.captured,
        "regret": "–" if row.regret is None else f"{100 * row.regret:.0f} %",
        "p_best": f"{100 * row.p_best:.0f} %",
        "p_width": round(60 * row.p_best),
    }
    for key, name in (("bivat90", "bivat90"), ("lvat95", "lvat95"), ("qrs", "qrs_duration")):
        metric = row.metrics.get(name)
        cells[key] = "–" if metric is None else f"{metric.value:.0f} ms"
    if row.captured:
        start, end = _span(row)
        cells |= {
            "low": round(100 * (start - low) / width, 1),
            "width": round(100 * (end - start) / width, 1),
            "mid": round(100 * (row.metrics["bivat90"].value - low) / width, 1),
            "reference": round(100 * (reference - low) / width, 1),
            "interval_text": number(row.metrics["bivat90"]),
        }
    return cells


def _span(row: RankedLead) -> tuple[float, float]:
    metric = row.metrics["bivat90"]
    low, high = metric.interval or (metric.value, metric.value)
    return min(low, metric.value), max(high, metric.value)


def _certainty(result: CrtResult, members: int) -> list[str]:
    check, texts = result.mesh_check, []
    if members > 1:
        texts.append(
            f"{members} hearts were drawn from the priors of the scenario (velocities, early "
            "sites, block variant, electrodes, timings): they describe what is not known about "
            "this patient, as far as the priors do."
        )
    if check.fine_nodes != check.screening_nodes:
        mean, worst = check.difference["bivat90"]
        texts.append(
            f"The drawn hearts run on a coarser mesh ({check.screening_nodes:,} against "
            f"{check.fine_nodes:,} nodes). In the nominal heart both meshes rank the "
            f"configurations alike (Spearman {check.spearman:.3f}); BIVAT-90 differs by "
            f"{mean:.1f} ms on average, {worst:.1f} ms at most, and each drawn heart is corrected "
            "by that difference."
        )
    return texts


def _measures(result: CrtResult) -> list[dict[str, Any]]:
    return [
        {
            "name": title,
            "cells": [
                number(result.metrics[state].get(name), 1 if name == "veu" else 0)
                for state in ("normal", "baseline", "best")
            ],
            "meaning": meaning,
        }
        for name, (title, meaning) in MEASURES.items()
    ]


def _quality(result: CrtResult) -> list[tuple[str, str]]:
    quality = result.quality

    def millilitres(name: str) -> str:
        value = quality.get(name)
        return "–" if value is None else f"{float(value) / 1000:.1f} mL"

    lines = [
        ("Nodes, tetrahedra", f"{int(quality['nodes']):,}, {int(quality['cells']):,}"),
        ("Mean edge", f"{float(quality['edge_mean']):.2f} mm"),
        (
            "Radius ratio: worst, mean",
            f"{float(quality['radius_ratio_min']):.3f}, {float(quality['radius_ratio_mean']):.2f}",
        ),
        ("LV cavity", millilitres("lv_cavity_volume")),
        ("RV cavity", millilitres("rv_cavity_volume")),
        ("Wall", millilitres("wall_volume")),
    ]
    lines += [
        (f"Label map: {name.lower().replace('_', ' ')}", f"{value / 1000:.1f} mL")
        for name, value in result.label_volumes.items()
    ]
    return lines


def _provenance(result: CrtResult) -> list[tuple[str, str]]:
    lines = []
    for name, value in result.provenance.items():
        if isinstance(value, Mapping):
            text = ", ".join(f"{key} {item}" for key, item in value.items())
        else:
            text = str(value)
        lines.append((name.replace("_", " "), text))
    seconds = ", ".join(f"{name} {value:.1f} s" for name, value in result.timings.items())
    return [*lines, ("time", seconds)]


def best_lv(result: CrtResult) -> RankedLead | None:
    """Return the best row with a lead on the left ventricle."""
    rank = result.decision.best_lv
    return None if rank is None else result.ranking[rank - 1]


def _gain(result: CrtResult, row: RankedLead) -> float:
    return result.metrics["baseline"]["bivat90"].value - row.metrics["bivat90"].value


def _get(data: Any, *keys: str, default: Any) -> Any:
    for key in keys:
        if not isinstance(data, Mapping) or key not in data:
            return default
        data = data[key]
    return data
