"""The ranking by technique: what is chosen first is how to pace, then where.

A transvenous lead, a leadless endocardial electrode and a left bundle lead are different
procedures; the best position of each is what a clinician compares.
"""

from __future__ import annotations

from heart.study.crt.result import CrtResult, RankedLead
from heart.therapy.sites import Kind

EPICARDIAL = (Kind.LV_EPICARDIUM, Kind.VEIN)
NAMES: dict[str, str] = {
    "epicardial": "Epicardial LV lead (coronary vein)",
    "two poles": "Epicardial LV lead, two poles",
    "endocardial": "Endocardial LV lead",
    "left bundle": "Left bundle branch area lead",
    "his": "His bundle lead",
    "given": "Position given by the user",
}


def technique(result: CrtResult, row: RankedLead) -> str:
    """Return the key in `NAMES` of a row."""
    kind = result.sites[row.site].kind
    if kind is Kind.LBB_AREA:
        return "left bundle"
    if kind is Kind.HIS:
        return "his"
    if kind is Kind.LV_ENDOCARDIUM:
        return "endocardial"
    if kind in EPICARDIAL:
        return "two poles" if row.kind == "multipoint" else "epicardial"
    return "given"


def best_of_each(result: CrtResult) -> dict[str, RankedLead]:
    """Return the first captured row of each technique, in the order of the ranking."""
    best: dict[str, RankedLead] = {}
    for row in result.ranking:
        if row.captured:
            best.setdefault(technique(result, row), row)
    return best


def shown_on_map(result: CrtResult) -> RankedLead:
    """Return the row marked on the heart: the best epicardial one, or the first of all."""
    best = best_of_each(result)
    return best.get("epicardial", result.best)
