"""The local eikonal update against minimisation by brute force."""

from __future__ import annotations

import numpy as np

from heart.numerics.eikonal.local import through_cell


def test_update_is_the_minimum_over_the_face():
    """All accuracy rests on this closed form; needle-shaped cells and early targets included."""
    rng = np.random.default_rng(5)
    steps = np.linspace(0.0, 1.0, 201)
    a, b = (side.ravel() for side in np.meshgrid(steps, steps, indexing="ij"))
    weights = np.stack([a, b, 1.0 - a - b], axis=1)[a + b <= 1.0 + 1e-12]
    inside = 0
    for _ in range(400):
        edges = rng.normal(size=(3, 3)) * rng.uniform(0.2, 3.0, size=3)
        late = rng.normal(size=3) * 0.7 * rng.integers(0, 2)
        late -= late[0]
        samples = weights @ late + np.linalg.norm(weights @ edges, axis=1)
        reference = samples.min()

        def square(i, j, edges=edges):
            gap = edges[i] - edges[j]
            return float(gap @ gap)

        own = [float(edge @ edge) for edge in edges]
        # i is the last known node: ways that leave it out were tried before, so try all three.
        found = np.inf
        for i, k, n in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
            answer = through_cell(
                np.inf,
                late[k] - late[i],
                late[n] - late[i],
                own[i],
                own[k],
                own[n],
                square(i, k),
                square(i, n),
                square(k, n),
            )
            found = min(found, late[i] + answer)
        spacing = 0.01 * np.abs(edges).max()
        assert found <= reference + 1e-9
        assert found >= reference - spacing
        best = weights[samples.argmin()]
        inside += bool((best > 0.02).all())
    assert inside > 30


def test_no_way_in_beats_a_time_that_is_good_enough():
    """What is already as early as the minimum must be left alone, or the queue never empties."""
    assert through_cell(0.5, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0) == 0.5
    assert through_cell(9.0, np.inf, np.inf, 4.0, 1.0, 1.0, 1.0, 1.0, 1.0) == 2.0
