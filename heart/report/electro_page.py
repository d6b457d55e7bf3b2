"""The words and numbers of an electrophysiology report, apart from how they are laid out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heart.report import theme
from heart.report.page_file import provenance
from heart.study.electro.qoi import quantities
from heart.study.electro.result import Branch, ElectroResult

ENGINES = {
    "monodomain": "Monodomain",
    "reaction_eikonal": "Reaction-eikonal",
    "pseudo_bidomain": "Pseudo-bidomain",
    "bidomain": "Bidomain",
}


def page(
    result: ElectroResult, figures: Mapping[str, str], scenes: Sequence[Mapping[str, str]]
) -> dict[str, Any]:
    """Return what the template shows."""
    numbers = quantities(result)
    return {
        "title": result.title,
        "scenario": result.name,
        "disclaimer": theme.DISCLAIMER,
        "answer": headline(result),
        "explanation": explanation(result),
        "kpis": kpis(result),
        "figures": figures,
        "interactive": scenes,
        "branches": [_branch(one) for one in result.branches] if len(result.branches) > 1 else [],
        "numbers": [
            (name, _number(one["value"]), "" if one["unit"] == "1" else one["unit"])
            for name, one in numbers.items()
            if isinstance(one, Mapping)
        ],
        "assumptions": result.assumptions,
        "provenance": provenance(result.provenance),
    }


def headline(result: ElectroResult) -> str:
    """Return the answer in one sentence."""
    tested = [one for one in result.branches if one.coupling is not None]
    if tested:
        induced = [one.coupling for one in tested if one.reentry and one.coupling is not None]
        if induced:
            span = (
                f"{min(induced):.0f} to {max(induced):.0f} ms"
                if len(induced) > 1
                else f"{induced[0]:.0f} ms"
            )
            return (
                f"Re-entry follows a last stimulus after {span}: "
                f"{len(induced)} of {len(tested)} coupling intervals"
            )
        return f"No coupling interval of {len(tested)} induces re-entry"
    branch = result.branches[0]
    times = _known(branch.first_activation)
    if not times.size:
        return "No node was activated"
    share = times.size / len(branch.first_activation)
    duration = _known(_durations(branch))
    text = f"Activation takes {np.ptp(times):.0f} ms"
    if share < 0.995:
        text += f" and reaches {100.0 * share:.0f} % of the nodes"
    if duration.size:
        text += f"; action potentials last {duration.mean():.0f} ± {duration.std():.0f} ms (APD90)"
    return text


def explanation(result: ElectroResult) -> list[str]:
    """Return how the answer was found, in sentences."""
    cells = ", ".join(result.models)
    engine = ENGINES.get(result.engine, result.engine)
    edge, dt = result.steps.get("edge", np.nan), result.steps.get("dt", np.nan)
    lines = [
        f"{engine} model on {len(result.mesh.points):,} nodes (mean edge {edge:.2g} mm, step "
        f"{dt:g} ms); cells: {cells}.",
    ]
    if result.tuning:
        lines.append(
            "Conductivities were tuned so that plane waves have the wanted speed on this mesh; "
            "the factors are among the numbers below."
        )
    return lines


def kpis(result: ElectroResult) -> list[dict[str, str]]:
    """Return the numbers that a reader looks for first."""
    branch = result.branches[0]
    times, duration = _known(branch.first_activation), _known(_durations(branch))
    ends = _known(branch.repolarisation[0]) if len(branch.repolarisation) else np.empty(0)
    speed = _known(branch.speed)
    found = []
    if times.size:
        found.append(("Total activation", f"{np.ptp(times):.0f} ms", "last minus first"))
    if duration.size:
        found.append(("APD90", f"{duration.mean():.0f} ms", f"± {duration.std():.0f} ms"))
    if ends.size:
        found.append(
            ("Repolarisation ends", f"{ends.max():.0f} ms", f"spread {np.ptp(ends):.0f} ms")
        )
    if speed.size:
        low, high = np.percentile(speed, [10, 90])
        found.append(
            ("Speed of the wave", f"{np.median(speed):.2f} m/s", f"10–90 %: {low:.2f}–{high:.2f}")
        )
    found.append(("Computed in", f"{result.timings.get('run', np.nan):.0f} s", "without meshing"))
    return [{"name": name, "value": value, "note": note} for name, value, note in found]


def _branch(one: Branch) -> dict[str, str]:
    why = "quiescent" if one.reason == "quiescent" else "end of run"
    captured = "" if one.captured is None else ("yes" if one.captured else "no")
    return {
        "name": f"S2 after {one.coupling:.0f} ms" if one.coupling is not None else one.name,
        "captured": captured,
        "reentry": "yes" if one.reentry else "no",
        "sustained": f"{one.sustained:.0f} ms",
        "ended": f"{one.ended:.0f} ms, {why}",
        "highlight": "best" if one.reentry else "",
    }


def _durations(branch: Branch) -> NDArray[np.floating]:
    if not len(branch.activation):
        return np.empty(0)
    return np.asarray(branch.repolarisation[0] - branch.activation[0])


def _known(values: NDArray[np.floating]) -> NDArray[np.floating]:
    return values[np.isfinite(values)]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.5g}"
