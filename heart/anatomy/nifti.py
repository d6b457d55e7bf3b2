"""NIfTI label maps: bounded unpacking and a verdict on the two transforms of the header.

nibabel interprets the header; what it does not do is refuse. It believes the size that the header
states, repairs a zero voxel size in silence, and prefers the sform where the two transforms
contradict each other, which mirrors or shifts a heart without a word.
"""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
from nibabel.arrayproxy import ArrayProxy
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from heart.core.errors import ImageError, UnitError, UnsafeInputError

if TYPE_CHECKING:
    from heart.anatomy.image import AffineChoice

HEADER_SIZES = (348, 540)
TRANSFORM_CODES = range(1, 6)
GZIP_MAGIC = b"\x1f\x8b"
# Extensions of a NIfTI header and padding after the voxels are small; a bomb is not.
LARGEST_OVERHEAD = 16 * 1024**2
# Rounding of the quaternion to float32 moves a corner by up to 1e-4 of a voxel.
TRANSFORM_TOLERANCE = 0.1


def read(path: Path, choice: AffineChoice) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Return the voxels as stored (scaled where the header says so) and the RAS affine."""
    from heart.anatomy.image import check_size

    where = path.name
    start = unpack(path, HEADER_SIZES[1])
    header = _header(start, where)
    _check_zooms(header, where)
    _check_unit(header, where)
    shape = [int(length) for length in header["dim"][1 : 1 + int(header["dim"][0])]]
    while len(shape) > 3 and shape[-1] == 1:
        shape.pop()
    if len(shape) != 3:
        raise ImageError(
            f"the image has {len(shape)} dimensions",
            where=where,
            expected="one three-dimensional label map",
            fix="save a single phase or layer",
        )
    size = check_size(shape, _bytes_per_voxel(header, where), where=where)
    offset = int(header["vox_offset"])
    if not HEADER_SIZES[0] <= offset <= LARGEST_OVERHEAD:
        raise ImageError(f"the voxels are said to start at byte {offset}", where=where)
    expected = offset + size
    content = unpack(path, expected + LARGEST_OVERHEAD)
    if len(content) < expected:
        raise ImageError(
            f"the file is truncated: {len(content)} bytes",
            where=where,
            expected=f"{expected} bytes",
            fix="copy or export it again",
        )
    return _voxels(content, header, where), _affine(header, choice, where)


def unpack(path: Path, limit: int) -> bytes:
    """Return at most `limit` bytes of the file, unpacked where its name ends in ``.gz``.

    Raises
    ------
    ImageError
        Not gzip although the name says so, or damaged.
    UnsafeInputError
        The file goes on for longer than its header can account for.
    """
    header_only = limit <= max(HEADER_SIZES)
    with path.open("rb") as stream:
        if not path.name.lower().endswith(".gz"):
            content = stream.read(limit + 1)
        else:
            if stream.read(2) != GZIP_MAGIC:
                raise ImageError(
                    "the name says gzip, the content does not",
                    where=path.name,
                    fix="rename it to .nii or compress it",
                )
            stream.seek(0)
            content = _gunzip(stream, limit + 1, path.name, whole=not header_only)
    if header_only:
        return content[:limit]
    if len(content) > limit:
        raise UnsafeInputError("the file holds far more than its header describes", where=path.name)
    return content


def _gunzip(stream: io.BufferedReader, limit: int, where: str, *, whole: bool) -> bytes:
    """Unpack up to `limit` bytes; with `whole`, the end of the gzip stream must be reached."""
    unpacker = zlib.decompressobj(wbits=31)
    content = bytearray()
    try:
        while len(content) < limit and not unpacker.eof:
            packed = unpacker.unconsumed_tail or stream.read(1 << 20)
            if not packed:
                break
            content += unpacker.decompress(packed, limit - len(content))
    except zlib.error as error:
        raise ImageError(
            "the gzip content is damaged", where=where, fix="copy or export it again"
        ) from error
    if whole and not unpacker.eof and len(content) < limit:
        raise ImageError(
            f"the gzip file is truncated: it ends after {len(content)} unpacked bytes",
            where=where,
            fix="copy or export it again",
        )
    return bytes(content)


def _header(start: bytes, where: str) -> Any:
    """Parse the fixed header without nibabel's silent repairs."""
    for kind in (nibabel.Nifti1Header, nibabel.Nifti2Header):
        size = int(kind.sizeof_hdr)
        if len(start) < size:
            continue
        try:
            header = kind(binaryblock=start[:size], check=False)
        except (ValueError, HeaderDataError):
            continue
        if int(header["sizeof_hdr"]) == size and 1 <= int(header["dim"][0]) <= 7:
            return header
    raise ImageError(
        "the file is no NIfTI image or is truncated", where=where, fix="export it again"
    )


def _check_zooms(header: Any, where: str) -> None:
    zooms = [float(zoom) for zoom in header["pixdim"][1:4]]
    if not all(np.isfinite(zoom) and zoom > 0.0 for zoom in zooms):
        raise ImageError(
            f"voxel size {tuple(round(zoom, 6) for zoom in zooms)} is not positive",
            where=where,
            expected="three lengths in mm",
        )


def _bytes_per_voxel(header: Any, where: str) -> int:
    """Return the size of the voxel type; the header's own `bitpix` is a claim, not a fact."""
    try:
        return max(1, int(header.get_data_dtype().itemsize))
    except (KeyError, HeaderDataError) as error:
        raise ImageError(
            "the voxel type is unknown", where=where, expected="integer labels"
        ) from error


def _check_unit(header: Any, where: str) -> None:
    code = int(header["xyzt_units"]) & 0x07
    unit = {1: "metres", 3: "micrometres"}.get(code)
    if unit:
        raise UnitError(
            f"the header says the coordinates are {unit}",
            where=where,
            expected="millimetres",
            fix="write the image with millimetre spacing",
        )


def _voxels(content: bytes, header: Any, where: str) -> NDArray[Any]:
    """Return the voxels, scaled where the header says so.

    The array proxy is asked directly: nibabel's image classes would first "repair" the header and
    log what they found in it.
    """
    try:
        return np.asanyarray(ArrayProxy(io.BytesIO(content), header))
    except (ValueError, OSError, OverflowError, HeaderDataError) as error:
        raise ImageError("the NIfTI header is damaged", where=where) from error


def _affine(header: Any, choice: AffineChoice, where: str) -> NDArray[np.float64]:
    """Return the transform to believe, or the reason why neither can be."""
    from heart.anatomy.image import check_affine

    found: dict[str, NDArray[np.float64]] = {}
    if int(header["qform_code"]) in TRANSFORM_CODES:
        found["qform"] = _qform(header, where)
    if int(header["sform_code"]) in TRANSFORM_CODES:
        found["sform"] = np.asarray(header.get_sform(), dtype=np.float64)
    if choice != "auto" and choice not in found:
        raise ImageError(
            f"the header has no {choice}",
            where=where,
            expected=" or ".join(found) or "a transform to scanner coordinates",
            fix="correct `affine` in case.yaml",
        )
    if not found:
        raise ImageError(
            "the header has neither qform nor sform: the orientation in the body is unknown",
            where=where,
            fix="export the label map with its scanner geometry",
        )
    if choice != "auto":
        return found[choice]
    for matrix in found.values():
        check_affine(matrix, where=where)
    if len(found) == 2:
        _check_agreement(found["qform"], found["sform"], header, where)
    return found.get("sform", found.get("qform", np.eye(4)))


def _qform(header: Any, where: str) -> NDArray[np.float64]:
    try:
        return np.asarray(header.get_qform(), dtype=np.float64)
    except (ValueError, HeaderDataError) as error:
        raise ImageError("the quaternion of the qform is not a rotation", where=where) from error


def _check_agreement(
    qform: NDArray[np.float64], sform: NDArray[np.float64], header: Any, where: str
) -> None:
    last = np.array([int(length) - 1 for length in header["dim"][1:4]])
    corners = np.stack(np.meshgrid(*([0, 1],) * 3, indexing="ij"), -1).reshape(-1, 3) * last
    moved = np.linalg.norm(
        corners @ (qform - sform)[:3, :3].T + (qform - sform)[:3, 3], axis=1
    ).max()
    tolerance = TRANSFORM_TOLERANCE * float(np.linalg.norm(sform[:3, :3], axis=0).min())
    if moved > tolerance:
        raise ImageError(
            f"qform and sform disagree by {moved:.2f} mm",
            where=where,
            expected=f"at most {tolerance:.2f} mm",
            fix="say which is right with `affine: qform` or `affine: sform` in case.yaml",
        )
