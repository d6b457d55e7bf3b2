"""The answer in words: one position, or that no position is clearly better.

A ranking always has a first row. Whether that row deserves a recommendation is decided by two
numbers of the scenario: P(best) and how much closer the second is than the first (regret).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.aha import SEGMENT_NAMES
from heart.anatomy.heart import Heart
from heart.scenario.crt import RankingSection
from heart.study.crt.result import Decision, LatestSegment, RankedLead
from heart.therapy.sites import Kind, Site

_SHOWN = 6


def decide(
    ranking: Sequence[RankedLead], rule: RankingSection, baseline_bivat90: float
) -> Decision:
    """Return the answer for ranked rows, best first.

    Parameters
    ----------
    ranking
        Rows that capture.
    rule
        Limits of the scenario.
    baseline_bivat90
        ms in the nominal heart.
    """
    best = ranking[0]
    lv = next((row.rank for row in ranking if row.kind != "conduction"), None)
    gain = baseline_bivat90 - best.metrics["bivat90"].value
    second = ranking[1] if len(ranking) > 1 else None
    gap = (second.regret or 0.0) - (best.regret or 0.0) if second else 1.0
    clear = best.p_best >= rule.clear_p_best and gap >= rule.clear_regret
    equal = () if clear else _equivalent(ranking, rule)
    numbers = (
        f"BIVAT-90 {baseline_bivat90:.0f} → {best.metrics['bivat90'].value:.0f} ms, best in "
        f"{100 * best.p_best:.0f} % of the hearts this patient could have, expected regret "
        f"{100 * (best.regret or 0.0):.0f} %"
    )
    if gain <= 0.0:
        sentence = (
            f"No position shortens BIVAT-90 in this model; the least bad is {best.label} "
            f"({numbers})."
        )
        return Decision(False, sentence, equal, lv)
    if clear:
        sentence = f"{best.label}, {_delay(best)}, is clearly best: {numbers}."
    else:
        names = "; ".join(equal[:_SHOWN]) + (
            f"; and {len(equal) - _SHOWN} more" if len(equal) > _SHOWN else ""
        )
        sentence = (
            f"No site is clearly better. First in the ranking is {best.label}, {_delay(best)} "
            f"({numbers}). Equivalent sites: {names}."
        )
    if lv is not None and best.kind == "conduction":
        row = ranking[lv - 1]
        sentence += (
            f" The best configuration with a lead on the left ventricle is {row.label}, "
            f"{_delay(row)} (rank {row.rank}, BIVAT-90 {row.metrics['bivat90'].value:.0f} ms)."
        )
    return Decision(clear, sentence, equal, lv)


def _equivalent(ranking: Sequence[RankedLead], rule: RankingSection) -> tuple[str, ...]:
    """Return the rows within the regret limit of the first, or those that share P(best)."""
    first = ranking[0].regret or 0.0
    near = [row for row in ranking if (row.regret or 0.0) - first < rule.clear_regret]
    if len(near) < 2:
        likely = sorted(ranking, key=lambda row: -row.p_best)
        share = np.cumsum([row.p_best for row in likely])
        near = likely[: int(np.searchsorted(share, 0.8)) + 1]
        near = [row for row in near if row.p_best > 0.0 or row is ranking[0]]
    return tuple(row.label for row in near)


def _delay(row: RankedLead) -> str:
    if not row.vv_delay:
        return "both ventricles together" if row.kind in ("biv", "multipoint") else "alone"
    side = "LV" if row.vv_delay < 0 else "RV"
    return f"{side} first by {abs(row.vv_delay):.0f} ms"


def latest_segment(
    heart: Heart,
    volumes: NDArray[np.floating],
    baseline: NDArray[np.floating],
    sites: Sequence[Site],
    ranking: Sequence[RankedLead],
) -> LatestSegment | None:
    """Return where the usual rule, 'pace the latest activated segment', would put the lead.

    Parameters
    ----------
    heart
        Fine mesh.
    volumes, baseline
        (n,) muscle volume and baseline activation in ms.
    sites
        All sites.
    ranking
        Rows that capture.
    """
    reached = np.isfinite(baseline)
    mean: dict[int, float] = {}
    for aha in (1, 4, 5, 6, 7, 10, 11, 12, 13, 15, 16):
        inside = reached & (heart.segments == aha)
        if inside.any():
            mean[aha] = float(np.average(baseline[inside], weights=volumes[inside]))
    single = [
        row
        for row in ranking
        if row.kind in ("biv", "lv_only")
        and sites[row.site].kind in (Kind.LV_EPICARDIUM, Kind.VEIN, Kind.EXPLICIT)
    ]
    if not mean or not single:
        return None
    aha = max(mean, key=lambda key: mean[key])
    inside = np.flatnonzero(reached & (heart.segments == aha))
    target = heart.mesh.points[inside[np.argmax(baseline[inside])]]
    gap = [float(np.linalg.norm(sites[row.site].point - target)) for row in single]
    row = single[int(np.argmin(gap))]
    best = min(single, key=lambda item: item.rank or len(ranking))
    return LatestSegment(
        aha=aha,
        name=SEGMENT_NAMES[aha],
        time=mean[aha],
        label=row.label,
        rank=row.rank or 0,
        regret=row.regret or 0.0,
        bivat90_loss=row.metrics["bivat90"].value - best.metrics["bivat90"].value,
    )
