"""Is the order of the leads a property of the heart, or of its mesh? 1.5 against 1.0 mm edges.

The nominal heart of the example is meshed, given its own torso and screened twice; the utilities
of the LV epicardial leads, each at its best delays, are compared by rank correlation.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from heart.core.progress import Telemetry
from heart.study.crt.ranking import spearman
from heart.study.crt.screen import METRICS
from heart.study.verification.benchmark import Benchmark, Check, between, near, shown
from heart.study.verification.nominal import Nominal, example, screened

COARSE, FINE = 1.5, 1.0
SOURCE = "assumed"
SHOWN = ("bivat90", "lvat95", "qrs_duration")


def run(telemetry: Telemetry) -> list[Check]:
    """Screen both meshes and compare."""
    loaded = example()
    coarse = screened(loaded, COARSE, telemetry)
    return compared(coarse, screened(loaded, FINE, telemetry))


def compared(coarse: Nominal, fine: Nominal) -> list[Check]:
    """Return the rows for two screens of one heart.

    Leads are paired by place, not by name: the names come from the segment that holds the node,
    and a lead on a border of segments may be called otherwise on another mesh.
    """
    gap, pair = map(np.asarray, cKDTree(coarse.points).query(fine.points))
    best = pair[np.argmax(fine.utility)]
    checks = [
        shown("nodes, 1.5 mm", len(coarse.normal), "1", SOURCE),
        shown("nodes, 1.0 mm", len(fine.normal), "1", SOURCE),
        near("leads paired one to one", len(np.unique(pair)), len(fine.points), 0.0, "1", SOURCE),
        shown("largest distance of a pair", gap.max(), "mm", SOURCE),
        between(
            "rank correlation of the leads (Spearman)",
            spearman(coarse.utility[pair], fine.utility), 0.9, None, "1", SOURCE,
        ),
        shown(
            "rank at 1.5 mm of the best lead at 1.0 mm",
            1 + int((coarse.utility > coarse.utility[best]).sum()), "1", SOURCE,
        ),
    ]  # fmt: skip
    for name in SHOWN:
        k = METRICS.index(name)
        change = np.abs(coarse.paced[pair, k] - fine.paced[:, k])
        checks.append(shown(f"mean change of {name}, paced", change.mean(), "ms", SOURCE))
        checks.append(
            near(f"{name}, LBBB", coarse.metrics[name], fine.metrics[name], None, "ms", SOURCE)
        )
    return checks


BENCHMARK = Benchmark(
    "mesh_ranking",
    "Order of CRT leads on 1.5 and 1.0 mm edges",
    240.0,
    run,
    (
        "Nominal heart, LV epicardial grid with the RV lead, each lead at its best VV delay; ours "
        "is the 1.5 mm mesh, the reference the 1.0 mm mesh.",
    ),
)
