"""Content-addressed cache: the same input and code version give the same file, made once.

An entry is written to a temporary name and renamed, so that readers and several ranks or
processes starting together see it whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)

Arrays = dict[str, NDArray[Any]]


def cache_root() -> Path:
    """Return the cache folder: $HEART_CACHE, else the user's cache directory."""
    given = os.environ.get("HEART_CACHE")
    base = Path(given) if given else Path.home() / ".cache" / "heart-twin"
    base.mkdir(parents=True, exist_ok=True)
    return base


def content_hash(*parts: object) -> str:
    """Hash arrays, bytes, paths (their content) and plain data to a 20-digit key."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        elif isinstance(part, Path):
            digest.update(part.read_bytes())
        elif isinstance(part, bytes):
            digest.update(part)
        else:
            digest.update(json.dumps(part, sort_keys=True, default=repr).encode())
        digest.update(b"\0")
    return digest.hexdigest()[:20]


def cached_arrays(kind: str, key: str, make: Callable[[], Mapping[str, NDArray[Any]]]) -> Arrays:
    """Return the arrays stored under (`kind`, `key`), making and storing them when absent.

    A damaged entry is removed and made again; pickled objects are never read.
    """
    path = cache_root() / kind / f"{key}.npz"
    if path.exists():
        try:
            with np.load(path, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
            log.warning("cache entry %s is damaged (%s); made again", path.name, error)
            path.unlink(missing_ok=True)
    arrays = {name: np.asarray(array) for name, array in make().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return arrays
