"""Is the order of the leads a property of the heart, or of its mesh? 1.5 against 1.0 mm edges.

The nominal heart of the example is meshed, given its own torso and screened twice; the utilities
of the LV epicardial leads, each at its best delays, are compared by rank correlation.
"""

from __future__ import annotations

import numpy as np

from heart.core.progress import Telemetry
from heart.study.crt.ranking import spearman
from heart.study.crt.screen import METRICS
from heart.study.verification.benchmark import Benchmark, Check, between, near, shown
from heart.study.verification.nominal import Nominal, example, screened

COARSE, FINE = 1.5, 1.0
SHOWN = ("bivat90", "lvat95", "qrs_duration")


def run(telemetry: Telemetry) -> list[Check]:
    """Screen both meshes and compare."""
    loaded = example()
    coarse = screened(loaded, COARSE, telemetry)
    return compared(coarse, screened(loaded, FINE, telemetry))


def compared(coarse: Nominal, fine: Nominal) -> list[Check]:
    """Return the rows for two screens of one heart; only leads on both meshes are compared."""
    names = [name for name in fine.labels if name in coarse.labels]
    rows = np.array([coarse.labels.index(name) for name in names])
    order = np.array([fine.labels.index(name) for name in names])
    checks = [
        shown("nodes, 1.5 mm", len(coarse.normal), "1", "assumed"),
        shown("nodes, 1.0 mm", len(fine.normal), "1", "assumed"),
        near("leads on both meshes", len(names), len(fine.labels), 0.0, "1", "assumed"),
        between(
            "rank correlation of the leads (Spearman)",
            spearman(coarse.utility[rows], fine.utility[order]), 0.9, None, "1", "assumed",
        ),
        shown(
            "rank at 1.5 mm of the best lead at 1.0 mm",
            1 + int((coarse.utility > coarse.utility[rows[np.argmax(fine.utility[order])]]).sum()),
            "1", "assumed",
        ),
    ]  # fmt: skip
    for name in SHOWN:
        k = METRICS.index(name)
        gap = np.abs(coarse.paced[rows, k] - fine.paced[order, k])
        checks.append(shown(f"mean change of {name}, paced", gap.mean(), "ms", "assumed"))
        checks.append(
            near(f"{name}, LBBB", coarse.metrics[name], fine.metrics[name], None, "ms", "assumed")
        )
    return checks


BENCHMARK = Benchmark(
    "mesh_ranking",
    "Order of CRT leads on 1.5 and 1.0 mm edges",
    600.0,
    run,
    (
        "Nominal heart, LV epicardial grid with the RV lead, each lead at its best VV delay; ours "
        "is the 1.5 mm mesh, the reference the 1.0 mm mesh.",
    ),
)
