"""The limit of the N-version slab: what its second program and its extrapolations rest on."""

from __future__ import annotations

import numpy as np
import pytest

from heart.electro.tissue.observer import ActivationRecorder
from heart.study.verification import niederer2011, niederer2011_limit
from heart.study.verification.niederer2011_limit import PROBES
from heart.study.verification.niederer2011_slab import problem
from heart.study.verification.niederer2011_tensor import (
    Derivative,
    TensorGrid,
    Wave,
    share,
    speed,
)


@pytest.mark.parametrize("derivative", Derivative)
def test_propagators_damp_each_wave_as_their_symbol_says(derivative: Derivative) -> None:
    """Diffusion of the second program is exact in time, so only the derivative is an error."""
    grid = TensorGrid((3.0,), (0.25,), (0.1,), derivative, dt=0.7)
    (matrix,) = grid.propagators()
    angles = np.pi * np.arange(13) / 12
    waves = np.cos(np.outer(np.arange(13), angles))
    factors = np.exp(-0.07 * derivative.symbol(angles, 0.25))
    assert np.abs(matrix @ waves - waves * factors).max() < 1e-12


def test_derivatives_err_as_known() -> None:
    """Differences are too slow by θ²/12, consistent elements too fast by as much, cosines exact."""
    angle = np.array([0.1])
    errors = [kind.symbol(angle, 1.0)[0] / angle[0] ** 2 - 1.0 for kind in Derivative]
    assert errors == pytest.approx([-(0.1**2) / 12, 0.1**2 / 12, 0.0], abs=1e-6)


def test_axes_of_a_box_diffuse_on_their_own() -> None:
    """A product of cosines on a box decays with the sum of the rates of its axes."""
    grid = TensorGrid(
        (1.0, 2.0, 3.0), (0.25, 0.25, 0.5), (0.1, 0.2, 0.3), Derivative.COSINES, dt=0.1
    )
    wave = Wave(grid, edge=1.0, amplitude=0.0, duration=1.0)
    lines = [np.linspace(0.0, length, n) for length, n in zip(grid.size, grid.shape, strict=True)]
    x, y, z = np.meshgrid(*lines, indexing="ij")
    start = np.cos(np.pi * x) * np.cos(np.pi * y) * np.cos(2.0 * np.pi / 3.0 * z)
    wave.voltage[:] = start.ravel()
    wave.diffuse()
    rate = np.pi**2 * (0.1 * 1.0 + 0.2 * 1.0 + 0.3 * 4.0 / 9.0)
    assert wave.voltage.reshape(grid.shape) == pytest.approx(start * np.exp(-0.1 * rate), abs=1e-12)


@pytest.mark.parametrize("step", [0.2, 0.1, 0.05, 0.3, 1.0 / 15.0])
def test_shares_hold_the_charge_of_the_cube(step: float) -> None:
    """The stimulated length does not depend on the grid; whole nodes give half a step more."""
    x = step * np.arange(200)
    width = np.where(x == 0.0, 0.5, 1.0) * step
    assert width @ share(x, step, 1.5) == pytest.approx(1.5, abs=1e-9)


@pytest.mark.parametrize("place", [(10.0, 3.5, 1.5), (20.0, 7.0, 3.0), (0.0, 0.0, 0.0)])
def test_places_between_nodes_are_interpolated(place: tuple[float, float, float]) -> None:
    """The middle of the slab is half a step from the nodes of a grid of fifteenths."""
    grid = TensorGrid(
        (20.0, 7.0, 3.0), niederer2011_limit.TENSOR_STEPS, (1.0, 1.0, 1.0), Derivative.COSINES, 0.1
    )
    nodes, weights = grid.around(place)
    index = np.array(np.unravel_index(nodes, grid.shape)).T * np.array(grid.steps)
    assert weights @ index == pytest.approx(place, abs=1e-9)
    assert weights.sum() == pytest.approx(1.0)


def test_cables_have_the_waves_of_the_limit() -> None:
    """Converged speeds are 0.61 and 0.22 mm/ms; lumped waves are slower, consistent ones faster."""
    along = niederer2011_limit.diffusivities()[0]
    slow, fast, right = (speed(0.1, along, kind, length=12.0) for kind in Derivative)
    assert slow < right < fast
    assert right == pytest.approx(0.61, abs=0.01)
    assert slow == pytest.approx(0.595, abs=0.01)


def test_extrapolation_finds_the_limit_of_its_own_errors() -> None:
    """Arrivals late by known multiples of the cable's loss lead back to where they came from."""
    grids = [(0.2, 0.1, 0.1), (0.1, 0.1, 0.1), (0.2, 0.2, 0.2)]
    times = [
        40.0
        + 12.0 * niederer2011_limit.excess(Derivative.DIFFERENCES, 0, along)
        + 5.0 * niederer2011_limit.excess(Derivative.DIFFERENCES, 1, across)
        for along, across, _ in grids
    ]
    assert niederer2011_limit.extrapolated(grids, times) == pytest.approx(40.0, abs=1e-9)


def test_delay_of_a_wave_along_an_axis_is_the_cable_s() -> None:
    """Straight along the fibre nothing is left to guess: the delay is excess times length."""
    steps = (0.2, 0.1, 0.1)
    expected = 18.5 * niederer2011_limit.excess(Derivative.DIFFERENCES, 0, 0.2)
    assert niederer2011_limit.delay(Derivative.DIFFERENCES, steps, "P3") == pytest.approx(expected)
    assert niederer2011_limit.delay(Derivative.DIFFERENCES, steps, "P1") == 0.0
    assert niederer2011_limit.delay(Derivative.ELEMENTS, steps, "P8") < 0.0


def test_both_programs_agree_on_a_piece_of_the_slab() -> None:
    """Row sums on Kuhn's tetrahedra are differences inside, which the second program has too."""
    steps, size = (0.2, 0.1, 0.1), (3.0, 1.5, 1.0)
    scheme = niederer2011.CASES["lumped, 0.2 × 0.1 × 0.1 mm, 0.02 ms"].scheme
    tissue = problem(steps, scheme, size=size, shared=True)
    recorder = ActivationRecorder()
    tissue.run(6.0, observers=[recorder])
    times, points = recorder.first(), tissue.space.points
    grid = TensorGrid(size, steps, niederer2011_limit.diffusivities(), Derivative.DIFFERENCES, 0.02)
    wave = Wave(grid, edge=1.5, amplitude=50.0 / 1.4, duration=2.0)
    places = [(0.0, 0.0, 0.0), (3.0, 0.8, 0.5), (3.0, 0.0, 0.0), (3.0, 1.5, 1.0)]
    theirs = wave.arrivals(np.array([grid.nearest(place) for place in places]), 6.0)
    ours = [times[np.argmin(np.linalg.norm(points - place, axis=1))] for place in places]
    # Row sums of Kuhn's tetrahedra at edges and corners are not those of a box.
    assert theirs[:2] == pytest.approx(ours[:2], abs=0.03)
    assert theirs[2:] == pytest.approx(ours[2:], abs=0.1)


def test_rows_of_the_limit_have_the_gates_as_they_were_set() -> None:
    """The gates are the estimates of before, whatever is measured; each family is held to them."""
    found = {
        name: {p: 10.0 for p in PROBES} for name in [*niederer2011.CASES, *niederer2011.TENSOR]
    }
    rows = {row.name: row for row in niederer2011.judged(found)}
    assert niederer2011.LIMITS["P8"] == (41.7, 1.2)
    for family in ("", ", cosines", ", consistent elements"):
        row = rows[f"P8 in the limit{family}"]
        assert (row.reference, row.gate.high) == (41.7, 1.2)
        assert rows[f"P8 in the limit{family}, above the bound"].gate.low == 40.8
        assert rows[f"P9 in the limit{family}"].gate.high == 0.6
