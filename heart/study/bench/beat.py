"""One second of a heart with both ventricles: the confirming engine at the size of a patient.

Waves by the eikonal equation and real cells everywhere, on one rank and on two. What the default
steps cost in accuracy is measured against short steps everywhere on a smaller mesh of the same
heart, because that run takes twenty times as long.
"""

from __future__ import annotations

import json
from typing import Any

from heart.core.progress import Telemetry
from heart.study.bench.launch import started
from heart.study.bench.row import Order, Row, Workload

MODULE = "heart.study.bench.beat_job"
# Surface edges in mm before the mesh is refined once: 33,000 and about 500,000 nodes.
QUICK, FULL = 4.0, 1.28
# Seconds.
MUST, AIM = 1200.0, 60.0


def run(order: Order, telemetry: Telemetry) -> list[Row]:
    """Time the beat on one rank and on two."""
    with telemetry.step("Default steps against short ones"):
        cost = _job(1, edge=QUICK, error=True)
    error = (
        f"activation {cost['activation']:.2g} ms, repolarisation {cost['repolarisation']:.2g} ms "
        f"at most against short steps ({cost['nodes']:,} nodes)"
    )
    rows = []
    for ranks in (1, 2):
        with telemetry.step(f"Beat of 1 s, {ranks} ranks"):
            found = _job(ranks, edge=FULL if order.full else QUICK)
        target = order.full and ranks == 2
        rows.append(
            Row(
                f"beat of 1 s, reaction-eikonal, {found['nodes']:,} nodes, {ranks} ranks",
                found["seconds"],
                "s",
                found["seconds"],
                error=error,
                must=MUST if target else None,
                aim=AIM if target else None,
            )
        )
    return rows


def _job(ranks: int, **question: Any) -> dict[str, Any]:
    return started(ranks, ["-m", MODULE, json.dumps(question)])


WORKLOAD = Workload("beat", "one second of a heart with both ventricles", run)
