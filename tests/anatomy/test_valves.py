"""Valve planes decide where the ventricles end; everything basal hangs on them."""

from __future__ import annotations

import numpy as np
import pytest

from heart.anatomy.heart_mesh import Boundary
from heart.anatomy.labels import Label
from heart.anatomy.valves import Plane, basal_opening, contact, find_valves, fit_plane, openings
from heart.core.errors import LabelError
from tests.phantoms import changed, two_ventricles


def test_planes_of_the_phantom_are_its_base():
    """Both valves of the phantom lie in z = 15 mm: a plane that is off would cut muscle away."""
    valves = find_valves(two_ventricles())
    assert [v.ring for v in valves] == [Boundary.MITRAL, Boundary.TRICUSPID]
    for valve in valves:
        assert valve.plane.normal[2] > 0.999
        assert abs(valve.plane.centre[2] - 14.25) < 0.8


def test_contact_lies_between_the_voxels_and_points_outward():
    """The centre of a voxel face is half a voxel from either centre; its direction leads out."""
    volume = two_ventricles()
    centres, directions = contact(volume, Label.LV_CAVITY, Label.LEFT_ATRIUM)
    index = np.rint((centres - volume.affine[:3, 3]) / volume.spacing - 0.5 * directions)
    inside = volume.voxels[tuple(index.astype(int).T)]
    assert len(centres) > 500
    assert (inside == Label.LV_CAVITY).all()
    assert (directions[:, 2] == 1).all()


@pytest.mark.parametrize("normal", [(0.0, 0.0, 1.0), (0.3, -0.5, 0.8), (-0.6, 0.6, 0.5)])
def test_plane_of_an_oblique_staircase(normal: tuple[float, float, float]):
    """Scanner axes are never those of the heart: an oblique cut is found within three degrees."""
    wanted = np.array(normal) / np.linalg.norm(normal)
    x, y, z = np.meshgrid(*[np.arange(-20.0, 20.0, 1.5)] * 3, indexing="ij")
    depth = x * wanted[0] + y * wanted[1] + z * wanted[2]
    disc = x**2 + y**2 + z**2 - depth**2 < 15.0**2
    voxels = np.where(disc & (depth < 0), Label.LV_CAVITY, 0)
    voxels[disc & (depth >= 0) & (depth < 6)] = Label.LEFT_ATRIUM
    affine = np.diag([1.5, 1.5, 1.5, 1.0])
    affine[:3, 3] = -20.0
    volume = changed(two_ventricles(), voxels)
    volume = type(volume)(volume.voxels, affine)
    plane = fit_plane(*contact(volume, Label.LV_CAVITY, Label.LEFT_ATRIUM))
    assert plane.normal @ wanted > np.cos(np.radians(3.0))
    assert abs(plane.height(np.zeros((1, 3)))[0]) < 1.0


def test_stray_voxels_are_no_valve():
    """A single atrial voxel in touch with the wrong cavity must not open it."""
    volume = two_ventricles(atria=False)
    voxels = volume.voxels.copy()
    top = np.argwhere(voxels == Label.LV_CAVITY)[:, 2].max()
    i, j = np.argwhere(voxels[:, :, top] == Label.LV_CAVITY)[0].tolist()
    voxels[i, j, top + 1] = Label.AORTA
    assert find_valves(changed(volume, voxels)) == []


def test_base_is_found_where_there_are_no_atria():
    """Short-axis maps have no atria: the cut at the top is the base."""
    volume = two_ventricles(atria=False)
    valves, plane = openings(volume)
    assert plane is not None
    assert {v.ring for v in valves} == {Boundary.BASE}
    assert plane.normal[2] > 0.99
    base = basal_opening(volume, Label.LV_CAVITY)
    assert base is not None
    assert abs(base.plane.centre[2] - 14.25) < 0.8


def test_a_given_plane_wins():
    """Who gives a plane knows better than the labels."""
    given = Plane(np.array([0.0, 0.0, 5.0]), np.array([0.0, 0.0, 1.0]))
    valves, plane = openings(two_ventricles(), given)
    assert plane is given
    assert {v.cavity for v in valves} == {Label.LV_CAVITY, Label.RV_CAVITY}


def test_closed_cavity_is_an_error():
    """A cavity without any opening has no base: coordinates cannot be made, so say it now."""
    volume = two_ventricles(rv=False, atria=False)
    voxels = volume.voxels.copy()
    top = np.argwhere(voxels == Label.LV_CAVITY)[:, 2].max()
    voxels[:, :, top + 1][voxels[:, :, top] > 0] = Label.LV_WALL
    with pytest.raises(LabelError, match="says where it ends"):
        openings(changed(volume, voxels))
