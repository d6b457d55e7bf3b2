"""`heart schema`: the JSON schema of scenarios, for editors and for reading."""

from __future__ import annotations

from typing import Annotated

import typer


def schema(
    kind: Annotated[str, typer.Argument(help="Kind of scenario; without it the list.")] = "",
) -> None:
    """Print the JSON schema of a kind of scenario."""
    from heart.core.errors import UsageError
    from heart.core.validation import did_you_mean
    from heart.scenario.load import KINDS
    from heart.scenario.schema import schema_text

    if not kind:
        for name, model in KINDS.items():
            typer.echo(f"{name}: {(model.__doc__ or '').splitlines()[0]}")
        return
    if kind not in KINDS:
        raise UsageError(f"unknown kind {kind!r}", fix=did_you_mean(kind, list(KINDS)))
    typer.echo(schema_text(kind), nl=False)
