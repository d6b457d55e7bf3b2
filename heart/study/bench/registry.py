"""Every workload by name."""

from __future__ import annotations

from heart.study.bench import beat, ionic, mechanics, ranks, slab
from heart.study.bench.row import Workload

_ALL = (ionic, slab, ranks, beat, mechanics)

REGISTRY: dict[str, Workload] = {module.WORKLOAD.name: module.WORKLOAD for module in _ALL}
