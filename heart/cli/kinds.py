"""What `heart run` and `heart report` do with each kind of scenario."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heart.cli import crt, electro, mechanics
from heart.cli.folder import MANIFEST
from heart.core.errors import CheckpointError, ScenarioError

if TYPE_CHECKING:
    from heart.scenario.load import LoadedScenario


@dataclass(frozen=True)
class Kind:
    """The commands of a kind of scenario.

    Attributes
    ----------
    run
        From a loaded scenario to the folder of its run; `overwrite` replaces an older one.
    report
        Draws figures and page of a finished run again and returns the page.
    resume
        Goes on with an unfinished run; None where nothing is kept on the way.
    """

    run: Callable[..., None]
    report: Callable[[Path], Path]
    resume: Callable[[LoadedScenario[Any], Path], None] | None = None


KINDS: dict[str, Kind] = {
    "crt_screen": Kind(crt.run, crt.report),
    "electro": Kind(electro.COMMANDS.run, electro.COMMANDS.report, electro.COMMANDS.resume),
    "mechanics": Kind(mechanics.COMMANDS.run, mechanics.COMMANDS.report, mechanics.COMMANDS.resume),
}


def of_run(run_dir: Path) -> Kind:
    """Return the kind of scenario that a finished run answered.

    Raises
    ------
    ScenarioError
        The folder is not that of a run.
    CheckpointError
        Its manifest is damaged or of a later version.
    """
    return KINDS[str(record_of(run_dir)["kind"])]


def record_of(run_dir: Path) -> dict[str, Any]:
    """Return the manifest of a run; errors as in `of_run`."""
    path = run_dir / MANIFEST
    if not path.is_file():
        raise ScenarioError(
            f"{str(run_dir)!r} holds no {MANIFEST}", fix="give the folder of a finished run"
        )
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{MANIFEST} is damaged", where=str(run_dir.name)) from error
    if not isinstance(record, dict) or record.get("kind") not in KINDS:
        raise CheckpointError(
            f"{MANIFEST} is of no known kind", where=run_dir.name, expected=" or ".join(KINDS)
        )
    return record
