"""Label maps of the user, read with suspicion and brought to one form.

A header is a stranger's text: it may describe terabytes, contradict itself, or carry a patient's
name. So sizes are bounded before anything is unpacked, geometry is checked before it is used, and
no text of a header is ever shown. What comes out has RAS millimetre world coordinates and axes in
the order closest to R, A, S, so that the affine is right-handed for everyone downstream.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.labels import Label, LabelVolume
from heart.core.errors import ImageError, LabelError, UnitError, UnsafeInputError
from heart.core.parameters import Parameter

AffineChoice = Literal["auto", "qform", "sform"]
LabelKey = int | str

LARGEST_COORDINATE = 1e9
LARGEST_IMAGE = 4 * 1024**3
SHORTEST_HEART = Parameter(
    20.0, "mm", 0.0, 1000.0, "assumed", "an adult heart is 80 to 200 mm; below this a unit is wrong"
)
LONGEST_HEART = Parameter(
    600.0, "mm", 0.0, 1e4, "assumed", "with the great vessels a label map spans up to 400 mm"
)
LARGEST_SHEAR = Parameter(
    0.02, "1", 0.0, 1.0, "assumed", "cosine between voxel axes that distance maps tolerate"
)


@dataclass(frozen=True)
class LabelImage:
    """Integer voxels as the user numbered them, with their RAS affine and segment names.

    Attributes
    ----------
    voxels
        (i, j, k) values, axes in the order closest to R, A, S.
    affine
        (4, 4) voxel index to RAS mm, right-handed.
    names
        Segment name → value, for formats that carry names (``.seg.nrrd``).
    """

    voxels: NDArray[np.int32]
    affine: NDArray[np.float64]
    names: Mapping[str, int] = field(default_factory=dict)

    @property
    def values(self) -> list[int]:
        """Values that occur, without the background 0."""
        return [int(value) for value in np.unique(self.voxels) if value != 0]


def read_label_image(path: Path, *, affine: AffineChoice = "auto") -> LabelImage:
    """Read a NIfTI, NRRD (also ``.seg.nrrd``) or MetaImage label map.

    Parameters
    ----------
    path
        ``.nii``, ``.nii.gz``, ``.nrrd`` or ``.mha`` file.
    affine
        Which NIfTI transform to believe where the two differ; ``auto`` wants them to agree.

    Raises
    ------
    ImageError
        Unreadable, truncated, not three-dimensional, not integer, or of impossible geometry.
    UnitError
        The coordinates are metres or another unit than millimetres.
    UnsafeInputError
        The file would unpack to more than `LARGEST_IMAGE` bytes, or refers to other files.
    """
    from heart.anatomy import itk_image, nifti

    name = path.name.lower()
    if not path.is_file():
        raise ImageError("no such file", where=path.name)
    if name.endswith((".nii", ".nii.gz")):
        voxels, matrix = nifti.read(path, affine)
        names: dict[str, int] = {}
    elif name.endswith((".nrrd", ".mha")):
        voxels, matrix, names = itk_image.read(path)
    else:
        raise ImageError(
            "cannot tell the image format",
            where=path.name,
            expected="a name ending in .nii, .nii.gz, .nrrd, .seg.nrrd or .mha",
        )
    check_affine(matrix, where=path.name)
    integers = as_integers(voxels, where=path.name)
    canonical, matrix = to_closest_ras(integers, matrix)
    image = LabelImage(canonical, matrix, names)
    check_extent(image, where=path.name)
    return image


def to_labels(
    image: LabelImage,
    labels: Mapping[Label, Sequence[LabelKey]],
    *,
    required: Sequence[Label] | None = None,
    where: str = "label map",
) -> tuple[LabelVolume, list[str]]:
    """Translate the user's values to `Label` values.

    Parameters
    ----------
    image
        Voxels in the user's numbering.
    labels
        For each label the values (or segment names) that carry it; several are united.
    required
        Labels that must occur; by default all of `labels`. A preset lists more than most maps
        hold and asks for the left ventricle only.

    Returns
    -------
    LabelVolume
        The canonical label map.
    list of str
        One line for every value that was ignored because no label names it.

    Raises
    ------
    LabelError
        The map is empty, a required label is absent, or one value carries two labels.
    """
    values = image.values
    if not values:
        raise LabelError("the label map is empty", where=where, expected="voxels above 0")
    voxels = np.zeros(image.voxels.shape, np.uint8)
    taken: dict[int, Label] = {}
    for label, keys in labels.items():
        numbers = [number for key in keys for number in _numbers(key, image.names)]
        for number in numbers:
            if taken.setdefault(number, label) is not label:
                raise LabelError(
                    f"value {number} is given to both {taken[number].name.lower()} and "
                    f"{label.name.lower()}",
                    where=where,
                )
        found = np.isin(image.voxels, numbers) & (image.voxels != 0)
        if not found.any() and (required is None or label in required):
            shown = ", ".join(str(key) for key in keys)
            raise LabelError(
                f"{label.name.lower()} (value {shown}) is absent",
                where=where,
                expected=f"one of the values that occur: {', '.join(map(str, values[:20]))}",
                fix="correct `labels` in case.yaml",
            )
        voxels[found] = label
    ignored = [value for value in values if value not in taken]
    notes = [
        f"value {value} ({int((image.voxels == value).sum())} voxels) is named by no label: ignored"
        for value in ignored[:8]
    ]
    if len(ignored) > len(notes):
        notes.append(f"{len(ignored) - len(notes)} more values are named by no label: ignored")
    return LabelVolume(voxels, image.affine), notes


def check_affine(affine: NDArray[np.float64], *, where: str) -> None:
    """Refuse an affine that is not finite, singular or sheared."""
    columns = affine[:3, :3]
    if not np.isfinite(affine).all() or np.abs(affine).max() > LARGEST_COORDINATE:
        raise ImageError("the affine holds NaN, infinity or a number beyond 1e9", where=where)
    lengths = np.linalg.norm(columns, axis=0)
    if (lengths <= 0.0).any() or abs(np.linalg.det(columns)) < 1e-3 * lengths.prod():
        raise ImageError(
            "the affine is singular: voxel axes are zero or parallel",
            where=where,
            expected="three independent voxel axes",
            fix="write the image again with its scanner geometry, or choose `affine: qform|sform`",
        )
    cosines = (columns / lengths).T @ (columns / lengths) - np.eye(3)
    if np.abs(cosines).max() > LARGEST_SHEAR.value:
        raise ImageError(
            f"the voxel axes are sheared (cosine {np.abs(cosines).max():.3f})",
            where=where,
            expected="perpendicular axes",
            fix="resample the label map to a rectangular grid",
        )


def check_size(shape: Sequence[int], bytes_per_voxel: int, *, where: str) -> int:
    """Return the bytes of an image, refusing what no heart needs."""
    if any(length < 1 for length in shape):
        raise ImageError(f"image size {tuple(shape)} is not positive", where=where)
    total = bytes_per_voxel
    for length in shape:
        total *= int(length)
    if total > LARGEST_IMAGE:
        raise UnsafeInputError(
            f"the header describes {total / 1024**3:.1f} GB",
            where=where,
            expected=f"at most {LARGEST_IMAGE / 1024**3:.0f} GB",
            fix="crop the label map to the heart",
        )
    return total


def as_integers(values: NDArray[Any], *, where: str) -> NDArray[np.int32]:
    """Return three-dimensional integer voxels; floats pass only when they are whole numbers."""
    while values.ndim > 3 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.ndim != 3:
        raise ImageError(
            f"the image has {values.ndim} dimensions",
            where=where,
            expected="one three-dimensional label map",
            fix="save a single phase or layer",
        )
    if values.dtype.names is not None or values.dtype.kind not in "iufb":
        raise ImageError(
            "the voxels are colours or complex numbers", where=where, expected="integer labels"
        )
    if values.dtype.kind == "f":
        broken = int((~np.isfinite(values)).sum())
        if broken:
            raise ImageError(f"{broken} voxels are NaN or infinite", where=where)
        fractional = values != np.rint(values)
        if fractional.any():
            raise ImageError(
                f"{int(fractional.sum())} voxels are not whole numbers "
                f"(for example {float(values[fractional][0]):g})",
                where=where,
                expected="integer labels",
                fix="resample label maps with nearest neighbour, never linearly",
            )
    if values.size and (values.min() < 0 or values.max() > np.iinfo(np.int32).max):
        raise ImageError("a label is negative or above 2147483647", where=where)
    return np.ascontiguousarray(values, dtype=np.int32)


def to_closest_ras(
    voxels: NDArray[np.int32], affine: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Flip and permute the voxel axes to the order closest to R, A, S; world coordinates stay."""
    import nibabel

    orientation = nibabel.io_orientation(affine)
    turned = np.ascontiguousarray(nibabel.apply_orientation(voxels, orientation))
    matrix = affine @ nibabel.orientations.inv_ornt_aff(orientation, voxels.shape)
    return turned, np.asarray(matrix, dtype=np.float64)


def check_extent(image: LabelImage, *, where: str) -> None:
    """Refuse a heart of impossible size: the coordinates are in another unit than millimetres."""
    corners = [np.flatnonzero(image.voxels.any(axis=other)) for other in ((1, 2), (0, 2), (0, 1))]
    if not all(corner.size for corner in corners):
        return
    spacing = np.linalg.norm(image.affine[:3, :3], axis=0)
    counts = np.array([corner[-1] - corner[0] + 1 for corner in corners])
    extent = float((counts * spacing).max())
    if SHORTEST_HEART.value <= extent <= LONGEST_HEART.value:
        return
    unit = "metres" if extent < 1.0 else "centimetres" if extent < 40.0 else "micrometres"
    raise UnitError(
        f"the labelled region is {extent:.3g} mm long: the file looks like {unit}",
        where=where,
        expected=f"{SHORTEST_HEART.value:g} to {LONGEST_HEART.value:g} mm",
        fix="write the image with millimetre spacing",
    )


def _numbers(key: LabelKey, names: Mapping[str, int]) -> list[int]:
    """Return the values that `key`, a number or a segment name, stands for."""
    if isinstance(key, int):
        return [key]
    wanted = plain_name(key)
    return [value for name, value in names.items() if plain_name(name) == wanted]


def plain_name(name: str) -> str:
    """Return a segment name without case, underscores and doubled blanks."""
    return " ".join(name.replace("_", " ").lower().split())
