"""`heart ionic`: the cell models that are here, their parameters, and reading one of your own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from heart.cli import ranks
from heart.cli.run import OverwriteOption

if TYPE_CHECKING:
    from heart.electro.ionic.imports import Imported
    from heart.electro.ionic.text import CellText
    from heart.electro.ionic.trial import Trial

ionic = typer.Typer(
    name="ionic",
    help="Cell models: list them, show their parameters, import your own.",
    no_args_is_help=True,
    add_completion=False,
)


@ionic.command("list")
def list_models() -> None:
    """List the cell models by name, with states, paper and the pulse that makes them fire."""
    from heart.electro.ionic.pacing import STEP
    from heart.electro.ionic.registry import REGISTRY, cell_model

    rows = [("name", "states", "parameters", "pulse", "paper", "what it is")]
    for name, entry in REGISTRY.items():
        text = cell_model(name).text
        pulse = f"{entry.pulse.amplitude:g} A/F {entry.pulse.duration:g} ms"
        counts = str(len(text.states)), str(len(text.parameters))
        rows.append((name, *counts, pulse, entry.source, entry.title))
    typer.echo("\n".join(_table(rows)))
    typer.echo(
        f"default time step of a single cell: {STEP.value:g} {STEP.unit}; a tissue takes its own"
        " from the solver profile"
    )


@ionic.command("show")
def show(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Name from `heart ionic list`, or an .mmt file.")
    ],
) -> None:
    """Show the states and parameters of a cell model: default, unit and meaning."""
    from heart.electro.ionic.registry import REGISTRY, cell_model

    cell = cell_model(model)
    text = cell.text
    known = REGISTRY.get(model)
    typer.echo(f"{cell.name}: {known.title} [{known.source}]" if known else cell.name)
    for label, name in text.labels.items():
        typer.echo(f"{label.replace('_', ' ')}: {name}")
    starts = zip(text.states, cell.initial_states, text.units, strict=True)
    rows = [("state", "start", "unit")]
    rows += [(name, f"{value:g}", unit) for name, value, unit in starts]
    typer.echo("\n" + "\n".join(_table(rows)))
    table = [("parameter", "default", "unit", "description")]
    for name, value in cell.parameters.items():
        entry = text.parameters[name]
        folded = " (fixed when code is generated)" if name in text.switches else ""
        table.append((name, f"{value:g}", entry.unit, entry.description + folded))
    typer.echo("\n" + "\n".join(_table(table)))


@ionic.command("import")
def import_model(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="CellML 1.0, 1.1 or 2.0 (.cellml, .xml), .mmt, or .ode."
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder to write NAME.mmt into.")
    ] = Path(),
    name: Annotated[str, typer.Option(help="Name; that of the file by default.")] = "",
    voltage: Annotated[str, typer.Option(help="Membrane potential, e.g. membrane.V.")] = "",
    stimulus: Annotated[
        str, typer.Option(help="Stimulus current; 'none' adds one where there is none.")
    ] = "",
    calcium: Annotated[str, typer.Option(help="Calcium of the cytosol.")] = "",
    tension: Annotated[str, typer.Option(help="Active tension.")] = "",
    overwrite: OverwriteOption = False,
) -> None:
    """Read a cell model of your own, check it, pace one beat and write it as NAME.mmt."""
    if ranks.rank() != 0:
        return
    from heart.core.errors import StorageError
    from heart.electro.ionic.conform import Names
    from heart.electro.ionic.imports import import_cell
    from heart.electro.ionic.model import CellModel
    from heart.electro.ionic.trial import trial_beat

    made = import_cell(file, name=name, names=Names(voltage, stimulus, calcium, tension))
    name = made.text.name
    target = output / f"{name}.mmt"
    same = target.exists() and target.read_bytes() == made.text.source.encode()
    if target.exists() and not (overwrite or same):
        raise StorageError(
            f"{target.name!r} exists", where="-o", fix="use --overwrite, --name or another folder"
        )
    trial = trial_beat(CellModel(name, made.text))
    typer.echo("\n".join(_report(made, trial)))
    output.mkdir(parents=True, exist_ok=True)
    target.write_text(made.text.source, encoding="utf-8")
    typer.echo(f"wrote {target}")


def _report(made: Imported, trial: Trial) -> list[str]:
    text = made.text
    lines = [
        f"{text.name}: {len(text.states)} states, {len(text.parameters)} parameters,"
        f" {len(made.unit_problems)} contradictions of units,"
        f" {trial.guarded} removable singularities (guarded in the generated code)",
        *_places(text),
        *(f"changed: {line}" for line in made.changes),
        *(f"units dropped: {line}" for line in made.unit_problems),
    ]
    beat, pulse = trial.found, f"{trial.pulse.amplitude:g} A/F for {trial.pulse.duration:g} ms"
    if not trial.fired:
        return [*lines, f"one beat: no action potential with {pulse} (peak {beat.peak:.1f} mV)"]
    values = {
        "rest": (beat.rest, "mV"),
        "peak": (beat.peak, "mV"),
        "dV/dt max": (beat.upstroke, "V/s"),
        "APD50": (beat.apd50, "ms"),
        "APD90": (beat.apd90, "ms"),
    }
    told = ", ".join(
        f"{key} {number:.1f} {unit}"
        for key, (number, unit) in values.items()
        if math.isfinite(number)
    )
    return [*lines, f"one beat from its initial states, {pulse}: {told}"]


def _places(text: CellText) -> list[str]:
    places = {**text.labels, **{f"bound to {k}": v for k, v in text.bindings.items()}}
    wanted = ("membrane_potential", "cytosolic_calcium", "active_tension", "bound to pace")
    found = [f"{key.replace('_', ' ')}: {places[key]}" for key in wanted if key in places]
    return [", ".join(found)]


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
