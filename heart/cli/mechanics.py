"""A mechanics run from the command line: its folder, going on with it, its page.

As for electrophysiology, the manifest is written first, with the state `running`, and again at the
end: a run that was stopped or gave up leaves a folder that says what it is and can be gone on with.
"""

from __future__ import annotations

import json
import time
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
    from heart.scenario.mechanics import MechanicsScenario

RESULT = "result.npz"


def run(loaded: LoadedScenario[MechanicsScenario], target: Path, *, overwrite: bool) -> None:
    """Run a scenario and write the folder `target`."""
    kept = kept_name(target)
    try:
        with new_folder(target, overwrite=overwrite, worth_keeping=has_state) as folder:
            compute(loaded, folder, resumed=False)
    except InterruptedRunError as error:
        raise _with_way_on(error, kept) from error
    except (NonlinearSolveError, NonFiniteError, NonPhysicalError) as error:
        where = f"{error.where}, kept in {kept}" if error.where else f"kept in {kept}"
        raise type(error)(
            error.what,
            where=where if kept.is_dir() else error.where,
            expected=error.expected,
            fix=error.fix,
        ) from error


def resume(loaded: LoadedScenario[MechanicsScenario], folder: Path) -> None:
    """Go on with the run in `folder` from its newest checkpoint."""
    try:
        compute(loaded, folder, resumed=True)
    except InterruptedRunError as error:
        raise _with_way_on(error, folder) from error


def compute(loaded: LoadedScenario[MechanicsScenario], folder: Path, *, resumed: bool) -> None:
    """Run or go on, and write everything into `folder`. Collective."""
    from heart.core import records
    from heart.core.progress import Console, silent
    from heart.numerics.interruption import stop_between_steps
    from heart.report.mechanics_report import write_report
    from heart.scenario.load import resolved_text
    from heart.study.mechanics.outputs import write_outputs
    from heart.study.mechanics.run import run_mechanics, scenario_hash

    leader = ranks.rank() == 0
    start = time.perf_counter()
    console = Console(events=folder / "events.jsonl")
    about = {"scenario_hash": scenario_hash(loaded)}
    if leader and not resumed:
        text = resolved_text(loaded.scenario)
        (folder / RESOLVED).write_text(text, encoding="utf-8")
        _write(folder, _record(loaded, state="running", **about))
    with stop_between_steps() as stop:
        result = run_mechanics(
            loaded, folder, console if leader else silent(), stop=stop, resume=resumed
        )
    if not leader:
        return
    with console.step("Files and report"):
        write_outputs(result, folder)
        records.save(folder / RESULT, result)
        write_report(result, folder)
    seconds = {name: round(value, 3) for name, value in console.timings.items()}
    total = round(time.perf_counter() - start, 3)
    _write(folder, _record(loaded, state="done", **about, timings=seconds, total=total))


def report(run_dir: Path) -> Path:
    """Draw figures and page of the run in `run_dir` again."""
    from heart.core import records
    from heart.report.mechanics_report import write_report
    from heart.study.mechanics.result import MechanicsResult

    if not (run_dir / RESULT).is_file():
        raise ScenarioError(
            f"{str(run_dir)!r} holds no {RESULT}", fix=f"finish it by heart resume {run_dir}"
        )
    return write_report(records.load(run_dir / RESULT, MechanicsResult), run_dir)


def has_state(folder: Path) -> bool:
    """Return whether a folder holds a checkpoint to go on from."""
    return (folder / "checkpoints" / "manifest.json").is_file()


def _with_way_on(error: HeartError, folder: Path) -> HeartError:
    if not has_state(folder):
        return InterruptedRunError(f"{error.what}; nothing was written")
    what = error.what.removesuffix("; nothing was written")
    return InterruptedRunError(what, fix=f"go on by: heart resume {folder}")


def _record(loaded: LoadedScenario[MechanicsScenario], **more: Any) -> dict[str, object]:
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
