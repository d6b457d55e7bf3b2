"""`heart doctor`: one line for each thing that this machine has or lacks, and how to get it.

The facts are independent, so they are looked at side by side. The exit code is 0 when all that
is essential works, else the code of the first lack.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Annotated

import typer

from heart.cli.checks import CHECKS, launcher_mismatch
from heart.cli.facts import Fact


def world() -> tuple[int, int]:
    """Return rank and size of MPI's world, (0, 1) where there is no MPI."""
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError):
        return 0, 1
    return MPI.COMM_WORLD.rank, MPI.COMM_WORLD.size


def examine(size: int) -> list[Fact]:
    """Return all facts, in the order in which they are shown.

    Parameters
    ----------
    size
        Size of MPI's world as this process sees it.
    """
    with ThreadPoolExecutor(max_workers=4) as pool:
        facts = list(pool.map(lambda check: check(), CHECKS))
    facts.insert(4, launcher_mismatch(size))
    return facts


def exit_code(facts: list[Fact]) -> int:
    """Return 0, or the exit code of the first thing that is missing."""
    return next((fact.exit_code for fact in facts if fact.state == "missing"), 0)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Write the facts as JSON.")] = False,
) -> None:
    """Check this machine: solver, MPI, compiler, meshers, pictures, memory, disk."""
    rank, size = world()
    if rank != 0:
        return
    facts = examine(size)
    code = exit_code(facts)
    if as_json:
        typer.echo(json.dumps([asdict(fact) for fact in facts], indent=2))
    else:
        for fact in facts:
            typer.echo(fact.line())
        lost = [fact.name for fact in facts if fact.state == "missing"]
        typer.echo(f"missing: {', '.join(lost)}" if lost else "all that is essential works")
    raise typer.Exit(code)
