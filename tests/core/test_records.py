"""Results on disk: what is saved is loaded, and a file can bring no code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from heart.core import records
from heart.core.errors import CheckpointError


class Side(IntEnum):
    """An enumeration as keys and values."""

    LEFT = 1
    RIGHT = 2


@dataclass(frozen=True)
class Inner:
    """A part."""

    values: NDArray[np.float64]
    side: Side


@dataclass(frozen=True)
class Outer:
    """A whole with every kind of field that results have."""

    parts: tuple[Inner, ...]
    pair: tuple[float, float] | None
    nothing: Inner | None
    by_number: Mapping[int, float]
    nested: Mapping[str, Mapping[str, Inner]]
    free: Mapping[str, Any]
    number: float


@dataclass(frozen=True)
class Other:
    """Another class."""

    number: float


def example() -> Outer:
    """Values that are easy to lose: NaN, int keys, an empty array, numpy scalars."""
    inner = Inner(np.array([[1.0, np.nan]]), Side.RIGHT)
    return Outer(
        parts=(inner, Inner(np.empty((0, 3)), Side.LEFT)),
        pair=(1.0, 2.0),
        nothing=None,
        by_number={3: float("nan"), 17: 1.5},
        nested={"a": {"b": inner}},
        free={"n": np.float64(2.5), "list": [1, {"x": None}]},
        number=float(np.pi),
    )


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    """A report drawn again must show the numbers of the run, bit by bit."""
    before = example()
    after = records.load(records.save(tmp_path / "r.npz", before), Outer)
    assert after.parts[0].side is Side.RIGHT
    np.testing.assert_array_equal(after.parts[0].values, before.parts[0].values)
    assert after.parts[1].values.shape == (0, 3)
    assert after.pair == (1.0, 2.0)
    assert after.nothing is None
    assert list(after.by_number) == [3, 17]
    assert after.by_number[17] == 1.5
    np.testing.assert_array_equal(after.nested["a"]["b"].values, before.parts[0].values)
    assert after.free == {"n": 2.5, "list": [1, {"x": None}]}
    assert after.number == np.pi


def test_damaged_or_foreign_files_are_refused(tmp_path: Path) -> None:
    """Truncated by a full disk, pickled by a stranger, or of another class: exit code 16."""
    good = records.save(tmp_path / "r.npz", example())
    with pytest.raises(CheckpointError, match="Outer"):
        records.load(good, Other)
    (tmp_path / "cut.npz").write_bytes(good.read_bytes()[:200])
    np.savez(tmp_path / "pickled.npz", record=np.array([{"a": 1}], dtype=object))
    for name in ("cut.npz", "pickled.npz", "none.npz"):
        with pytest.raises(CheckpointError):
            records.load(tmp_path / name, Outer)
