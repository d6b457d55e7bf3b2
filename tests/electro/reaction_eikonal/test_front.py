"""The front alone: first wave, blocking, slowing, circling, with durations from a formula."""

from __future__ import annotations

import numpy as np
import pytest

from heart.electro.reaction_eikonal.excitation import Excitation, offer
from heart.electro.reaction_eikonal.front import Front, FrontState
from heart.electro.reaction_eikonal.restitution import Restitution, tabulate
from heart.numerics.eikonal import (
    EikonalMesh,
    Lengths,
    solve,
    tetrahedron_lengths,
    triangle_lengths,
)
from heart.study.verification.shapes import box

FIBRE, ACROSS = 0.6, 0.25
FLAT = Restitution(np.array([0.0]), np.array([1.0]), -85.0, -75.0)


def _problem(points, cells, speed=None, sheets=None, sheet_speed=0.0):
    mesh = EikonalMesh.from_cells(points, cells, sheets)
    metric = np.eye(3) / speed**2 if speed else np.diag([FIBRE**-2, ACROSS**-2, ACROSS**-2])
    return mesh, Lengths(tetrahedron_lengths(mesh, metric), triangle_lengths(mesh, sheet_speed))


def _front(mesh, lengths, curve=FLAT, patience=0.0):
    nodes = np.zeros(len(mesh.points), int)
    return Front(mesh, lengths, tabulate((curve,), nodes), patience)


def stimulate(state, nodes, times):
    """Offer activations to own nodes."""
    own = np.arange(len(state.pending), dtype=np.int32)
    offer((Excitation(nodes, times),), own, state, -1.0, np.inf)


def _run(front, state, until, duration, window=1.0, start=0.0):
    """Advance with action potentials of fixed duration; return all activations."""
    log = []
    now = start
    while now < until:
        now += window
        nodes = front.advance(state, now - window, now)
        log += [(float(state.arrival[v]), int(v)) for v in nodes]
        over = state.excited & (state.arrival + duration <= now)
        state.repolarised[over] = state.arrival[over] + duration
        state.excited[over] = False
    return log


def test_first_wave_is_the_eikonal_solution():
    """A re-excitable front must not cost accuracy: its first wave is the solver's, window or no."""
    rng = np.random.default_rng(4)
    points, cells = box((12.0, 6.0, 4.0), 0.75, 0.2, rng)
    mesh, lengths = _problem(points, cells)
    nodes = rng.choice(len(points), 3, replace=False)
    times = np.array([0.0, 3.3, 5.0])
    exact = solve(mesh, lengths, nodes, times)
    for window in (0.7, 50.0):
        front, state = _front(mesh, lengths), FrontState.at_rest(len(points))
        stimulate(state, mesh.rank[nodes], times)
        _run(front, state, 60.0, 300.0, window)
        np.testing.assert_allclose(state.arrival[mesh.rank], exact, atol=1e-6)


def test_fast_sheet_leads_as_in_the_eikonal_solver():
    """The fast endocardium is part of the same front."""
    points, cells = box((16.0, 2.0, 2.0), 0.5, 0.2, np.random.default_rng(1))
    top = points[:, 2] > 2.0 - 1e-9
    faces = cells[:, np.array([[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]])].reshape(-1, 3)
    mesh, lengths = _problem(points, cells, 0.5, faces[top[faces].all(axis=1)], 2.0)
    source = np.flatnonzero(points[:, 0] < 1e-9)
    front, state = _front(mesh, lengths), FrontState.at_rest(len(points))
    stimulate(state, mesh.rank[source], np.zeros(len(source)))
    _run(front, state, 20.0, 300.0)
    np.testing.assert_allclose(
        state.arrival[mesh.rank], solve(mesh, lengths, source, 0.0), atol=1e-6
    )
    assert state.arrival.max() < 12.0


def _strand(length=40.0):
    points, cells = box((length, 1.0, 1.0), 1.0)
    mesh, lengths = _problem(points, cells, 0.5)
    return points, mesh, lengths


def _paced(curve, s2, patience=0.0, duration=150.0):
    """Return activations at 20 and 30 mm of a strand paced at 0 and s2 at its left end."""
    points, mesh, lengths = _strand()
    front, state = _front(mesh, lengths, curve, patience), FrontState.at_rest(len(points))
    left = mesh.rank[np.flatnonzero(points[:, 0] < 1e-9)]
    log = []
    for start in (0.0, s2):
        stimulate(state, left, np.full(len(left), start))
        log += _run(front, state, start + s2, duration, 1.0, start)
    times = {
        x: sorted({round(t, 3) for t, v in log if abs(mesh.points[v, 0] - x) < 1e-9})
        for x in (20.0, 30.0)
    }
    return [[t for t in times[x]] for x in (20.0, 30.0)]


def test_second_wave_is_blocked_then_slowed_then_free():
    """Programmed stimulation lives on refractoriness and on slow conduction just after it."""
    curve = Restitution(np.array([20.0, 100.0]), np.array([0.5, 1.0]), -85.0, -75.0)
    first, _ = _paced(curve, 165.0)
    assert max(first) < 100.0, "an interval of 15 ms is shorter than the shortest that conducts"
    near, far = _paced(curve, 172.0)
    slow = 10.0 / (max(far) - max(near))
    assert 0.25 < slow < 0.45
    near, far = _paced(curve, 300.0)
    assert 10.0 / (max(far) - max(near)) == pytest.approx(0.5, rel=0.02)


def test_patience_lets_a_wave_wait_for_recovery():
    """A stimulus a few ms early is not lost: the depolarised site goes on pushing."""
    curve = Restitution(np.array([20.0]), np.array([1.0]), -85.0, -75.0)
    near, _ = _paced(curve, 165.0, patience=10.0)
    assert max(near) == pytest.approx(170.0 + 40.0, abs=0.5)


def _ring(circumference, edge=1.0):
    """Return a flat annulus, 2 mm wide on its mean circumference, and the angle of its nodes."""
    points, cells = box((circumference, 2.0, 1.0), edge)
    count = round(circumference / edge)
    column = np.rint(points[:, 0] / edge).astype(int)
    twin = {tuple(p[1:]): v for v, p in enumerate(points) if column[v] == 0} if count else {}
    merged = np.arange(len(points))
    for v in np.flatnonzero(column == count):
        merged[v] = twin[tuple(points[v, 1:])]
    kept, cells = np.unique(merged[cells], return_inverse=True)
    points, cells = points[kept], cells.reshape(-1, 4)
    angle = 2.0 * np.pi * points[:, 0] / circumference
    radius = circumference / (2.0 * np.pi) + points[:, 1] - 1.0
    return (
        np.column_stack([radius * np.cos(angle), radius * np.sin(angle), points[:, 2]]),
        cells,
        angle,
    )


def _circling(circumference, curve, duration, until=1500.0):
    """Start a wave one way round and return the activation times of a place opposite."""
    points, cells, angle = _ring(circumference)
    mesh, lengths = _problem(points, cells, 0.5)
    front, state = _front(mesh, lengths, curve), FrontState.at_rest(len(points))
    behind = mesh.rank[np.flatnonzero(angle > 2.0 * np.pi * (1.0 - 4.5 / circumference))]
    state.repolarised[behind] = 30.0
    start = mesh.rank[np.flatnonzero(angle < 1e-9)]
    stimulate(state, start, np.zeros(len(start)))
    log = _run(front, state, until, duration)
    there = set(mesh.rank[np.flatnonzero(abs(angle - np.pi) < 1.01 * np.pi / circumference)])
    times = np.unique(np.round([t for t, v in log if v in there], 1))
    return times[np.concatenate([[True], np.diff(times) > 30.0])]


def test_wave_circles_where_the_ring_is_longer_than_the_wave():
    """Re-entry: the period is the way round over the speed after the interval it leaves."""
    curve = Restitution(np.array([10.0, 110.0]), np.array([0.6, 1.0]), -85.0, -75.0)
    duration, circumference = 150.0, 90.0
    times = _circling(circumference, curve, duration)
    assert len(times) >= 5
    period = np.diff(times)[-1]
    # period = circumference / speed(period - duration), solved by bisection
    low, high = duration, 2.0 * duration
    for _ in range(60):
        middle = 0.5 * (low + high)
        way = 0.5 * curve.speed(middle - duration) * middle
        low, high = (middle, high) if way < circumference else (low, middle)
    # the inner edge, 1 mm less in radius, leads
    assert period == pytest.approx(low, rel=0.1)


def test_wave_dies_where_the_ring_is_shorter_than_the_wave():
    """Wavelength law: no re-entry on a path shorter than refractory period times speed."""
    curve = Restitution(np.array([10.0]), np.array([1.0]), -85.0, -75.0)
    assert len(_circling(70.0, curve, 150.0)) == 1
    assert len(_circling(90.0, curve, 150.0)) >= 5


def test_colliding_waves_annihilate():
    """Two waves that meet have refractory tissue behind each other: every node fires once."""
    points, mesh, lengths = _strand()
    front, state = _front(mesh, lengths), FrontState.at_rest(len(points))
    ends = mesh.rank[np.flatnonzero((points[:, 0] < 1e-9) | (points[:, 0] > 40.0 - 1e-9))]
    stimulate(state, ends, np.zeros(len(ends)))
    log = _run(front, state, 300.0, 150.0)
    assert len({v for _, v in log}) == len(points)
    assert len({(v, round(t)) for t, v in log}) == len(points)
    assert np.isinf(state.pending).all()
