"""States of a running simulation on disk: whole or not at all, checked before they are believed.

Two slots are written in turn, so that the one before is untouched while the next is written; a
state that others branch from has a name and is kept. Each file is written beside its place,
flushed to the disk and renamed; the manifest, which says what is valid, comes last. Arrays are in
the global order of the mesh, never in that of ranks, so that a run goes on on any number of them.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heart import __version__
from heart.core.errors import CheckpointError, StorageError

Arrays = dict[str, NDArray[Any]]

FORMAT = 1
MANIFEST = "manifest.json"
SLOTS = ("a", "b")
# Free space that is asked for before a state is written, as a multiple of its size.
HEADROOM = 1.2


@dataclass(frozen=True)
class Checkpoint:
    """A state read from disk.

    Attributes
    ----------
    time
        In ms.
    label
        Name of a kept state; empty for one of the ring.
    arrays
        In global order.
    about
        Whatever the writer added, as plain data.
    """

    time: float
    label: str
    arrays: Mapping[str, NDArray[Any]]
    about: Mapping[str, Any]


@dataclass(frozen=True)
class CheckpointFolder:
    """The checkpoints of one run.

    Attributes
    ----------
    folder
        Where they lie; made when the first is written.
    scenario
        Hash of what is being computed: states of anything else are refused.
    """

    folder: Path
    scenario: str

    def write(
        self,
        time: float,
        arrays: Mapping[str, NDArray[Any]],
        *,
        label: str = "",
        about: Mapping[str, Any] | None = None,
    ) -> Path:
        """Write a state and then the manifest that makes it valid; call it on one rank only.

        Parameters
        ----------
        time
            In ms.
        arrays
            State by name, in global order.
        label
            Name of a state that is kept; the older slot of the ring is replaced when empty.
        about
            Plain data stored beside it.

        Raises
        ------
        StorageError
            The disk is full or the folder cannot be written; older states are as they were.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            entries = self._entries() if (self.folder / MANIFEST).exists() else []
            name = f"{label or self._older_slot(entries)}.npz"
            buffer = io.BytesIO()
            np.savez(buffer, allow_pickle=False, **dict(arrays))
            data = buffer.getvalue()
            self._check_space(len(data))
            entry = {
                "file": name,
                "label": label,
                "time": time,
                "sha256": hashlib.sha256(data).hexdigest(),
                "about": dict(about or {}),
            }
            kept = [one for one in entries if one["file"] != name]
            # Between the two writes the slot is nobody's: the manifest must not vouch for it.
            if len(kept) < len(entries):
                self._write_manifest(kept)
            _write_whole(self.folder / name, data)
            self._write_manifest([*kept, entry])
        except OSError as error:
            raise StorageError(
                f"the checkpoint at {time:g} ms cannot be written: {error.strerror or error}",
                fix="free disk space; the checkpoint before it is whole",
            ) from error
        return self.folder / name

    def latest(self, *, without: tuple[str, ...] = ()) -> Checkpoint:
        """Return the newest state that is whole, of the ring or kept under a name not `without`.

        Raises
        ------
        CheckpointError
            There is none, it is of another scenario, or all are damaged.
        """
        entries = [one for one in self._entries()[::-1] if one["label"] not in without]
        if not entries:
            raise CheckpointError(
                "no checkpoint was written yet", where=self.folder.name, fix="start from the run"
            )
        for entry in entries[:-1]:
            try:
                return self._read(entry)
            except CheckpointError:
                continue
        return self._read(entries[-1])

    def named(self, label: str) -> Checkpoint:
        """Return the kept state called `label`; errors as in `latest`."""
        for entry in self._entries():
            if entry["label"] == label:
                return self._read(entry)
        raise CheckpointError(f"no checkpoint called {label!r}", where=self.folder.name)

    def has(self, label: str) -> bool:
        """Return whether a state called `label` is kept."""
        if not (self.folder / MANIFEST).exists():
            return False
        return any(entry["label"] == label for entry in self._entries())

    def _entries(self) -> list[dict[str, Any]]:
        path = self.folder / MANIFEST
        if not path.is_file():
            raise CheckpointError(
                f"{self.folder.name!r} holds no {MANIFEST}", fix="give the folder of a run"
            )
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            entries = [
                {"file": str(e["file"]), "label": str(e["label"]), "time": float(e["time"]),
                 "sha256": str(e["sha256"]), "about": dict(e["about"])}
                for e in record["entries"]
            ]  # fmt: skip
            version, scenario = int(record["format"]), str(record["scenario"])
        except (ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"{MANIFEST} is damaged", where=self.folder.name) from error
        if version > FORMAT:
            raise CheckpointError(
                f"format {version} of a newer version", where=MANIFEST, expected=f"{FORMAT}"
            )
        if scenario != self.scenario:
            raise CheckpointError(
                f"written by another scenario ({scenario[:8]}, this one is {self.scenario[:8]})",
                where=f"{self.folder.name}/{MANIFEST}",
                fix="resume with the scenario it was written by, or start a new run",
            )
        return entries

    def _read(self, entry: Mapping[str, Any]) -> Checkpoint:
        path = self.folder / entry["file"]
        try:
            data = path.read_bytes()
        except OSError as error:
            raise CheckpointError(f"cannot be read: {error.strerror}", where=path.name) from error
        if hashlib.sha256(data).hexdigest() != entry["sha256"]:
            raise CheckpointError(
                "damaged or truncated: its content is not what the manifest says",
                where=f"{self.folder.name}/{path.name}",
                fix="resume from an older run or start again",
            )
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise CheckpointError(f"cannot be read: {error}", where=path.name) from error
        return Checkpoint(entry["time"], entry["label"], arrays, entry["about"])

    def _older_slot(self, entries: list[dict[str, Any]]) -> str:
        used = [entry["file"].removesuffix(".npz") for entry in entries if not entry["label"]]
        free = [slot for slot in SLOTS if slot not in used]
        return free[0] if free else used[0]

    def _check_space(self, size: int) -> None:
        free = shutil.disk_usage(self.folder).free
        if free < HEADROOM * size:
            raise StorageError(
                f"a checkpoint of {size / 1e6:.0f} MB does not fit: {free / 1e6:.0f} MB are free",
                where=self.folder.name,
                fix="free disk space; the checkpoint before it is whole",
            )

    def _write_manifest(self, entries: list[dict[str, Any]]) -> None:
        record = {
            "format": FORMAT,
            "heart_twin": __version__,
            "scenario": self.scenario,
            "entries": entries,
        }
        _write_whole(self.folder / MANIFEST, json.dumps(record, indent=1).encode())


def _write_whole(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that a reader, or a crash, finds all of it or what was before."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
