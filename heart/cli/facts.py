"""What `heart doctor` says about one thing, and the safe way of trying it.

Whatever can crash (a renderer, an MPI start, a shared library) is tried in a process of its own,
because a segmentation fault cannot be caught.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "missing"]

EXIT_USAGE, EXIT_MESHING, EXIT_MEMORY, EXIT_DISK, EXIT_RENDERER, EXIT_SOLVER = 2, 20, 40, 41, 42, 50

LAUNCHER_PREFIXES = ("PMI_", "PMIX_", "OMPI_", "HYDI_", "HYDRA_", "MPIR_", "SLURM_", "PRTE_")


@dataclass(frozen=True)
class Fact:
    """One thing that was looked at.

    Parameters
    ----------
    name
        What was looked at.
    state
        ``ok``, ``note`` (works, but worth knowing) or ``missing``.
    detail
        What was found.
    fix
        How to get it; empty where nothing is to be done.
    exit_code
        Exit code of the command when this is missing.
    """

    name: str
    state: State
    detail: str
    fix: str = ""
    exit_code: int = EXIT_SOLVER

    def line(self) -> str:
        """Return the fact as the line that is shown."""
        text = f"{self.state:<8}{self.name}: {self.detail}"
        return f"{text}. Fix: {self.fix}" if self.fix else text


@dataclass(frozen=True)
class Probe:
    """How a piece of Python ended in a process of its own.

    Parameters
    ----------
    code
        Exit status; negative for the signal that ended it.
    out
        Last line of standard output.
    error
        Last line of standard error, or what stopped the process.
    """

    code: int
    out: str
    error: str


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _plain_environment() -> dict[str, str]:
    """Return the environment without the launcher's marks: a probe starts as a singleton."""
    return {k: v for k, v in os.environ.items() if not k.startswith(LAUNCHER_PREFIXES)}


def probe(command: list[str], timeout: float = 90.0) -> Probe:
    """Run `command` apart from this process and say how it ended.

    Parameters
    ----------
    command
        Program and arguments.
    timeout
        Seconds after which it is stopped.
    """
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env=_plain_environment(),
        )
    except subprocess.TimeoutExpired:
        return Probe(-signal.SIGKILL, "", f"no answer within {timeout:.0f} s")
    except OSError as refusal:
        return Probe(127, "", str(refusal))
    reason = _last_line(done.stderr)
    if done.returncode < 0:
        reason = f"ended by {signal.Signals(-done.returncode).name}"
    return Probe(done.returncode, _last_line(done.stdout), reason)


def python_probe(source: str, timeout: float = 90.0) -> Probe:
    """Run Python `source` apart from this process and say how it ended."""
    return probe([sys.executable, "-c", source], timeout)
