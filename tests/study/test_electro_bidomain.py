"""Engines of two spaces from a scenario: the same wave or nearly so, and electrograms inside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from heart.core.errors import ParameterError
from heart.scenario.load import load_scenario
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


def ran(folder: Path, kind: str, height: str = "0.6 mm") -> ElectroResult:
    """Return the result with an engine."""
    folder.mkdir(exist_ok=True)
    path = folder / "spaces.yaml"
    path.write_text(TEXT.replace("KIND", kind).replace("HEIGHT", height))
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
