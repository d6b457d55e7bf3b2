"""The surface must keep the thin wall and the volumes, close, and open only at the valves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from heart.anatomy import triangles as topology
from heart.anatomy.heart_mesh import Boundary
from heart.anatomy.implicit import WallFunction, signed_distance, wall_function
from heart.anatomy.labels import Label, LabelVolume
from heart.anatomy.remesh import remeshed
from heart.anatomy.surface import Surface, contour, lids
from heart.anatomy.surface_checks import crossings
from heart.anatomy.valves import Valve, openings
from heart.core.errors import MeshingError, ParameterError
from tests.phantoms import changed, two_ventricles


@dataclass(frozen=True)
class Made:
    """A phantom and what was made of it."""

    labels: LabelVolume
    valves: list[Valve]
    function: WallFunction
    surface: Surface
    changes: list[str]


def made(labels: LabelVolume) -> Made:
    valves, plane = openings(labels)
    function = wall_function(labels, valves, plane)
    return Made(labels, valves, function, *contour(function))


@pytest.fixture(scope="module")
def both() -> Made:
    return made(two_ventricles())


def test_signed_distance_of_an_oblique_face():
    """The smooth distance is the true one for a flat face at any angle, without a staircase."""
    normal = np.array([0.48, 0.6, 0.64])
    index = np.stack(np.meshgrid(*[np.arange(30)] * 3, indexing="ij"), axis=-1)
    true = (index - 14.6) @ normal * 1.5
    found = signed_distance(true > 0, np.full(3, 1.5), (1, 1, 1), 1.0)
    near = np.abs(true[8:-8, 8:-8, 8:-8]) < 1.5
    error = (found - true)[8:-8, 8:-8, 8:-8][near]
    assert np.abs(error).max() < 0.25
    assert error.std() < 0.1


def test_volumes_are_those_of_the_labels(both: Made):
    """Smoothing must not eat the 3 mm wall: wall and cavities within 2 %."""
    muscle = both.labels.volume(Label.LV_WALL, Label.RV_WALL)
    volume = topology.enclosed_volume(both.surface.points, both.surface.triangles)
    assert volume == pytest.approx(muscle, rel=0.02)
    body, left, right = both.function.bodies
    element = abs(np.linalg.det(both.function.affine[:3, :3]))
    for blood, label in ((left, Label.LV_CAVITY), (right, Label.RV_CAVITY)):
        inside = ((body > 0) & (blood > 0)).sum() * element
        assert inside == pytest.approx(both.labels.volume(label), rel=0.02)


def test_thin_wall_is_whole(both: Made):
    """The RV wall, two voxels thick, has no hole: two openings only, one per valve."""
    for tag in (Boundary.LV_ENDO, Boundary.RV_ENDO):
        shell = both.surface.triangles[both.surface.tags == tag]
        loops = [
            loop
            for loop in topology.boundary_loops(shell)
            if topology.loop_length(both.surface.points, loop) > 5.0
        ]
        assert len(loops) == 1
    assert topology.euler_characteristic(both.surface.triangles) == 2


def test_pores_are_closed_and_said():
    """A label map that lets a cavity touch the outside by a voxel is mended, not opened."""
    labels = two_ventricles()
    voxels = labels.voxels.copy()
    wall = np.argwhere(voxels == Label.RV_WALL)
    side = wall[np.argmin(wall[:, 0])]
    box = tuple(slice(int(c) - 1, int(c) + 2) for c in side[1:])
    voxels[int(side[0]) : int(side[0]) + 4, *box][
        voxels[int(side[0]) : int(side[0]) + 4, *box] == Label.RV_WALL
    ] = Label.RV_CAVITY
    found = made(changed(labels, voxels))
    assert topology.euler_characteristic(found.surface.triangles) == 2


def test_cut_at_a_base_is_flat():
    """Without atria the base is a plane, with sharp rims."""
    labels = two_ventricles(atria=False)
    valves, plane = openings(labels)
    assert plane is not None
    surface, _ = contour(wall_function(labels, valves, plane))
    top = plane.height(surface.points)
    assert top.max() < 0.3
    assert (np.abs(top) < 0.05).sum() > 500


def test_lids_close_the_cavity(both: Made):
    """A lid lies where the labels end the cavity, and faces out of it."""
    lid = lids(both.function, both.valves)[Boundary.LV_ENDO]
    normal = np.cross(lid[:, 1] - lid[:, 0], lid[:, 2] - lid[:, 0])
    assert normal[:, 2].sum() > 0
    assert np.linalg.norm(normal, axis=1).sum() / 2 == pytest.approx(np.pi * 21.0**2, rel=0.1)


@pytest.mark.parametrize("edge", [2.0, 3.0])
def test_remeshing_keeps_shape_and_topology(both: Made, edge: float):
    """Coarser triangles, same body: volume, closedness, edge length, no self-crossing."""
    coarse = remeshed(both.surface, edge)
    ends = coarse.points[topology.edge_table(coarse.triangles).edges]
    length = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
    assert length.mean() == pytest.approx(edge, rel=0.1)
    assert (topology.edge_table(coarse.triangles).count == 2).all()
    assert topology.euler_characteristic(coarse.triangles) == 2
    assert topology.enclosed_volume(coarse.points, coarse.triangles) == pytest.approx(
        topology.enclosed_volume(both.surface.points, both.surface.triangles), rel=0.01
    )
    assert len(crossings(coarse.points, coarse.triangles)) == 0


def test_impossible_edges_are_refused(both: Made):
    """An edge in metres, or one too long for the wall, is an error, not a wrong mesh."""
    with pytest.raises(ParameterError, match="edge length"):
        remeshed(both.surface, 1500.0)


def test_no_wall_is_an_error():
    """Nothing to contour is said, not returned."""
    empty = WallFunction(np.full((3, 5, 5, 5), -1.0, np.float32), np.eye(4))
    with pytest.raises(MeshingError, match="empty"):
        contour(empty)
