"""Shapes between thick slices: the volume a cardiologist reads off must survive the meshing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from heart.anatomy.case import load_case, load_labels
from heart.anatomy.image import read_label_image, to_labels
from heart.anatomy.label_checks import is_stack, largest_leak, wall_thickness
from heart.anatomy.labels import LV_MUSCLE, Label, LabelVolume
from heart.anatomy.recipe import Repair
from heart.anatomy.repair import dice, repair
from heart.anatomy.slices import basal_plane, interpolate_slices
from heart.core.errors import LabelError
from tests.phantoms import changed, two_ventricles


def thinned(volume: LabelVolume, axis: int, spacing: float, offset: int = 0) -> LabelVolume:
    """Every n-th slice along a voxel axis, as a scanner with thick slices would have it."""
    step = round(spacing / volume.spacing[axis])
    kept = [slice(None)] * 3
    kept[axis] = slice(offset, None, step)
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, axis] * offset
    affine[:3, axis] *= step
    return LabelVolume(np.ascontiguousarray(volume.voxels[tuple(kept)]), affine)


def short_axis(volume: LabelVolume, spacing: float, *, atria: bool = True) -> LabelVolume:
    """Resample to a double-oblique stack along the line from the LV to the left atrium."""
    points = {
        label: np.argwhere(volume.mask(label)) @ volume.affine[:3, :3].T + volume.affine[:3, 3]
        for label in (Label.LV_CAVITY, Label.LEFT_ATRIUM)
    }
    centre = points[Label.LV_CAVITY].mean(axis=0)
    along = points[Label.LEFT_ATRIUM].mean(axis=0) - centre
    along /= np.linalg.norm(along)
    across = np.cross(along, [1.0, 0.0, 0.0])
    across /= np.linalg.norm(across)
    affine = np.eye(4)
    affine[:3, :3] = np.stack([across, np.cross(along, across), along], axis=1)
    affine[:3, :3] *= [1.5, 1.5, spacing]
    shape = np.array([120, 120, round(200.0 / spacing)])
    affine[:3, 3] = centre - affine[:3, :3] @ ((shape - 1) / 2)
    index = np.indices(shape).reshape(3, -1)
    change = np.linalg.inv(volume.affine) @ affine
    voxels = ndimage.map_coordinates(
        volume.voxels, change[:3, :3] @ index + change[:3, 3:], order=0
    ).reshape(shape)
    if not atria:
        voxels[voxels > Label.RV_WALL] = 0
    return LabelVolume(voxels.astype(np.uint8), affine)


@pytest.fixture(scope="module")
def heart(repo_root: Path) -> LabelVolume:
    return load_labels(load_case(repo_root / "meshes" / "ct_four_chamber"))[0]


@pytest.mark.parametrize(("axis", "offset"), [(2, 2), (2, 4), (0, 2)], ids=lambda x: str(x))
def test_thick_axial_slices_keep_the_cavity(heart: LabelVolume, axis: int, offset: int) -> None:
    """7.5 mm along any image axis: LV cavity within 6 % (measured: 0.1 to 2.5 %)."""
    shaped, plane, lines = interpolate_slices(thinned(heart, axis, 7.5, offset))
    assert plane is None
    assert len(lines) == 1
    assert shaped.spacing.max() <= 1.6
    assert shaped.volume(Label.LV_CAVITY) == pytest.approx(heart.volume(Label.LV_CAVITY), rel=0.03)
    assert shaped.volume(Label.RV_CAVITY) == pytest.approx(heart.volume(Label.RV_CAVITY), rel=0.06)
    assert np.median(wall_thickness(shaped)) == pytest.approx(
        np.median(wall_thickness(heart)), abs=0.8
    )


@pytest.mark.parametrize("spacing", [8.0])
def test_oblique_short_axis_stack_keeps_the_cavity(heart: LabelVolume, spacing: float) -> None:
    """8 mm double-oblique slices, as in the clinic: LV cavity within 6 % (measured: 0.7)."""
    shaped, _, _ = interpolate_slices(short_axis(heart, spacing))
    assert shaped.volume(Label.LV_CAVITY) == pytest.approx(heart.volume(Label.LV_CAVITY), rel=0.02)
    assert shaped.volume(Label.LV_WALL) == pytest.approx(heart.volume(Label.LV_WALL), rel=0.06)


def test_base_without_atria_is_the_top_slice(heart: LabelVolume) -> None:
    """Short-axis segmentations seldom have atria; the cut must face them and end the cavity."""
    stack = short_axis(heart, 8.0, atria=False)
    shaped, plane, lines = interpolate_slices(stack)
    assert plane is not None
    assert any("base is cut" in line for line in lines)
    atrium = np.argwhere(heart.mask(Label.LEFT_ATRIUM)) @ heart.affine[:3, :3].T
    assert (plane.height(atrium + heart.affine[:3, 3]) > 0).mean() > 0.8
    cavity = np.argwhere(shaped.mask(Label.LV_CAVITY)) @ shaped.affine[:3, :3].T
    heights = plane.height(cavity + shaped.affine[:3, 3])
    assert -1.0 <= heights.max() <= 0.0


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("reverse", [False, True])
def test_storage_order_does_not_matter(axis: int, reverse: bool) -> None:
    """Apex-first or base-first, along any axis: the same heart must come out."""
    volume = two_ventricles((1.5, 1.5, 7.5), atria=False)
    voxels, affine = volume.voxels, volume.affine.copy()
    order = [a for a in range(3) if a != 2]
    order.insert(axis, 2)
    voxels, affine[:3, :3] = voxels.transpose(order), affine[:3, order]
    if reverse:
        affine[:3, 3] += affine[:3, axis] * (voxels.shape[axis] - 1)
        affine[:3, axis] *= -1
        voxels = np.flip(voxels, axis)
    expected, expected_plane, _ = interpolate_slices(volume)
    shaped, plane, _ = interpolate_slices(LabelVolume(voxels, affine))
    assert np.allclose(shaped.affine, expected.affine)
    assert np.array_equal(shaped.voxels, expected.voxels)
    assert plane is not None
    assert expected_plane is not None
    assert np.allclose(plane.normal, expected_plane.normal)


def test_apex_is_closed_by_wall() -> None:
    """The last slice still shows cavity: below it there must be a cap, not an open tube."""
    stack = two_ventricles((1.5, 1.5, 8.0), rv=False, atria=False)
    lowest = int(np.flatnonzero(stack.mask(Label.LV_CAVITY).any(axis=(0, 1)))[0])
    voxels = stack.voxels.copy()
    voxels[..., :lowest] = 0
    shaped, plane, _ = interpolate_slices(changed(stack, voxels))
    assert plane is not None
    assert largest_leak(shaped, plane) is None
    point = shaped.affine[:3, :3] @ np.argwhere(shaped.mask(Label.LV_CAVITY)).T
    apex = (point[2] + shaped.affine[2, 3]).min()
    wall = np.argwhere(shaped.mask(Label.LV_WALL)) @ shaped.affine[:3, :3].T
    assert 3.0 <= apex - (wall[:, 2] + shaped.affine[2, 3]).min() <= 12.0


def test_leaning_heart_does_not_shrink_between_slices() -> None:
    """Without bringing centroids together, a shifted slice pinches the cavity next to it."""
    stack = two_ventricles((1.5, 1.5, 8.0), rv=False, atria=False)
    voxels = stack.voxels.copy()
    middle = voxels.shape[2] // 2
    voxels[..., middle] = np.roll(voxels[..., middle], 3, axis=0)
    shifted, plane, _ = interpolate_slices(changed(stack, voxels))
    straight, _, _ = interpolate_slices(stack)
    assert shifted.volume(Label.LV_CAVITY) == pytest.approx(
        straight.volume(Label.LV_CAVITY), rel=0.005
    )
    leak = largest_leak(shifted, plane)
    assert leak is None


def test_one_bad_breath_hold_is_moved_back() -> None:
    """Asked to, the stack is straightened: the moved slice only, by as much as it was moved."""
    stack = two_ventricles((1.5, 1.5, 8.0), rv=False, atria=False)
    voxels = stack.voxels.copy()
    middle = voxels.shape[2] // 2
    voxels[..., middle] = np.roll(voxels[..., middle], 3, axis=0)
    bent, _, lines = interpolate_slices(changed(stack, voxels), align=True)
    straight, _, _ = interpolate_slices(stack)
    assert lines[0] == "slices moved onto a smooth axis, by up to 4.5 mm"
    assert dice(bent, straight, Label.LV_CAVITY) > 0.999
    _, _, untouched = interpolate_slices(stack, align=True)
    assert not any("moved" in line for line in untouched)


def test_missing_slice_is_bridged_and_said() -> None:
    """Readers skip a slice; a gap in the heart is not what they mean."""
    stack = two_ventricles((1.5, 1.5, 8.0), rv=False, atria=False)
    voxels = stack.voxels.copy()
    middle = voxels.shape[2] // 2
    voxels[..., middle] = 0
    bridged, _, lines = interpolate_slices(changed(stack, voxels))
    whole, _, _ = interpolate_slices(stack)
    assert any("1 slices between base and apex" in line for line in lines)
    assert dice(bridged, whole, Label.LV_CAVITY) > 0.98


def test_isotropic_maps_are_left_alone(heart: LabelVolume) -> None:
    """A CT needs no guess between its voxels."""
    assert not is_stack(heart)
    same, plane, lines = interpolate_slices(heart)
    assert same is heart
    assert plane is None
    assert lines == []


def test_two_slices_are_no_heart() -> None:
    """Between two slices any apex could be: refuse."""
    stack = two_ventricles((1.5, 1.5, 8.0), rv=False, atria=False)
    voxels = stack.voxels.copy()
    levels = np.flatnonzero(stack.mask(Label.LV_CAVITY).any(axis=(0, 1)))
    voxels[..., levels[2:]] = 0
    with pytest.raises(LabelError, match="in 2 slices only"):
        interpolate_slices(changed(stack, voxels))


def test_closed_cavity_without_atria_has_no_base() -> None:
    """A ventricle that is muscle all around could be cut anywhere: ask, do not guess."""
    volume = two_ventricles(rv=False, atria=False)
    z = volume.affine[2, 3] + 1.5 * np.arange(volume.voxels.shape[2])
    lid = volume.mask(Label.LV_CAVITY) & (z > 6.0)
    with pytest.raises(LabelError, match="no open base"):
        basal_plane(changed(volume, np.where(lid, Label.LV_WALL, volume.voxels)))


@pytest.mark.parametrize("patient", ["SC-HF-I-4", "SC-HF-I-5"])
def test_real_short_axis_stacks(shared_data: Path, patient: str) -> None:
    """Expert contours at 8 mm, LV only: Simpson volume within 1 %, one closed wall, flat base."""
    image = read_label_image(shared_data / "sunnybrook" / patient / "ed_label.nii.gz")
    drawn, _ = to_labels(image, {Label.LV_CAVITY: (1,), Label.LV_WALL: (2,)})
    shaped, plane, _ = interpolate_slices(drawn)
    assert plane is not None
    assert shaped.volume(Label.LV_CAVITY) == pytest.approx(drawn.volume(Label.LV_CAVITY), rel=0.01)
    assert shaped.volume(Label.LV_WALL) == pytest.approx(drawn.volume(Label.LV_WALL), rel=0.08)
    mended, _ = repair(shaped, Repair(), plane)
    assert largest_leak(mended, plane) is None
    assert ndimage.label(mended.mask(*LV_MUSCLE))[1] == 1
    assert 4.0 < np.median(wall_thickness(mended)) < 9.0
