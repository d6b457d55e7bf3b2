"""Results on disk: frozen dataclasses of arrays, numbers and words in one file, without pickle.

A report has to be drawn again from a run of last year, perhaps sent by somebody else. The types
of the class say how each field is stored and read, so that a file can bring data and never code.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
import zipfile
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import CheckpointError

_ARRAY = "$array"
Arrays = dict[str, NDArray[Any]]


def save(path: Path, record: Any) -> Path:
    """Write a dataclass of dataclasses, mappings, tuples, arrays and plain values as .npz."""
    arrays: Arrays = {}
    tree = _encode(type(record), record, arrays)
    text = json.dumps({"class": type(record).__name__, "tree": tree}, default=_plain)
    np.savez_compressed(
        path, allow_pickle=False, record=np.frombuffer(text.encode(), np.uint8), **arrays
    )
    return path


def load[Record](path: Path, kind: type[Record]) -> Record:
    """Read a `kind` written by `save`.

    Raises
    ------
    CheckpointError
        Missing, damaged, of another class, or written by a version with other fields.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        content = json.loads(arrays["record"].tobytes())
        if content["class"] != kind.__name__:
            raise CheckpointError(f"holds a {content['class']}", where=path.name)
        return typing.cast("Record", _decode(kind, content["tree"], arrays))
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise CheckpointError(
            f"cannot be read ({type(error).__name__}: {error})",
            where=path.name,
            expected=f"a {kind.__name__} of this version",
            fix="run the scenario again",
        ) from error


def _encode(hint: Any, value: Any, arrays: Arrays) -> Any:
    if isinstance(value, np.ndarray):
        key = f"a{len(arrays)}"
        arrays[key] = value
        return {_ARRAY: key}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        hints = typing.get_type_hints(type(value))
        return {
            field.name: _encode(hints[field.name], getattr(value, field.name), arrays)
            for field in dataclasses.fields(value)
        }
    if hint is Any:
        return value
    if isinstance(value, Mapping):
        inner = typing.get_args(hint)[1]
        return {str(_plain(key)): _encode(inner, item, arrays) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [
            _encode(one, item, arrays)
            for one, item in zip(_item_hints(hint, len(value)), value, strict=True)
        ]
    return _plain(value) if isinstance(value, (Enum, np.generic)) else value


def _decode(hint: Any, node: Any, arrays: Arrays) -> Any:
    if isinstance(node, dict) and _ARRAY in node:
        return arrays[node[_ARRAY]]
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        if node is None:
            return None
        return _decode(
            next(h for h in typing.get_args(hint) if h is not types.NoneType), node, arrays
        )
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        return hint(**{name: _decode(hints[name], item, arrays) for name, item in node.items()})
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(node)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        key, item_hint = typing.get_args(hint)
        return {key(name): _decode(item_hint, item, arrays) for name, item in node.items()}
    if origin is tuple:
        return tuple(
            _decode(one, item, arrays)
            for one, item in zip(_item_hints(hint, len(node)), node, strict=True)
        )
    return node


def _item_hints(hint: Any, length: int) -> tuple[Any, ...]:
    inner = typing.get_args(hint)
    if not inner or inner[-1] is Ellipsis:
        return (inner[0] if inner else Any,) * length
    return inner


def _plain(value: Any) -> Any:
    """Return an enum or numpy scalar as the plain value that JSON has."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (str, int, float)):
        return value
    raise TypeError(f"a record cannot hold a {type(value).__name__}")
