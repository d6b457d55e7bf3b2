"""Activation times of one stimulus, or of many stimuli side by side."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from heart.core.errors import ParameterError
from heart.numerics.eikonal.lengths import Lengths
from heart.numerics.eikonal.march import march
from heart.numerics.eikonal.mesh import EikonalMesh
from heart.numerics.eikonal.refine import refine
from heart.numerics.eikonal.threads import thread_count

_SAMPLE = 20_000
# Improvements below this part of a bucket are rounding and would only stir the queue.
_ROUNDING = 1e-12
# A correction below this part of a bucket is far below what is left of the error.
_WORTHWHILE = 1e-3

Accuracy = Literal["first", "second"]


def solve(
    mesh: EikonalMesh,
    lengths: Lengths,
    nodes: ArrayLike,
    times: ArrayLike,
    *,
    accuracy: Accuracy = "first",
) -> NDArray[np.float64]:
    """Return the first-arrival time at every node.

    Solves sqrt(grad T . V grad T) = 1 with T given at some nodes, by a monotone first-order scheme
    [Bornemann2006] iterated to its fixed point.  A given time is an upper bound: where another
    source gets there earlier, that counts.

    Parameters
    ----------
    mesh : EikonalMesh
        The topology.
    lengths : Lengths
        The material.
    nodes : (s,) int
        Nodes with a given time, any order; the earliest counts if one comes twice.
    times : (s,) float or float, ms
        Their times.
    accuracy : {"first", "second"}
        "second" corrects the result for the curvature of the front: errors of a smooth solution
        drop three- to tenfold for several times the cost.  Give the source a ball of exact times
        (`point_source`): beside a single node the correction can be a per cent too early.

    Returns
    -------
    ndarray (n,) float64, ms
        inf where nothing arrives.

    Raises
    ------
    ParameterError
        No nodes, nodes outside the mesh, times that are not finite, unknown accuracy.
    """
    _check(accuracy)
    where, when = _sources(mesh, nodes, times)
    state = _work(mesh)
    return _solve(mesh, lengths, where, when, _bucket(lengths), state, accuracy)


def solve_many(
    mesh: EikonalMesh,
    lengths: Lengths,
    sources: Sequence[tuple[ArrayLike, ArrayLike]],
    *,
    dtype: DTypeLike = np.float64,
    threads: int | None = None,
    accuracy: Accuracy = "first",
) -> NDArray[Any]:
    """Return the arrival times of many stimuli, each alone; threads share the stimuli.

    Arrival of several stimuli together is the pointwise minimum of their maps, so single-site maps
    computed here once serve all combinations and delays.

    Parameters
    ----------
    mesh, lengths
        As in `solve`.
    sources : sequence of (nodes, times)
        One entry per stimulus.
    dtype : dtype
        Type of the result; float32 halves the memory at 1e-7 relative error.
    threads : int, optional
        `thread_count` if not given.  The result does not depend on it.
    accuracy : {"first", "second"}
        As in `solve`.

    Returns
    -------
    ndarray (sites, n), ms
        inf where nothing arrives.

    Raises
    ------
    ParameterError
        As in `solve`.
    """
    _check(accuracy)
    checked = [_sources(mesh, nodes, times) for nodes, times in sources]
    result = np.empty((len(checked), len(mesh.points)), dtype)
    width = _bucket(lengths)
    workers = max(1, min(threads or thread_count(), len(checked)))

    def run(worker: int) -> None:
        state = _work(mesh)
        for site in range(worker, len(checked), workers):
            result[site] = _solve(mesh, lengths, *checked[site], width, state, accuracy)

    if workers == 1:
        run(0)
        return result
    with ThreadPoolExecutor(workers) as pool:
        for job in [pool.submit(run, worker) for worker in range(workers)]:
            job.result()
    return result


def _work(mesh: EikonalMesh) -> NDArray[np.float64]:
    return np.empty((len(mesh.points), 2))


def _solve(
    mesh: EikonalMesh,
    lengths: Lengths,
    nodes: NDArray[np.int32],
    times: NDArray[np.float64],
    width: float,
    state: NDArray[np.float64],
    accuracy: Accuracy,
) -> NDArray[np.float64]:
    march(
        mesh.star_start,
        mesh.star,
        lengths.names,
        lengths.edges,
        mesh.fan_start,
        mesh.fan,
        lengths.triangles,
        nodes,
        times,
        width,
        _ROUNDING * width,
        state,
    )
    if accuracy == "first":
        return np.asarray(state[:, 0][mesh.rank])
    arrival = state[:, 0].copy()
    given = np.zeros(len(arrival), bool)
    given[nodes[arrival[nodes] >= times]] = True
    refine(mesh, lengths, arrival, given, _WORTHWHILE * width)
    return np.asarray(arrival[mesh.rank])


def _check(accuracy: str) -> None:
    if accuracy not in ("first", "second"):
        raise ParameterError(f"accuracy is {accuracy!r}", expected="'first' or 'second'")


def _sources(
    mesh: EikonalMesh, nodes: ArrayLike, times: ArrayLike
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Check a stimulus and translate it to the mesh's own numbers."""
    given = np.atleast_1d(np.asarray(nodes))
    when = np.ascontiguousarray(np.broadcast_to(np.asarray(times, np.float64), given.shape))
    if given.ndim != 1 or given.size == 0 or given.dtype.kind not in "iu":
        raise ParameterError("stimulus has no nodes", expected="at least one node number")
    if given.min() < 0 or given.max() >= len(mesh.points):
        raise ParameterError("stimulus names a node outside the mesh")
    if not np.isfinite(when).all():
        raise ParameterError("stimulus time is not finite")
    return np.ascontiguousarray(mesh.rank[given]), when


def _bucket(lengths: Lengths) -> float:
    """Return the width of a bucket of the queue: half a typical shortest edge, as time."""
    edges = lengths.edges[:: max(1, len(lengths.tets) // _SAMPLE)]
    shortest = edges.min(axis=1)
    shortest = shortest[np.isfinite(shortest)]
    if not shortest.size:
        return 1.0
    return 0.5 * float(np.sqrt(np.median(shortest)))
