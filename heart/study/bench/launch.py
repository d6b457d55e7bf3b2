"""A measurement in a process of its own: a user's set-up, memory of its own, any ranks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from heart.core.errors import MPIEnvironmentError


def started(ranks: int, arguments: Sequence[str]) -> dict[str, Any]:
    """Run Python with arguments on some ranks and return the JSON line that it prints.

    Raises
    ------
    MPIEnvironmentError
        No launcher, or the run failed.
    """
    launcher = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if launcher is None:
        raise MPIEnvironmentError("mpiexec is not found", fix="see heart doctor")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PMI_", "PMIX_", "HYDI_"))}
    done = subprocess.run(
        [launcher, "-n", str(ranks), sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**clean, "OMP_NUM_THREADS": "1"},
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise MPIEnvironmentError(f"the run on {ranks} ranks ended with {done.returncode}: {last}")
    answer: dict[str, Any] = json.loads(lines[-1])
    return answer
