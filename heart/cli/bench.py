"""`heart bench`: how fast this machine runs what matters, with error, bound, peer and target."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from heart.cli import ranks

ALL = "all"


def bench(
    name: Annotated[
        str, typer.Argument(help="Workload, or `all`; --list names them.", show_default=False)
    ] = "",
    listing: Annotated[bool, typer.Option("--list", help="Name the workloads.")] = False,
    peer: Annotated[
        bool,
        typer.Option("--peer", help="Also run the peer in the same run (installs it from PyPI)."),
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="The published size instead of a quick one.")
    ] = False,
    as_json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the rows as JSON.")
    ] = None,
) -> None:
    """Measure speed: ours, the bound by this machine's bandwidth, the peer's, and the target."""
    from heart.core.errors import StorageError, UsageError
    from heart.core.progress import Console, silent
    from heart.core.provenance import manifest
    from heart.core.validation import did_you_mean
    from heart.study.bench import machine
    from heart.study.bench.registry import REGISTRY
    from heart.study.bench.row import Order, table

    leader = ranks.rank() == 0
    if listing:
        if leader:
            typer.echo("\n".join(f"{one.name:<10}  {one.title}" for one in REGISTRY.values()))
        return
    if not name:
        raise UsageError("no workload named", fix=f"one of {', '.join(REGISTRY)}, or {ALL}")
    if name != ALL and name not in REGISTRY:
        raise UsageError(f"no workload {name!r}", fix=did_you_mean(name, [*REGISTRY, ALL]))
    chosen = list(REGISTRY.values()) if name == ALL else [REGISTRY[name]]
    facts = machine.measure()
    order = Order(full=full, peer=peer, machine=facts)
    watch = Console() if leader else silent()
    rows = [row for workload in chosen for row in workload.run(order, watch)]
    if not leader:
        return
    typer.echo(f"\n{facts.line()}\n")
    typer.echo(table(rows))
    if as_json is not None:
        record = manifest(machine=facts.as_dict(), rows=[row.as_dict() for row in rows])
        try:
            as_json.parent.mkdir(parents=True, exist_ok=True)
            as_json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise StorageError(f"cannot write {as_json}: {error.strerror}") from error
        typer.echo(f"wrote {as_json}", err=True)
