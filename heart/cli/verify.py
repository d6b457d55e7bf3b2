"""`heart verify`: run benchmarks and print ours beside the reference, the error and the gate.

The exit code is 60 when a gate is not met, and the table is printed all the same: a number that
misses its gate is the one worth reading.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heart.cli import ranks

if TYPE_CHECKING:
    from heart.study.verification.benchmark import Benchmark
    from heart.study.verification.report import Outcome

ALL = "all"
WIDE = 130


def verify(
    name: Annotated[
        str, typer.Argument(help="Benchmark, or `all`; --list names them.", show_default=False)
    ] = "",
    listing: Annotated[
        bool, typer.Option("--list", help="Name the benchmarks with their running times.")
    ] = False,
    as_json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the rows as JSON.")
    ] = None,
    markdown: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|FOLDER", help="Also write tables; a folder gets one NAME.md each."
        ),
    ] = None,
) -> None:
    """Run an analytic or published benchmark: ours, reference, error, gate; exit 0 or 60."""
    from heart.core.errors import GateError, UsageError
    from heart.study.verification import report
    from heart.study.verification.registry import REGISTRY

    if listing:
        if ranks.rank() == 0:
            typer.echo("\n".join(report.listing(REGISTRY.values())))
        return
    if not name:
        raise UsageError("no benchmark named", fix=f"one of {', '.join(REGISTRY)}, or {ALL}")
    outcomes = [_run(one) for one in _chosen(name, REGISTRY)]
    if ranks.rank() == 0:
        for outcome in outcomes:
            _show(outcome)
        _write(outcomes, as_json, markdown)
    failed = [
        f"{outcome.benchmark.name}: {check.name}"
        for outcome in outcomes
        for check in outcome.checks
        if not check.passed
    ]
    if failed:
        gated = sum(check.gate is not None for outcome in outcomes for check in outcome.checks)
        raise GateError(f"{len(failed)} of {gated} gates not met ({'; '.join(failed)})")


def _chosen(name: str, known: dict[str, Benchmark]) -> list[Benchmark]:
    from heart.core.errors import UsageError
    from heart.core.validation import did_you_mean

    if name == ALL:
        return list(known.values())
    if name not in known:
        raise UsageError(f"no benchmark {name!r}", fix=did_you_mean(name, [*known, ALL]))
    return [known[name]]


def _run(benchmark: Benchmark) -> Outcome:
    from heart.core.progress import Console, silent
    from heart.study.verification.report import run

    return run(benchmark, Console() if ranks.rank() == 0 else silent())


def _show(outcome: Outcome) -> None:
    """Print a table: drawn on a terminal, plain columns elsewhere."""
    from heart.study.verification import report

    if not sys.stdout.isatty():
        typer.echo(report.plain(outcome))
        return
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    console = Console()
    # Numbers must not be cut; the source is in the JSON and on the pages.
    columns = report.COLUMNS if console.width >= WIDE else report.COLUMNS[:-1]
    title = f"{outcome.benchmark.title} ({outcome.seconds:.0f} s)"
    table = Table(title=title, title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0))
    for column in columns:
        left = column in report.LEFT
        table.add_column(
            column, justify="left" if left else "right", no_wrap=column != report.COLUMNS[0]
        )
    for check, row in zip(outcome.checks, report.rows(outcome), strict=True):
        table.add_row(*row[: len(columns)], style=None if check.passed else "bold red")
    console.print(table)


def _write(outcomes: list[Outcome], as_json: Path | None, markdown: Path | None) -> None:
    from heart.core.errors import StorageError
    from heart.study.verification import report

    pages: dict[Path, str] = {}
    if as_json is not None:
        record: dict[str, Any] = report.record(outcomes)
        pages[as_json] = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    if markdown is not None and markdown.suffix:
        pages[markdown] = "\n".join(report.page(outcome) for outcome in outcomes)
    elif markdown is not None:
        pages |= {markdown / f"{one.benchmark.name}.md": report.page(one) for one in outcomes}
    for path, text in pages.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error.strerror}") from error
        typer.echo(f"wrote {path}", err=True)
