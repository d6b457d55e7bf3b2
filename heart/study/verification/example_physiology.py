"""Activation and ECG of the packaged CT heart beside what is measured in people.

The speeds and early sites come from published ranges, not from this patient; what is verified is
that with them the heart looks like a heart: a narrow QRS without disease, and with left bundle
branch block a wide one of the usual shape that pacing from both sides shortens.
"""

from __future__ import annotations

import numpy as np

from heart.core.progress import Telemetry
from heart.observe.ecg import synthesise_qrs
from heart.observe.leads import LEADS
from heart.observe.qrs import qrs_bounds
from heart.study.crt.screen import METRICS
from heart.study.verification.benchmark import Benchmark, Check, Gate, between, shown
from heart.study.verification.nominal import Nominal, example, screened

BIVAT = METRICS.index("bivat90")
HALF = 0.5
SOURCE = "assumed"


def run(telemetry: Telemetry) -> list[Check]:
    """Screen the nominal heart once on the scenario's own mesh."""
    loaded = example()
    found = screened(loaded, loaded.scenario.mesh.edge_length, telemetry)
    healthy, block = found.normal_metrics, found.metrics
    best = int(np.argmax(found.utility))
    shares = _shares_above_zero(found)
    return [
        between("QRS duration, healthy", healthy["qrs_duration"], 70.0, 110.0, "ms", SOURCE),
        shown("TAT, healthy", healthy["tat"], "ms", SOURCE),
        between("QRS duration, LBBB", block["qrs_duration"], 130.0, 180.0, "ms", SOURCE),
        between("LVAT-95, LBBB", block["lvat95"], 85.0, None, "ms", SOURCE),
        shown("BIVAT-90, LBBB", block["bivat90"], "ms", SOURCE),
        between("LBBB: share of V1's area below zero", 1.0 - shares["V1"], HALF, None, "1", SOURCE),
        between("LBBB: share of V6's area above zero", shares["V6"], HALF, None, "1", SOURCE),
        between("LBBB: share of I's area above zero", shares["I"], HALF, None, "1", SOURCE),
        _shortened(found, best, block["bivat90"]),
    ]  # fmt: skip


def _shortened(found: Nominal, best: int, baseline: float) -> Check:
    """Return the BIVAT-90 of the best-ranked biventricular site, which has to be shorter."""
    paced = float(found.paced[best, BIVAT])
    gate = Gate(None, float(np.nextafter(baseline, -np.inf)))
    name = f"BIVAT-90, best BiV site ({found.labels[best]})"
    return Check(name, paced, baseline, paced - baseline, gate, "ms", SOURCE)


def _shares_above_zero(found: Nominal) -> dict[str, float]:
    """Return for each lead the share of its rectified QRS area that is positive, in LBBB."""
    screen = found.screen
    batch = synthesise_qrs(screen.lead_field, found.diseased[None], screen.sampling)
    first, last = found.diseased.min(), found.diseased[np.isfinite(found.diseased)].max()
    onset, offset = qrs_bounds(batch.times, batch.leads, first, last)
    inside = (batch.times >= onset[0]) & (batch.times <= offset[0])
    leads = batch.leads[0][:, inside]
    up = np.maximum(leads, 0.0).sum(axis=1) / np.abs(leads).sum(axis=1)
    return dict(zip(LEADS, map(float, up), strict=True))


BENCHMARK = Benchmark(
    "example_physiology",
    "Healthy and LBBB activation of the packaged CT heart",
    60.0,
    run,
    (
        "Nominal heart of scenarios/crt/ct_lbbb_screen.yaml on its own mesh: one heart, assumed "
        "conduction, assumed torso. Research use only.",
        "Ranges are those this project set itself; measured in 14 people with LBBB: QRS 157 ± 18 "
        "ms, total LV activation 87 ± 21 ms (PMC7036078).",
        "Leads: the scenario's LV epicardial grid with the RV lead, every VV delay; the best is "
        "that of the scenario's own weights.",
    ),
)
