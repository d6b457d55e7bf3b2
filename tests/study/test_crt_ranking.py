"""Ranking mathematics: probabilities, regret and dominance on small tables."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heart.core.errors import ParameterError
from heart.study.crt import ranking
from heart.study.crt.screen import METRICS
from heart.therapy.pacing import Combinations, Lead

BIVAT90 = METRICS.index("bivat90")


def table(settings_per_lead: int, leads: int) -> Combinations:
    count = settings_per_lead * leads
    return Combinations(
        tuple(Lead(f"site {k}", "biv", 0, (k + 1,)) for k in range(leads)),
        np.repeat(np.arange(leads), settings_per_lead),
        np.tile(np.arange(settings_per_lead, dtype=float), leads),
        np.full(count, 120.0),
        np.zeros((count, 4), int),
        np.zeros((count, 4)),
    )


def metrics_of(bivat90: np.ndarray) -> np.ndarray:
    values = np.zeros((*bivat90.shape, len(METRICS)))
    values[..., BIVAT90] = bivat90
    return values


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(2, 9))
def test_probabilities_and_regret(seed, members, leads):
    """P(best) sums to one, P(top 3) to three, regret is never negative and 0 for a sure winner."""
    rng = np.random.default_rng(seed)
    values = metrics_of(rng.uniform(50.0, 100.0, (members, 2 * leads)))
    own = metrics_of(np.full(members, 110.0))
    found = ranking.rank(values, own, table(2, leads), {"bivat90": 1.0})
    assert found.p_best.sum() == pytest.approx(1.0)
    assert found.p_top3.sum() == pytest.approx(min(3, leads))
    assert (found.p_top3 >= found.p_best - 1e-12).all()
    assert (found.regret >= -1e-12).all()
    assert found.regret[found.p_best == 1.0].sum() == pytest.approx(0.0)
    mean = found.utility.mean(axis=0)
    assert (np.diff(mean[found.order]) <= 1e-12).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 30))
def test_dominated_rows_are_never_on_the_front(seed, count):
    """Every row off the front is dominated by one on it; no row on it is dominated at all."""
    costs = np.random.default_rng(seed).integers(0, 6, (count, 3)).astype(float)
    front = ranking.pareto_front(costs)
    assert front.any()
    for k in range(count):
        dominated = ((costs <= costs[k]).all(axis=1) & (costs < costs[k]).any(axis=1)).any()
        assert front[k] == (not dominated)


def test_regret_is_the_share_of_the_attainable_benefit():
    """Baseline 100, best 60, this one 80: half of the benefit is forgone."""
    values = metrics_of(np.array([[60.0, 80.0, 100.0]]))
    own = metrics_of(np.array([100.0]))
    found = ranking.rank(values, own, table(1, 3), {"bivat90": 1.0})
    assert found.regret == pytest.approx([0.0, 0.5, 1.0])


def test_one_setting_for_all_members():
    """A device has one setting: the delay with the best mean wins, not the best of each member."""
    values = metrics_of(np.array([[50.0, 60.0, 100.0], [100.0, 62.0, 100.0]]))
    own = metrics_of(np.array([110.0, 110.0]))
    combinations = table(3, 1)
    found = ranking.rank(values, own, combinations, {"bivat90": 1.0})
    assert combinations.vv[found.setting[0]] == 1.0


def test_unknown_weight_is_refused():
    """A weight on a metric that does not exist would be ignored silently."""
    with pytest.raises(ParameterError):
        ranking.utilities(np.zeros((1, 1, 9)), np.zeros((1, 9)), {"bivat": 1.0})


def test_rank_correlation_is_that_of_scipy():
    """Ties share their mean rank; the report's stability claim rests on this number."""
    from scipy import stats

    from heart.study.crt.ranking import spearman

    generator = np.random.default_rng(5)
    for _ in range(20):
        a, b = generator.integers(0, 6, (2, 15)).astype(float)
        assert spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-12)
    assert np.isnan(spearman(np.ones(4), np.arange(4.0)))
