"""Every way an electrophysiology run can be wrong, as the user meets it: at the command line."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from heart.cli.app import main

GOOD = """\
heart_twin: 1
kind: electro
name: bad_input
body: {kind: slab, size: [4 mm, 2 mm, 2 mm], edge_length: 1 mm}
engine: {dt: 0.1 ms}
cells: [{model: mitchell_schaeffer}]
stimuli:
- {label: S1, where: {kind: box, low: [0 mm, 0 mm, 0 mm], high: [1 mm, 2 mm, 2 mm]}}
protocol: {s1: [{stimulus: S1}], duration: 20 ms}
"""
BOX = "{kind: box, low: [0 mm, 0 mm, 0 mm], high: [1 mm, 2 mm, 2 mm]}"
CELLS = "cells: [{model: mitchell_schaeffer}]"
ROWS: dict[str, tuple[str, str, int, list[str]]] = {
    "unknown parameter": (
        CELLS, "cells: [{model: mitchell_schaeffer, parameters: {tau_clos: 90 ms}}]",
        13, ["bad.yaml:6", "'tau_clos'", "tau_close"],
    ),
    "unknown state": (
        CELLS, "cells: [{model: mitchell_schaeffer, initial: {m: 0.5}}]", 13, ["'m' is no state"],
    ),
    "unknown model": (
        "mitchell_schaeffer", "mitchel_schaeffer", 10, ["did you mean 'mitchell_schaeffer'"],
    ),
    "conductivity in the wrong unit": (
        CELLS,
        CELLS + "\nconductivity: [{intracellular: {fibre: 0.17 mS/cm, sheet: 0.019 S/m},"
        " extracellular: {fibre: 0.62 S/m, sheet: 0.24 S/m}}]",
        13, ["conductivity.0.intracellular.fibre", "0.17 mS/cm", "did you mean '0.17 S/m'"],
    ),
    "conductivity without a unit": (
        CELLS,
        CELLS + "\nconductivity: [{intracellular: {fibre: 0.17, sheet: 0.019 S/m},"
        " extracellular: {fibre: 0.62 S/m, sheet: 0.24 S/m}}]",
        13, ["0.17 has no unit", "S/m"],
    ),
    "step too large": (
        "engine: {dt: 0.1 ms}\n" + CELLS,
        "engine: {dt: 0.1 ms, method: forward_euler}\ncells: [{model: tt2006_epi}]",
        13, ["0.1 ms is too large for tt2006_epi with forward_euler", "at most", "dt:"],
    ),
    "step too large for two stages": (
        "engine: {dt: 0.1 ms}\n" + CELLS,
        "engine: {dt: 0.5 ms, method: grl2}\ncells: [{model: tt2006_epi}]",
        13, ["0.5 ms is too large for tt2006_epi with grl2", "at most 0.25", "dt:"],
    ),
    "profile of an engine without one": (
        "engine: {dt: 0.1 ms}", "engine: {kind: reaction_eikonal, profile: accurate}",
        13, ["reaction_eikonal has no profile", "remove engine.profile"],
    ),
    "tuning where the wave is a front": (
        "engine: {dt: 0.1 ms}",
        "engine: {kind: reaction_eikonal}\ntuning: {fibre: 0.6 m/s, sheet: 0.3 m/s}",
        13, ["reaction_eikonal has no tuning", "velocity"],
    ),
    "unknown profile": (
        "engine: {dt: 0.1 ms}", "engine: {profile: acurate}", 10, ["did you mean 'accurate'"],
    ),
    "explicit diffusion with a consistent mass": (
        "engine: {dt: 0.1 ms}", "engine: {diffusion: rkc}", 13, ["lump the mass"],
    ),
    "stimulus outside the tissue": (
        BOX, "{kind: sphere, centre: [40 mm, 0 mm, 0 mm], radius: 2 mm}",
        13, ["stimulus 'S1'", "no node", "(0, 0, 0) to (4, 2, 2) mm", "34 mm"],
    ),
    "stimulus of no nodes": (
        BOX, "{kind: sphere, centre: [0.5 mm, 0.5 mm, 0.5 mm], radius: 0.2 mm}",
        13, ["stimulus 'S1'", "enlarge it"],
    ),
    "probe outside the tissue": (
        "protocol:", "observe: {probes: [{label: far, position: [9 mm, 0 mm, 0 mm]}]}\nprotocol:",
        13, ["probe 'far'", "5.0 mm outside the tissue"],
    ),
    "S2 shorter than the stimulus": (
        "s1: [{stimulus: S1}]", "s1: [{stimulus: S1}], extras: [{stimulus: S1, coupling: 1 ms}]",
        13, ["S2 comes 1 ms after", "lasts 2 ms"],
    ),
    "empty protocol": ("s1: [{stimulus: S1}], ", "", 13, ["has no stimulus"]),
    "text outside the folder": (
        "model: mitchell_schaeffer", "model: ../other.mmt", 15, ["outside"],
    ),
    "text that is absent": (
        "model: mitchell_schaeffer", "model: mine.mmt", 10, ["no such file: 'mine.mmt'"],
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


@pytest.mark.parametrize("row", ROWS)
def test_bad_run_is_one_line_one_code_and_no_files(
    row: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is computed, and with nothing left behind."""
    old, new, code, words = ROWS[row]
    assert old in GOOD
    scenario = tmp_path / "bad.yaml"
    scenario.write_text(GOOD.replace(old, new, 1))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["run", str(scenario), "-o", "out"])
    line = [text for text in capsys.readouterr().err.splitlines() if text.startswith("heart: ")]
    assert ended.value.code == code, line
    assert len(line) == 1
    for word in words:
        assert word in line[0], line[0]
    assert [path.name for path in tmp_path.iterdir()] == ["bad.yaml"]


def test_run_is_finished_or_resumed_only_with_its_own_scenario(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 16 for a state of another scenario or a damaged one; 75 where it was stopped."""
    monkeypatch.chdir(tmp_path)
    scenario = tmp_path / "bad.yaml"
    scenario.write_text(GOOD)
    monkeypatch.setattr("heart.numerics.interruption.Stop.on_any", lambda *_: "SIGUSR1")
    with pytest.raises(SystemExit) as ended:
        main(["run", str(scenario), "-o", "out"])
    assert ended.value.code == 75
    assert "heart resume out" in capsys.readouterr().err
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)

    other = tmp_path / "other.yaml"
    other.write_text(GOOD.replace("duration: 20 ms", "duration: 25 ms"))
    with pytest.raises(SystemExit) as ended:
        main(["resume", "out", "--scenario", str(other)])
    assert ended.value.code == 16
    assert "another scenario" in capsys.readouterr().err

    slots = list((tmp_path / "out" / "checkpoints").glob("*.npz"))
    whole = {path: path.read_bytes() for path in slots}
    for path in slots:
        path.write_bytes(whole[path][:100])
    with pytest.raises(SystemExit) as ended:
        main(["resume", "out"])
    assert ended.value.code == 16
    assert "damaged or truncated" in capsys.readouterr().err
    for path in slots:
        path.write_bytes(whole[path])

    with pytest.raises(SystemExit) as ended:
        main(["resume", "out"])
    assert ended.value.code == 0
    assert (tmp_path / "out" / "qoi.json").is_file()
    with pytest.raises(SystemExit) as ended:
        main(["resume", "out"])
    assert ended.value.code == 10
    assert "is finished" in capsys.readouterr().err
