"""The front of reaction-eikonal runs at the speeds of the conduction state that starts it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from heart.anatomy import aha, coordinates, fibres, idealised
from heart.anatomy.heart import Heart
from heart.anatomy.heart_mesh import Tissue
from heart.core.errors import ParameterError
from heart.electro.conduction import named
from heart.electro.ionic.population import CellLayout
from heart.electro.ionic.registry import cell_model
from heart.electro.velocity import REGISTRY
from heart.numerics.eikonal import solve
from heart.scenario.electro import MembraneSection
from heart.scenario.electro_protocol import StimulusSection
from heart.study.electro.body import Muscle
from heart.study.electro.engines import Tissue3D, front_of
from heart.study.electro.material import material
from heart.study.electro.stimuli import state_of


@pytest.fixture(scope="module")
def tissue() -> Tissue3D:
    """A coarse idealised heart without a conduction state."""
    mesh = idealised.biv_ellipsoid(6.0)
    where = coordinates.compute(mesh)
    heart = Heart(mesh, where, aha.segments(where), fibres.fibres(mesh, where))
    muscle = Muscle(mesh, heart.fibres, heart, "idealised")
    layout = CellLayout((cell_model("mitchell_schaeffer"),), np.zeros(len(mesh.points), np.int64))
    return Tissue3D(
        muscle, material(muscle, ()), layout, MembraneSection(), REGISTRY["healthy"].velocity
    )


def latest(tissue: Tissue3D, start: int) -> float:
    """Return when the front of a tissue has been everywhere, from one node."""
    arrival = solve(*front_of(tissue), np.array([start]), np.zeros(1))
    return float(arrival[np.isfinite(arrival)].max())


def test_slowing_of_a_conduction_state_reaches_the_front(tissue: Tissue3D) -> None:
    """Slow muscle and endocardium made no difference before: the wave was that of health."""
    start = int(np.argmax(tissue.muscle.mesh.points[:, 0]))
    slow = dataclasses.replace(tissue, state=named("slow_myocardium"))
    assert latest(slow, start) > 1.3 * latest(tissue, start)
    healthy = dataclasses.replace(tissue, state=named("healthy"))
    assert latest(healthy, start) == pytest.approx(latest(tissue, start), rel=1e-12)


def test_slowing_also_reaches_a_heart_with_more_scar_than_its_image(tissue: Tissue3D) -> None:
    """Where the scenario silences cells the front is set up differently; it has to be as slow."""
    conducting = tissue.material.conducting.copy()
    conducting[: len(conducting) // 50] = False
    assert not np.array_equal(conducting, tissue.muscle.mesh.tissue != Tissue.CORE)
    cut = dataclasses.replace(
        tissue, material=dataclasses.replace(tissue.material, conducting=conducting)
    )
    start = int(np.argmax(tissue.muscle.mesh.points[:, 0]))
    slow = dataclasses.replace(cut, state=named("slow_myocardium"))
    assert latest(slow, start) == pytest.approx(latest(cut, start) / 0.7, rel=1e-6)


def stimulus(label: str, where: object) -> StimulusSection:
    """Return a stimulus as a scenario has it."""
    return StimulusSection.model_validate({"label": label, "where": where})


def test_exits_of_two_states_are_refused() -> None:
    """One heart has one conduction system; which speeds would hold?"""
    lbbb, rbbb = ({"kind": "early_sites", "state": name} for name in ("lbbb", "rbbb"))
    found = state_of([stimulus("own", lbbb), stimulus("rv", {"kind": "rv_apex"})])
    assert found is not None
    assert found.name == "lbbb"
    assert state_of([stimulus("rv", {"kind": "rv_apex"})]) is None
    with pytest.raises(ParameterError, match="lbbb, rbbb"):
        state_of([stimulus("one", lbbb), stimulus("two", rbbb)])
