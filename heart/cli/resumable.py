"""What all runs that can be gone on with share: their folder, their manifest, their page.

The manifest is written first, with the state `running`, and again at the end: a run that was
stopped, gave up or was killed leaves a folder that says what it is and can be gone on with.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heart.cli import ranks
from heart.cli.folder import MANIFEST, RESOLVED, kept_name, new_folder
from heart.core.errors import (
    HeartError,
    InterruptedRunError,
    NonFiniteError,
    NonlinearSolveError,
    NonPhysicalError,
    ScenarioError,
)

if TYPE_CHECKING:
    from heart.scenario.load import LoadedScenario

RESULT = "result.npz"


@dataclass(frozen=True)
class Parts:
    """What a kind of run does.

    Attributes
    ----------
    compute
        From a loaded scenario, its folder, who watches, `stop` and `resume` to a result.
    write_outputs, write_report
        Take result and folder; the second returns the page.
    result
        Class of the result.
    """

    compute: Callable[..., Any]
    write_outputs: Callable[[Any, Path], object]
    write_report: Callable[[Any, Path], Path]
    result: type[Any]


@dataclass(frozen=True)
class Resumable:
    """The commands of a kind of run.

    Attributes
    ----------
    parts
        Returns its parts; imports are left until they are needed.
    """

    parts: Callable[[], Parts]

    def run(self, loaded: LoadedScenario[Any], target: Path, *, overwrite: bool) -> None:
        """Run a scenario and write the folder `target`."""
        kept = kept_name(target)
        try:
            with new_folder(target, overwrite=overwrite, worth_keeping=has_state) as folder:
                self._compute(loaded, folder, resumed=False)
        except InterruptedRunError as error:
            raise _with_way_on(error, kept) from error
        except (NonlinearSolveError, NonFiniteError, NonPhysicalError) as error:
            where = error.where
            if kept.is_dir():
                where = f"{where}, kept in {kept}" if where else f"kept in {kept}"
            raise type(error)(
                error.what, where=where, expected=error.expected, fix=error.fix
            ) from error

    def resume(self, loaded: LoadedScenario[Any], folder: Path) -> None:
        """Go on with the run in `folder` from its newest checkpoint."""
        try:
            self._compute(loaded, folder, resumed=True)
        except InterruptedRunError as error:
            raise _with_way_on(error, folder) from error

    def report(self, run_dir: Path) -> Path:
        """Draw figures and page of the run in `run_dir` again."""
        from heart.core import records

        if not (run_dir / RESULT).is_file():
            raise ScenarioError(
                f"{str(run_dir)!r} holds no {RESULT}", fix=f"finish it by heart resume {run_dir}"
            )
        parts = self.parts()
        return parts.write_report(records.load(run_dir / RESULT, parts.result), run_dir)

    def _compute(self, loaded: LoadedScenario[Any], folder: Path, *, resumed: bool) -> None:
        """Run or go on, and write everything into `folder`. Collective."""
        from heart.core import records
        from heart.core.progress import Console, silent
        from heart.numerics.interruption import stop_between_steps
        from heart.scenario.load import resolved_text
        from heart.study.identity import scenario_hash

        parts, leader = self.parts(), ranks.rank() == 0
        start = time.perf_counter()
        console = Console(events=folder / "events.jsonl")
        about = {"scenario_hash": scenario_hash(loaded)}
        if leader and not resumed:
            text = resolved_text(loaded.scenario)
            (folder / RESOLVED).write_text(text, encoding="utf-8")
            _write(folder, _record(loaded, state="running", **about))
        with stop_between_steps() as stop:
            watch = console if leader else silent()
            result = parts.compute(loaded, folder, watch, stop=stop, resume=resumed)
        if not leader:
            return
        with console.step("Files and report"):
            parts.write_outputs(result, folder)
            records.save(folder / RESULT, result)
            parts.write_report(result, folder)
        seconds = {name: round(value, 3) for name, value in console.timings.items()}
        total = round(time.perf_counter() - start, 3)
        _write(folder, _record(loaded, state="done", **about, timings=seconds, total=total))


def has_state(folder: Path) -> bool:
    """Return whether a folder holds a checkpoint to go on from."""
    return (folder / "checkpoints" / "manifest.json").is_file()


def _with_way_on(error: HeartError, folder: Path) -> HeartError:
    if not has_state(folder):
        return InterruptedRunError(f"{error.what}; nothing was written")
    what = error.what.removesuffix("; nothing was written")
    return InterruptedRunError(what, fix=f"go on by: heart resume {folder}")


def _record(loaded: LoadedScenario[Any], **more: Any) -> dict[str, object]:
    from heart.core.provenance import file_hash, manifest

    comm = ranks.world()
    return manifest(
        scenario=loaded.scenario.name,
        kind=loaded.scenario.kind,
        inputs={path.name: file_hash(path) for path in loaded.inputs},
        seed=loaded.scenario.seed,
        ranks=comm.size if comm is not None else 1,
        **more,
    )


def _write(folder: Path, record: dict[str, object]) -> None:
    (folder / MANIFEST).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
