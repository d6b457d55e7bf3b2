"""A wave of activation in a mechanics run: muscle pulls when the wave has come, and where."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from heart.anatomy.heart_mesh import Tissue
from heart.core.errors import HeartError, MissingDataError, ParameterError
from heart.core.validation import validate
from heart.core.yaml import read_text
from heart.scenario.load import load_scenario
from heart.scenario.mechanics import MechanicsScenario
from heart.scenario.mechanics_dynamics import LawTension
from heart.study.mechanics.activation import activation_of
from heart.study.mechanics.result import MechanicsResult
from heart.study.mechanics.run import run_mechanics
from heart.study.mechanics.specimen import specimen_of

SPEED = 0.1
TEXT = """\
heart_twin: 1
kind: mechanics
name: wave
body: {kind: beam, size: [8 mm, 1 mm, 1 mm], edge_length: 1 mm}
material: [{law: neo_hookean, parameters: {shear_modulus: 5 kPa}}]
compressibility: {kind: penalty, bulk_modulus: 50 kPa}
elements: {kind: p1, quadrature_degree: 2}
boundary: [{kind: fixed, boundary: x_low}]
loads: {curves: {}}
active:
  kind: law
  law: triggered
  activation:
    kind: eikonal
    sites: [{where: {kind: box, low: [0 mm, 0 mm, 0 mm], high: [0 mm, 1 mm, 1 mm]}, at: 5 ms}]
    speed: {fibre: 0.1 m/s, sheet: 0.1 m/s, normal: 0.1 m/s}
dynamics: {kind: time, scheme: quasi_static, duration: 60 ms, dt: 10 ms}
observe:
  probes:
  - {label: middle, position: [4 mm, 0 mm, 0 mm]}
  - {label: end, position: [8 mm, 0 mm, 0 mm]}
output: {fields: false, figures: false, interactive: false}
"""
ONE = "sites: [{where: {kind: box, low: [0 mm, 0 mm, 0 mm], high: [0 mm, 1 mm, 1 mm]}, at: 5 ms}]"


def scenario(text: str) -> MechanicsScenario:
    return validate(MechanicsScenario, read_text(text))


def times(text: str) -> np.ndarray:
    """Return the activation of the vertices of a scenario, and check that it is a field."""
    asked = scenario(text)
    assert isinstance(asked.active, LawTension)
    found = activation_of(asked.active.activation, specimen_of(asked.body, None))
    return np.asarray(found)


def test_a_wave_arrives_at_its_speed() -> None:
    """From one end of a beam: 5 ms, and 10 ms for each millimetre; two sites meet half-way."""
    points = specimen_of(scenario(TEXT).body, None).muscle.mesh.points
    np.testing.assert_allclose(times(TEXT), 5.0 + points[:, 0] / SPEED, atol=1e-6)
    other = ONE[:-1] + ", {where: {kind: box, low: [8 mm, 0 mm, 0 mm], high: [8 mm, 1 mm, 1 mm]}}]"
    expected = np.minimum(5.0 + points[:, 0] / SPEED, (8.0 - points[:, 0]) / SPEED)
    np.testing.assert_allclose(times(TEXT.replace(ONE, other)), expected, atol=1e-6)


def test_a_wave_stops_at_scar_and_scar_is_never_activated() -> None:
    """A core across the beam: within it never, before it in time; behind it is an error."""
    asked = scenario(TEXT)
    assert isinstance(asked.active, LawTension)
    specimen = specimen_of(asked.body, None)
    mesh = specimen.muscle.mesh
    x = mesh.points[mesh.cells].mean(axis=1)[:, 0]

    def scarred(until: float) -> np.ndarray:
        tissue = np.where((x > 4.0) & (x < until), Tissue.CORE, Tissue.HEALTHY).astype(np.int32)
        muscle = replace(specimen.muscle, mesh=replace(mesh, tissue=tissue))
        assert isinstance(asked.active, LawTension)
        return np.asarray(activation_of(asked.active.activation, replace(specimen, muscle=muscle)))

    found, near = scarred(8.0), mesh.points[:, 0] <= 4.0
    np.testing.assert_allclose(found[near], 5.0 + mesh.points[near, 0] / SPEED, atol=1e-6)
    assert np.isinf(found[~near]).all()
    with pytest.raises(ParameterError, match="does not reach"):
        scarred(6.0)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> MechanicsResult:
    """A beam of which the far half is activated after the run has ended."""
    folder = tmp_path_factory.mktemp("wave")
    (folder / "wave.yaml").write_text(TEXT)
    return run_mechanics(load_scenario(folder / "wave.yaml"), folder)


def test_only_muscle_that_the_wave_reached_shortens(run: MechanicsResult) -> None:
    """After 60 ms the wave is at 5.5 mm: the near half is short, the far end as it was."""
    strain = run.moments[-1].fields["fibre_strain"]
    middle = run.mesh.points[run.mesh.cells].mean(axis=1)[:, 0]
    assert strain[middle < 2.0].mean() < -0.01
    assert np.abs(strain[middle > 6.5]).max() < 1e-3
    assert any("wave" in text for text in run.assumptions)


def test_a_heart_is_activated_by_its_conduction_system() -> None:
    """All of it, from the time asked for on; without the left bundle the left wall is late."""
    body = "{kind: biv_ellipsoid, edge_length: 6 mm}"
    text = TEXT.replace("{kind: beam, size: [8 mm, 1 mm, 1 mm], edge_length: 1 mm}", body)
    text = text.replace("x_low", "base")
    wave = text[text.index("    kind: eikonal") : text.index("dynamics:")]
    healthy = times(text.replace(wave, "    kind: conduction\n    at: 20 ms\n"))
    blocked = times(text.replace(wave, "    kind: conduction\n    state: lbbb\n    at: 20 ms\n"))
    for found in (healthy, blocked):
        assert np.isfinite(found).all()
        assert 19.0 < found.min() < 30.0
    assert np.ptp(blocked) > 1.2 * np.ptp(healthy)


def test_wrong_waves_are_named() -> None:
    """A site beside the body, a fibre slower than across it, a conduction system in a beam."""
    with pytest.raises(ParameterError, match=r"activation\.sites\[0\]"):
        times(
            TEXT.replace("high: [0 mm, 1 mm", "high: [-1 mm, 1 mm").replace("[0 mm, 0", "[-2 mm, 0")
        )
    with pytest.raises(HeartError, match="out of order"):
        scenario(TEXT.replace("sheet: 0.1 m/s", "sheet: 0.3 m/s"))
    conduction = TEXT[: TEXT.index("    kind: eikonal")] + "    kind: conduction\n"
    with pytest.raises(MissingDataError, match="heart"):
        times(conduction + TEXT[TEXT.index("dynamics:") :])
