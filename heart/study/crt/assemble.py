"""From the numbers of a screen to the rows, maps and ECGs that a reader sees."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.heart import Heart
from heart.observe import activation_metrics
from heart.observe.action_potential import durations
from heart.observe.ecg import Ecg, synthesise
from heart.study.crt.ranking import interval
from heart.study.crt.result import Ensemble, Metric, RankedLead
from heart.study.crt.screen import METRICS, UNITS, delays_for
from heart.study.crt.screening import Screening
from heart.therapy.sites import Kind, Site

Float = NDArray[np.float64]
_EPICARDIAL = (Kind.LV_EPICARDIUM, Kind.VEIN, Kind.EXPLICIT)
_COLUMNS = (
    "member",
    "fibre_mm_per_ms",
    "sheet_mm_per_ms",
    "normal_mm_per_ms",
    "endocardial_lv_mm_per_ms",
    "endocardial_rv_mm_per_ms",
    "endocardial_extent",
    "lv_endocardium_factor",
    "pr_ms",
    "proximal_block",
    "lv_early_sites",
)


def named(nominal: Float, ensemble: Float | None) -> dict[str, Metric]:
    """Return metrics (9,) by name, with intervals over members (m, 9) when there are several."""
    result = {}
    for k, name in enumerate(METRICS):
        spread = None
        if ensemble is not None and len(ensemble) > 1 and np.isfinite(ensemble[:, k]).any():
            low, high = interval(ensemble[:, k])
            spread = (float(low), float(high))
        result[name] = Metric(float(nominal[k]), UNITS[name], spread)
    return result


def ranked_leads(found: Screening) -> tuple[RankedLead, ...]:
    """Return the ranking, best first, then the sites that do not capture."""
    ranking, table = found.ranking, found.combinations
    rows = []
    for place, g in enumerate(ranking.order, 1):
        row, lead = int(ranking.setting[g]), table.leads[g]
        site = found.sites[lead.lv[0]]
        spread = interval(ranking.utility[:, g]) if len(found.members) > 1 else None
        rows.append(
            RankedLead(
                rank=place,
                label=lead.label,
                kind=lead.kind,
                captured=True,
                note=site.note,
                site=lead.lv[0],
                poles=tuple(k for k in (lead.rv, *lead.lv) if k >= 0),
                aha=site.aha,
                coordinates=site.coordinates,
                vv_delay=float(table.vv[row]) if lead.rv >= 0 else None,
                av_delay=float(table.av[row]),
                metrics=named(found.nominal_values[row], found.values[:, row]),
                utility=Metric(
                    float(ranking.utility[:, g].mean()),
                    "1",
                    None if spread is None else (float(spread[0]), float(spread[1])),
                ),
                p_best=float(ranking.p_best[g]),
                p_top3=float(ranking.p_top3[g]),
                regret=float(ranking.regret[g]),
                pareto=bool(ranking.pareto[g]),
            )
        )
    rows += [
        RankedLead(
            rank=None,
            label=site.label,
            kind=site.kind.value,
            captured=False,
            note=site.note,
            site=k,
            poles=(k,),
            aha=site.aha,
            coordinates=site.coordinates,
            vv_delay=None,
            av_delay=None,
            metrics={},
            utility=None,
            p_best=0.0,
            p_top3=0.0,
            regret=None,
            pareto=False,
        )
        for k, site in enumerate(found.sites)
        if not site.captured
    ]
    return tuple(rows)


def activation_of(found: Screening, row: RankedLead) -> Float:
    """Return the activation (n,) of a ranked row in the nominal heart on the fine mesh, from 0."""
    g = int(found.ranking.order[(row.rank or 1) - 1])
    setting = int(found.ranking.setting[g])
    delays = delays_for(found.combinations, found.nominal)[setting]
    return from_zero(
        activation_metrics.combined(found.waves, found.combinations.rows[setting], delays)
    )


def from_zero(activation: NDArray[np.floating]) -> Float:
    """Return the map with its first activation at 0."""
    return np.asarray(activation - activation.min(), np.float64)


def ecg_of(found: Screening, heart: Heart, activation: Float) -> Ecg:
    """Return the 12-lead ECG of a map (n,) of the nominal heart, QRS and T."""
    return synthesise(
        found.fine.lead_field, activation, durations(heart.coordinates), found.fine.sampling
    )


def site_scores(
    sites: tuple[Site, ...], ranking: tuple[RankedLead, ...], baseline: float
) -> tuple[Float, Float]:
    """Return regret and BIVAT-90 gain (sites,) of each site's single lead; NaN where none."""
    score, gain = np.full(len(sites), np.nan), np.full(len(sites), np.nan)
    for row in ranking:
        single = row.kind in ("biv", "lv_only", "conduction") and row.regret is not None
        if single and not row.regret >= score[row.site]:
            score[row.site] = row.regret
            gain[row.site] = baseline - row.metrics["bivat90"].value
    return score, gain


def aha_benefit(sites: tuple[Site, ...], gain: Float) -> Mapping[int, float]:
    """Return the mean BIVAT-90 gain in ms of the LV epicardial sites of each AHA segment."""
    segments: dict[int, list[float]] = {}
    for site, value in zip(sites, gain, strict=True):
        if site.kind in _EPICARDIAL and site.aha and np.isfinite(value):
            segments.setdefault(site.aha, []).append(float(value))
    return {aha: float(np.mean(values)) for aha, values in sorted(segments.items())}


def ensemble_table(found: Screening) -> Ensemble:
    """Return what was drawn for each member, and its metrics."""
    drawn = [
        (
            member.index,
            member.velocity.fibre,
            member.velocity.sheet,
            member.velocity.normal,
            member.velocity.endocardial_lv,
            member.velocity.endocardial_rv,
            member.velocity.endocardial_extent,
            member.disease.lv_sheet,
            np.nan if member.pr is None else member.pr,
            float(member.disease.proximal_block),
            len(member.healthy.lv_sites),
        )
        for member in found.members
    ]
    order = found.ranking.order
    return Ensemble(
        columns=_COLUMNS,
        rows=np.array(drawn, float),
        metrics=METRICS,
        normal=found.normals,
        baseline=found.baseline,
        leads=found.values[:, found.ranking.setting[order]],
        utility=found.ranking.utility[:, order],
    )
