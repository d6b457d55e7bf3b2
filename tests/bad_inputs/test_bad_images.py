"""Every bad label map of the list: right class, right exit code, one line, no header text shown."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from heart.anatomy.case import load_case
from heart.anatomy.image import read_label_image
from heart.anatomy.labels import Label
from heart.anatomy.prepare import prepare
from heart.core.errors import HeartError, ImageError, LabelError, UnitError, UnsafeInputError
from tests.phantoms import two_ventricles

CANARY = "DOE^JANE"
Writer = Callable[[Path], None]


def save(
    path: Path,
    voxels: np.ndarray | None = None,
    affine: np.ndarray | None = None,
    edit: Callable[[nibabel.Nifti1Header], None] | None = None,
) -> None:
    """Write the phantom, or a spoilt version of it, with a patient's name in the header."""
    volume = two_ventricles((2.0, 2.0, 2.0))
    image = nibabel.Nifti1Image(
        volume.voxels if voxels is None else voxels, volume.affine if affine is None else affine
    )
    image.header["descrip"] = CANARY
    image.header["db_name"] = CANARY
    nibabel.save(image, path)
    if edit is not None:
        raw = bytearray(path.read_bytes())
        header = nibabel.Nifti1Header(binaryblock=bytes(raw[:348]), check=False)
        edit(header)
        raw[:348] = header.binaryblock
        path.write_bytes(raw)


def phantom() -> np.ndarray:
    return two_ventricles((2.0, 2.0, 2.0)).voxels.copy()


def truncated_gzip(path: Path) -> None:
    save(path)
    path.write_bytes(path.read_bytes()[:-200])


def short_voxels(path: Path) -> None:
    save(path)
    content = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(content[:-5000]))


def damaged_gzip(path: Path) -> None:
    save(path)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 40] = bytes(40)
    path.write_bytes(raw)


def not_gzip(path: Path) -> None:
    save(path.with_name("x.nii"))
    path.write_bytes(path.with_name("x.nii").read_bytes())


def bomb(path: Path) -> None:
    save(path)
    content = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(content + bytes(40 * 1024**2)))


def huge_header(path: Path) -> None:
    save(path, edit=lambda header: header["dim"].__setitem__(slice(1, 4), 32767))


def zero_sform(path: Path) -> None:
    def edit(header: nibabel.Nifti1Header) -> None:
        header["qform_code"], header["sform_code"] = 0, 1
        for row in ("srow_x", "srow_y", "srow_z"):
            header[row] = 0.0

    save(path, edit=edit)


def singular(path: Path) -> None:
    def edit(header: nibabel.Nifti1Header) -> None:
        header["qform_code"], header["sform_code"] = 0, 1
        header["srow_y"] = header["srow_x"]

    save(path, edit=edit)


def contradictory(path: Path) -> None:
    def edit(header: nibabel.Nifti1Header) -> None:
        header["qform_code"] = header["sform_code"] = 1
        header["qoffset_x"] += 25.0

    save(path, edit=edit)


def no_transform(path: Path) -> None:
    def edit(header: nibabel.Nifti1Header) -> None:
        header["qform_code"] = header["sform_code"] = 0

    save(path, edit=edit)


def zero_zoom(path: Path) -> None:
    save(path, edit=lambda header: header["pixdim"].__setitem__(3, 0.0))


def negative_zoom(path: Path) -> None:
    save(path, edit=lambda header: header["pixdim"].__setitem__(2, -2.0))


def metres_in_header(path: Path) -> None:
    save(path, edit=lambda header: header.set_xyzt_units("meter"))


def metres(path: Path) -> None:
    affine = two_ventricles((2.0, 2.0, 2.0)).affine * 0.001
    affine[3, 3] = 1.0
    save(path, affine=affine)


def centimetres(path: Path) -> None:
    affine = two_ventricles((2.0, 2.0, 2.0)).affine * 0.1
    affine[3, 3] = 1.0
    save(path, affine=affine)


def interpolated(path: Path) -> None:
    voxels = phantom().astype(np.float32)
    voxels[20:22] += 0.0002
    save(path, voxels)


def nan_voxels(path: Path) -> None:
    voxels = phantom().astype(np.float32)
    voxels[3, 3, 3] = np.nan
    save(path, voxels)


def four_dimensions(path: Path) -> None:
    save(path, np.stack([phantom()] * 3, axis=-1))


def complex_voxels(path: Path) -> None:
    save(path, phantom().astype(np.complex64))


def colours(path: Path) -> None:
    voxels = np.zeros(phantom().shape, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    save(path, voxels)


def negative_label(path: Path) -> None:
    voxels = phantom().astype(np.int16)
    voxels[0, 0, 0] = -1
    save(path, voxels)


def empty_map(path: Path) -> None:
    save(path, np.zeros_like(phantom()))


def no_lv_wall(path: Path) -> None:
    voxels = phantom()
    voxels[voxels == Label.LV_WALL] = 0
    save(path, voxels)


def swapped(path: Path) -> None:
    voxels = phantom()
    left, right = voxels == Label.LV_CAVITY, voxels == Label.RV_CAVITY
    voxels[left], voxels[right] = Label.RV_CAVITY, Label.LV_CAVITY
    save(path, voxels)


def disconnected(path: Path) -> None:
    voxels = phantom()
    voxels[:, :, 20:23] = 0
    save(path, voxels)


def leaking(path: Path) -> None:
    voxels = phantom()
    middle = int(np.argwhere(voxels == Label.LV_CAVITY)[:, 0].mean())
    lateral = np.zeros(voxels.shape, bool)
    lateral[middle + 3 :] = True
    voxels[lateral & (voxels == Label.LV_WALL)] = 0
    save(path, voxels)


def thin_wall(path: Path) -> None:
    voxels = phantom()
    cavity = voxels == Label.LV_CAVITY
    shell = ndimage.binary_dilation(cavity)
    voxels[(voxels == Label.LV_WALL) & ~shell] = 0
    save(path, voxels)


def not_an_image(path: Path) -> None:
    path.write_bytes(gzip.compress(CANARY.encode() * 100))


def no_file_content(path: Path) -> None:
    path.write_bytes(gzip.compress(b""))


ROWS: dict[str, tuple[Writer, str, type[HeartError], int, str]] = {
    "truncated gzip": (truncated_gzip, "a.nii.gz", ImageError, 11, "truncated"),
    "too few voxels": (short_voxels, "a.nii.gz", ImageError, 11, "truncated"),
    "damaged gzip": (damaged_gzip, "a.nii.gz", ImageError, 11, "gzip"),
    "not gzip": (not_gzip, "a.nii.gz", ImageError, 11, "rename it to .nii"),
    "gzip bomb": (bomb, "a.nii.gz", UnsafeInputError, 15, "more than its header"),
    "32767 cubed": (huge_header, "a.nii", UnsafeInputError, 15, "GB"),
    "not an image": (not_an_image, "a.nii.gz", ImageError, 11, "no NIfTI image"),
    "nothing": (no_file_content, "a.nii.gz", ImageError, 11, "no NIfTI image"),
    "zero sform": (zero_sform, "a.nii", ImageError, 11, "singular"),
    "parallel axes": (singular, "a.nii", ImageError, 11, "singular"),
    "qform against sform": (contradictory, "a.nii", ImageError, 11, "disagree by 25.00 mm"),
    "no transform": (no_transform, "a.nii", ImageError, 11, "neither qform nor sform"),
    "voxel size zero": (zero_zoom, "a.nii", ImageError, 11, "is not positive"),
    "voxel size negative": (negative_zoom, "a.nii", ImageError, 11, "is not positive"),
    "metres by header": (metres_in_header, "a.nii", UnitError, 13, "metres"),
    "metres by size": (metres, "a.nii", UnitError, 13, "looks like metres"),
    "centimetres by size": (centimetres, "a.nii", UnitError, 13, "looks like centimetres"),
    "interpolated labels": (interpolated, "a.nii", ImageError, 11, "not whole numbers"),
    "NaN": (nan_voxels, "a.nii", ImageError, 11, "1 voxels are NaN"),
    "4-D": (four_dimensions, "a.nii.gz", ImageError, 11, "4 dimensions"),
    "complex": (complex_voxels, "a.nii", ImageError, 11, "colours or complex"),
    "colours": (colours, "a.nii", ImageError, 11, "colours or complex"),
    "negative label": (negative_label, "a.nii", ImageError, 11, "negative"),
    "empty map": (empty_map, "a.nii", LabelError, 11, "empty"),
    "label absent": (no_lv_wall, "a.nii", LabelError, 11, "lv_wall (value 3) is absent"),
    "swapped": (swapped, "a.nii", LabelError, 11, "swapped"),
    "disconnected wall": (disconnected, "a.nii", LabelError, 11, "disconnected: 2 pieces"),
    "leak beyond repair": (leaking, "a.nii", LabelError, 11, "leaks through a hole"),
    "wall below two voxels": (thin_wall, "a.nii", LabelError, 11, "at least 2 voxels"),
}


def case_with(folder: Path, image: str, more: str = "") -> Path:
    (folder / "case.yaml").write_text(
        f"name: bad\nsource: {{image: {image}, preset: heart_twin{more}}}\n"
    )
    return folder


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_bad_image_is_one_clear_line(
    row: tuple[Writer, str, type[HeartError], int, str],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Class, exit code and words; and nothing of the header in the message or on the terminal."""
    write, name, kind, code, words = row
    write(tmp_path / name)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(HeartError) as caught:
        prepare(load_case(case_with(tmp_path, name)))
    assert type(caught.value) is kind
    assert caught.value.exit_code == code
    line = caught.value.line()
    assert words in line
    assert "\n" not in line
    assert CANARY not in line
    assert "".join(capfd.readouterr()) == ""
    assert set(tmp_path.iterdir()) == {*before, tmp_path / "case.yaml"}


@pytest.mark.parametrize("choice", ["qform", "sform"])
def test_contradiction_is_settled_in_the_case(choice: str, tmp_path: Path) -> None:
    """The error names a way out, and the way out works: the two choices lie 25 mm apart."""
    contradictory(tmp_path / "a.nii")
    prepared = prepare(load_case(case_with(tmp_path, "a.nii", f", affine: {choice}")))
    expected = two_ventricles((2.0, 2.0, 2.0)).affine[0, 3] + (25.0 if choice == "qform" else 0.0)
    assert prepared.drawn.affine[0, 3] == pytest.approx(expected)


def test_explicit_label_that_is_absent(tmp_path: Path) -> None:
    """A label that somebody wrote down must exist; the message lists what does."""
    save(tmp_path / "a.nii")
    (tmp_path / "case.yaml").write_text(
        "name: bad\nsource: {image: a.nii, labels: {lv_cavity: 1, lv_wall: 3, aorta: 77}}\n"
    )
    with pytest.raises(LabelError, match=r"aorta \(value 77\) is absent.*1, 2, 3, 4, 5, 6"):
        prepare(load_case(tmp_path))


def itk_file(path: Path) -> bytes:
    volume = two_ventricles((2.0, 2.0, 2.0))
    image = sitk.GetImageFromArray(np.ascontiguousarray(volume.voxels.transpose(2, 1, 0)))
    image.SetSpacing([2.0, 2.0, 2.0])
    image.SetOrigin((np.array([-1, -1, 1]) * volume.affine[:3, 3]).tolist())
    sitk.WriteImage(image, str(path), useCompression=path.suffix != ".raw")
    return path.read_bytes()


ITK_ROWS: dict[str, tuple[str, Callable[[bytes], bytes], type[HeartError], str]] = {
    "truncated NRRD": ("a.nrrd", lambda raw: raw[:-300], ImageError, "truncated"),
    "truncated MHA": ("a.mha", lambda raw: raw[:-300], ImageError, "truncated"),
    "NRRD naming a file": (
        "a.nrrd",
        lambda raw: raw.replace(b"encoding:", b"data file: /etc/passwd\nencoding:"),
        UnsafeInputError,
        "another file",
    ),
    "MHA naming a file": (
        "a.mha",
        lambda raw: raw.replace(b"ElementDataFile = LOCAL", b"ElementDataFile = other.raw"),
        UnsafeInputError,
        "another file",
    ),
    "NRRD of 4 dimensions": (
        "a.nrrd",
        lambda raw: raw.replace(b"sizes: ", b"sizes: 3 "),
        ImageError,
        "4 dimensions",
    ),
    "NRRD without a world": (
        "a.nrrd",
        lambda raw: raw.replace(b"space: left-posterior-superior\n", b""),
        ImageError,
        "no `space`",
    ),
    "huge MHA": (
        "a.mha",
        lambda raw: raw.replace(b"DimSize = 65 45 55", b"DimSize = 32767 32767 32767"),
        UnsafeInputError,
        "GB",
    ),
    "no image": ("a.nrrd", lambda _: CANARY.encode() * 100, ImageError, "no NRRD"),
    "no MetaImage": ("a.mha", lambda _: CANARY.encode() * 100, ImageError, "no MetaImage"),
}


@pytest.mark.parametrize("row", ITK_ROWS.values(), ids=ITK_ROWS.keys())
def test_bad_itk_image_is_one_clear_line(
    row: tuple[str, Callable[[bytes], bytes], type[HeartError], str],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """NRRD and MetaImage obey the same rules; MetaImage would fill missing voxels with zeros."""
    name, spoil, kind, words = row
    good = itk_file(tmp_path / name)
    prepare(load_case(case_with(tmp_path, name)))
    bad = spoil(good)
    assert bad != good
    (tmp_path / name).write_bytes(bad)
    with pytest.raises(kind) as caught:
        prepare(load_case(case_with(tmp_path, name)))
    assert words in caught.value.line()
    assert CANARY not in caught.value.line()
    assert "".join(capfd.readouterr()) == ""


@pytest.mark.parametrize("name", ["a.nii", "a.nrrd", "a.mha"])
def test_damaged_headers_never_surprise(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Random bytes in a header: an error of ours or the same voxels, and a silent terminal.

    MetaImage without a valid CompressedDataSize is read as noise by its library; this found it.
    """
    if name == "a.nii":
        save(tmp_path / name)
        header_end = 348
    else:
        raw = itk_file(tmp_path / name)
        header_end = raw.index(b"LOCAL") + 6 if name == "a.mha" else raw.index(b"\n\n")
    good = (tmp_path / name).read_bytes()
    sound = read_label_image(tmp_path / name)
    rng = np.random.default_rng(20)
    outcomes: Counter[str] = Counter()
    for _ in range(150):
        spoilt = bytearray(good)
        for position in rng.integers(0, header_end, size=rng.integers(1, 4)):
            spoilt[position] = rng.integers(0, 256)
        (tmp_path / name).write_bytes(spoilt)
        try:
            image = read_label_image(tmp_path / name)
        except HeartError:
            outcomes["refused"] += 1
        else:
            outcomes["read"] += 1
            if name == "a.mha":
                assert np.bincount(image.voxels.ravel()).tolist() == (
                    np.bincount(sound.voxels.ravel()).tolist()
                )
    assert min(outcomes["refused"], outcomes["read"]) > 0
    assert "".join(capfd.readouterr()) == ""


def test_unknown_format_is_named(tmp_path: Path) -> None:
    """A DICOM folder or a .mat is not guessed at."""
    (tmp_path / "a.mat").write_bytes(b"x")
    with pytest.raises(ImageError, match=r"\.nii"):
        prepare(load_case(case_with(tmp_path, "a.mat")))


def test_cut_heart_is_told_and_meshed(tmp_path: Path) -> None:
    """A heart at the edge of the image is a warning line, not an error."""
    save(tmp_path / "a.nii", phantom()[26:])
    prepared = prepare(load_case(case_with(tmp_path, "a.nii")))
    assert any("edge of the image" in line for line in prepared.lines)
