"""Wall times of repeats, best and median: the machine's other users only ever add."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def walls(work: Callable[[], object], repeats: int) -> list[float]:
    """Return seconds of each of `repeats` calls."""
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return found


def best_and_median(seconds: list[float], scale: float) -> tuple[float, float]:
    """Return both, multiplied by `scale`."""
    return min(seconds) * scale, statistics.median(seconds) * scale
