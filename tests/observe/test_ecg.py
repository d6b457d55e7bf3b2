"""The fast synthesis must be the dot product of weights and Vm, sample by sample."""

from __future__ import annotations

import numpy as np
import pytest

from heart.anatomy.heart import VentricularCoordinates
from heart.core.errors import MissingDataError, ParameterError
from heart.observe.action_potential import ActionPotential, durations
from heart.observe.ecg import LEADS, synthesise, synthesise_qrs
from heart.observe.lead_field import LeadField
from heart.observe.leads import ELECTRODES, EXPANSION, INDEPENDENT, LEAD_MATRIX
from heart.observe.qrs import qrs_bounds


@pytest.fixture(scope="module")
def case() -> tuple[LeadField, np.ndarray, np.ndarray]:
    """Return smooth zero-sum weights on random points and a wave that crosses them."""
    generator = np.random.default_rng(11)
    points = generator.uniform(-1.0, 1.0, (4000, 3))
    electrodes = generator.normal(size=(10, 3))
    weights = LEAD_MATRIX @ (electrodes @ points.T + 0.3 * (electrodes**2) @ (points**2).T)
    weights = 1e-5 * (weights - weights.mean(axis=1, keepdims=True))
    activation = 40.0 + 30.0 * points[:, 0] + 8.0 * points[:, 1] ** 2
    return LeadField(weights, "made up"), activation, 290.0 - 30.0 * points[:, 2]


def test_lead_matrix() -> None:
    """Einthoven, Goldberger and Wilson: rows sum to zero, RL is ground, I + III = II."""
    assert len(LEADS) == 12
    np.testing.assert_allclose(LEAD_MATRIX.sum(axis=1), 0.0, atol=1e-15)
    assert (LEAD_MATRIX[:, ELECTRODES.index("RL")] == 0.0).all()
    np.testing.assert_allclose(LEAD_MATRIX[0] + LEAD_MATRIX[2], LEAD_MATRIX[1], atol=1e-12)
    np.testing.assert_allclose(LEAD_MATRIX[3:6].sum(axis=0), 0.0, atol=1e-15)
    np.testing.assert_allclose(EXPANSION @ LEAD_MATRIX[list(INDEPENDENT)], LEAD_MATRIX, atol=1e-13)


@pytest.mark.parametrize("sampling", [0.5, 1.0, 2.0])
def test_equals_the_direct_sum(
    case: tuple[LeadField, np.ndarray, np.ndarray], sampling: float
) -> None:
    """Binning by time is a shortcut, not a model: within 1 % of weights @ Vm(t)."""
    field, activation, duration = case
    template = ActionPotential()
    ecg = synthesise(field, activation, duration, sampling, template=template, low_pass=0.0)
    delay = ecg.times[None] - activation[:, None]
    exact = field.weights @ template.voltage(delay, duration[:, None])
    assert np.abs(exact).max() > 0.1
    assert np.abs(ecg.leads - exact).max() < 0.01 * np.abs(exact).max()
    assert np.abs(ecg.leads[:, [0, -1]]).max() < 0.01 * np.abs(exact).max()


def test_low_pass_keeps_area_and_removes_ripple(
    case: tuple[LeadField, np.ndarray, np.ndarray],
) -> None:
    """The recorder's filter smooths the ripple of a finite mesh; it must not move the QRS."""
    field, activation, duration = case
    raw = synthesise(field, activation, duration, low_pass=0.0)
    smooth = synthesise(field, activation, duration)
    np.testing.assert_allclose(
        smooth.leads.sum(axis=1), raw.leads.sum(axis=1), atol=0.01 * np.abs(raw.leads).max()
    )
    assert np.abs(np.diff(smooth.leads, 2)).sum() < np.abs(np.diff(raw.leads, 2)).sum()


def test_batch_equals_single_maps(case: tuple[LeadField, np.ndarray, np.ndarray]) -> None:
    """A screen makes thousands of QRS complexes at once; each must be the one made alone."""
    field, activation, duration = case
    maps = np.stack([activation, activation[::-1], activation * 0.5 + 7.0])
    batch = synthesise_qrs(field, maps)
    assert len(batch) == 3
    for index, single in enumerate(maps):
        alone = synthesise_qrs(field, single, window=(batch.times[0], batch.times[-1]))
        np.testing.assert_allclose(batch[index].leads, alone.leads[0], atol=1e-12)
    whole = synthesise(field, activation, duration + 200.0)
    common = np.isin(whole.times, batch.times)
    size = np.abs(whole.leads).max()
    assert np.abs(whole.leads[:, common] - batch[0].leads[:, : common.sum()]).max() < 0.01 * size


def test_later_start_shifts_the_ecg(case: tuple[LeadField, np.ndarray, np.ndarray]) -> None:
    """Only time differences matter: a delay of whole samples shifts the ECG exactly."""
    field, activation, duration = case
    first, second = synthesise(field, activation, duration), synthesise(
        field, activation + 50.0, duration
    )  # fmt: skip
    np.testing.assert_allclose(second.times, first.times + 50.0)
    np.testing.assert_allclose(second.leads, first.leads, atol=1e-10)


def test_unreached_nodes_stay_at_rest(case: tuple[LeadField, np.ndarray, np.ndarray]) -> None:
    """A node that the wave never reaches contributes nothing, as if its weight were zero."""
    field, activation, duration = case
    never = activation > 55.0
    blocked = np.where(never, np.inf, activation)
    silent = LeadField(np.where(never, 0.0, field.weights), "without the unreached nodes")
    found = synthesise(field, blocked, duration)
    assert np.isfinite(found.leads).all()
    expected = synthesise(silent, blocked, duration)
    np.testing.assert_allclose(found.leads, expected.leads, atol=1e-12)


def test_wave_towards_the_electrode_is_positive_and_t_concordant() -> None:
    """Depolarisation towards an electrode deflects upwards; reversed recovery keeps T upright."""
    place = np.linspace(0.0, 60.0, 2001)
    potential = 1.0 / (90.0 - place)
    slope = np.diff(potential) / np.diff(place)
    weights = np.zeros((12, len(place)))
    weights[11] = -1e-2 * (np.append(0.0, slope) - np.append(slope, 0.0))
    activation = place / 0.6
    ecg = synthesise(LeadField(weights, "a cable"), activation, 300.0 - 2.0 * activation)
    qrs = ecg.times < 120.0
    lead = ecg.leads[11]
    assert lead[qrs].max() > 10.0 * abs(lead[qrs].min())
    assert lead[~qrs].max() > 10.0 * abs(lead[~qrs].min())
    reversed_t = synthesise(LeadField(weights, "a cable"), activation, 300.0).leads[11]
    late = reversed_t[len(reversed_t) // 2 :]
    assert late.min() < -10.0 * abs(late.max())


def test_durations_fall_towards_epicardium_and_apex() -> None:
    """The gradients of APD that make T upright, and nothing else, are in the default."""
    grid = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 1.0, 0.0, 1.0])
    height, depth = grid
    zero = np.zeros(4)
    found = durations(VentricularCoordinates(height, depth, zero, zero.astype(int)))
    np.testing.assert_allclose(found, [290.0, 270.0, 300.0, 280.0])
    with pytest.raises(ParameterError, match="longest"):
        durations(VentricularCoordinates(height, depth, zero, zero.astype(int)), longest=0.3)


def test_template() -> None:
    """Rest before, plateau after, 90 % repolarised at APD90."""
    template = ActionPotential()
    delays = np.array([-50.0, 60.0, 300.0, 700.0])
    found = template.voltage(delays, np.full(4, 300.0))
    expected = template.rest + template.amplitude * np.array([0.0, 1.0, 0.1, 0.0])
    np.testing.assert_allclose(found, expected, atol=0.1)


def test_bad_activation(case: tuple[LeadField, np.ndarray, np.ndarray]) -> None:
    """Maps of another mesh, NaN and a silent heart are named, not plotted."""
    field, activation, duration = case
    with pytest.raises(MissingDataError, match="nodes"):
        synthesise(field, activation[:-1], 300.0)
    with pytest.raises(MissingDataError, match="NaN"):
        synthesise(field, np.where(activation > 50.0, np.nan, activation), duration)
    with pytest.raises(MissingDataError, match="nothing"):
        synthesise_qrs(field, np.full((2, len(activation)), np.inf))
    with pytest.raises(ParameterError, match="sampling"):
        synthesise(field, activation, duration, 50.0)


def test_bounds_of_a_synthetic_beat(case: tuple[LeadField, np.ndarray, np.ndarray]) -> None:
    """The QRS found is as long as the activation, give or take upstroke and filter."""
    field, activation, _ = case
    batch = synthesise_qrs(field, activation)
    onset, offset = qrs_bounds(batch.times, batch.leads, activation.min(), activation.max())
    assert onset[0] == pytest.approx(activation.min(), abs=6.0)
    assert offset[0] == pytest.approx(activation.max(), abs=8.0)
