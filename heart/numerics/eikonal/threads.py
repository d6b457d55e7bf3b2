"""How many threads, and a loop over chunks on them.

The kernels release the interpreter lock, so plain threads are enough and need no runtime that
would clash with the solvers' own.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from heart.core.errors import ParameterError

_SMALL = 50_000


def thread_count() -> int:
    """Return HEART_THREADS if it is set, else the number of usable processors.

    Raises
    ------
    ParameterError
        HEART_THREADS is not a positive integer.
    """
    text = os.environ.get("HEART_THREADS")
    if text is None:
        usable = getattr(os, "process_cpu_count", os.cpu_count)
        return usable() or 1
    if not text.isdecimal() or int(text) < 1:
        raise ParameterError(f"HEART_THREADS is {text!r}", expected="a positive integer")
    return int(text)


def in_chunks(work: Callable[[int, int], None], size: int) -> None:
    """Run ``work(first, last)`` over 0..size, on all threads where it is worth it."""
    workers = thread_count() if size >= _SMALL else 1
    if workers == 1:
        work(0, size)
        return
    bounds = [size * k // workers for k in range(workers + 1)]
    with ThreadPoolExecutor(workers) as pool:
        for job in [pool.submit(work, bounds[k], bounds[k + 1]) for k in range(workers)]:
            job.result()
