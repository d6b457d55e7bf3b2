"""Every way a mechanics run can be wrong, as the user meets it: at the command line."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heart.anatomy.heart import FibreField
from heart.cli.app import main
from heart.core.errors import MeshInputError, MPIEnvironmentError
from heart.core.progress import silent
from heart.mechanics.space import tetrahedral
from heart.numerics import profiles
from heart.numerics.profiles import Profile
from heart.scenario.load import load_scenario
from heart.study.mechanics import prepare as preparing
from heart.study.mechanics.specimen import Specimen, specimen_of

GOOD = """\
heart_twin: 1
kind: mechanics
name: bad_input
body: {kind: beam, size: [2 mm, 1 mm, 1 mm], edge_length: 1 mm}
material: [{law: neo_hookean, parameters: {shear_modulus: 2 kPa}}]
elements: {kind: p1_p1_stabilised, quadrature_degree: 2}
boundary: [{kind: fixed, boundary: x_low}]
loads: {stages: [{label: bent, pressure: {z_low: 20 Pa}}]}
observe: {probes: [{label: tip, position: [2 mm, 0.5 mm, 0.5 mm]}]}
"""
BEAM = "{kind: beam, size: [2 mm, 1 mm, 1 mm], edge_length: 1 mm}"
LAW = "{law: neo_hookean, parameters: {shear_modulus: 2 kPa}}"
FIXED = "{kind: fixed, boundary: x_low}"
STAGES = "{stages: [{label: bent, pressure: {z_low: 20 Pa}}]}"
HEART = GOOD.replace(BEAM, "{kind: land_ellipsoid, edge_length: 6 mm}").replace("x_low", "base")
ROWS: dict[str, tuple[str, str, str, int, list[str]]] = {
    "10 Pa where 10 kPa were meant": (
        HEART, "{z_low: 20 Pa}", "{lv_endo: 10 Pa}",
        13, ["bad.yaml:8", "pressure of lv_endo", "'10 Pa'", "did you mean '10 kPa'?"],
    ),
    "tension in pascal": (
        GOOD, "{z_low: 20 Pa}}", "{z_low: 20 Pa}, tension: 60 Pa}", 13, ["did you mean '60 kPa'?"],
    ),
    "pressure without a unit": (GOOD, "20 Pa", "20", 13, ["20 has no unit", "kPa"]),
    "pressure of another dimension": (GOOD, "20 Pa", "20 mm", 13, ["wrong dimension"]),
    "pressure of megapascals": (
        GOOD, "20 Pa", "20 MPa", 13, ["'20 MPa' is not plausible", "-5 to 50 kPa"],
    ),
    "unknown key": (GOOD, "boundary: [", "bundary: [", 10, ["'bundary'", "'boundary'"]),
    "unknown law": (GOOD, "neo_hookean", "neo_hokean", 10, ["did you mean 'neo_hookean'"]),
    "unknown parameter": (
        GOOD, "shear_modulus: 2", "shear_moduls: 2", 13, ["'shear_moduls'", "'shear_modulus'"],
    ),
    "parameter out of range": (
        GOOD, "shear_modulus: 2 kPa", "shear_modulus: 2 GPa",
        13, ["shear_modulus = '2 GPa' is not plausible", "'2 kPa'"],
    ),
    "parameter without a unit": (
        GOOD, "shear_modulus: 2 kPa", "shear_modulus: 2",
        13, ["shear_modulus = 2.0 has no unit", "kPa"],
    ),
    "factor that makes a parameter implausible": (
        GOOD, LAW,
        LAW + ", {where: {kind: box, low: [0 mm, 0 mm, 0 mm], high: [1 mm, 1 mm, 1 mm]},"
        " scale: {shear_modulus: 0.001}}",
        13, ["shear_modulus times 0.001", "not plausible"],
    ),
    "place without cells": (
        GOOD, LAW,
        LAW + ", {where: {kind: sphere, centre: [9 mm, 0 mm, 0 mm], radius: 1 mm},"
        " scale: {shear_modulus: 2}}",
        13, ["material[1]", "no cell"],
    ),
    "nothing holds the body": (
        GOOD, FIXED, "{kind: sliding, boundary: x_low, axis: x}",
        13, ["rigid motions", "translation along y", "rotation about x"],
    ),
    "springs without stiffness": (
        GOOD, FIXED, "{kind: springs, boundary: x_low, stiffness: 0 kPa/mm, direction: full}",
        13, ["nothing holds the body against 6 rigid motions"],
    ),
    "boundary of another body": (
        GOOD, "{z_low: 20 Pa}", "{lv_endo: 2 kPa}", 13, ["a beam has no boundary 'lv_endo'"],
    ),
    "boundary that this heart lacks": (
        HEART, "{z_low: 20 Pa}", "{rv_endo: 2 kPa}",
        13, ["benchmark ellipsoid has no boundary 'rv_endo'", "lv_endo"],
    ),
    "penalty with a pressure unknown": (
        GOOD, "elements:", "compressibility: {kind: penalty}\nelements:", 13, ["p2 or p1"],
    ),
    "valves of a beam": (
        GOOD, "loads: {", "loads: {valves: true, ", 13, ["beam", "no cavity", "valves"],
    ),
    "valves beside a prescribed volume": (
        HEART, "loads: {stages: [{label: bent, pressure: {z_low: 20 Pa}}]}",
        "loads: {valves: true, stages: [{label: full, volume: {lv_endo: 3 mL}}]}",
        10, ["valves carry pressures of stages alone", "no volumes"],
    ),
    "penalty with an augmentation": (
        GOOD, "elements:",
        "compressibility: {kind: penalty, augmentation: 10 kPa}\nelements:",
        13, ["no pressure to augment", "bulk_modulus"],
    ),
    "probe outside": (
        GOOD, "[2 mm, 0.5 mm, 0.5 mm]}]", "[9 mm, 0.5 mm, 0.5 mm]}]",
        12, ["probe tip", "in no cell"],
    ),
    "stages in a run in time": (
        GOOD, "observe:", "dynamics: {kind: time, duration: 10 ms}\nobserve:",
        10, ["a run in time has no stages"],
    ),
    "curves without time": (
        GOOD, STAGES, "{curves: {z_low: {kind: table, times: [0 ms], values: [1 kPa]}}}",
        10, ["dynamics: {kind: time"],
    ),
    "table that runs backwards": (
        GOOD, "loads: " + STAGES,
        "loads: {curves: {z_low: {kind: table, times: [5 ms, 0 ms], values: [0 kPa, 1 kPa]}}}\n"
        "dynamics: {kind: time, duration: 10 ms}",
        13, ["do not increase"],
    ),
    "pressure and volume of one cavity": (
        HEART, "{z_low: 20 Pa}", "{lv_endo: 2 kPa}, volume: {lv_endo: 3 mL}",
        10, ["lv_endo has a pressure and a volume"],
    ),
    "unknown profile": (
        GOOD, "observe:", "solver: {profiles: [dirct]}\nobserve:",
        10, ["no solver profile", "dirct"],
    ),
    "edge longer than the beam": (
        GOOD, "edge_length: 1 mm", "edge_length: 3 mm", 13, ["longer than a side"],
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _handlers_kept() -> Iterator[None]:
    """The command turns signals into exceptions; the test run keeps its own."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
    kept = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def refused(text: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Return code and line of a run that has to be refused with nothing left behind."""
    (folder / "bad.yaml").write_text(text)
    with pytest.raises(SystemExit) as ended:
        main(["run", str(folder / "bad.yaml"), "-o", "out"])
    line = [one for one in capsys.readouterr().err.splitlines() if one.startswith("heart: ")]
    assert len(line) == 1
    assert [path.name for path in folder.iterdir()] == ["bad.yaml"]
    return int(str(ended.value.code)), line[0]


@pytest.mark.parametrize("row", ROWS)
def test_bad_run_is_one_line_one_code_and_no_files(
    row: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is computed, and with nothing left behind."""
    text, old, new, code, words = ROWS[row]
    assert old in text
    monkeypatch.chdir(tmp_path)
    ended, line = refused(text.replace(old, new, 1), tmp_path, capsys)
    assert ended == code, line
    for word in words:
        assert word in line, line


def test_option_that_petsc_does_not_know_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """PETSc ignores a misspelt option in silence; a user who tunes has to hear of it."""
    monkeypatch.chdir(tmp_path)
    usual = profiles.load("mechanics/direct")
    odd = Profile(usual.name, usual.purpose, {**usual.petsc, "snes_max_iterations": 3})
    monkeypatch.setattr(profiles, "load", lambda _name: odd)
    code, line = refused(GOOD, tmp_path, capsys)
    assert code == 10, line
    assert "snes_max_iterations" in line


def beam(tmp_path: Path) -> Specimen:
    """Return the beam of the good scenario."""
    (tmp_path / "good.yaml").write_text(GOOD)
    return specimen_of(load_scenario(tmp_path / "good.yaml").scenario.body, None)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.nan, "fibre is not finite"),
        (0.0, "fibre is zero"),
        (0.7, "fibre is not of unit length"),
    ],
)
def test_fibres_that_are_no_directions_are_named_by_cell(
    value: float, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At an apex rules of fibres fail; the run must say so and not diverge hours later."""
    specimen = beam(tmp_path)
    fibre = specimen.muscle.fibres.fibre.copy()
    fibre[7] = [value, 0.0, 0.0]
    fibres = FibreField(fibre, specimen.muscle.fibres.sheet, specimen.muscle.fibres.normal)
    broken = replace(specimen, muscle=replace(specimen.muscle, fibres=fibres))
    monkeypatch.setattr(preparing, "specimen_of", lambda *_: broken)
    with pytest.raises(MeshInputError, match=words) as told:
        preparing.prepare(load_scenario(tmp_path / "good.yaml"), tmp_path, silent())
    assert "cells 7" in told.value.line()
    assert told.value.exit_code == 12


@pytest.mark.parametrize("how", ["inverted", "flat"])
def test_cells_without_volume_are_named(how: str, tmp_path: Path) -> None:
    """An inverted cell has no stress-free state: refused with its number before any form."""
    mesh = beam(tmp_path).mesh
    cells, points = mesh.cells.copy(), mesh.points.copy()
    if how == "inverted":
        cells[3, [0, 1]] = cells[3, [1, 0]]
    else:
        points[cells[3, 0]] = points[cells[3, 1:]].mean(axis=0)
    with pytest.raises(MeshInputError, match="have no volume or are inverted") as told:
        replace(mesh, cells=cells, points=points)
    assert told.value.exit_code == 12
    assert "cell " in told.value.line()


def test_more_ranks_than_cells_are_refused(tmp_path: Path) -> None:
    """A rank without cells would wait forever, or fail inside the factorisation."""
    mesh = beam(tmp_path).mesh

    class Many:
        """So many ranks that there are too few cells."""

        size, rank = 1000, 0

    communicator: Any = Many()
    with pytest.raises(MPIEnvironmentError, match="1000 ranks for 12 cells"):
        tetrahedral(mesh.points, mesh.cells, mesh.facets, mesh.facet_tags, communicator)


def test_cavity_with_a_hole_is_refused(tmp_path: Path) -> None:
    """Without a wall all around there is no volume, whatever a formula returns."""
    text = HEART.replace("{z_low: 20 Pa}", "{lv_endo: 2 kPa}")
    text = text.replace("[2 mm, 0.5 mm, 0.5 mm]", "[0 mm, 0 mm, -17 mm]")
    (tmp_path / "heart.yaml").write_text(text)
    loaded = load_scenario(tmp_path / "heart.yaml")
    whole = specimen_of(loaded.scenario.body, None)
    tags = whole.mesh.facet_tags.copy()
    inner = np.flatnonzero(tags == whole.boundaries["lv_endo"][0])
    lowest = inner[np.argmin(whole.mesh.points[whole.mesh.facets[inner]].mean(axis=1)[:, 2])]
    tags[lowest] = whole.boundaries["epi"][0]
    holed = replace(whole, muscle=replace(whole.muscle, mesh=replace(whole.mesh, facet_tags=tags)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preparing, "specimen_of", lambda *_: holed)
        with pytest.raises(MeshInputError, match="is not closed") as told:
            preparing.prepare(loaded, tmp_path, silent())
    assert told.value.exit_code == 12
