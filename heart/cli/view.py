"""`heart view`: turn the heart of a run in a window, a picture or a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RunArgument = Annotated[Path, typer.Argument(help="Folder of a run.", show_default=False)]


def view(
    run_dir: RunArgument,
    screenshot: Annotated[
        Path | None, typer.Option(help="Write a PNG instead of opening a window.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write an offline page instead of opening a window.")
    ] = None,
    field: Annotated[str, typer.Option(help="Array to colour by; the activation by default.")] = "",
) -> None:
    """Open the fields of a run in a PyVista window."""
    from heart.core.errors import ScenarioError
    from heart.report.view import open_run

    if not run_dir.is_dir():
        raise ScenarioError(f"no such folder: {str(run_dir)!r}", fix="give the folder of a run")
    names = open_run(run_dir, screenshot=screenshot, html=html, field=field)
    for written in (screenshot, html):
        if written is not None:
            typer.echo(f"wrote {written}")
    if screenshot is None and html is None:
        typer.echo(f"fields: {', '.join(names)}")
