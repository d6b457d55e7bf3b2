"""A wrong label map must be refused with its reason before an hour of meshing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from heart.anatomy.case import load_case, load_labels
from heart.anatomy.label_checks import check_labels, largest_leak, wall_thickness
from heart.anatomy.labels import Label, LabelVolume
from heart.core.errors import LabelError
from tests.phantoms import changed, two_ventricles


def exchanged(volume: LabelVolume, *pairs: tuple[Label, Label]) -> LabelVolume:
    voxels = volume.voxels.copy()
    for one, two in pairs:
        voxels[volume.mask(one)], voxels[volume.mask(two)] = two, one
    return changed(volume, voxels)


@pytest.mark.parametrize("rv", [True, False])
@pytest.mark.parametrize("atria", [True, False])
def test_sound_hearts_pass(rv: bool, atria: bool) -> None:
    """LV-only maps and maps without atria are normal input, not errors."""
    assert check_labels(two_ventricles(rv=rv, atria=atria)) == []


def test_real_heart_passes_raw_and_repaired(repo_root: Path) -> None:
    """The checks come before the repair, so a hole and a spur must not stop them."""
    case = load_case(repo_root / "meshes" / "ct_four_chamber")
    labels, _ = load_labels(case)
    assert check_labels(labels) == []


@pytest.mark.parametrize(
    "pairs",
    [
        [(Label.LV_CAVITY, Label.RV_CAVITY)],
        [(Label.LV_CAVITY, Label.RV_CAVITY), (Label.LV_WALL, Label.RV_WALL)],
        [(Label.LEFT_ATRIUM, Label.RIGHT_ATRIUM)],
        [
            (Label.LV_CAVITY, Label.RV_CAVITY),
            (Label.LV_WALL, Label.RV_WALL),
            (Label.LEFT_ATRIUM, Label.RIGHT_ATRIUM),
        ],
    ],
    ids=["cavities", "cavities and walls", "atria", "everything"],
)
def test_swapped_sides_are_found(pairs: list[tuple[Label, Label]]) -> None:
    """A swap gives a smooth mesh of a heart that is activated from the wrong side."""
    with pytest.raises(LabelError, match="swapped"):
        check_labels(exchanged(two_ventricles(), *pairs))


def test_swap_is_found_without_rv_wall_and_atria() -> None:
    """ACDC and UK Biobank maps have neither; the preset is the likely mistake there."""
    volume = two_ventricles(atria=False)
    volume = changed(volume, np.where(volume.mask(Label.RV_WALL), 0, volume.voxels))
    assert check_labels(volume) == []
    with pytest.raises(LabelError, match="swapped"):
        check_labels(exchanged(volume, (Label.LV_CAVITY, Label.RV_CAVITY)))


def test_edge_of_the_image_is_a_warning() -> None:
    """A cut heart may still be what the user has; it must be said, not refused."""
    volume = two_ventricles()
    cropped = LabelVolume(volume.voxels[35:], volume.affine)
    lines = check_labels(cropped)
    assert lines
    assert all("edge of the image" in line for line in lines)


def test_crumbs_are_errors_only_when_kept() -> None:
    """`keep_largest` removes crumbs; without it a second piece would become a second mesh."""
    volume = two_ventricles()
    voxels = volume.voxels.copy()
    voxels[-4:-2, -4:-2, -4:-2] = Label.LV_WALL
    assert check_labels(changed(volume, voxels)) == []
    with pytest.raises(LabelError, match="2 pieces"):
        check_labels(changed(volume, voxels), keep_largest=False)


def test_wall_thickness_is_measured() -> None:
    """The phantom's wall is 9 mm at the sides: a bias here would hide thin walls."""
    thickness = wall_thickness(two_ventricles(rv=False))
    assert np.median(thickness) == pytest.approx(8.5, abs=1.0)


def test_leak_is_measured_flat() -> None:
    """A hole is reported by its true size and place, not by its staircase of faces."""
    volume = two_ventricles()
    i, j, k = np.indices(volume.voxels.shape)
    x, y, z = (volume.affine[a, 3] + 1.5 * index for a, index in enumerate((i, j, k)))
    tunnel = (x > 0) & (y**2 + (z + 10) ** 2 < 8.0**2) & volume.mask(Label.LV_WALL)
    leak = largest_leak(changed(volume, np.where(tunnel, 0, volume.voxels)))
    assert leak is not None
    assert leak.diameter == pytest.approx(16.0, rel=0.15)
    assert np.allclose(leak.centre, [22, 0, -10], atol=2.5)
    whole = largest_leak(volume)
    assert whole is None or whole.diameter < 3.0
