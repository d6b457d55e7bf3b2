"""Orders of the bidomain and of electrograms, on meshes small enough for every change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from heart.electro.tissue.bidomain import Bidomain
from heart.electro.tissue.coupling import Coupling
from heart.study.verification import manufactured_bidomain as bench
from heart.study.verification import manufactured_ep
from heart.study.verification.manufactured_cells import PathmanathanGray, SmoothCells
from heart.study.verification.orders import slope


@pytest.fixture(scope="module")
def problem() -> bench.TimeProblem:
    """The small mesh, with its solution found once."""
    return bench.TimeProblem()


def test_derived_beta_closes_the_equations() -> None:
    """∇·σ_i∇(V + φ_e) is what is left of χ (C_m ∂V/∂t + I_ion), by finite differences."""
    case = PathmanathanGray()
    cells = bench.effective(case)
    points, time, step = np.random.default_rng(1).uniform(0.1, 0.9, (50, 3)), 0.3, 1e-5
    change = (case.voltage(points, time + step) - case.voltage(points, time - step)) / (2.0 * step)

    def inner(where: np.ndarray) -> np.ndarray:
        return (1.0 - bench.K) * case.voltage(where, time)

    flux = sum(
        sigma * (inner(points + h) - 2.0 * inner(points) + inner(points - h)) / 1e-8
        for sigma, h in zip(case.sigma, 1e-4 * np.eye(3), strict=True)
    )
    rates = cells.rates(time, case.states(points, time))[0]
    product = case.surface_to_volume * case.capacitance
    assert np.abs(product * (change - rates) - flux).max() < 1e-5


def test_orders_in_space() -> None:
    """V and φ_e converge alike; coarse meshes are slightly below the limit."""
    errors = bench.space_orders((8, 16), until=0.1)
    for name, found in errors.items():
        l2, h1 = (slope((2.0, 1.0), [getattr(one, norm) for one in found]) for norm in ("l2", "h1"))
        assert 1.7 < l2 < 2.5, name
        assert 0.7 < h1 < 1.5, name


@pytest.mark.parametrize("name", list(bench.SCHEMES))
def test_orders_in_time(name: str, problem: bench.TimeProblem) -> None:
    """First order for Godunov, second for Strang, with one elliptic solve per step."""
    scheme, order = bench.SCHEMES[name]
    voltage, potential, errors = bench.time_orders(scheme, problem, (16, 32))
    assert order - 0.2 < voltage < order + 0.5, errors
    assert order - 0.2 < potential < order + 0.5, errors


def test_more_passes_do_not_change_the_order(problem: bench.TimeProblem) -> None:
    """The converged coupling is of the order of the scheme and more accurate than one pass."""
    scheme, order = bench.SCHEMES["Strang, Crank–Nicolson"]
    coupling = Coupling(passes=40, tolerance=1e-9, strict=True)
    voltage, _, converged = bench.time_orders(scheme, problem, (8, 16), coupling)
    _, _, once = bench.time_orders(scheme, problem, (8, 16))
    assert voltage == pytest.approx(order, abs=0.2)
    assert converged[-1][0] < once[-1][0]


@pytest.mark.parametrize("name", list(bench.SCHEMES))
def test_large_steps_are_stable(name: str, problem: bench.TimeProblem) -> None:
    """The extrapolated part is less than the implicit one, whatever the step."""
    points = problem.space.points
    start = np.stack([np.exp(-8.0 * ((points[:, :2] - 0.3) ** 2).sum(axis=1)), points[:, 0]])
    run = Bidomain(
        problem.space,
        problem.model,
        replace(bench.SCHEMES[name][0], dt=5.0),
        reaction=lambda nodes: SmoothCells(start[:, nodes], lambda _, y: 0.0 * y),
    )
    sizes = [np.ptp(run.voltage())]
    for until in (5.0, 100.0, 300.0):
        run.run(until)
        sizes.append(np.ptp(run.voltage()))
    assert sizes[1] < sizes[0]
    assert sizes[3] < sizes[2] < sizes[1]


def test_electrograms_are_of_second_order() -> None:
    """The quadrature is exact long before its last order, so the slope is that of the mesh."""
    reference = bench.electrogram_reference(24)
    assert np.abs(bench.electrogram_reference(48) - reference).max() < 1e-11
    errors = bench.electrogram_errors((8, 16), reference)
    assert 1.7 < np.log2(errors[0] / errors[1]) < 2.5


def test_rows_are_part_of_the_benchmark() -> None:
    """What is not in `heart verify manufactured_ep` is not shown to anybody."""
    assert bench.PARTS.keys() <= manufactured_ep.PARTS.keys()
