"""The fast sheet on triangles of unequal sides: a swapped side hides on equilateral ones."""

import numpy as np
import pytest

from heart.numerics.eikonal import (
    EikonalMesh,
    Lengths,
    solve,
    tetrahedron_lengths,
    triangle_lengths,
)


def stretched_slab(counts=(24, 10, 2), size=(24.0, 5.0, 1.0), seed=3):
    """Return a jittered slab with unequal edges and the triangles of its bottom face."""
    import itertools

    from heart.numerics import tetrahedra

    axes = [np.linspace(0, s, c + 1) for s, c in zip(size, counts, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    grid[1:-1, 1:-1, :, :2] += np.random.default_rng(seed).uniform(
        -0.15, 0.15, grid[1:-1, 1:-1, :, :2].shape
    )
    points = grid.reshape(-1, 3)
    step = np.array([(counts[1] + 1) * (counts[2] + 1), counts[2] + 1, 1])
    base = np.stack(np.meshgrid(*map(np.arange, counts), indexing="ij"), -1).reshape(-1, 3) @ step
    cells = tetrahedra.oriented(
        points,
        np.concatenate(
            [
                np.stack([base, base + step[a], base + step[a] + step[b], base + step.sum()], 1)
                for a, b, _ in itertools.permutations(range(3))
            ]
        ),
    )
    faces, _ = tetrahedra.boundary_faces(cells)
    return points, cells, faces[(points[faces][:, :, 2] == 0.0).all(axis=1)]


@pytest.mark.parametrize("roll", [0, 1, 2])
def test_distance_along_the_sheet_is_exact_to_first_order(roll):
    """Whichever corner a triangle starts with, the wave on the sheet is the distance in it."""
    points, cells, sheet = stretched_slab()
    mesh = EikonalMesh.from_cells(points, cells, sheets=np.roll(sheet, roll, axis=1))
    lengths = Lengths(tetrahedron_lengths(mesh, np.eye(3) / 0.2**2), triangle_lengths(mesh, 2.0))
    source = int(np.argmin(np.linalg.norm(points - [0.0, 2.5, 0.0], axis=1)))
    times = solve(mesh, lengths, [source], [0.0])
    on_sheet = np.unique(sheet)
    exact = np.linalg.norm(points[on_sheet] - points[source], axis=1) / 2.0
    assert (times[on_sheet] >= exact - 1e-9).all()
    assert np.abs(times[on_sheet] - exact).max() < 0.05 * exact.max()


def test_solution_with_a_sheet_is_a_fixed_point():
    """Feeding every arrival back in as a source must change nothing: else updates were wrong."""
    points, cells, sheet = stretched_slab()
    mesh = EikonalMesh.from_cells(points, cells, sheets=sheet)
    lengths = Lengths(tetrahedron_lengths(mesh, np.eye(3) / 0.4**2), triangle_lengths(mesh, 1.5))
    times = solve(mesh, lengths, [0], [0.0])
    again = solve(mesh, lengths, np.arange(len(points)), times)
    assert np.abs(times - again).max() < 1e-9
