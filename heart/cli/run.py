"""`heart run`: answer the question of a scenario and write the folder of the run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from heart.cli import ranks
from heart.cli.validate import ScenarioArgument, SettingsOption

OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace the folder of an older run.")
]


def run(
    scenario: ScenarioArgument,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Folder to write.", show_default="runs/NAME"),
    ] = None,
    settings: SettingsOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Run a scenario: compute, write report.html, qoi.json, fields and traces."""
    from heart.cli.folder import check_free
    from heart.cli.kinds import KINDS
    from heart.scenario.load import load_scenario
    from heart.scenario.summary import summary

    loaded = load_scenario(scenario, settings or ())
    summary(loaded)
    target = output or Path("runs") / loaded.scenario.name
    check_free(target, overwrite=overwrite)
    KINDS[loaded.scenario.kind].run(loaded, target, overwrite=overwrite)
    if ranks.rank() == 0:
        typer.echo(f"wrote {target}/report.html")
