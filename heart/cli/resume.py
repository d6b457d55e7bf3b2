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
    from heart.cli import electro
    from heart.cli.kinds import record_of
    from heart.core.errors import CheckpointError, ScenarioError
    from heart.scenario.electro import ElectroScenario
    from heart.scenario.load import load_scenario
    from heart.scenario.summary import summary

    record = record_of(run_dir)
    if record["kind"] != "electro":
        raise ScenarioError(
            f"a run of kind {record['kind']} has no checkpoints", fix="run the scenario again"
        )
    if record.get("state") == "done":
        raise ScenarioError(
            f"{str(run_dir)!r} is finished", fix=f"draw its page again by heart report {run_dir}"
        )
    loaded = load_scenario(scenario or run_dir / electro.RESOLVED)
    if not isinstance(loaded.scenario, ElectroScenario):
        raise CheckpointError("the run was written by another scenario", where=run_dir.name)
    summary(loaded)
    electro.resume(loaded, run_dir)
    if ranks.rank() == 0:
        typer.echo(f"wrote {run_dir}/report.html")
