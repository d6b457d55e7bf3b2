"""Numbers that summarise an activation map: how long, how late, how unlike left and right.

They are needed for every lead, delay and ensemble member, hundreds of thousands of maps, so the
maps are never made: a combination is a row of wave numbers and delays, its activation the
pointwise minimum of the delayed waves [Crozier2016 uses the same stationarity], formed node by
node while the histogram is filled. One pass over the nodes, O(n), gives all metrics.

Definitions, all in ms and weighted by muscle volume; time zero of a map is its first activation:

==========  ================================================================================
tat         last − first activation of the muscle
lvat        last activation in the LV (with septum) − first activation anywhere
lvat95      time after the first activation *anywhere* by which 95 % of the LV volume is active.
            From the first activation anywhere, not the first in the LV, so that an LV that
            starts late, as in left bundle branch block, is not called fast
bivat90     shortest interval that contains the activation of 90 % of the muscle [Strocchi2020]
veu         mean LV − mean RV activation: ventricular electrical uncoupling [Ploux2013]
lv_std      standard deviation of LV activation
inactive    fraction of the muscle volume that no wave reaches (core of a scar, or cut off);
            it is left out of the other numbers and reported
==========  ================================================================================

Quantiles come from bins of 0.25 ms with linear interpolation inside a bin; the error is below
one bin. VEU is NaN where there is no RV.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit
from numpy.typing import NDArray

from heart.core.errors import ParameterError

Float = NDArray[np.floating]
Int = NDArray[np.integer]

METRICS = ("tat", "lvat", "lvat95", "bivat90", "veu", "lv_std", "inactive")
BIN = 0.25


@njit(cache=True, nogil=True)
def _quantile(histogram: Float, width: float, share: float) -> float:
    total = 0.0
    for value in histogram:
        total += value
    target = share * total
    seen = 0.0
    for b in range(histogram.size):
        if seen + histogram[b] >= target and histogram[b] > 0.0:
            return (b + (target - seen) / histogram[b]) * width
        seen += histogram[b]
    return histogram.size * width


@njit(cache=True, nogil=True)
def _shortest(histogram: Float, width: float, share: float) -> float:
    """Shortest interval holding `share` of the weight, starting at a bin edge."""
    total = 0.0
    for value in histogram:
        total += value
    target = share * total
    best = histogram.size * width
    end = 0
    inside = 0.0
    for start in range(histogram.size):
        while end < histogram.size and inside < target:
            inside += histogram[end]
            end += 1
        if inside < target:
            break
        length = (end - start) * width
        if end > start and histogram[end - 1] > 0.0:
            length -= (inside - target) / histogram[end - 1] * width
        best = min(best, length)
        inside -= histogram[start]
    return best


@njit(cache=True, nogil=True)
def _combine(waves: Float, row: Int, delay: Float, out: Float) -> None:
    """Write the pointwise minimum of the delayed waves of one combination to `out`."""
    first = True
    for p in range(row.size):
        if row[p] < 0:
            continue
        wave = waves[row[p]]
        shift = np.float32(delay[p])
        if first:
            for i in range(out.size):
                out[i] = wave[i] + shift
            first = False
        else:
            for i in range(out.size):
                out[i] = min(out[i], wave[i] + shift)
    if first:
        out[:] = np.inf


@njit(cache=True, nogil=True)
def _metrics(
    times: Float, volume: Float, left: NDArray[np.bool_], both: Float, lv: Float, result: Float
) -> None:
    """Fill `result` from one map; `both` and `lv` are scratch histograms."""
    low = np.inf
    high = -np.inf
    high_lv = -np.inf
    w_lv = w_rv = s_lv = s_rv = q_lv = lost = 0.0
    for i in range(times.size):
        t = times[i]
        if not t < np.inf:
            lost += volume[i]
            continue
        low = min(low, t)
        high = max(high, t)
    if not high >= low:
        result[:6] = np.nan
        result[6] = 1.0
        return
    width = BIN
    bins = int((high - low) / width) + 1
    if bins > both.size:
        bins = both.size
        width = (high - low) / (bins - 1)
    for b in range(bins):
        both[b] = 0.0
        lv[b] = 0.0
    inverse = 1.0 / width
    for i in range(times.size):
        t = times[i]
        if not t < np.inf:
            continue
        s = float(t) - low
        v = volume[i]
        b = min(int(s * inverse), bins - 1)
        both[b] += v
        if left[i]:
            lv[b] += v
            w_lv += v
            s_lv += v * s
            q_lv += v * s * s
            high_lv = max(high_lv, t)
        else:
            w_rv += v
            s_rv += v * s
    total = w_lv + w_rv + lost
    result[0] = high - low
    result[1] = high_lv - low if w_lv > 0.0 else np.nan
    result[2] = _quantile(lv[:bins], width, 0.95) if w_lv > 0.0 else np.nan
    result[3] = _shortest(both[:bins], width, 0.90)
    result[4] = s_lv / w_lv - s_rv / w_rv if w_lv > 0.0 and w_rv > 0.0 else np.nan
    result[5] = math.sqrt(max(q_lv / w_lv - (s_lv / w_lv) ** 2, 0.0)) if w_lv > 0.0 else np.nan
    result[6] = lost / total


@njit(cache=True, nogil=True)
def _batch(
    waves: Float,
    rows: Int,
    delays: Float,
    volume: Float,
    left: NDArray[np.bool_],
    result: Float,
) -> None:
    times = np.empty(waves.shape[1], np.float32)
    both = np.empty(8192)
    lv = np.empty(8192)
    for c in range(rows.shape[0]):
        _combine(waves, rows[c], delays[c], times)
        _metrics(times, volume, left, both, lv, result[c])


def combined(waves: Float, rows: Int, delays: Float) -> NDArray[np.float64]:
    """Return the activation of one combination: min over its waves of wave + delay.

    Parameters
    ----------
    waves
        (w, n) activation of each wave alone in ms, inf where it does not arrive.
    rows
        (p,) numbers of the waves that take part; negative entries are skipped.
    delays
        (p,) ms.

    Returns
    -------
    (n,) ms.
    """
    result = np.full(np.shape(waves)[1], np.inf)
    for row, delay in zip(rows, delays, strict=True):
        if row >= 0:
            np.minimum(result, waves[row] + delay, out=result)
    return result


@njit(cache=True, nogil=True)
def _maps(waves: Float, rows: Int, delays: Float, result: Float) -> None:
    for c in range(rows.shape[0]):
        _combine(waves, rows[c], delays[c], result[c])


def maps_of_combinations(waves: Float, rows: Int, delays: Float) -> NDArray[np.float32]:
    """Return the maps (c, n) themselves; arguments as in `of_combinations`, for small batches."""
    waves = np.ascontiguousarray(waves, np.float32)
    result = np.empty((len(rows), waves.shape[1]), np.float32)
    _maps(waves, np.asarray(rows, np.int32), np.asarray(delays, np.float32), result)
    return result


def of_combinations(
    waves: Float,
    rows: Int,
    delays: Float,
    volumes: Float,
    left: NDArray[np.bool_],
    *,
    threads: int = 2,
) -> NDArray[np.float64]:
    """Return the metrics of many combinations without making their maps.

    Parameters
    ----------
    waves
        (w, n) activation of each wave alone in ms, inf where it does not arrive; float32 saves
        half of the memory traffic and costs 1e-5 ms.
    rows
        (c, p) wave numbers of each combination; negative entries are skipped.
    delays
        (c, p) delay of each wave in ms.
    volumes
        (n,) muscle volume of each node.
    left
        (n,) whether a node belongs to the LV (with septum).
    threads
        Threads to use; the result does not depend on it.

    Returns
    -------
    (c, 7) in the order of `METRICS`.
    """
    waves = np.ascontiguousarray(waves, np.float32)
    rows = np.ascontiguousarray(np.atleast_2d(rows), np.int32)
    delays = np.ascontiguousarray(np.atleast_2d(delays), np.float32)
    if rows.shape != delays.shape or (rows.size and rows.max() >= len(waves)):
        raise ParameterError(
            f"combinations {rows.shape} of {len(waves)} waves have delays {delays.shape}",
            expected="one delay for each wave of each combination",
        )
    volume = np.ascontiguousarray(volumes, np.float64)
    mask = np.ascontiguousarray(left, np.bool_)
    result = np.empty((len(rows), len(METRICS)))
    parts = [part for part in np.array_split(np.arange(len(rows)), max(threads, 1)) if len(part)]

    def work(part: Int) -> None:
        span = slice(int(part[0]), int(part[-1]) + 1)
        _batch(waves, rows[span], delays[span], volume, mask, result[span])

    with ThreadPoolExecutor(max(threads, 1)) as pool:
        list(pool.map(work, parts))
    return result


def of_map(activation: Float, volumes: Float, left: NDArray[np.bool_]) -> dict[str, float]:
    """Return the metrics of one activation map (n,) in ms, by name."""
    one = np.asarray(activation)[None]
    values = of_combinations(one, np.zeros((1, 1), int), np.zeros((1, 1)), volumes, left)
    return dict(zip(METRICS, map(float, values[0]), strict=True))


def column(values: Float, name: str) -> Float:
    """Return the column `name` of an array whose last axis follows `METRICS`."""
    return values[..., METRICS.index(name)]
