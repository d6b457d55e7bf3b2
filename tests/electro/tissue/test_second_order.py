"""Cells of second order in a split scheme of second order: arrivals of waves are so too."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from heart.electro.ionic.kernel import Method
from heart.electro.ionic.population import CellLayout
from heart.electro.ionic.registry import cell_model
from heart.electro.tissue.model import MonodomainModel
from heart.electro.tissue.monodomain import Monodomain
from heart.electro.tissue.observer import ActivationRecorder
from heart.electro.tissue.scheme import load
from heart.electro.tissue.space import TissueSpace
from heart.electro.tissue.stimulus import TissueStimulus
from heart.study.verification.shapes import box

LENGTH = 15.0


@cache
def _arrival(method: Method, dt: float) -> float:
    """Return when a wave of TT2006 cells reaches the end of a strand of 15 mm."""
    points, cells = box((LENGTH, 0.5, 0.5), 0.5)
    model = MonodomainModel(
        CellLayout((cell_model("tt2006_epi"),), np.zeros(len(points), int)),
        np.tile(0.1334 * np.eye(3), (len(cells), 1, 1)),
    )
    scheme = replace(load("second_order"), method=method, dt=dt, tolerance=1e-6, single=False)
    stimulus = TissueStimulus(np.flatnonzero(points[:, 0] < 1.6), 0.0, 2.0, 50.0)
    problem = Monodomain(TissueSpace(points, cells), model, scheme, (stimulus,))
    recorder = ActivationRecorder()
    problem.run(40.0, observers=[recorder])
    return float(recorder.first()[points[:, 0] > LENGTH - 1e-9].mean())


def test_arrivals_converge_with_the_square_of_the_step() -> None:
    """Halving the step takes three quarters of the error; with GRL1 it takes half."""
    exact = (4.0 * _arrival(Method.GRL2, 0.00625) - _arrival(Method.GRL2, 0.0125)) / 3.0
    second = np.array([_arrival(Method.GRL2, dt) - exact for dt in (0.05, 0.025, 0.0125)])
    first = np.array([_arrival(Method.GRL1, dt) - exact for dt in (0.02, 0.01)])
    assert np.log2(second[:-1] / second[1:]) == pytest.approx(2.0, abs=0.4)
    assert np.log2(first[0] / first[1]) == pytest.approx(1.0, abs=0.2)


def test_a_long_step_of_second_order_beats_a_short_one_of_first() -> None:
    """What the profile claims: 0.05 ms is as good as 0.01 ms of GRL1."""
    exact = _arrival(Method.GRL2, 0.00625)
    ours = abs(_arrival(Method.GRL2, 0.05) - exact)
    assert ours < 1.2 * abs(_arrival(Method.GRL1, 0.01) - exact)
    assert ours < 0.2
