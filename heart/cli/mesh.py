"""`heart mesh`: mesh the heart of a case, and say how good the mesh is in numbers and a picture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from heart.cli import ranks
from heart.cli.folder import MANIFEST, check_free, new_folder
from heart.cli.run import OverwriteOption

if TYPE_CHECKING:
    from heart.anatomy.build import MeshResult
    from heart.scenario.crt import MeshSection


def mesh(
    source: Annotated[
        str,
        typer.Argument(
            metavar="CASE|SCENARIO",
            help="Folder of a case, its case.yaml, meshes/NAME as packaged, or a scenario.",
            show_default=False,
        ),
    ],
    edge_length: Annotated[
        str, typer.Option(help="Mean edge, with a unit.", show_default="1.5 mm or the scenario's")
    ] = "",
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Folder to write.", show_default="runs/mesh_NAME"),
    ] = None,
    backend: Annotated[
        Literal["gmsh", "tetwild"] | None, typer.Option(help="Maker of the tetrahedra.")
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Mesh a heart and write its quality report, a picture and mesh.vtkhdf."""
    from heart.anatomy.case import load_case
    from heart.core.progress import Console, silent
    from heart.core.provenance import file_hash, manifest

    case_file, settings = _plan(source, edge_length, backend)
    case = load_case(case_file)
    target = output or Path("runs") / f"mesh_{case.name}"
    check_free(target, overwrite=overwrite)

    from heart.anatomy.build import build_mesh

    leader = ranks.rank() == 0
    with new_folder(target, overwrite=overwrite) as folder:
        telemetry = Console(events=folder / "events.jsonl") if leader else silent()
        made = build_mesh(case, settings.edge_length, backend=settings.backend, telemetry=telemetry)
        if leader:
            quality = _report(made)
            (folder / "quality.json").write_text(json.dumps(quality, indent=2) + "\n")
            _write_fields(folder, made)
            record = manifest(
                case=case.name,
                edge_length_mm=settings.edge_length,
                backend=settings.backend,
                inputs={
                    path.name: file_hash(path)
                    for path in (case_file, *(case.file(name) for name in case.file_names()))
                },
            )
            (folder / MANIFEST).write_text(json.dumps(record, indent=2) + "\n")
            _show(quality)
    if leader:
        typer.echo(f"wrote {target}")


def _plan(source: str, edge_length: str, backend: str | None) -> tuple[Path, MeshSection]:
    """Return the case.yaml that `source` means, and the settings of its mesh."""
    from heart.core.validation import validate
    from heart.core.yaml import load_yaml, locate, read_text
    from heart.scenario.crt import MeshSection
    from heart.scenario.load import load_scenario

    path = Path(source)
    if path.is_dir():
        path /= "case.yaml"
    if not path.exists() and path.parts[:1] == ("meshes",):
        name = source if path.suffix else f"{source}/case.yaml"
        path = locate(name, Path.cwd(), Path.cwd(), where="CASE")[0]
    section = MeshSection()
    data = load_yaml(path).data
    if isinstance(data, dict) and "kind" in data:
        loaded = load_scenario(path)
        path, section = loaded.case, loaded.scenario.mesh
    given = {"edge_length": edge_length, "backend": backend}
    text = "\n".join(f"{key}: {json.dumps(value)}" for key, value in given.items() if value)
    changed = validate(MeshSection, read_text(text, "--edge-length")) if text else MeshSection()
    return path, section.model_copy(
        update={key: getattr(changed, key) for key, value in given.items() if value}
    )


def _report(made: MeshResult) -> dict[str, object]:
    return {
        **made.report.as_dict(),
        "label_volumes_mm3": dict(made.label_volumes),
        "changes": list(made.changes),
    }


def _write_fields(folder: Path, made: MeshResult) -> None:
    from heart.numerics import fields
    from heart.report import mesh_picture

    heart = made.mesh
    cell_data = {"region": heart.regions, "tissue": heart.tissue}
    fields.write(folder / "mesh.vtkhdf", fields.grid(heart.points, heart.cells, None, cell_data))
    mesh_picture.write(folder / "mesh.png", heart)


def _show(quality: Mapping[str, object]) -> None:
    from rich.console import Console as RichConsole
    from rich.table import Table

    table = Table("mesh", "value", box=None, show_header=False)
    for name, value in _flat(quality, ""):
        shown = f"{value:.5g}" if isinstance(value, float) else str(value)
        table.add_row(name, shown)
    RichConsole().print(table)


def _flat(data: Mapping[str, object], prefix: str) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = []
    for name, value in data.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            rows += [(f"{prefix}{name}", item) for item in value]
        else:
            rows.append((f"{prefix}{name}", value))
    return rows
