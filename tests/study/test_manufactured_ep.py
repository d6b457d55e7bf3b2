"""Orders of convergence of the tissue solvers, on meshes small enough for every change."""

from __future__ import annotations

import numpy as np
import pytest

from heart.electro.tissue.space import TissueSpace
from heart.study.verification import manufactured_ep as bench
from heart.study.verification.manufactured_cells import PathmanathanGray, SmoothCells
from heart.study.verification.shapes import box


def test_closed_form_solves_its_equations() -> None:
    """The derived β: without it no mesh would converge to the solution."""
    case = PathmanathanGray()
    points = np.random.default_rng(0).uniform(0.1, 0.9, (50, 3))
    step = 1e-5
    time = 0.3
    slope = (case.states(points, time + step) - case.states(points, time - step)) / (2.0 * step)
    wave = np.eye(3) * 1e-4
    laplacian = sum(
        sigma
        * (case.voltage(points + h, time) - 2.0 * case.voltage(points, time)
           + case.voltage(points - h, time)) / 1e-8
        for sigma, h in zip(case.sigma, wave, strict=True)
    ) / (case.surface_to_volume * case.capacitance)  # fmt: skip
    rates = case.rates(time, case.states(points, time))
    rates[0] += laplacian
    assert np.abs(rates - slope).max() < 1e-6


def test_cells_are_of_fourth_order() -> None:
    """Their error must not be what a splitting test sees."""
    errors = []
    for count in (4, 8):
        cells = SmoothCells(np.array([[1.0], [0.0]]), lambda _, y: np.stack([-y[1], y[0]]))
        voltage = cells.voltage.copy()
        for step in range(count):
            cells.advance(voltage, 1.0 / count, time=step / count)
        errors.append(abs(float(voltage[0]) - np.cos(1.0)))
    assert 12.0 < errors[0] / errors[1] < 20.0


@pytest.mark.parametrize(("degree", "boxes"), [(1, (8, 16)), (2, (4, 8))])
def test_order_in_space(degree: int, boxes: tuple[int, ...]) -> None:
    """L2 one order above H1; coarse meshes are slightly below the limit."""
    l2, h1, _ = bench.space_orders(degree, boxes, until=0.1)
    assert l2 > degree + 0.7
    assert h1 > degree - 0.4


@pytest.mark.parametrize("name", list(bench.SCHEMES))
def test_order_in_time(name: str, problem: bench.TimeProblem) -> None:
    """First order for Godunov and semi-implicit Euler, second for Strang and BDF2."""
    scheme, order = bench.SCHEMES[name]
    found, errors = bench.time_order(scheme, problem, (8, 16))
    assert order - 0.2 < found < order + 0.5, errors


@pytest.fixture(scope="module")
def problem() -> bench.TimeProblem:
    """Share the reference solution."""
    return bench.TimeProblem(linear=False)


def test_forced_mode_on_degree_two() -> None:
    """The closed form holds to round-off on the mesh's own eigenvector."""
    found, errors = bench.time_order(bench.TIGHT, bench.TimeProblem(linear=True, degree=2), (8, 16))
    assert 1.85 < found < 2.5, errors


def test_norms_see_a_known_error() -> None:
    """A constant error of 0.5 on the unit cube is 0.5 in L2 and nothing in H1."""
    points, cells = box((1.0, 1.0, 1.0), 0.5)
    space = TissueSpace(points, cells)
    found = bench.norms(space, np.full(space.nodes, 0.5), lambda x: 0.0 * x[0])
    assert found.l2 == pytest.approx(0.5)
    assert found.h1 == pytest.approx(0.0, abs=1e-12)
