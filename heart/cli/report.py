"""`heart report`: draw figures and page of a finished run again."""

from __future__ import annotations

import typer

from heart.cli.run import RESULT
from heart.cli.view import RunArgument


def report(run_dir: RunArgument) -> None:
    """Draw report.html and the figures of a run again, from its stored result."""
    from heart.core import records
    from heart.core.errors import ScenarioError
    from heart.report.crt_report import write_report
    from heart.study.crt import CrtResult

    if not (run_dir / RESULT).is_file():
        raise ScenarioError(
            f"{str(run_dir)!r} holds no {RESULT}", fix="give the folder of a finished run"
        )
    page = write_report(records.load(run_dir / RESULT, CrtResult), run_dir)
    typer.echo(f"wrote {page}")
