"""`heart run`: answer the question of a scenario and write the folder of the run."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from heart.cli import ranks
from heart.cli.folder import MANIFEST, check_free, new_folder
from heart.cli.validate import ScenarioArgument, SettingsOption

RESULT = "result.npz"
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
    """Run a scenario: mesh the heart, screen the candidates, write report.html and qoi.json."""
    from heart.anatomy.case import load_case
    from heart.core import records
    from heart.core.progress import Console, silent
    from heart.core.provenance import file_hash, manifest
    from heart.scenario.load import load_scenario, resolved_text

    loaded = load_scenario(scenario, settings or ())
    case = load_case(loaded.case)
    target = output or Path("runs") / loaded.scenario.name
    check_free(target, overwrite=overwrite)

    from heart.report.crt_report import write_report
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
                case=case.name,
                inputs={
                    path.name: file_hash(path)
                    for path in (*loaded.document.files, loaded.case, *loaded.files.values())
                },
                seed=loaded.scenario.seed,
                ranks=comm.size if comm is not None else 1,
                timings={name: round(seconds, 3) for name, seconds in console.timings.items()},
                total=round(time.perf_counter() - start, 3),
            )
            (folder / MANIFEST).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
            write_report(result, folder)
    if leader:
        typer.echo(f"wrote {target}/report.html")
