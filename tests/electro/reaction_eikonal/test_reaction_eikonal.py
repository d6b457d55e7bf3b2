"""Cells on a front: velocity, repolarisation, re-excitation, re-entry, checkpoints, bad input."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from heart.core.errors import CheckpointError, ParameterError
from heart.electro.ionic.population import CellLayout
from heart.electro.ionic.registry import cell_model
from heart.electro.reaction_eikonal.excitation import Excitation
from heart.electro.reaction_eikonal.problem import ReactionEikonal, Waves
from heart.electro.reaction_eikonal.restitution import Restitution
from heart.electro.reaction_eikonal.scheme import ReactionEikonalScheme
from heart.electro.tissue.model import MonodomainModel
from heart.electro.tissue.monodomain import Monodomain
from heart.electro.tissue.observer import ActivationRecorder
from heart.electro.tissue.scheme import Diffusion, Scheme
from heart.electro.tissue.space import TissueSpace
from heart.electro.tissue.stimulus import TissueStimulus
from heart.numerics.eikonal import (
    EikonalMesh,
    Lengths,
    solve,
    tetrahedron_lengths,
    triangle_lengths,
)
from heart.study.verification.shapes import box

SPEED = 0.5
# Mitchell–Schaeffer as `strand.measured` finds it, rounded.
CURVE = Restitution(
    np.array([49.0, 66.0, 100.0, 180.0, 340.0]),
    np.array([0.42, 0.57, 0.7, 0.86, 1.0]),
    -86.2,
    -74.3,
)


def _problem(
    points,
    cells,
    stimuli,
    *,
    model="mitchell_schaeffer",
    curve=CURVE,
    speed=SPEED,
    conducting=None,
    **steps,
):
    mesh = EikonalMesh.from_cells(points, cells, conducting=conducting)
    lengths = Lengths(tetrahedron_lengths(mesh, np.eye(3) / speed**2), triangle_lengths(mesh, 0.0))
    layout = CellLayout((cell_model(model),), np.zeros(len(points), int))
    tissue = MonodomainModel(
        layout,
        np.tile(0.13 * np.eye(3), (len(cells), 1, 1)),
        conducting=np.ones(len(cells), bool) if conducting is None else conducting,
    )
    return ReactionEikonal(
        TissueSpace(points, cells),
        tissue,
        Waves(mesh, lengths, (curve,)),
        ReactionEikonalScheme(**steps),
        stimuli,
    )


@cache
def _strand(length):
    return box((length, 1.0, 1.0), 1.0)


def _end(points):
    return np.flatnonzero(points[:, 0] < 1e-9)


class _Potential:
    """Keeps the potential at each call."""

    def __init__(self, every=1.0):
        self.every, self.times, self.values, self.done = every, [], [], False

    def observe(self, time, voltage, problem):  # noqa: ARG002
        self.times.append(time)
        self.values.append(problem.voltage())

    def finish(self):
        self.done = True


def test_first_activation_is_the_eikonal_solution():
    """Cells must not slow or hasten the wave: that is what the method is for."""
    points, cells = box((12.0, 5.0, 4.0), 1.0, 0.2, np.random.default_rng(2))
    nodes, times = np.array([0, 200]), np.array([0.0, 2.5])
    problem = _problem(points, cells, (Excitation(nodes, times),))
    problem.run(40.0)
    exact = solve(problem.mesh, problem.front.lengths, nodes, times)
    np.testing.assert_allclose(problem.activation(), exact, atol=1e-6)
    assert problem.failed == 0


def test_potential_follows_the_front_at_the_prescribed_velocity():
    """Mechanics and ECG see the potential: its upstroke has to be where the front is."""
    points, cells = _strand(40.0)
    problem = _problem(points, cells, (Excitation(_end(points), 5.0),))
    recorder = ActivationRecorder(-40.0)
    problem.run(100.0, observers=[recorder])
    crossed = recorder.first()
    inner = (points[:, 0] >= 5.0) & (points[:, 0] <= 35.0)
    slope = np.polyfit(points[inner, 0], crossed[inner], 1)[0]
    assert 1.0 / slope == pytest.approx(SPEED, rel=0.02)
    assert np.abs(crossed - problem.activation())[inner].max() < 0.5


def test_repolarisation_agrees_with_a_fine_monodomain_strand():
    """Duration and smoothing are the cell's and the diffusion's, on a mesh five times coarser."""
    length = 20.0
    fine, fine_cells = box((length, 0.2, 0.2), 0.2)
    curve = Restitution(np.array([32.0, 100.0]), np.array([0.48, 1.0]), -85.2, -74.4)
    model = MonodomainModel(
        CellLayout((cell_model("tt2006_epi"),), np.zeros(len(fine), int)),
        np.tile(0.1334 * np.eye(3), (len(fine_cells), 1, 1)),
    )
    scheme = Scheme(dt=0.05, lumped=True, diffusion=Diffusion.RKC)
    stimulus = TissueStimulus(np.flatnonzero(fine[:, 0] < 1.1), 0.0, 2.0, 50.0)
    reference = Monodomain(TissueSpace(fine, fine_cells), model, scheme, (stimulus,))
    upstroke, trace = ActivationRecorder(-40.0), _Potential(2.0)
    reference.run(360.0, observers=[upstroke, trace])
    line = np.flatnonzero((fine[:, 1] < 1e-9) & (fine[:, 2] < 1e-9))
    line = line[np.argsort(fine[line, 0])]
    activation = upstroke.first()[line]
    recovery = _downward(np.array(trace.times), np.array(trace.values)[:, line], -74.4)
    inner = (fine[line, 0] > 5.0) & (fine[line, 0] < 15.0)
    speed = 1.0 / np.polyfit(fine[line, 0][inner], activation[inner], 1)[0]

    points, cells = _strand(length)
    problem = _problem(
        points,
        cells,
        (Excitation(_end(points), 0.0),),
        model="tt2006_epi",
        curve=curve,
        speed=speed,
    )
    problem.run(360.0)
    x = points[:, 0]
    expected = np.interp(x, fine[line, 0], recovery - activation)
    duration = problem.last_repolarisation() - problem.activation()
    middle = (x > 2.5) & (x < length - 2.5)
    assert np.abs(duration - expected)[middle].max() < 5.0
    # The wave starts with a longer and ends with a shorter action potential: diffusion at work.
    early, late = duration[x < 0.5].mean(), duration[x > length - 0.5].mean()
    assert late < duration[middle].mean() < early


def _downward(times, values, level):
    """Return the last downward crossing of each column."""
    falls = (values[:-1] >= level) & (values[1:] < level)
    k = len(falls) - 1 - np.argmax(falls[::-1], axis=0)
    column = np.arange(values.shape[1])
    a, b = values[k, column], values[k + 1, column]
    return times[k] + (times[k + 1] - times[k]) * (a - level) / (a - b)


def _second_wave(coupling):
    """Return the speed of a second wave in the middle of a strand, None where it is blocked."""
    points, cells = _strand(30.0)
    stimuli = tuple(Excitation(_end(points), start) for start in (0.0, coupling))
    problem = _problem(points, cells, stimuli)
    recorder = ActivationRecorder(-40.0)
    problem.run(coupling + 150.0, observers=[recorder])
    every = recorder.all()
    if every.shape[1] < 2 or not np.isfinite(every[points[:, 0] > 20.5, 1]).all():
        return None
    near, far = (every[np.abs(points[:, 0] - x) < 1e-9, 1].mean() for x in (10.0, 20.0))
    return 10.0 / (far - near)


def test_second_wave_is_blocked_then_slow_then_as_fast_as_the_first():
    """S1–S2: refractoriness is the cell's, restitution of velocity the strand's."""
    assert _second_wave(300.0) is None
    slow = _second_wave(370.0)
    assert 0.5 * SPEED < slow < 0.85 * SPEED
    assert _second_wave(700.0) == pytest.approx(SPEED, rel=0.05)


def _circling(circumference, closed, until, **values):
    """Start a wave one way round a ring; return activations after `closed` at its quarter."""
    edge = 2.0
    points, cells = box((circumference, 2.0, 2.0), edge)
    column = np.rint(points[:, 0] / edge).astype(int)
    last = column.max()
    first = {tuple(points[v, 1:]): v for v in np.flatnonzero(column == 0)}
    merged = np.array(
        [first[tuple(p[1:])] if column[v] == last else v for v, p in enumerate(points)]
    )
    kept, cells = np.unique(merged[cells], return_inverse=True)
    cells = cells.reshape(-1, 4)
    angle = 2.0 * np.pi * points[kept, 0] / circumference
    radius = circumference / (2.0 * np.pi) - points[kept, 1] + 1.0
    ring = np.column_stack([radius * np.cos(angle), radius * np.sin(angle), points[kept, 2]])
    stimuli = (Excitation(np.flatnonzero(angle < 1e-9), 0.0),)
    # A cut holds up one of the two waves; it is closed when the start has recovered and the other
    # wave is not yet back. (Closed earlier, the depolarised side would excite the resting one.)
    closing = angle[cells].max(axis=1) - angle[cells].min(axis=1) > np.pi
    cut = _problem(ring, cells, stimuli, conducting=~closing, **values)
    cut.run(closed)
    problem = _problem(ring, cells, stimuli, **values)
    problem.restore(cut.snapshot())
    recorder = ActivationRecorder(-40.0)
    problem.run(until, observers=[recorder])
    times = recorder.all()[np.argmin(np.abs(angle - 0.5 * np.pi))]
    return times[np.isfinite(times)], problem


def test_wave_circles_with_the_period_of_its_path():
    """Re-entry round a hole: the period is the way round over the velocity at its interval."""
    circumference, speed = 150.0, 0.4
    times, problem = _circling(circumference, 330.0, 2000.0, speed=speed)
    assert len(times) >= 4
    period = np.diff(times)[-1]
    duration = (problem.last_repolarisation() - problem.last_activation()) % period
    interval = period - np.median(duration[np.isfinite(duration)])
    expected = circumference / (speed * CURVE.speed(interval))
    assert period == pytest.approx(expected, rel=0.1)


def test_wave_dies_on_a_path_shorter_than_its_length():
    """Wavelength law: below refractory period times velocity there is no re-entry."""
    times, problem = _circling(60.0, 140.0, 900.0, speed=0.4)
    assert not len(times)
    assert not problem.state.excited.any()
    assert problem.voltage().max() < -70.0


def test_restored_run_goes_on_as_if_it_had_not_stopped():
    """Branches of a protocol start from a checkpoint, in the middle of a wave and of a window."""
    points, cells = _strand(20.0)
    stimuli = (Excitation(_end(points), 0.0, 330.0, 3),)
    through, stopped, resumed = (_problem(points, cells, stimuli) for _ in range(3))
    through.run(500.0)
    stopped.run(340.5)
    resumed.restore(stopped.snapshot())
    assert resumed.time == pytest.approx(340.5)
    resumed.run(500.0)
    np.testing.assert_array_equal(resumed.voltage(), through.voltage())
    np.testing.assert_array_equal(resumed.last_activation(), through.last_activation())


def test_snapshot_of_another_problem_is_refused():
    """A checkpoint of another mesh or other steps is not continued silently."""
    points, cells = _strand(20.0)
    first = _problem(points, cells, (Excitation(_end(points), 0.0),))
    snapshot = first.snapshot()
    with pytest.raises(CheckpointError, match="time steps"):
        _problem(points, cells, (Excitation(_end(points), 0.0),), dt=0.1, upstroke_dt=0.1).restore(
            snapshot
        )
    other, other_cells = _strand(30.0)
    with pytest.raises(CheckpointError, match="shape"):
        _problem(other, other_cells, (Excitation(_end(other), 0.0),)).restore(snapshot)


def test_observers_see_the_start_their_interval_and_the_end():
    """Studies do not care which engine runs: the protocol is that of the monodomain problem."""
    points, cells = _strand(20.0)
    problem = _problem(points, cells, (TissueStimulus(_end(points), 1.0, 2.0, 50.0),))
    seen = _Potential(2.5)
    problem.run(10.0, observers=[seen])
    np.testing.assert_allclose(seen.times, [0.0, 2.5, 5.0, 7.5, 10.0], atol=1e-9)
    assert seen.done


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p, c: _problem(p, c, (Excitation([len(p)], 0.0),)), "nodes of the mesh"),
        (lambda p, c: Excitation([], 0.0), "no nodes"),  # noqa: ARG005
        (lambda p, c: Excitation([0], [np.nan]), "not finite"),  # noqa: ARG005
        (lambda p, c: Excitation([0], 0.0, None, 2), "period"),  # noqa: ARG005
        (lambda p, c: _problem(p, c, (), dt=0.3), "multiple"),
        (lambda p, c: _problem(p, c, (), upstroke_dt=0.2, dt=0.1), "longer"),
        (lambda p, c: _problem(p, c, (), threshold=-5.0), "below the threshold"),
        (lambda p, c: _problem(p, c, ()).run(-1.0), "after 0 ms"),
    ],
)
def test_bad_input_is_named(make, message):
    """Each contradiction is an error that says what was expected."""
    with pytest.raises(ParameterError, match=message):
        make(*_strand(20.0))
