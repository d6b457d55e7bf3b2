"""The part of the CRT report on the confirmation: engine beside screen in words and numbers."""

from __future__ import annotations

import math
from typing import Any

from heart.report.crt_page import MEASURES
from heart.study.crt.confirmation import Confirmation, Confirmed

SHOWN = ("bivat90", "lvat95", "tat")
NAMES = {
    "monodomain": "reaction and diffusion (monodomain)",
    "reaction_eikonal": "the reaction-eikonal model",
}


def section(found: Confirmation | None) -> dict[str, Any] | None:
    """Return the context of the section; None where nothing was confirmed."""
    if found is None:
        return None
    name = NAMES.get(found.engine, found.engine)
    return {
        "title": f"The first leads by {name}",
        "note": _how(found, name),
        "words": found.words,
        "measures": [MEASURES[key][0] for key in SHOWN],
        "rows": [_row(row, found) for row in found.rows],
        "caption": (
            "Activation by the engine minus that of the screen, in steps of 5 ms: white agrees to "
            "2.5 ms, blue is later and red earlier with the engine. First activation of each map "
            "is at 0."
        ),
    }


def _how(found: Confirmation, name: str) -> str:
    text = (
        f"The nominal heart again by {name} with {found.cells} cells on the same mesh, mean edge "
        f"{found.edge:.1f} mm: same speeds, exits, leads and delays. Muscle within two edges of an "
        "electrode or exit fires at the times of the screen."
    )
    if found.tuning:
        known = "latency" in found.tuning
        where = "in a block of this kind of mesh and edge" if known else "on a strand of this edge"
        text += (
            f" Conductivities are tuned {where} length (profile {found.profile}); "
            "the fast endocardium, which a monodomain does not have, is the faces of the first "
            "layer of elements, with a conductivity tuned on a block with a fast face."
        )
    order = "" if math.isnan(found.spearman) else f" Rank correlation {found.spearman:.2f}."
    return f"{text}{order} It took {found.seconds:.0f} s."


def _row(row: Confirmed, found: Confirmation) -> dict[str, Any]:
    lead = row.rank is not None
    return {
        "label": row.label,
        "rank": row.rank if lead else "",
        "cells": [f"{row.screen[key]:.0f} → {row.engine[key]:.0f} ms" for key in SHOWN],
        "place": (
            f"{found.by_screen.index(row.label) + 1} → {found.by_engine.index(row.label) + 1}"
            if lead
            else ""
        ),
        "within": f"{100 * row.within:.0f} %",
        "percentile": f"{row.percentile95:.1f} ms",
        "mean": f"{row.mean:+.1f} ms",
        "seconds": f"{row.seconds:.0f} s",
    }
