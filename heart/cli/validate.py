"""`heart validate`: say what is wrong with a scenario before anything is computed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from heart.cli import ranks

ScenarioArgument = Annotated[Path, typer.Argument(help="Scenario YAML.", show_default=False)]
SettingsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Replace a value, e.g. mesh.edge_length='2 mm'."
    ),
]


def validate(
    scenario: ScenarioArgument,
    settings: SettingsOption = None,
    resolved: Annotated[
        bool, typer.Option("--resolved", help="Print it with every default filled in.")
    ] = False,
) -> None:
    """Check a scenario, its case and the files that they name."""
    from heart.scenario.load import load_scenario, resolved_text
    from heart.scenario.summary import summary

    loaded = load_scenario(scenario, settings or ())
    words = summary(loaded)
    if ranks.rank() != 0:
        return
    if resolved:
        typer.echo(resolved_text(loaded.scenario), nl=False)
        return
    typer.echo(f"{scenario.name}: valid. {words}")
