"""Every registered cell: a paced beat with the generated kernel, names, starting states."""

from __future__ import annotations

import numpy as np
import pytest

from heart.core.errors import ScenarioError
from heart.electro.ionic.biomarkers import biomarkers
from heart.electro.ionic.initial_states import TT2006_EPI
from heart.electro.ionic.kernel import compile_kernel
from heart.electro.ionic.registry import REGISTRY, cell_model, entry

# A cell that leaves this window is no cell (mV).
LOWEST, HIGHEST = -120.0, 80.0
# Steps as in a tissue: 0.02 ms around the upstroke, 0.05 ms after it.
EARLY, DT, LATER_DT = 20.0, 0.02, 0.05


@pytest.mark.parametrize("name", list(REGISTRY))
def test_one_paced_beat(name: str) -> None:
    """Finite, depolarises, repolarises within 600 ms, and stays where potentials can be."""
    cells = compile_kernel(cell_model(name)).allocate(1)
    pulse = entry(name).pulse
    size = np.array([pulse.amplitude])
    pieces = np.r_[np.full(round(EARLY / DT), DT), np.full(round((600 - EARLY) / 0.5), 0.5)]
    times = np.r_[0.0, np.cumsum(pieces)]
    voltage = np.empty(times.size)
    voltage[0] = cells.voltage[0]
    for index, span in enumerate(pieces):
        on = times[index] < pulse.duration - 1e-9
        substeps = max(1, round(span / LATER_DT)) if span > DT else 1
        cells.advance(float(span), stimulus=size if on else None, substeps=substeps)
        voltage[index + 1] = cells.voltage[0]
    assert np.isfinite(cells.states[:, 0]).all()
    assert voltage.min() > LOWEST
    assert voltage.max() < HIGHEST
    found = biomarkers(times, voltage)
    assert found.excited
    assert 150.0 < found.apd90 < 500.0
    assert abs(voltage[-1] - found.rest) < 5.0


@pytest.mark.parametrize("name", list(REGISTRY))
def test_entries_name_a_paper_and_fit_their_text(repo_root, name: str) -> None:
    """Every entry has a title and a source that resolves; its overrides exist in the text."""
    found, model = entry(name), cell_model(name)
    assert found.title
    assert f"{{{found.source}," in (repo_root / "docs/refs.bib").read_text(encoding="utf-8")
    assert set(found.values) <= set(model.text.switches)
    assert set(found.initial) <= set(model.text.states)


def test_named_starting_state() -> None:
    """The slab of Niederer prescribes every state, by name."""
    model = cell_model("tt2006_epi", "niederer2011")
    states = dict(zip(model.text.states, model.initial_states, strict=True))
    assert states == TT2006_EPI
    assert len(states) == 19
    assert cell_model("tt2006_endo").hash != cell_model("tt2006_epi").hash


def test_unknown_names_are_errors_with_a_suggestion() -> None:
    """A misspelt cell must not run as another one."""
    with pytest.raises(ScenarioError, match="did you mean 'tt2006_epi'"):
        cell_model("tt2006_epy")
    with pytest.raises(ScenarioError, match="niederer2011"):
        cell_model("tt2006_epi", "niederer")
