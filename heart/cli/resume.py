"""`heart resume`: go on with a run that was stopped, failed or killed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from heart.cli import ranks
from heart.cli.view import RunArgument


def resume(
    run_dir: RunArgument,
    scenario: Annotated[
        Path | None,
        typer.Option(help="Scenario it was run with, where its files lie beside that."),
    ] = None,
) -> None:
    """Go on with an unfinished run from its newest checkpoint, on any number of ranks."""
    from heart.cli.folder import RESOLVED
    from heart.cli.kinds import KINDS, record_of
    from heart.core.errors import CheckpointError, ScenarioError
    from heart.scenario.load import load_scenario
    from heart.scenario.summary import summary

    record = record_of(run_dir)
    go_on = KINDS[str(record["kind"])].resume
    if go_on is None:
        raise ScenarioError(
            f"a run of kind {record['kind']} has no checkpoints", fix="run the scenario again"
        )
    if record.get("state") == "done":
        raise ScenarioError(
            f"{str(run_dir)!r} is finished", fix=f"draw its page again by heart report {run_dir}"
        )
    loaded = load_scenario(scenario or run_dir / RESOLVED)
    if loaded.scenario.kind != record["kind"]:
        raise CheckpointError("the run was written by another scenario", where=run_dir.name)
    summary(loaded)
    go_on(loaded, run_dir)
    if ranks.rank() == 0:
        typer.echo(f"wrote {run_dir}/report.html")
