"""The repair must close what is broken, leave what was measured, and say everything it did."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from heart.anatomy.case import load_case, load_labels
from heart.anatomy.image import read_label_image, to_labels
from heart.anatomy.label_checks import largest_leak, wall_thickness
from heart.anatomy.labels import Label, LabelVolume
from heart.anatomy.recipe import Repair
from heart.anatomy.repair import (
    dice,
    fill_enclosed,
    keep_largest,
    minimum_wall,
    remove_spurs,
    repair,
    smooth_cavities,
)
from heart.anatomy.slices import basal_plane
from heart.core.errors import LabelError
from tests.phantoms import changed, two_ventricles


@dataclass(frozen=True)
class Real:
    """The CT heart as first drawn, as mended by hand, and as mended by the recipe."""

    raw: LabelVolume
    reference: LabelVolume
    recipe: Repair
    mended: LabelVolume
    lines: list[str]


@pytest.fixture(scope="module")
def real(repo_root: Path) -> Real:
    folder = repo_root / "meshes" / "ct_four_chamber"
    case = load_case(folder)
    reference, _ = load_labels(case)
    image = read_label_image(folder / "label_map_raw.nii.gz")
    raw, _ = to_labels(image, case.source.meaning())
    mended, lines = repair(raw, case.repair)
    return Real(raw, reference, case.repair, mended, lines)


def test_raw_heart_becomes_the_repaired_one(real: Real) -> None:
    """The raw CT map has a hole of 497 voxels at the LV apex and a spur; both must be gone."""
    before = largest_leak(real.raw)
    assert before is not None
    assert before.diameter > 20.0
    mended, reference, lines = real.mended, real.reference, real.lines
    after = largest_leak(mended)
    assert after is None or after.diameter < 5.0
    assert dice(mended, reference, Label.LV_CAVITY) > 0.99
    assert dice(mended, reference, Label.RV_CAVITY) > 0.99
    assert dice(mended, reference, Label.LV_WALL, Label.RV_WALL) > 0.97
    assert any(line.startswith("spurs removed") for line in lines)
    assert any(line.startswith("wall added") for line in lines)


def test_every_change_is_reported(real: Real) -> None:
    """What is made and what was drawn must stay distinguishable: the lines add up to the change."""
    total, volume, recipe = 0, real.raw, real.recipe
    for step in (
        lambda v: keep_largest(v),
        lambda v: fill_enclosed(v),
        lambda v: remove_spurs(v, recipe.spur_radius),
        lambda v: minimum_wall(v, recipe.minimum_lv_wall, recipe.minimum_rv_wall),
    ):
        after, lines = step(volume)
        told = sum(int(line.split(": ")[1].split(" voxels")[0]) for line in lines)
        assert told == int((after.voxels != volume.voxels).sum())
        total += told
        volume = after
    assert total > 2000


def test_repair_is_idempotent() -> None:
    """A second run on a repaired map must find nothing: the steps agree with each other."""
    once, _ = repair(two_ventricles(), Repair())
    again, lines = repair(once, Repair())
    assert np.array_equal(once.voxels, again.voxels)
    assert lines == []


def test_only_the_largest_component_stays() -> None:
    """A crumb in the lung becomes air, a crumb in the wall becomes wall."""
    volume = two_ventricles()
    voxels = volume.voxels.copy()
    voxels[-4:-2, -4:-2, -4:-2] = Label.LV_CAVITY
    row = np.argwhere((voxels == Label.LV_WALL) & (_z(volume) == -10.0) & (_x(volume) > 26.0))
    buried = tuple(row[np.abs(row[:, 1] - voxels.shape[1] // 2).argmin()])
    voxels[buried] = Label.LV_CAVITY
    mended, lines = keep_largest(changed(volume, voxels))
    assert np.array_equal(mended.voxels, volume.voxels)
    assert len(lines) == 2


def test_buried_holes_are_filled() -> None:
    """A bubble in the muscle would become a second surface of the mesh."""
    volume = two_ventricles()
    voxels = volume.voxels.copy()
    inside = np.argwhere(volume.mask(Label.LV_WALL) & (np.abs(_x(volume) - 27.0) < 1.0))
    voxels[tuple(inside[len(inside) // 2])] = 0
    mended, lines = fill_enclosed(changed(volume, voxels))
    assert np.array_equal(mended.voxels, volume.voxels)
    assert lines == ["enclosed holes filled: 1 voxels (0.00 mL) of background became lv_wall"]


def test_spur_is_removed_and_the_rest_kept() -> None:
    """A spur of one voxel would need tetrahedra of one voxel."""
    volume = two_ventricles()
    voxels = volume.voxels.copy()
    spur = (_x(volume) > 28) & (np.abs(_y(volume)) < 2) & (np.abs(_z(volume) + 10) < 2)
    spur &= (_x(volume) < 45) & (voxels == 0)
    voxels[spur] = Label.LV_WALL
    mended, _ = remove_spurs(changed(volume, voxels), 3.0)
    assert not mended.mask(Label.LV_WALL)[spur & (_x(volume) > 34)].any()
    assert dice(mended, volume, Label.LV_WALL) > 0.985


def test_thin_wall_is_thickened_outwards_only() -> None:
    """Cavities are measurements: thickening must not take a voxel from them."""
    volume = two_ventricles()
    shaved = volume.voxels.copy()
    shaved[volume.mask(Label.LV_WALL) & (_x(volume) > 24.0)] = 0
    mended, _ = minimum_wall(changed(volume, shaved), 6.0, 3.0)
    for cavity in (Label.LV_CAVITY, Label.RV_CAVITY, Label.LEFT_ATRIUM):
        assert np.array_equal(mended.mask(cavity), volume.mask(cavity))
    lateral = mended.mask(Label.LV_WALL) & (np.abs(_y(volume)) < 1) & (np.abs(_z(volume) + 10) < 1)
    outer = _x(volume)[lateral].max()
    inner = _x(volume)[lateral & (_x(volume) > 0)].min()
    assert outer - inner + 1.5 >= 6.0


def test_missing_rv_wall_is_made_and_called_synthetic() -> None:
    """Most segmentations have no RV wall; a made one must never pass as a finding."""
    volume = two_ventricles()
    bare = changed(volume, np.where(volume.mask(Label.RV_WALL), 0, volume.voxels))
    mended, lines = minimum_wall(bare, 4.0, 3.0)
    assert mended.mask(Label.RV_WALL).any()
    assert any("synthetic" in line for line in lines)


def test_nothing_is_added_beyond_the_base() -> None:
    """Without atria the cavity opens at the base; a lid there would close the ventricle."""
    volume = two_ventricles(atria=False)
    plane = basal_plane(volume)
    assert plane is not None
    assert plane.centre[2] == pytest.approx(14.25, abs=0.8)
    assert np.allclose(plane.normal, [0, 0, 1], atol=1e-6)
    mended, _ = repair(volume, Repair(), plane)
    assert not (mended.voxels[_z(volume) > 15.0] > 0).any()
    assert mended.mask(Label.LV_CAVITY).sum() == volume.mask(Label.LV_CAVITY).sum()


def test_smoothing_keeps_volumes_and_valves() -> None:
    """Smoothing takes the roughness of a threshold, not the blood."""
    volume = two_ventricles()
    rng = np.random.default_rng(7)
    noise = rng.random(volume.voxels.shape)
    rim = ndimage.binary_dilation(volume.mask(Label.LV_CAVITY)) & volume.mask(Label.LV_WALL)
    rough = changed(volume, np.where(rim & (noise < 0.3), Label.LV_CAVITY, volume.voxels))
    smooth, _ = smooth_cavities(rough, 1.5)
    assert dice(smooth, volume, Label.LV_CAVITY) > dice(rough, volume, Label.LV_CAVITY)
    assert smooth.volume(Label.LV_CAVITY) == pytest.approx(volume.volume(Label.LV_CAVITY), rel=0.03)
    assert np.array_equal(smooth.mask(Label.LEFT_ATRIUM), volume.mask(Label.LEFT_ATRIUM))


def test_hole_as_large_as_a_valve_is_not_closed() -> None:
    """Closing it would invent a third of the wall; the user must look at the segmentation."""
    volume = two_ventricles(rv=False)
    open_side = changed(
        volume, np.where(volume.mask(Label.LV_WALL) & (_x(volume) > 0.0), 0, volume.voxels)
    )
    with pytest.raises(LabelError, match=r"leaks through a hole of \d+\.\d cm2") as caught:
        repair(open_side, Repair())
    assert "RAS (" in str(caught.value)


def test_repaired_wall_is_at_least_the_minimum(real: Real) -> None:
    """Only at the valves, where muscle ends, may the wall be thinner than the recipe says."""
    thickness = wall_thickness(real.mended)
    assert np.median(thickness) >= 6.0
    assert np.percentile(wall_thickness(real.raw), 2) < np.percentile(thickness, 2)


def _axis(volume: LabelVolume, axis: int) -> np.ndarray:
    index = np.indices(volume.voxels.shape)[axis]
    return volume.affine[axis, 3] + volume.affine[axis, axis] * index


def _x(volume: LabelVolume) -> np.ndarray:
    return _axis(volume, 0)


def _y(volume: LabelVolume) -> np.ndarray:
    return _axis(volume, 1)


def _z(volume: LabelVolume) -> np.ndarray:
    return _axis(volume, 2)
