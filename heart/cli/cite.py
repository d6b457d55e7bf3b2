"""`heart cite`: the sources of the numbers and methods that a scenario uses, as BibTeX."""

from __future__ import annotations

import typer

from heart.cli.validate import ScenarioArgument, SettingsOption


def cite(scenario: ScenarioArgument, settings: SettingsOption = None) -> None:
    """Print BibTeX for the parameters and methods that a scenario uses."""
    from heart.scenario.load import load_scenario
    from heart.scenario.sources import bibliography, sources_of

    loaded = load_scenario(scenario, settings or ())
    found, missing = bibliography(sources_of(loaded.scenario))
    typer.echo("\n\n".join(found))
    for key in missing:
        typer.echo(f"% {key}: no entry in docs/refs.bib", err=True)
