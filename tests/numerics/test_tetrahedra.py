"""Plain-array geometry of tetrahedra against numbers that can be written down."""

import numpy as np
import pytest

from heart.numerics import tetrahedra

CORNER = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
REGULAR = np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
ONE = np.array([[0, 1, 2, 3]])


def cube(count=3):
    """Return a cube of side 1 cut into 6 tetrahedra per voxel."""
    import itertools

    axis = np.linspace(0, 1, count + 1)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    step = np.array([(count + 1) ** 2, count + 1, 1])
    base = np.stack(np.meshgrid(*[np.arange(count)] * 3, indexing="ij"), -1).reshape(-1, 3) @ step
    cells = [
        np.stack([base, base + step[a], base + step[a] + step[b], base + step.sum()], axis=1)
        for a, b, _ in itertools.permutations(range(3))
    ]
    return points, tetrahedra.oriented(points, np.concatenate(cells))


def test_quality_of_known_shapes():
    """The quality gate means something only if a regular cell scores 1 and a flat one 0."""
    assert tetrahedra.radius_ratios(REGULAR, ONE) == pytest.approx([1.0])
    flat = CORNER.copy()
    flat[3] = [0.3, 0.3, 0.0]
    assert tetrahedra.radius_ratios(flat, ONE) == pytest.approx([0.0])
    corner = tetrahedra.radius_ratios(CORNER, ONE)[0]
    inradius = 1.0 / (3.0 + np.sqrt(3.0))
    assert corner == pytest.approx(3.0 * inradius / (np.sqrt(3.0) / 2.0))


def test_gradient_of_a_linear_field_is_exact():
    """Fibres and lead fields are gradients: P1 must reproduce a linear field to round-off."""
    points, cells = cube()
    slope = np.array([1.5, -2.0, 0.25])
    gradients = tetrahedra.cell_gradients(points, cells, points @ slope)
    assert np.abs(gradients - slope).max() < 1e-12


def test_boundary_is_closed_and_points_outward():
    """Cavity volumes and lead placement use the outer faces: closed, outward, of known area."""
    points, cells = cube()
    faces, owners = tetrahedra.boundary_faces(cells)
    normals = tetrahedra.face_normals(points, faces)
    assert np.abs(normals.sum(axis=0)).max() < 1e-12
    assert np.linalg.norm(normals, axis=1).sum() == pytest.approx(6.0)
    centres = points[faces].mean(axis=1)
    assert np.einsum("ij,ij->i", centres, normals).sum() / 3.0 == pytest.approx(1.0)
    assert all(set(face) <= set(cells[owner]) for face, owner in zip(faces, owners, strict=True))


def test_edges_are_unique_and_complete():
    """Euler's formula for a solid ball: nodes − edges + faces − cells = 1."""
    points, cells = cube()
    outer, _ = tetrahedra.boundary_faces(cells)
    faces = (4 * len(cells) + len(outer)) // 2
    assert len(points) - len(tetrahedra.edges(cells)) + faces - len(cells) == 1


def test_lumped_volumes_sum_to_the_whole():
    """Activation measures weigh nodes by these volumes: none may be lost."""
    points, cells = cube()
    assert tetrahedra.node_volumes(points, cells).sum() == pytest.approx(1.0)
    constant = tetrahedra.cells_to_nodes(points, cells, np.full((len(cells), 2), 3.0))
    assert np.abs(constant - 3.0).max() < 1e-12
