"""Waves that spread: tuned in a block of the heart's kind of mesh; curved ones are slow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from heart.anatomy.block import Grain, block
from heart.core.errors import NonPhysicalError, ParameterError
from heart.electro.ionic.population import CellLayout
from heart.electro.ionic.registry import cell_model
from heart.electro.tissue.conductivity import REGISTRY
from heart.electro.tissue.model import MonodomainModel
from heart.electro.tissue.monodomain import Monodomain
from heart.electro.tissue.observer import ActivationRecorder
from heart.electro.tissue.octant import spread
from heart.electro.tissue.scheme import load
from heart.electro.tissue.space import TissueSpace
from heart.electro.tissue.stimulus import TissueStimulus
from heart.electro.tissue.tuning import tune
from heart.numerics import tetrahedra
from heart.numerics.eikonal.curvature import FRONT_TIME

DIFFUSIVITY = 0.0953
SCHEME = replace(load("lumped"), dt=0.05)


def test_block_is_of_the_size_that_was_asked_for() -> None:
    """Mean edge 1, positive cells, one corner at the origin; cut cells are of the same size."""
    for grain in (Grain(), Grain(refined=True)):
        points, cells = block((8.0, 7.0, 6.0), grain)
        ends = points[tetrahedra.edges(cells)]
        assert np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1).mean() == pytest.approx(1.0)
        assert (tetrahedra.volumes(points, cells) > 0.0).all()
        np.testing.assert_allclose(points.min(axis=0), 0.0, atol=1e-12)
        np.testing.assert_allclose(points.max(axis=0), (8.0, 7.0, 6.0), rtol=0.12)
    with pytest.raises(ParameterError, match="3 to 200"):
        block((8.0, 7.0, 1.0), Grain())


def test_tuned_wave_spreads_at_the_wanted_speeds(
    tmp_path: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In all directions together, with the latency of the stimulus beside; cached."""
    monkeypatch.setenv("HEART_CACHE", str(tmp_path))
    cell, wanted = cell_model("tt2006_epi"), (0.5, 0.4, 0.4)
    given = {"surface_to_volume": 140.0, "capacitance": 0.01, "grain": Grain()}
    base = REGISTRY["niederer2011"].conductivities
    found = tune(cell, SCHEME, 1.0, wanted, base, **given)
    np.testing.assert_allclose(found.speeds, wanted, rtol=0.0051)
    assert 0.5 < found.latency < 5.0
    again = tune(cell, SCHEME, 1.0, wanted, base, **given)
    assert again.strands == 0
    assert again.latency == found.latency
    tensor = np.array(found.monodomain) / 1.4
    seen = spread(cell, SCHEME, 1.0, tensor, np.array(wanted), Grain())
    np.testing.assert_allclose(seen.speeds, found.speeds)
    # The same at another edge is another wave.
    other = spread(cell, SCHEME, 0.5, tensor, np.array(wanted), Grain())
    assert other.speeds[0] > 1.05 * seen.speeds[0]


def test_tissue_that_blocks_is_said() -> None:
    """An untuned wave dies between the nodes of a coarse mesh: an error, not a speed."""
    with pytest.raises(NonPhysicalError, match="no wave spreads"):
        spread(cell_model("tt2006_epi"), SCHEME, 3.0, np.full(3, 0.01), np.full(3, 0.5), Grain())


def arrival(widening: float, cell: str) -> np.ndarray:
    """Return arrival (k,) ms at each radius in a narrow cone, or in a prism where it is 0."""
    radius = np.arange(2.0, 10.5, 0.1)
    side = 0.06 * np.array([-1.0, 0.0, 1.0])
    y, z = (a.ravel() for a in np.meshgrid(side, side, indexing="ij"))
    scale = np.where(widening > 0.0, widening * radius, 1.0)
    points = np.stack(
        [
            np.repeat(radius, 9),
            (scale[:, None] * y).ravel(),
            (scale[:, None] * z).ravel(),
        ],
        axis=1,
    )
    if widening > 0.0:
        points *= (np.repeat(radius, 9) / np.linalg.norm(points, axis=1))[:, None]
    strides = np.array([9, 3, 1])
    grid = np.meshgrid(np.arange(len(radius) - 1), np.arange(2), np.arange(2), indexing="ij")
    base = np.stack(grid, -1).reshape(-1, 3) @ strides
    orders = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
    cells = np.concatenate(
        [
            np.stack([base + sum(strides[list(order[:k])]) for k in range(4)], axis=1)
            for order in orders
        ]
    )
    cells = tetrahedra.oriented(points, cells)
    model = MonodomainModel(
        CellLayout((cell_model(cell),), np.zeros(len(points), np.int64), {}),
        np.tile(DIFFUSIVITY * np.eye(3), (len(cells), 1, 1)),
        surface_to_volume=100.0,
        capacitance=0.01,
    )
    start = np.flatnonzero(np.repeat(radius, 9) <= 2.5)
    problem = Monodomain(
        TissueSpace(points, cells),
        model,
        load("accurate"),
        (TissueStimulus(start, 0.0, 2.0, 50.0),),
    )
    first = ActivationRecorder(-40.0)
    problem.run(45.0, observers=(first,))
    return first.first().reshape(-1, 9).mean(axis=1)


@pytest.mark.parametrize(
    ("cell", "share"), [("mitchell_schaeffer", 1.0), ("tt2006_epi", FRONT_TIME.value / 0.256)]
)
def test_spherical_front_is_slow_by_its_curvature(cell: str, share: float) -> None:
    """Of radius r it runs at c - 2 D / r [Franzone1990]: what `delayed` adds to the eikonal wave.

    Exact where the current follows the voltage; sodium gates that lag take a fifth of it away.
    """
    plane, sphere = arrival(0.0, cell), arrival(0.5, cell)
    radius = np.arange(2.0, 10.5, 0.1)
    measured = (radius >= 4.0) & (radius <= 9.0)
    speed = 1.0 / np.polyfit(radius[measured], plane[measured], 1)[0]
    bend = 2.0 * DIFFUSIVITY / speed
    late = (sphere - plane)[measured]
    wanted = bend / speed * np.log((9.0 - bend) / (4.0 - bend))
    assert late[-1] - late[0] == pytest.approx(share * wanted, rel=0.1)
