"""What a confirmation says in words: where engine and screen agree, and where they do not."""

from __future__ import annotations

from collections.abc import Sequence

from heart.scenario.confirm import ConfirmEngine
from heart.study.crt.confirmation import WITHIN, Confirmed

# Share of nodes within 5 ms from which activation counts as the same.
SAME = 0.95
# ms of BIVAT-90 below which two leads are not told apart by either model.
TIE = 2.0

_NAMES = {
    ConfirmEngine.MONODOMAIN: "the monodomain",
    ConfirmEngine.REACTION_EIKONAL: "reaction-eikonal",
}


def words(engine: ConfirmEngine, rows: Sequence[Confirmed]) -> tuple[str, ...]:
    """Return the findings, one sentence each.

    Parameters
    ----------
    engine
        What confirmed.
    rows
        The heart's own beat, then the leads in the screen's order.
    """
    name, baseline, leads = _NAMES[engine], rows[0], rows[1:]
    return (*_benefit(name, baseline, leads), *_order(name, leads), *_maps(name, rows))


def _benefit(name: str, baseline: Confirmed, leads: Sequence[Confirmed]) -> list[str]:
    before = baseline.engine["bivat90"]
    gains = {row.label: before - row.engine["bivat90"] for row in leads}
    wrong = [
        row.label
        for row in leads
        if (gains[row.label] > 0.0) != (baseline.screen["bivat90"] - row.screen["bivat90"] > 0.0)
    ]
    if wrong:
        return [f"Screen and {name} disagree on whether pacing shortens BIVAT-90: {_list(wrong)}."]
    first = leads[0]
    return [
        f"With {name} {first.label} takes BIVAT-90 from {before:.0f} to "
        f"{first.engine['bivat90']:.0f} ms; the screen said from "
        f"{baseline.screen['bivat90']:.0f} to {first.screen['bivat90']:.0f} ms."
    ]


def _order(name: str, leads: Sequence[Confirmed]) -> list[str]:
    if len(leads) < 2:
        return []
    screen = sorted(leads, key=lambda row: row.screen["bivat90"])
    engine = sorted(leads, key=lambda row: row.engine["bivat90"])
    if [row.label for row in screen] == [row.label for row in engine]:
        return [f"Screen and {name} order the {len(leads)} leads by BIVAT-90 alike."]
    swapped = [
        (a, b)
        for i, a in enumerate(screen)
        for b in screen[i + 1 :]
        if a.engine["bivat90"] > b.engine["bivat90"]
    ]
    text = (
        f"Screen and {name} order the leads by BIVAT-90 differently: "
        f"{_list([row.label for row in screen])} against {_list([row.label for row in engine])}."
    )
    far = [
        (a, b)
        for a, b in swapped
        if max(b.screen["bivat90"] - a.screen["bivat90"], a.engine["bivat90"] - b.engine["bivat90"])
        > TIE
    ]
    if not far:
        return [text, f"All that changed places differ by {TIE:g} ms or less in both models."]
    a, b = far[0]
    return [
        text,
        f"{a.label} is {b.screen['bivat90'] - a.screen['bivat90']:.1f} ms shorter than {b.label} "
        f"in the screen and {a.engine['bivat90'] - b.engine['bivat90']:.1f} ms longer with {name}: "
        "take these leads as not told apart.",
    ]


def _maps(name: str, rows: Sequence[Confirmed]) -> list[str]:
    missed = [row for row in rows if row.missed > 0.0]
    lost = [
        f"{row.label}: {100 * row.missed:.1f} % of the nodes that the screen activates stay at "
        f"rest with {name}."
        for row in missed
    ]
    worst = min(rows, key=lambda row: row.within)
    share = f"{100 * worst.within:.0f} % of the nodes within {WITHIN:g} ms"
    if worst.within >= SAME:
        return [*lost, f"Activation agrees: at least {share} in every beat."]
    side = "later" if worst.mean > 0.0 else "earlier"
    return [
        *lost,
        f"Activation does not agree to {WITHIN:g} ms everywhere: worst in {worst.label!r}, "
        f"{share}, {name} {abs(worst.mean):.1f} ms {side} on average.",
    ]


def _list(labels: Sequence[str]) -> str:
    return "; ".join(labels)
