"""Blocks of cells step as they need: no time is lost, and little accuracy."""

from __future__ import annotations

import numpy as np
import pytest

from heart.core.errors import ParameterError
from heart.electro.ionic.population import CellLayout
from heart.electro.ionic.registry import cell_model
from heart.electro.reaction_eikonal.excitation import Excitation
from heart.electro.reaction_eikonal.problem import ReactionEikonal, Waves
from heart.electro.reaction_eikonal.restitution import Restitution
from heart.electro.reaction_eikonal.scheme import ReactionEikonalScheme
from heart.electro.tissue.model import MonodomainModel
from heart.electro.tissue.observer import ActivationRecorder
from heart.electro.tissue.space import TissueSpace
from heart.numerics.eikonal import EikonalMesh, Lengths, tetrahedron_lengths, triangle_lengths
from heart.study.verification.shapes import box

CURVE = Restitution(np.array([32.0, 100.0]), np.array([0.48, 1.0]), -85.2, -74.4)


def _strand(**steps: float) -> ReactionEikonal:
    """Return a strand of 40 mm of two kinds of cells, paced twice."""
    points, cells = box((40.0, 2.0, 2.0), 1.0)
    mesh = EikonalMesh.from_cells(points, cells)
    lengths = Lengths(tetrahedron_lengths(mesh, np.eye(3) / 0.5**2), triangle_lengths(mesh, 0.0))
    layout = CellLayout(
        (cell_model("tt2006_epi"), cell_model("tt2006_mid")), (points[:, 2] > 1.5).astype(int)
    )
    tissue = MonodomainModel(layout, np.tile(0.13 * np.eye(3), (len(cells), 1, 1)))
    pacing = Excitation(np.flatnonzero(points[:, 0] < 1e-9), 0.0, 500.0, 2)
    return ReactionEikonal(
        TissueSpace(points, cells), tissue, Waves(mesh, lengths, (CURVE, CURVE)),
        ReactionEikonalScheme(**steps), (pacing,),
    )  # fmt: skip


def test_every_block_takes_every_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    """Conservation of time: steps taken plus windows behind are the time of the problem."""
    problem = _strand()
    taken = [np.zeros(group.cells.blocks) for group in problem.cells.groups]
    lengths: set[float] = set()
    advance = problem.cells.advance

    def counted(voltage, dt, *, time=0.0, stimulus=None, substeps=None):
        for total, blocks in zip(taken, substeps, strict=True):
            total += dt * (blocks > 0)
        lengths.add(dt)
        advance(voltage, dt, time=time, stimulus=stimulus, substeps=substeps)

    monkeypatch.setattr(problem.cells, "advance", counted)
    for until in (37.0, 200.0, 451.0, 530.0):
        problem.run(until)
        for total, behind in zip(taken, problem._tempo.behind, strict=True):
            np.testing.assert_allclose(total + behind * problem.scheme.window, until, atol=1e-9)
    # Steps of the wave, of a plateau, and of rest have all been there.
    assert {problem.scheme.dt, 1.0, 4.0} <= lengths


def test_potential_has_no_stairs_inside_a_window() -> None:
    """Cells that step once per window change evenly in it, so that observers may interpolate."""
    problem = _strand()
    values = []
    while problem.time < 260.0:
        problem.run(problem.time + problem.scheme.dt)
        if problem.time > 240.0:
            values.append(problem.local_voltage.copy())
    changes = np.abs(np.diff(values, axis=0)).max(axis=0)
    mean = np.abs(np.diff(values, axis=0)).mean(axis=0)
    falling = mean > 0.05
    assert falling.any()
    assert (changes[falling] / mean[falling]).max() < 2.5


def test_default_steps_are_as_good_as_short_ones() -> None:
    """Gates of the engine: activation within 1 ms, repolarisation within 5; here tenths of these.

    Two beats, so that cells at rest are behind when the second wave comes.
    """
    exact = _strand(dt=0.05, upstroke_dt=0.05, calm_rate=0.0)
    usual = _strand()
    recorders = [ActivationRecorder(-40.0) for _ in range(2)]
    for one, recorder in zip((exact, usual), recorders, strict=True):
        one.run(980.0, observers=[recorder])
    first, second = (recorder.all() for recorder in recorders)
    assert first.shape == second.shape
    assert first.shape[1] == 2
    assert np.abs(first - second).max() < 0.3
    ends = [one.last_repolarisation() for one in (exact, usual)]
    assert np.abs(ends[0] - ends[1]).max() < 1.0


def test_a_step_given_alone_is_never_shorter_than_those_of_an_upstroke() -> None:
    """A scenario names one step; the others follow where they have to."""
    assert ReactionEikonalScheme.stepped(None) == ReactionEikonalScheme()
    assert ReactionEikonalScheme.stepped(0.05).upstroke_dt == 0.05
    assert ReactionEikonalScheme.stepped(0.2).upstroke_dt == ReactionEikonalScheme().upstroke_dt
    with pytest.raises(ParameterError, match="multiple"):
        ReactionEikonalScheme.stepped(0.3)
    with pytest.raises(ParameterError, match="at rest"):
        ReactionEikonalScheme(rest_dt=3.5)
