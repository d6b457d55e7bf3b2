"""A CRT screen from the command line: the folder of its run, and its page drawn again."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from heart.cli import ranks
from heart.cli.folder import MANIFEST, new_folder

if TYPE_CHECKING:
    from heart.scenario.crt import CrtScenario
    from heart.scenario.load import LoadedScenario

RESULT = "result.npz"


def run(loaded: LoadedScenario[CrtScenario], target: Path, *, overwrite: bool) -> None:
    """Screen the candidates of a scenario and write the folder `target`."""
    from heart.anatomy.case import load_case
    from heart.core import records
    from heart.core.progress import Console, silent
    from heart.core.provenance import file_hash, manifest
    from heart.report.crt_report import write_report
    from heart.scenario.load import resolved_text
    from heart.study.crt import run_crt, write_outputs

    leader = ranks.rank() == 0
    comm = ranks.world()
    start = time.perf_counter()
    with new_folder(target, overwrite=overwrite) as folder:
        console = Console(events=folder / "events.jsonl")
        text = resolved_text(loaded.scenario)
        result = run_crt(loaded, console if leader else silent())
        if leader:
            (folder / "scenario.resolved.yaml").write_text(text, encoding="utf-8")
            write_outputs(result, folder, with_fields=loaded.scenario.output.fields)
            records.save(folder / RESULT, result)
            record = manifest(
                scenario=loaded.scenario.name,
                kind=loaded.scenario.kind,
                case=load_case(loaded.case).name,
                inputs={path.name: file_hash(path) for path in loaded.inputs},
                seed=loaded.scenario.seed,
                ranks=comm.size if comm is not None else 1,
                timings={name: round(seconds, 3) for name, seconds in console.timings.items()},
                total=round(time.perf_counter() - start, 3),
            )
            (folder / MANIFEST).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
            write_report(result, folder)


def report(run_dir: Path) -> Path:
    """Draw figures and page of the run in `run_dir` again."""
    from heart.core import records
    from heart.core.errors import ScenarioError
    from heart.report.crt_report import write_report
    from heart.study.crt import CrtResult

    if not (run_dir / RESULT).is_file():
        raise ScenarioError(
            f"{str(run_dir)!r} holds no {RESULT}", fix="give the folder of a finished run"
        )
    return write_report(records.load(run_dir / RESULT, CrtResult), run_dir)
