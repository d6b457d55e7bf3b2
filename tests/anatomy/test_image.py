"""Orientation is the error that nobody sees: a mirrored heart meshes as well as a real one."""

from __future__ import annotations

import itertools
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from heart.anatomy.image import LabelImage, read_label_image, to_labels
from heart.anatomy.labels import Label
from heart.core.errors import LabelError

SHAPE = (24, 20, 16)
SPACING = np.array([3.0, 4.0, 5.0])
ORIGIN = np.array([-31.0, 17.0, 5.0])
# Right, anterior and superior arms of different length: no mirror image of this is itself.
ARMS = {1: (10, 0, 0), 2: (0, 7, 0), 3: (0, 0, 4)}
ALL_AXES = [
    "".join(codes)
    for order in itertools.permutations(("RL", "AP", "SI"))
    for codes in itertools.product(*order)
]


def chiral_phantom() -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    voxels = np.zeros(SHAPE, np.uint8)
    centre = np.array([8, 8, 8])
    for value, arm in ARMS.items():
        for step in range(1, max(arm) + 1):
            voxels[tuple(centre + np.sign(arm) * step)] = value
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = ORIGIN
    return voxels, affine


def turned(axes: str) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The phantom stored along other axes; its place in the world is the same."""
    voxels, affine = chiral_phantom()
    change = nibabel.orientations.ornt_transform(
        nibabel.orientations.axcodes2ornt("RAS"), nibabel.orientations.axcodes2ornt(axes)
    )
    inverse = nibabel.orientations.inv_ornt_aff(change, voxels.shape)
    return nibabel.apply_orientation(voxels, change), affine @ inverse


def world(image: LabelImage, value: int) -> NDArray[np.float64]:
    points = nibabel.affines.apply_affine(image.affine, np.argwhere(image.voxels == value))
    return points[np.lexsort(points.T)]


def expected_world(value: int) -> NDArray[np.float64]:
    voxels, affine = chiral_phantom()
    return world(LabelImage(voxels.astype(np.int32), affine), value)


def test_phantom_is_chiral() -> None:
    """The test would be worth nothing if a mirrored phantom were the same."""
    assert len(ALL_AXES) == 48
    hands = {np.linalg.det(turned(axes)[1][:3, :3]) > 0 for axes in ALL_AXES}
    assert hands == {True, False}


@pytest.mark.parametrize("axes", ALL_AXES)
def test_nifti_keeps_the_world(axes: str, tmp_path: Path) -> None:
    """Every storage order gives the same RAS points and a right-handed affine."""
    voxels, affine = turned(axes)
    path = tmp_path / "phantom.nii.gz"
    nibabel.save(nibabel.Nifti1Image(voxels, affine), path)
    image = read_label_image(path)
    assert np.linalg.det(image.affine[:3, :3]) > 0.0
    for value in ARMS:
        assert np.allclose(world(image, value), expected_world(value), atol=1e-4)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
@pytest.mark.parametrize("axes", ALL_AXES)
def test_itk_formats_keep_the_world(axes: str, suffix: str, tmp_path: Path) -> None:
    """LPS of ITK becomes RAS without swapping left and right, in all storage orders."""
    voxels, affine = turned(axes)
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    stored = sitk.GetImageFromArray(np.ascontiguousarray(voxels.transpose(2, 1, 0)))
    stored.SetSpacing(spacing.tolist())
    stored.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    stored.SetOrigin(lps[:3, 3].tolist())
    path = tmp_path / f"phantom{suffix}"
    sitk.WriteImage(stored, str(path), useCompression=True)
    image = read_label_image(path)
    assert np.linalg.det(image.affine[:3, :3]) > 0.0
    for value in ARMS:
        assert np.allclose(world(image, value), expected_world(value), atol=1e-4)


def test_oblique_affine_is_kept(tmp_path: Path) -> None:
    """Short-axis stacks are oblique: reordering axes must not snap them to the body axes."""
    angle = 0.5
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    voxels, affine = chiral_phantom()
    path = tmp_path / "oblique.nii"
    nibabel.save(nibabel.Nifti1Image(voxels[::-1], turn @ affine), path)
    image = read_label_image(path)
    stored = nibabel.affines.apply_affine(turn @ affine, np.argwhere(voxels[::-1] == 2))
    assert np.allclose(world(image, 2), stored[np.lexsort(stored.T)], atol=1e-4)


def test_whole_floats_are_labels(tmp_path: Path) -> None:
    """Many tools save label maps as float; whole numbers are unambiguous."""
    voxels, affine = chiral_phantom()
    path = tmp_path / "float.nii.gz"
    nibabel.save(nibabel.Nifti1Image(voxels.astype(np.float32), affine), path)
    assert read_label_image(path).values == [1, 2, 3]


def test_segment_names_of_slicer_are_used(tmp_path: Path) -> None:
    """A .seg.nrrd is labelled by names that people see, not by numbers that change."""
    voxels, affine = turned("LPS")
    stored = sitk.GetImageFromArray(np.ascontiguousarray(voxels.transpose(2, 1, 0)))
    stored.SetSpacing(SPACING.tolist())
    stored.SetOrigin((np.array([-1, -1, 1]) * affine[:3, 3]).tolist())
    for number, name in enumerate(["heart_ventricle_left", "LV myocardium", "Left Atrium"]):
        stored.SetMetaData(f"Segment{number}_Name", name)
        stored.SetMetaData(f"Segment{number}_LabelValue", str(number + 1))
    path = tmp_path / "heart.seg.nrrd"
    sitk.WriteImage(stored, str(path))
    image = read_label_image(path)
    assert image.names == {"heart_ventricle_left": 1, "LV myocardium": 2, "Left Atrium": 3}
    labels, notes = to_labels(
        image, {Label.LV_CAVITY: ("heart ventricle left",), Label.LV_WALL: ("LV_myocardium",)}
    )
    assert labels.mask(Label.LV_CAVITY).sum() == ARMS[1][0]
    assert labels.mask(Label.LV_WALL).sum() == ARMS[2][1]
    assert notes == ["value 3 (4 voxels) is named by no label: ignored"]


def test_labels_may_unite_values(tmp_path: Path) -> None:
    """Scar and muscle, or two aortic labels, are often one structure in two numbers."""
    voxels, affine = chiral_phantom()
    path = tmp_path / "map.nii"
    nibabel.save(nibabel.Nifti1Image(voxels, affine), path)
    labels, _ = to_labels(read_label_image(path), {Label.LV_WALL: (1, 2)})
    assert labels.mask(Label.LV_WALL).sum() == 17
    assert labels.volume(Label.LV_WALL) == pytest.approx(17 * SPACING.prod())


def test_one_value_cannot_be_two_structures(tmp_path: Path) -> None:
    """Otherwise the order of the YAML would decide the anatomy."""
    voxels, affine = chiral_phantom()
    path = tmp_path / "map.nii"
    nibabel.save(nibabel.Nifti1Image(voxels, affine), path)
    with pytest.raises(LabelError, match="both lv_cavity and rv_cavity"):
        to_labels(read_label_image(path), {Label.LV_CAVITY: (1,), Label.RV_CAVITY: (1,)})


def test_real_stack_is_read(shared_data: Path) -> None:
    """A short-axis stack with double-oblique geometry keeps its cavity volume."""
    image = read_label_image(shared_data / "sunnybrook" / "SC-HF-I-4" / "ed_label.nii.gz")
    labels, _ = to_labels(image, {Label.LV_CAVITY: (1,), Label.LV_WALL: (2,)})
    assert labels.volume(Label.LV_CAVITY) / 1000 == pytest.approx(231.9, abs=1.5)
