"""`heart report`: draw figures and page of a finished run again."""

from __future__ import annotations

import typer

from heart.cli.view import RunArgument


def report(run_dir: RunArgument) -> None:
    """Draw report.html and the figures of a run again, from its stored result."""
    from heart.cli.kinds import of_run

    page = of_run(run_dir).report(run_dir)
    typer.echo(f"wrote {page}")
