"""From metrics of every member and combination to a ranking that says how sure it is.

Utility: in each member the metrics become z-scores over all combinations (smaller is better in
all; VEU by its absolute value), and u = −Σ w z / Σ w. Each lead configuration is judged at one
setting, the delays with the highest mean utility, because a device has one setting and nobody
knows which member the patient is. P(best) and P(top 3) count members. Regret is the benefit
forgone by not choosing the member's best, as a share of the benefit that the member's best has
over the heart's own beat; its mean over members is the expected regret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import ParameterError
from heart.study.crt.screen import METRICS
from heart.therapy.pacing import Combinations

Float = NDArray[np.float64]
Int = NDArray[np.integer]

PARETO = ("bivat90", "lvat95", "qrs_duration")


@dataclass(frozen=True)
class Ranking:
    """Lead configurations in order, best first; arrays are over configurations unless said.

    Attributes
    ----------
    order
        (g,) configuration numbers, best first.
    setting
        (g,) row of the combinations with the best mean utility of each configuration.
    utility
        (m, g) utility of each member and configuration at its setting.
    baseline
        (m,) utility of each member's own beat.
    p_best, p_top3, regret
        (g,) probabilities and expected regret.
    pareto
        (g,) whether no other configuration is better in all of `PARETO` on average.
    """

    order: Int
    setting: Int
    utility: Float
    baseline: Float
    p_best: Float
    p_top3: Float
    regret: Float
    pareto: NDArray[np.bool_]


def utilities(values: Float, baseline: Float, weights: Mapping[str, float]) -> tuple[Float, Float]:
    """Return the utility (m, c) of each combination and (m,) of each member's own beat.

    Parameters
    ----------
    values
        (m, c, 9) metrics.
    baseline
        (m, 9) metrics of the heart's own beat.
    weights
        Weight of each metric, by name; not all zero.
    """
    total = sum(weights.values())
    if not total > 0.0 or any(name not in METRICS for name in weights):
        raise ParameterError(
            f"ranking weights {dict(weights)} are not usable", expected=", ".join(METRICS)
        )
    utility, own = np.zeros(values.shape[:2]), np.zeros(len(values))
    for name, weight in weights.items():
        if not weight:
            continue
        column, start = (np.abs(array[..., METRICS.index(name)]) for array in (values, baseline))
        if not np.isfinite(column).all():
            continue
        mean, spread = column.mean(axis=1), column.std(axis=1)
        scale = weight / total / np.where(spread > 1e-12, spread, np.inf)
        utility -= scale[:, None] * (column - mean[:, None])
        own -= scale * (start - mean)
    return utility, own


def rank(
    values: Float, baseline: Float, combinations: Combinations, weights: Mapping[str, float]
) -> Ranking:
    """Rank lead configurations over the members of an ensemble.

    Parameters
    ----------
    values
        (m, c, 9) metrics of every member and combination.
    baseline
        (m, 9) metrics of each member's own beat.
    combinations
        What the c rows are.
    weights
        Of the utility.
    """
    every, own = utilities(values, baseline, weights)
    setting = best_settings(every.mean(axis=0), combinations)
    utility = every[:, setting]
    p_best, p_top3 = probabilities(utility)
    return Ranking(
        order=np.argsort(-utility.mean(axis=0), kind="stable"),
        setting=setting,
        utility=utility,
        baseline=own,
        p_best=p_best,
        p_top3=p_top3,
        regret=expected_regret(utility, own),
        pareto=pareto_front(
            values[:, setting][:, :, [METRICS.index(name) for name in PARETO]].mean(axis=0)
        ),
    )


def best_settings(utility: Float, combinations: Combinations) -> Int:
    """Return the row (g,) with the highest utility (c,) of each configuration; ties: the first."""
    best = np.full(len(combinations.leads), -1)
    for row in np.argsort(-utility, kind="stable"):
        if best[combinations.lead[row]] < 0:
            best[combinations.lead[row]] = row
    return best


def probabilities(utility: Float) -> tuple[Float, Float]:
    """Return the share of members (m, g) in which each is best, and among the best three."""
    order = np.argsort(-utility, axis=1, kind="stable")
    count = utility.shape[1]
    best = np.bincount(order[:, 0], minlength=count) / len(utility)
    top = np.bincount(order[:, :3].ravel(), minlength=count) / len(utility)
    return best, top


def expected_regret(utility: Float, baseline: Float) -> Float:
    """Return the mean over members of (best − u) / (best − baseline), (g,); never negative.

    Where a member's best does not beat its own beat there is no benefit to forgo and the spread of
    the utilities is the scale.
    """
    best = utility.max(axis=1)
    gain = best - baseline
    spread = best - utility.min(axis=1)
    scale = np.where(gain > 1e-9, gain, np.where(spread > 1e-9, spread, 1.0))
    return np.asarray(((best[:, None] - utility) / scale[:, None]).mean(axis=0))


def pareto_front(costs: Float) -> NDArray[np.bool_]:
    """Return which rows of `costs` (g, k) no other row dominates (all ≤ and one <)."""
    usable = np.nan_to_num(costs, nan=np.inf)
    below = (usable[:, None, :] <= usable[None, :, :]).all(axis=2)
    strictly = (usable[:, None, :] < usable[None, :, :]).any(axis=2)
    return np.asarray(~(below & strictly).any(axis=0))


def interval(values: Float, axis: int = 0) -> tuple[Float, Float]:
    """Return the 5 and 95 % points of an ensemble."""
    low, high = np.nanpercentile(values, [5.0, 95.0], axis=axis)
    return low, high


def spearman(a: Sequence[float] | Float, b: Sequence[float] | Float) -> float:
    """Return the rank correlation of two sequences; NaN when one is constant."""
    x, y = _ranks(np.asarray(a, float)), _ranks(np.asarray(b, float))
    if np.ptp(x) == 0.0 or np.ptp(y) == 0.0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])


def _ranks(values: Float) -> Float:
    """Return the ranks of `values`, ties sharing their mean (scipy.stats takes 3 s to import)."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2.0)[place])
