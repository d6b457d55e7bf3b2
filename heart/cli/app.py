"""The `heart` command: registers the commands and turns every failure into a line and a code.

Commands import what they need when they are called, so that `heart --help` answers at once.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from heart import __version__
from heart.cli import ranks
from heart.cli.bench import bench
from heart.cli.cite import cite
from heart.cli.failure import stop_on_signals, tell
from heart.cli.ionic import ionic
from heart.cli.mesh import mesh
from heart.cli.report import report
from heart.cli.resume import resume
from heart.cli.run import run
from heart.cli.schema import schema
from heart.cli.validate import validate
from heart.cli.verify import verify
from heart.cli.view import view

app = typer.Typer(
    name="heart",
    help="From a segmented heart and a question in YAML to a ranked answer. Research use only.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (validate, mesh, run, resume, report, view, verify, bench, schema, cite):
    app.command()(command)
app.add_typer(ionic)


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Write the facts as JSON.")] = False,
) -> None:
    """Check this machine: solver, MPI, compiler, meshers, pictures, memory, disk."""
    from heart.cli.doctor import doctor as check

    check(as_json)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"heart-twin {__version__} (research use only)")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks and the log; works in any place.")
    ] = False,
) -> None:
    """Read the options that every command has."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit with its code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    given = [word for word in given if word != "--debug"]
    logging.basicConfig(
        level=logging.INFO if debug else logging.ERROR, format="%(name)s: %(message)s"
    )
    # Warnings of libraries are for developers: in the log with --debug, not among the answers.
    logging.captureWarnings(True)
    stop_on_signals()
    try:
        code = app(given, prog_name="heart", standalone_mode=False)
    except BaseException as error:
        if isinstance(error, SystemExit):
            raise
        code = tell(error, debug=debug) if ranks.rank() == 0 else _other_rank(error, debug=debug)
        ranks.abort(code)
    sys.exit(code or 0)


def _other_rank(error: BaseException, *, debug: bool) -> int:
    """Let rank 0 speak first; a rank that fails alone is heard after a moment."""
    ranks.wait_for_leader()
    return tell(error, debug=debug)
