"""A case.yaml comes from a stranger: what it may say, and how it is told what is wrong."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from heart.anatomy.case import IdealisedSource, ImageSource, SurfaceSource, load_case, load_labels
from heart.anatomy.labels import Label
from heart.anatomy.prepare import prepare
from heart.anatomy.presets import load_preset, preset_names
from heart.core.cache import content_hash
from heart.core.errors import HeartError, ScenarioError, UnitError, UnsafeInputError
from tests.phantoms import two_ventricles

IMAGE = "name: one\nsource: {image: map.nii, preset: heart_twin}\n"


def written(folder: Path, text: str) -> Path:
    (folder / "case.yaml").write_text(text)
    if not (folder / "map.nii").exists():
        volume = two_ventricles((3.0, 3.0, 3.0))
        nibabel.save(nibabel.Nifti1Image(volume.voxels, volume.affine), folder / "map.nii")
    return folder


def test_packaged_case_is_read(repo_root: Path) -> None:
    """The example that everybody starts from must load, with its licence and its caveats."""
    case = load_case(repo_root / "meshes" / "ct_four_chamber")
    labels, notes = load_labels(case)
    assert labels.volume(Label.LV_CAVITY) / 1000 == pytest.approx(133.3, abs=0.1)
    assert notes == []
    assert case.licence == "Apache-2.0"
    assert case.notes == "semi-automatic, RV wall synthetic, no expert checked it"
    assert case.repair.minimum_lv_wall == 6.0


def test_preparation_tells_what_it_did(tmp_path: Path) -> None:
    """One call gives what the mesher needs and what the report must show."""
    prepared = prepare(load_case(written(tmp_path, IMAGE)))
    assert prepared.plane is None
    assert prepared.drawn_volumes()["lv_cavity"] == prepared.labels.volume(Label.LV_CAVITY)
    told = [line for line in prepared.lines if "added" in line]
    assert bool(told) == (not np.array_equal(prepared.labels.voxels, prepared.drawn.voxels))


def test_given_base_plane_wins(tmp_path: Path) -> None:
    """Where the user says the heart ends, the labels are not asked."""
    plane = 'base_plane: {point: ["0 mm", "0 mm", "1 cm"], normal: [0, 0, 2]}\n'
    prepared = prepare(load_case(written(tmp_path, IMAGE + plane)))
    assert prepared.plane is not None
    assert prepared.plane.centre.tolist() == [0.0, 0.0, 10.0]
    assert prepared.plane.normal.tolist() == [0.0, 0.0, 1.0]


@pytest.mark.parametrize("name", preset_names())
def test_presets_name_the_left_ventricle(name: str) -> None:
    """A preset without the left ventricle could never make a heart."""
    preset = load_preset(name)
    assert {Label.LV_CAVITY, Label.LV_WALL} <= set(preset.labels)
    assert preset.source
    numbers = [key for keys in preset.labels.values() for key in keys]
    assert len(numbers) == len(set(numbers))


def test_three_kinds_of_source(tmp_path: Path) -> None:
    """Image, surfaces and formula: each is told by the key that only it has."""
    for name in ("a.vtp", "b.vtp"):
        (tmp_path / name).write_text("")
    assert isinstance(load_case(written(tmp_path, IMAGE)).source, ImageSource)
    surfaces = "name: two\nsource: {surfaces: {unit: cm, files: {lv_endo: b.vtp, epi: a.vtp}}}"
    case = load_case(written(tmp_path, surfaces))
    assert isinstance(case.source, SurfaceSource)
    assert case.source.surfaces.millimetres == 10.0
    assert case.file_names() == ["a.vtp", "b.vtp"]
    regions = "name: two\nsource: {surfaces: {unit: mm, file: a.vtp, regions: "
    case = load_case(written(tmp_path, regions + "{array: class, values: {base: 1, epi: 2}}}}"))
    assert isinstance(case.source, SurfaceSource)
    ideal = 'name: three\nsource: {idealised: {kind: slab, parameters: {length: "2 cm"}}}'
    case = load_case(written(tmp_path, ideal))
    assert isinstance(case.source, IdealisedSource)
    assert case.source.idealised.parameters == {"length": 20.0}


def test_patient_is_in_internal_units(tmp_path: Path) -> None:
    """The torso is made from these: 170 cm must not become 170 mm."""
    case = load_case(
        written(tmp_path, IMAGE + "patient: {height: 170 cm, weight: 70 kg, sex: female}\n")
    )
    assert case.patient is not None
    assert case.patient.height == pytest.approx(1700.0)
    assert case.patient.weight == pytest.approx(70e6)


def test_content_follows_geometry_only(tmp_path: Path) -> None:
    """The mesh cache must not be emptied by a note, nor survive a changed recipe or image."""
    first = content_hash(*load_case(written(tmp_path, IMAGE)).content())
    noted = content_hash(*load_case(written(tmp_path, IMAGE + "notes: again\n")).content())
    thicker = content_hash(
        *load_case(written(tmp_path, IMAGE + 'repair: {minimum_lv_wall: "5 mm"}\n')).content()
    )
    image = nibabel.load(tmp_path / "map.nii")
    voxels = np.asanyarray(image.dataobj).copy()
    voxels[0, 0, 0] = 3
    nibabel.save(nibabel.Nifti1Image(voxels, image.affine), tmp_path / "map.nii")
    redrawn = content_hash(*load_case(written(tmp_path, IMAGE)).content())
    assert first == noted
    assert len({first, thicker, redrawn}) == 3


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        (IMAGE + "licens: x\n", ScenarioError, "did you mean 'licence'"),
        (IMAGE.replace("preset", "presett"), ScenarioError, "did you mean 'preset'"),
        (IMAGE.replace("heart_twin", "acdk"), ScenarioError, "did you mean 'acdc'"),
        (IMAGE.replace("image:", "imag:"), ScenarioError, "image, surfaces, idealised"),
        (
            IMAGE.replace("preset: heart_twin", "labels: {lv_cavty: 1}"),
            ScenarioError,
            "did you mean 'lv_cavity'",
        ),
        (IMAGE.replace("preset: heart_twin", "labels: {lv_cavity: 1.5}"), ScenarioError, "1.5"),
        (IMAGE.replace("name: one", "name: Jane Doe"), ScenarioError, "name"),
        (IMAGE.replace("map.nii", "other.nii"), ScenarioError, "no such file"),
        (IMAGE.replace("map.nii", "../map.nii"), UnsafeInputError, "outside"),
        (IMAGE + "repair: {minimum_lv_wall: 6}\n", UnitError, "has no unit"),
        (IMAGE + 'repair: {minimum_lv_wall: "6 kg"}\n', UnitError, "wrong dimension"),
        (IMAGE + "name: two\n", ScenarioError, "twice"),
        (IMAGE + "source: !!python/object:os.system x\n", HeartError, "case.yaml:3"),
    ],
)
def test_mistakes_are_one_line(
    text: str, kind: type[HeartError], words: str, tmp_path: Path
) -> None:
    """Each mistake is an error of its class that names the place and the way out."""
    with pytest.raises(kind) as caught:
        load_case(written(tmp_path, text))
    assert words in caught.value.line()
    assert "\n" not in caught.value.line()
    assert "case.yaml" in caught.value.line()


def test_link_out_of_the_case_is_refused(tmp_path: Path) -> None:
    """A link is a path too: it must not reach files outside the folder."""
    outside = tmp_path / "secret.nii"
    outside.write_text("x")
    folder = tmp_path / "case"
    folder.mkdir()
    (folder / "map.nii").symlink_to(outside)
    with pytest.raises(UnsafeInputError):
        load_case(written(folder, IMAGE))
