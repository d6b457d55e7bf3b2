"""Who am I among the ranks, without starting MPI where nobody launched ranks."""

from __future__ import annotations

import os
import time
from typing import Any

LAUNCHED = ("PMI_RANK", "PMI_SIZE", "PMIX_RANK", "OMPI_COMM_WORLD_RANK", "SLURM_STEP_NUM_TASKS")


def world() -> Any | None:
    """Return MPI's COMM_WORLD, or None in a process that no launcher started."""
    if not any(name in os.environ for name in LAUNCHED):
        return None
    from mpi4py import MPI

    return MPI.COMM_WORLD


def rank() -> int:
    """Return the rank of this process; 0 without MPI."""
    comm = world()
    return comm.rank if comm is not None else 0


def share(value: Any) -> Any:
    """Return rank 0's `value` on every rank."""
    comm = world()
    return comm.bcast(value, root=0) if comm is not None else value


def wait_for_leader() -> None:
    """Give rank 0 the time to report an error that all ranks meet, and to end them."""
    time.sleep(2.0)


def abort(code: int) -> None:
    """End every rank with `code`: an exception on one rank must not leave the others waiting."""
    comm = world()
    if comm is not None and comm.size > 1:
        comm.Abort(code)
