"""What is noted while a body deforms: loads, volumes, probes, and the fields of each step.

Everything noted is equal on all ranks and part of a checkpoint, so that a run that went on has
the record of one that was not stopped. Fields lie on disk until the run ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import CheckpointError, StorageError
from heart.study.mechanics.result import Traces

Float = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Noted:
    """One accepted step; see `Traces`."""

    at: float
    pressures: Mapping[str, float]
    volumes: Mapping[str, float]
    tension: float
    places: Float
    least_ratio: float
    iterations: int = 0
    failures: int = 0
    wall: Mapping[str, float] = field(default_factory=dict)


class Recorder:
    """Keeps traces in memory and fields on disk.

    Parameters
    ----------
    pressures, volumes
        Names of what is loaded, and of the cavities.
    probes
        How many places are followed.
    folder
        Where fields are put; None on ranks that do not write, or when they are not wanted.
    wall
        Names of what is measured of the wall.
    """

    def __init__(
        self,
        pressures: Sequence[str],
        volumes: Sequence[str],
        probes: int,
        folder: Path | None,
        wall: Sequence[str] = (),
    ) -> None:
        self._wall = tuple(wall)
        self._pressures, self._volumes = tuple(pressures), tuple(volumes)
        self._probes, self._folder = probes, folder
        self._rows: list[Float] = []

    def note(self, one: Noted, fields: Mapping[str, NDArray[Any]]) -> None:
        """Note a step, and put its fields on disk."""
        head = [one.at, one.tension, one.least_ratio, float(one.iterations), float(one.failures)]
        loads = [one.pressures.get(name, 0.0) for name in self._pressures]
        volumes = [one.volumes[name] for name in self._volumes]
        wall = [one.wall[name] for name in self._wall]
        self._rows.append(np.concatenate([head, loads, volumes, wall, one.places.ravel()]))
        if self._folder is not None:
            _store(frame_path(self._folder, len(self._rows) - 1), fields)

    def traces(self) -> Traces:
        """Return everything noted so far."""
        table = np.array(self._rows).reshape(len(self._rows), self._columns)
        first = 5 + len(self._pressures)
        second = first + len(self._volumes)
        third = second + len(self._wall)
        places = table[:, third:].reshape(len(table), self._probes, 3)
        return Traces(
            at=table[:, 0],
            pressures=dict(zip(self._pressures, table[:, 5:first].T.copy(), strict=True)),
            volumes=dict(zip(self._volumes, table[:, first:second].T.copy(), strict=True)),
            tension=table[:, 1],
            places=places.transpose(1, 0, 2).copy(),
            least_ratio=table[:, 2],
            iterations=table[:, 3].astype(np.int64),
            failures=table[:, 4].astype(np.int64),
            wall=dict(zip(self._wall, table[:, second:third].T.copy(), strict=True)),
        )

    def snapshot(self) -> Arrays:
        """Return what was noted, for a checkpoint."""
        return {"rows": np.array(self._rows).reshape(len(self._rows), self._columns)}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `snapshot` returned.

        Raises
        ------
        CheckpointError
            It is of other observations.
        """
        rows = np.asarray(arrays.get("rows", np.zeros((0, 0))))
        if rows.ndim != 2 or rows.shape[1] != self._columns:
            raise CheckpointError(
                f"holds {rows.shape[-1]} traces", expected=f"{self._columns}", where="checkpoint"
            )
        self._rows = list(rows)

    @property
    def _columns(self) -> int:
        named = len(self._pressures) + len(self._volumes) + len(self._wall)
        return 5 + named + 3 * self._probes


def frame_path(folder: Path, index: int) -> Path:
    """Return the file of the fields of a step."""
    return folder / f"{index:06d}.npz"


def _store(path: Path, fields: Mapping[str, NDArray[Any]]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, allow_pickle=False, **dict(fields))
    except OSError as error:
        raise StorageError(f"a field cannot be written: {error.strerror}") from error
