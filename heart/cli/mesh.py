"""`heart mesh`: mesh the heart of a case, and say how good the mesh is in numbers and a picture."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from heart.cli import ranks
from heart.cli.folder import MANIFEST, check_free, new_folder
from heart.cli.run import OverwriteOption

if TYPE_CHECKING:
    from heart.anatomy.build import BuiltHeart, MeshResult
    from heart.anatomy.case import Case
    from heart.anatomy.fibres import FibreAngles
    from heart.anatomy.heart_mesh import HeartMesh
    from heart.anatomy.quality import QualityReport
    from heart.core.progress import Telemetry
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
    from heart.anatomy.fibres import FibreAngles
    from heart.core.progress import Console, silent
    from heart.core.provenance import file_hash, manifest

    case_file, settings, angles = _plan(source, edge_length, backend)
    case = load_case(case_file)
    target = output or Path("runs") / f"mesh_{case.name}"
    check_free(target, overwrite=overwrite)

    leader = ranks.rank() == 0
    with new_folder(target, overwrite=overwrite) as folder:
        telemetry = Console(events=folder / "events.jsonl") if leader else silent()
        made, heart_mesh = _build(
            case, settings.edge_length, FibreAngles(**angles), settings.backend, telemetry
        )
        if leader:
            _write(folder, made, heart_mesh)
            record = manifest(
                case=case.name,
                edge_length_mm=settings.edge_length,
                backend=settings.backend,
                inputs={
                    path.name: file_hash(path)
                    for path in (case_file, *(case.file(name) for name in case.file_names()))
                },
            )
            text = json.dumps(record, indent=2)
            (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
            typer.echo("\n".join(_lines(made)))
    if leader:
        typer.echo(f"wrote {target}")


def _plan(
    source: str, edge_length: str, backend: str | None
) -> tuple[Path, MeshSection, dict[str, float]]:
    """Return the case.yaml that `source` means, the settings of its mesh, and fibre angles."""
    from heart.core.validation import validate
    from heart.core.yaml import load_yaml, locate, read_text
    from heart.scenario.crt import CrtScenario, FibreSection, MeshSection
    from heart.scenario.load import load_scenario

    path = Path(source)
    if path.is_dir():
        path /= "case.yaml"
    if not path.exists() and path.parts[:1] == ("meshes",):
        name = source if path.suffix else f"{source}/case.yaml"
        path = locate(name, Path.cwd(), Path.cwd(), where="CASE")[0]
    section, fibres = MeshSection(), FibreSection()
    data = load_yaml(path).data
    if isinstance(data, dict) and "kind" in data:
        loaded = load_scenario(path)
        path, asked = loaded.case, loaded.scenario
        if isinstance(asked, CrtScenario):
            section, fibres = asked.mesh, asked.fibres
        else:
            body = asked.body
            section = MeshSection(edge_length=body.edge_length, backend=body.backend)
            fibres = body.fibres
    given = {"edge_length": edge_length, "backend": backend}
    text = "\n".join(f"{key}: {json.dumps(value)}" for key, value in given.items() if value)
    changed = validate(MeshSection, read_text(text, "--edge-length")) if text else MeshSection()
    section = section.model_copy(
        update={key: getattr(changed, key) for key, value in given.items() if value}
    )
    return path, section, fibres.model_dump()


def _build(
    case: Case, edge_length: float, angles: FibreAngles, backend: str, telemetry: Telemetry
) -> tuple[MeshResult | BuiltHeart, HeartMesh]:
    """Build the heart; a slab, which has no apex and no base, is only meshed."""
    from heart.anatomy.build import build_heart, build_mesh
    from heart.anatomy.case import IdealisedSource

    if isinstance(case.source, IdealisedSource) and case.source.idealised.kind == "slab":
        made = build_mesh(case, edge_length, backend=backend, telemetry=telemetry)
        return made, made.mesh
    built = build_heart(case, edge_length, angles, backend=backend, telemetry=telemetry)
    return built, built.heart.mesh


def _quality(made: MeshResult | BuiltHeart) -> QualityReport:
    return made.quality if hasattr(made, "quality") else made.report


def _write(folder: Path, made: MeshResult | BuiltHeart, mesh: HeartMesh) -> None:
    from heart.numerics import fields
    from heart.report import mesh_picture

    record = {
        **_quality(made).as_dict(),
        "units": {"edge": "mm", "volume": "mm3", "wall_thickness": "mm"},
        "label_volumes": dict(made.label_volumes),
        "changes": list(made.changes),
    }
    text = json.dumps(record, indent=2, default=float)
    (folder / "quality.json").write_text(text + "\n", encoding="utf-8")
    points: dict[str, Any] = {}
    cells: dict[str, Any] = {"region": mesh.regions, "tissue": mesh.tissue}
    heart = getattr(made, "heart", None)
    if heart is not None:
        points = {**asdict(heart.coordinates), "aha": heart.segments}
        cells |= asdict(heart.fibres)
    fields.write(folder / "mesh.vtkhdf", fields.grid(mesh.points, mesh.cells, points, cells))
    mesh_picture.write(folder / "mesh.png", mesh)


def _lines(made: MeshResult | BuiltHeart) -> list[str]:
    """Return the report for a terminal, volumes beside those of the label map."""
    quality = _quality(made)
    drawn = made.label_volumes
    lines = [*made.changes, *quality.lines()]
    walls = [drawn[name] for name in ("lv_wall", "rv_wall") if name in drawn]
    pairs = (
        ("LV cavity", quality.lv_cavity_volume, drawn.get("lv_cavity")),
        ("RV cavity", quality.rv_cavity_volume, drawn.get("rv_cavity")),
        ("wall", quality.wall_volume, sum(walls) or None),
    )
    for name, meshed, label in pairs:
        if meshed and label:
            lines.append(f"{name} {100 * (meshed / label - 1):+.1f} % of the label map as drawn")
    return lines
