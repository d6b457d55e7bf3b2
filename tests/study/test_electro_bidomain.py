"""Engines of two spaces from a scenario: the same wave or nearly so, and electrograms inside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from heart.core.errors import HeartError, ParameterError
from heart.numerics import series
from heart.scenario.load import load_scenario
from heart.study.electro.outputs import write_outputs
from heart.study.electro.result import ElectroResult
from heart.study.electro.run import run_electro

TEXT = """\
heart_twin: 1
kind: electro
name: spaces
body: {kind: slab, size: [6 mm, 2 mm, 1 mm], edge_length: 0.5 mm}
engine: {kind: KIND, dt: 0.05 ms}
cells: [{model: mitchell_schaeffer}]
conductivity: [{base: roberts1982}]
stimuli:
- label: left
  where: {kind: box, low: [0 mm, 0 mm, 0 mm], high: [1.5 mm, 2 mm, 1 mm]}
protocol:
  s1: [{stimulus: left, cycle_length: 100 ms}]
  duration: 20 ms
observe:
  threshold: -40 mV
  electrograms: [{label: inside, position: [4 mm, 1 mm, HEIGHT]}]
"""


WIRED = """\
- label: wires
  where: {kind: box, low: [0 mm, 0 mm, 0 mm], high: [0.5 mm, 2 mm, 1 mm]}
  electrodes:
    current: 300 uA
    anode: {kind: box, low: [5.5 mm, 0 mm, 0 mm], high: [6 mm, 2 mm, 1 mm]}
"""
BY_WIRES = TEXT.replace("stimuli:\n", "stimuli:\n" + WIRED).replace(
    "stimulus: left", "stimulus: wires"
)


def ran(folder: Path, kind: str, height: str = "0.6 mm", text: str = TEXT) -> ElectroResult:
    """Return the result with an engine."""
    folder.mkdir(exist_ok=True)
    path = folder / "spaces.yaml"
    path.write_text(text.replace("KIND", kind).replace("HEIGHT", height))
    return run_electro(load_scenario(path), folder)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ElectroResult]:
    """One run with each engine."""
    folder = tmp_path_factory.mktemp("spaces")
    return {
        kind: ran(folder / kind, kind) for kind in ("monodomain", "pseudo_bidomain", "bidomain")
    }


def test_engines_agree_as_far_as_they_should(results: dict[str, ElectroResult]) -> None:
    """The wave of a pseudo-bidomain is the monodomain's to the bit; the bidomain's is near it."""
    waves = {kind: one.branches[0].first_activation for kind, one in results.items()}
    assert np.isfinite(waves["monodomain"]).all()
    assert np.array_equal(waves["pseudo_bidomain"], waves["monodomain"])
    gap = np.abs(waves["bidomain"] - waves["monodomain"]).max()
    assert 0.0 < gap < 0.1 * np.ptp(waves["monodomain"])


def test_electrograms_are_inside(results: dict[str, ElectroResult]) -> None:
    """A passing wave is positive, then negative; both engines of two spaces see nearly the same."""
    pseudo, both = (
        results[kind].branches[0].electrograms[0] for kind in ("pseudo_bidomain", "bidomain")
    )
    assert np.argmax(pseudo) < np.argmin(pseudo)
    assert np.ptp(pseudo) > 10.0
    assert np.abs(np.ptp(pseudo) / np.ptp(both) - 1.0) < 0.2


def test_an_electrode_outside_is_refused(tmp_path: Path) -> None:
    """There is no bath around the muscle in these engines."""
    with pytest.raises(ParameterError, match="outside"):
        ran(tmp_path, "pseudo_bidomain", "3 mm")


def test_a_cathode_excites_and_an_anode_does_not(tmp_path: Path) -> None:
    """Current drawn out depolarises the muscle beneath; reversed, the other end starts."""
    right = ran(tmp_path / "a", "bidomain", text=BY_WIRES)
    left = ran(tmp_path / "b", "bidomain", text=BY_WIRES.replace("300 uA", "-300 uA"))
    for result, first in ((right, np.argmin), (left, np.argmax)):
        wave = result.branches[0].first_activation
        assert np.isfinite(wave).all()
        x = result.mesh.points[:, 0]
        assert abs(x[np.argmin(wave)] - x[first(x)]) <= 1.0


def test_electrodes_need_two_spaces(tmp_path: Path) -> None:
    """A monodomain has no extracellular space: refused with the way out, before anything runs."""
    with pytest.raises(ParameterError, match=r"set engine\.kind to bidomain"):
        ran(tmp_path, "monodomain", text=BY_WIRES)


def test_electrodes_exclude_a_current_across_the_membrane(tmp_path: Path) -> None:
    """One stimulus is one or the other; both would be given twice."""
    both = BY_WIRES.replace("- label: wires\n", "- label: wires\n  amplitude: 50 mV/ms\n")
    with pytest.raises(HeartError, match="across the membrane"):
        ran(tmp_path, "bidomain", text=both)


@pytest.mark.parametrize("kind", ["pseudo_bidomain", "bidomain"])
def test_extracellular_fields_are_written(tmp_path: Path, kind: str) -> None:
    """The stored potential at a node is what an electrode at that node records."""
    text = TEXT + "output: {figures: false, every: 5 ms, extracellular: true}\n"
    result = ran(tmp_path, kind, "0.5 mm", text)
    write_outputs(result, tmp_path)
    node = int(np.argmin(np.linalg.norm(result.mesh.points - [4.0, 1.0, 0.5], axis=1)))
    branch = result.branches[0]
    for number, time in enumerate(branch.frames):
        _, stored, grid = series.read(tmp_path / "fields" / "extracellular.vtkhdf", number)
        assert stored == pytest.approx(time)
        field = np.asarray(grid["extracellular"])
        sample = branch.electrograms[0][int(np.argmin(np.abs(branch.times - time)))]
        assert field[node] == pytest.approx(sample, abs=0.02)


def test_extracellular_fields_need_times(tmp_path: Path) -> None:
    """Asked for without times nothing would be written, and nobody told."""
    text = TEXT + "output: {figures: false, extracellular: true}\n"
    with pytest.raises(ParameterError, match="without times"):
        ran(tmp_path, "bidomain", text=text)
