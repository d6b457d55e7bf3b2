"""The front alone: first wave, blocking, slowing, circling, with durations from a formula."""

from __future__ import annotations

import numpy as np
import pytest

from heart.electro.reaction_eikonal.front import Front, FrontState, stimulate
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
    return mesh, Lengths(
        tetrahedron_lengths(mesh, metric), triangle_lengths(mesh, sheet_speed)
    )


def _front(mesh, lengths, curve=FLAT, patience=0.0):
    nodes = np.zeros(len(mesh.points), int)
    return Front(mesh, lengths, tabulate((curve,), nodes), patience)


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
