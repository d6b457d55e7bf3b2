"""What this machine can do: cores, memory bandwidth as measured, the linear algebra it runs.

Times from two machines compare only through the bandwidth, because most of what runs per step is
bound by it; so it is measured in the same minute as the workload.
"""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from threadpoolctl import threadpool_info

Float = NDArray[np.float64]

LARGE = 12_000_000  # three arrays of 96 MB: beyond the caches of one user's share of a machine


@njit(cache=True, nogil=True, fastmath=True)
def _triad(a: Float, b: Float, c: Float, factor: float) -> None:
    for i in range(len(a)):
        a[i] = b[i] + factor * c[i]


@njit(cache=True, nogil=True, fastmath=True, parallel=True)
def _triad_all(a: Float, b: Float, c: Float, factor: float) -> None:
    for i in prange(len(a)):
        a[i] = b[i] + factor * c[i]


@dataclass(frozen=True)
class Machine:
    """The facts beside which a time is read.

    Attributes
    ----------
    processor
        Name of the processor.
    cores
        Cores that this process may use.
    bandwidth
        Triad of one thread, bytes per ns (= GB/s), counting two reads and one write.
    bandwidth_all
        The same with all cores.
    algebra
        BLAS libraries loaded, with their thread counts.
    """

    processor: str
    cores: int
    bandwidth: float
    bandwidth_all: float
    algebra: str

    def line(self) -> str:
        """Return the facts as the line above a table."""
        return (
            f"{self.processor}, {self.cores} cores; triad {self.bandwidth:.1f} GB/s on one core, "
            f"{self.bandwidth_all:.1f} on all; {self.algebra}"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "processor": self.processor,
            "cores": self.cores,
            "triad_one_core_gb_per_s": self.bandwidth,
            "triad_all_cores_gb_per_s": self.bandwidth_all,
            "algebra": self.algebra,
        }


def measure(size: int = LARGE) -> Machine:
    """Measure this machine, about two seconds."""
    a, b, c = np.zeros(size), np.ones(size), np.full(size, 2.0)
    one = _best(_triad, a, b, c)
    every = max(one, _best(_triad_all, a, b, c))
    return Machine(_processor(), len(os.sched_getaffinity(0)), one, every, _algebra())


def _best(work: Any, a: Float, b: Float, c: Float, repeats: int = 5) -> float:
    work(a[:64], b[:64], c[:64], 3.0)
    walls = []
    for _ in range(repeats):
        start = time.perf_counter()
        work(a, b, c, 3.0)
        walls.append(time.perf_counter() - start)
    return 24.0 * len(a) / min(walls) * 1e-9


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    if facts.is_file():
        for line in facts.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _algebra() -> str:
    found = {
        f"{item['internal_api']} {item.get('version') or ''}".strip()
        + f" ({item['num_threads']} threads)"
        for item in threadpool_info()
        if item["user_api"] == "blas"
    }
    return ", ".join(sorted(found)) or "no BLAS loaded"
