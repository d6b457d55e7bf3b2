"""NRRD and MetaImage label maps: header screened here, voxels and geometry read by SimpleITK.

Both formats may name another file as the place of their voxels, which a header from elsewhere
must never do; and MetaImage fills missing voxels with zeros instead of complaining. ITK's world is
LPS, ours is RAS: the first two world axes change sign.
"""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import ImageError, UnsafeInputError

LARGEST_HEADER = 256 * 1024
BYTES = {
    "signed char": 1, "int8": 1, "int8_t": 1, "uchar": 1, "unsigned char": 1, "uint8": 1,
    "uint8_t": 1, "short": 2, "short int": 2, "signed short": 2, "int16": 2, "int16_t": 2,
    "ushort": 2, "unsigned short": 2, "uint16": 2, "uint16_t": 2, "int": 4, "signed int": 4,
    "int32": 4, "int32_t": 4, "uint": 4, "unsigned int": 4, "uint32": 4, "uint32_t": 4,
    "longlong": 8, "long long": 8, "int64": 8, "int64_t": 8, "ulonglong": 8,
    "unsigned long long": 8, "uint64": 8, "uint64_t": 8, "float": 4, "double": 8,
    "met_char": 1, "met_uchar": 1, "met_short": 2, "met_ushort": 2, "met_int": 4, "met_uint": 4,
    "met_long": 8, "met_ulong": 8, "met_long_long": 8, "met_ulong_long": 8,
    "met_float": 4, "met_double": 8,
}  # fmt: skip
META_NUMBERS = {
    "NDims": 1, "DimSize": 3, "ElementSpacing": 3, "ElementSize": 3, "Offset": 3, "Position": 3,
    "Origin": 3, "TransformMatrix": 9, "Rotation": 9, "Orientation": 9, "CenterOfRotation": 3,
}  # fmt: skip
META_WORDS = {
    "ObjectType": ("Image",),
    "NDims": ("3",),
    "BinaryData": ("True",),
    "BinaryDataByteOrderMSB": ("True", "False"),
}
META_REQUIRED = ("DimSize", "ElementType", "ElementSpacing", "TransformMatrix", "Offset")
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def read(path: Path) -> tuple[NDArray[Any], NDArray[np.float64], dict[str, int]]:
    """Return voxels (i, j, k), RAS affine and the segment names of a Slicer segmentation."""
    import SimpleITK as sitk

    nrrd = path.name.lower().endswith(".nrrd")
    with path.open("rb") as stream:
        start = stream.read(LARGEST_HEADER)
    fields, segments, data_start = (_nrrd_header if nrrd else _meta_header)(start, path.name)
    _check_payload(path, fields, data_start, nrrd=nrrd)
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise ImageError("the image is damaged", where=path.name, fix="export it again") from error
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise ImageError(
            f"the image has {image.GetDimension()} dimensions and "
            f"{image.GetNumberOfComponentsPerPixel()} values per voxel",
            where=path.name,
            expected="one three-dimensional label map",
            fix="export one layer without overlapping segments",
        )
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * np.array(image.GetSpacing())
    matrix[:3, 3] = image.GetOrigin()
    return sitk.GetArrayFromImage(image).transpose(2, 1, 0), LPS_TO_RAS @ matrix, segments


def _nrrd_header(start: bytes, where: str) -> tuple[dict[str, str], dict[str, int], int]:
    end = re.search(rb"\r?\n\r?\n", start)
    if not start.startswith(b"NRRD") or end is None:
        raise ImageError("the file is no NRRD image or its header has no end", where=where)
    fields: dict[str, str] = {}
    pairs: dict[str, str] = {}
    for line in start[: end.start()].decode("utf-8", "replace").splitlines()[1:]:
        if line.startswith("#"):
            continue
        if ":=" in line:
            name, _, value = line.partition(":=")
            pairs[name.strip()] = value.strip()
        else:
            name, _, value = line.partition(":")
            fields[name.strip().lower().replace(" ", "")] = value.strip()
    if "datafile" in fields:
        raise UnsafeInputError(
            "the header points to another file", where=where, fix="save with attached data"
        )
    if "space" not in fields or "spacedirections" not in fields:
        raise ImageError(
            "the header has no `space`: the orientation in the body is unknown",
            where=where,
            fix="export the label map with its scanner geometry",
        )
    if any(kind in fields.get("kinds", "") for kind in ("list", "vector", "color", "complex")):
        raise ImageError(
            "the image holds several layers or values per voxel",
            where=where,
            expected="one three-dimensional label map",
            fix="export one layer without overlapping segments",
        )
    return fields, _segments(pairs), end.end()


def _segments(pairs: dict[str, str]) -> dict[str, int]:
    """Return segment name → value of a Slicer segmentation."""
    names: dict[str, int] = {}
    for key, name in pairs.items():
        match = re.fullmatch(r"Segment(\d+)_Name", key)
        value = pairs.get(f"Segment{match.group(1)}_LabelValue", "") if match else ""
        if value.isdigit():
            names[name] = int(value)
    return names


def _meta_header(start: bytes, where: str) -> tuple[dict[str, str], dict[str, int], int]:
    match = re.search(rb"ElementDataFile\s*=\s*([^\r\n]*)\r?\n", start)
    if match is None:
        raise ImageError("the file is no MetaImage or its header has no end", where=where)
    if match.group(1).strip() != b"LOCAL":
        raise UnsafeInputError(
            "the header points to another file", where=where, fix="save with attached data"
        )
    fields: dict[str, str] = {}
    for line in start[: match.start()].decode("utf-8", "replace").splitlines():
        name, _, value = line.partition("=")
        fields[name.strip()] = value.strip()
    if len(fields.get("DimSize", "1 1 1").split()) != 3 or fields.get("NDims", "3") != "3":
        raise ImageError(
            f"the image has {len(fields.get('DimSize', '').split())} dimensions",
            where=where,
            expected="one three-dimensional label map",
            fix="save a single phase or layer",
        )
    if fields.get("ElementNumberOfChannels", "1") != "1":
        raise ImageError("the image holds several values per voxel", where=where)
    damaged = [key for key in META_REQUIRED if key not in fields]
    damaged += [key for key, words in META_WORDS.items() if fields.get(key, "") not in words]
    damaged += [
        key
        for key, count in META_NUMBERS.items()
        if key in fields and not _are_numbers(fields[key], count)
    ]
    if damaged:
        raise ImageError(
            f"the header field {damaged[0]} is missing or damaged",
            where=where,
            fix="export the label map again, with its scanner geometry",
        )
    renamed = {
        "sizes": fields["DimSize"],
        "type": fields["ElementType"],
        "encoding": "gzip" if fields.get("CompressedData", "") == "True" else "raw",
    }
    if renamed["encoding"] == "gzip":
        # Without the right length the reader prints "Uncompress failed" and goes on with noise.
        renamed["compressed bytes"] = fields.get("CompressedDataSize", "")
    return renamed, {}, match.end()


def _are_numbers(text: str, count: int) -> bool:
    """Return whether `text` is `count` plain numbers."""
    words = text.split()
    number = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
    return len(words) == count and all(number.fullmatch(word) for word in words)


def _check_payload(path: Path, fields: dict[str, str], data_start: int, *, nrrd: bool) -> None:
    """Check that the voxels which the header promises are in the file, and no bomb besides."""
    from heart.anatomy.image import check_size

    where = path.name
    try:
        shape = [int(length) for length in fields.get("sizes", "").split()]
    except ValueError as error:
        raise ImageError("the image size is not a list of whole numbers", where=where) from error
    if len(shape) != 3:
        raise ImageError(
            f"the image has {len(shape)} dimensions",
            where=where,
            expected="one three-dimensional label map",
            fix="save a single phase or layer",
        )
    if fields.get("type", "").lower() not in BYTES:
        raise ImageError("the voxel type is unknown", where=where, expected="integer labels")
    expected = check_size(shape, BYTES[fields["type"].lower()], where=where)
    encoding = fields.get("encoding", "").lower()
    if encoding == "raw":
        found = path.stat().st_size - data_start
    elif encoding in ("gzip", "gz"):
        stated = fields.get("compressed bytes")
        if stated is not None and stated != str(path.stat().st_size - data_start):
            raise ImageError(
                "the file is truncated: its length is not the one that the header states",
                where=where,
                fix="copy or export it again",
            )
        found = _unpacked_length(path, data_start, expected, wbits=31 if nrrd else 15)
    else:
        raise ImageError(
            "the encoding of the voxels is not supported", where=where, expected="raw or gzip"
        )
    if found != expected:
        raise ImageError(
            f"the file is truncated or damaged: {found} bytes of voxels",
            where=where,
            expected=f"{expected} bytes",
            fix="copy or export it again",
        )


def _unpacked_length(path: Path, data_start: int, expected: int, *, wbits: int) -> int:
    """Return how many bytes unpack without error, stopping just beyond `expected`."""
    unpacker = zlib.decompressobj(wbits=wbits)
    total = 0
    with path.open("rb") as stream:
        stream.seek(data_start)
        while total <= expected and not unpacker.eof:
            packed = unpacker.unconsumed_tail or stream.read(1 << 20)
            if not packed:
                break
            try:
                total += len(unpacker.decompress(packed, min(expected + 1 - total, 1 << 24)))
            except zlib.error:
                break
    return total
