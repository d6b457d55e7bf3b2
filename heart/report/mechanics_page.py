"""The words and numbers of a mechanics report, apart from how they are laid out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from heart.core.errors import MissingDataError
from heart.report import theme
from heart.report.mechanics_figures import title
from heart.report.mechanics_klotz import fit_context
from heart.report.mechanics_systole import contraction, first_numbers
from heart.report.page_file import provenance
from heart.study import expected
from heart.study.mechanics.qoi import quantities
from heart.study.mechanics.result import MechanicsResult
from heart.study.mechanics.systole import CAVITY, row_of

# Least volume ratio of a cell (assumed) below which a page warns.
TRUSTED = 0.7
CHAMBERS = {"lv_endo": "left ventricle", "rv_endo": "right ventricle"}


def page(
    result: MechanicsResult, figures: Mapping[str, str], scenes: Sequence[Mapping[str, str]]
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
        "stages": _stages(result),
        "moments_title": "Moments" if result.in_time else "Stages",
        "strain_caption": _strain_caption(result),
        "contraction": contraction(result),
        "fit": fit_context(result.fitted),
        "expected": _expected(result.name, numbers),
        "numbers": [
            (name, _number(one["value"]), "" if one["unit"] == "1" else one["unit"])
            for name, one in numbers.items()
        ],
        "assumptions": result.assumptions,
        "provenance": provenance(result.provenance),
    }


def headline(result: MechanicsResult) -> str:
    """Return the answer in one sentence."""
    traces = result.traces
    if not traces.volumes:
        moment = result.moments[-1]
        largest = float(np.linalg.norm(moment.displacement, axis=1).max())
        return f"The body moves by up to {largest:.3g} mm"
    boundary = next(iter(traces.volumes))
    volumes, name = traces.volumes[boundary] / 1000.0, CHAMBERS[boundary]
    if result.in_time:
        least, at = volumes.min(), traces.at[volumes.argmin()]
        if traces.tension.any():
            share = 100.0 * (1.0 - least / volumes[: volumes.argmin() + 1].max())
            return (
                f"The {name} ejects {share:.0f} % and is smallest, {least:.3g} mL, at {at:.0f} ms"
            )
        most, at = volumes.max(), traces.at[volumes.argmax()]
        return f"The {name} is largest, {most:.3g} mL, at {at:.0f} ms"
    rows = [row_of(result, moment) for moment in result.moments]
    if traces.tension.any() and len(rows) > 1:
        full, small = volumes[rows].max(), volumes[rows[-1]]
        share = 100.0 * (full - small) / full
        return f"The {name} empties from {full:.3g} to {small:.3g} mL: {share:.0f} % are ejected"
    pressure = traces.pressures.get(boundary, np.zeros(len(volumes)))[rows[-1]]
    verb = "fills" if volumes[rows[-1]] > volumes[0] else "shrinks"
    text = f"The {name} {verb} from {volumes[0]:.3g} to {volumes[rows[-1]]:.3g} mL"
    if traces.tension.any():
        return f"{text} at {pressure:.3g} kPa and {traces.tension[rows[-1]]:.3g} kPa of tension"
    return f"{text} at {pressure:.3g} kPa"


def explanation(result: MechanicsResult) -> list[str]:
    """Return how the answer was found, in sentences."""
    law = str(result.scenario["material"][0]["law"]).replace("_", " ")
    law = (
        law.title()
        .replace("Neo Hookean", "neo-Hookean")
        .replace("Holzapfel Ogden", "Holzapfel–Ogden")
    )
    element = (
        str(result.scenario["elements"]["kind"]).upper().replace("_", "–", 1).replace("_", " ")
    )
    traces = result.traces
    least = float(np.min(traces.least_ratio))
    caution = (
        "With caution: muscle keeps its volume, but one cell here is squeezed to "
        f"{100 * least:.0f} % of its own. Take a finer mesh or elements p2_p1 before the numbers "
        "are used."
    )
    return [
        f"{law} law on {len(result.mesh.cells):,} tetrahedra (mean edge "
        f"{result.steps['edge']:.2g} mm, {element}, {int(result.steps['unknowns']):,} unknowns); "
        f"{len(traces.at) - 1} steps with {int(traces.iterations.sum())} iterations of Newton's "
        "method.",
        *([caution] if least < TRUSTED else []),
    ]


def kpis(result: MechanicsResult) -> list[dict[str, str]]:
    """Return the numbers that a reader looks for first."""
    traces, found = result.traces, first_numbers(result)
    for boundary, volumes in traces.volumes.items():
        name, sizes = CAVITY[boundary].upper(), volumes / 1000.0
        value, note = f"{sizes[-1]:.4g} mL", f"{sizes[0]:.4g} unloaded"
        if result.in_time:
            value, note = f"{sizes.min():.4g} mL", f"smallest; largest {sizes.max():.4g}"
        found.append((f"{name} volume", value, note))
        if result.image is not None and boundary in result.image.volumes:
            there = result.image.volumes[boundary] / 1000.0
            found.append((f"{name} in the image", f"{there:.4g} mL", "before unloading"))
    if result.image is not None:
        off = result.image.distance
        found.append(("Back in the image", f"{off:.2g} mm", "largest distance of a node"))
    moved = [np.linalg.norm(one.displacement, axis=1).max() for one in result.moments]
    moment = result.moments[int(np.argmax(moved))]
    name = f"{moment.at:.0f} ms" if result.in_time else moment.label.replace("_", " ")
    stretch = moment.fields["fibre_stretch"]
    low, high = np.percentile(stretch, [5, 95])
    found.append(
        ("Fibre stretch", f"{np.median(stretch):.3f}", f"{name}; 5–95 %: {low:.2f}–{high:.2f}")
    )
    found.append(("Largest displacement", f"{max(moved):.3g} mm", name))
    least = float(np.min(traces.least_ratio))
    words = f"of its own; trusted above {100.0 * TRUSTED:.0f} %"
    found.append(("Smallest cell keeps", f"{100.0 * least:.0f} %", words))
    failed = int(traces.failures.sum())
    words = f"{failed} attempts failed" if failed else "none failed"
    found.append(("Steps", f"{len(traces.at) - 1}", words))
    found.append(("Computed in", f"{result.timings.get('run', np.nan):.0f} s", "without meshing"))
    return [{"name": name, "value": value, "note": note} for name, value, note in found]


def _strain_caption(result: MechanicsResult) -> str:
    words = "the unloaded shape"
    if len(result.moments) > 1:
        words = result.moments[-2].label.replace("_", " ")
    return (
        f"From {words} to {result.moments[-1].label.replace('_', ' ')}, mean of each AHA segment; "
        "shortening is negative."
    )


def _stages(result: MechanicsResult) -> list[dict[str, str]]:
    traces, found = result.traces, []
    for moment in result.moments:
        row = row_of(result, moment)
        stretch = moment.fields["fibre_stretch"]
        volumes = [
            f"{CAVITY[name].upper()} {v[row] / 1000.0:.4g} mL" for name, v in traces.volumes.items()
        ]
        found.append(
            {
                "name": title(result, moment),
                "volumes": ", ".join(volumes),
                "stretch": f"{np.percentile(stretch, 5):.3f} to {np.percentile(stretch, 95):.3f}",
                "ratio": f"{traces.least_ratio[row]:.3f}",
            }
        )
    return found


def _expected(name: str, numbers: Mapping[str, Any]) -> list[dict[str, str]]:
    try:
        rows = expected.load(name)
    except MissingDataError:
        return []
    return [
        {
            "name": one.name,
            "ours": _number(expected.value_of(numbers, one.name)),
            "expected": f"{_number(one.value)} ± {one.tolerance:.3g}",
            "published": ""
            if one.published is None
            else f"{_number(one.published)} ({one.source})",
            "unit": "" if one.unit == "1" else one.unit,
            "verdict": "as expected"
            if one.holds(expected.value_of(numbers, one.name))
            else "differs",
        }
        for one in rows
    ]


def _number(value: float | None) -> str:
    return "–" if value is None or not np.isfinite(value) else f"{value:.5g}"
