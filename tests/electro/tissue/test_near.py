"""Iterating where a wave is leaves the same behind as iterating everywhere."""

import numpy as np

from heart.anatomy.idealised import slab
from heart.electro.tissue import implicit, near
from heart.electro.tissue.implicit import ImplicitDiffusion
from heart.electro.tissue.operators import assemble
from heart.electro.tissue.space import TissueSpace

TOLERANCE = 1e-6


def operators(single=False):
    """A strip of 24 mm."""
    mesh = slab((24.0, 1.0, 1.0), 0.25)
    space = TissueSpace(mesh.points, mesh.cells)
    return assemble(space, np.tile(0.1 * np.eye(3), (len(mesh.cells), 1, 1)), single=single)


def wave(where, time):
    """A steep front in mV, on its way."""
    return -85.0 + 100.0 / (1.0 + np.exp((where[:, 0] - 4.0 - 0.5 * time) / 0.3))


def test_neighbours_are_those_of_the_matrix():
    """Rows next to a chosen one change their residual: none may be forgotten."""
    here = operators()
    random = np.random.default_rng(2)
    residual, inverse = here.vector(), here.vector() + 1.0
    residual[: here.rows] = random.random(here.rows) > 0.99
    mask, out = here.vector(), here.vector()
    pattern = here.pattern
    slices, over, total = near.choose(len(pattern.starts) - 1, 0.5, 2.0, residual, inverse, mask)
    assert (over, total) == (0.0, residual.sum())
    edge = near.border(pattern)
    assert len(edge) == 0
    out[:8] = 1.0
    found, count = near.spread(
        pattern.starts, pattern.columns, slices, edge, mask, np.array([0]), out
    )
    mass, _ = here.matrices()
    flags = np.zeros(here.space.nodes)
    flags[here.nodes] = residual[: here.rows]
    expected = (mass @ flags > 0.0)[here.nodes]
    assert np.array_equal(out[: here.rows] > 0.0, expected)
    assert count == expected.sum()
    assert np.array_equal(found, np.unique(np.flatnonzero(out > 0.0) // 8))
    further = near.beside(pattern.starts, pattern.columns, found, edge, out, mask)
    wider, _ = near.spread(
        pattern.starts, pattern.columns, found, edge, out, np.array([0])[:0], here.vector()
    )
    assert np.array_equal(further, wider)


def test_a_wave_is_solved_to_the_tolerance_everywhere(monkeypatch):
    """What all steps together leave, computed anew, is below the tolerance, at less work."""
    here = operators()
    mass, stiffness = here.matrices()
    where, step = here.space.points, 0.02
    fields = {}
    rows = []
    for most in (implicit.MOST, -1.0):
        monkeypatch.setattr(implicit, "MOST", most)
        solver = ImplicitDiffusion(here, lumped=False, tolerance=TOLERANCE)
        product = near.product_at

        def counted(chosen, *rest, product=product):
            rows.append(8 * len(chosen))
            return product(chosen, *rest)

        monkeypatch.setattr(near, "product_at", counted)
        left = np.zeros(here.space.nodes)
        for k in range(30):
            voltage = here.vector(wave(where, k * step))
            before = here.gather(voltage)
            solver.step(voltage, 0.5 * step, step)
            change = here.gather(voltage) - before
            system = mass + 0.5 * step * stiffness
            left += -step * (stiffness @ before) - system @ change
            assert np.abs(left / system.diagonal()).max() < 1.01 * TOLERANCE
        monkeypatch.setattr(near, "product_at", product)
        fields[most] = here.gather(voltage)
    near_, whole = fields.values()
    assert np.abs(near_ - whole).max() < 20.0 * TOLERANCE
    assert len(rows) > 30
    assert np.mean(rows) < 0.7 * here.rows
