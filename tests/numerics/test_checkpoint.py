"""Checkpoints: what was written comes back, and what is not whole or not ours is refused."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mpi4py import MPI

from heart.core.errors import CheckpointError, InterruptedRunError, StorageError
from heart.numerics import checkpoint
from heart.numerics.checkpoint import MANIFEST, CheckpointFolder
from heart.numerics.interruption import stop_between_steps


def state(value: float) -> dict[str, Any]:
    """A small state with the kinds of arrays that runs have."""
    return {
        "voltage": np.full(5, value),
        "beats": np.array([np.nan, 1.0]),
        "count": np.arange(3, dtype=np.int32),
    }


@pytest.fixture
def store(tmp_path: Path) -> CheckpointFolder:
    """An empty store."""
    return CheckpointFolder(tmp_path / "checkpoints", "0123456789")


def test_latest_is_what_was_written_last(store: CheckpointFolder) -> None:
    """Bit for bit: a restart that differs in the last digit is another run."""
    for k in range(5):
        store.write(float(k), state(k), about={"branch": k})
        found = store.latest()
        assert (found.time, found.label, found.about) == (float(k), "", {"branch": k})
        for name, array in state(k).items():
            np.testing.assert_array_equal(found.arrays[name], array)
            assert found.arrays[name].dtype == array.dtype


def test_ring_has_two_slots_and_named_states_stay(store: CheckpointFolder) -> None:
    """Disk use is bounded, and the state that branches start from survives the ring."""
    store.write(1.0, state(1), label="end_of_s1")
    for k in range(2, 7):
        store.write(float(k), state(k))
    names = sorted(path.name for path in store.folder.iterdir())
    assert names == ["a.npz", "b.npz", "end_of_s1.npz", MANIFEST]
    assert store.named("end_of_s1").time == 1.0
    assert store.has("end_of_s1")
    assert not store.has("end_of_s2")
    with pytest.raises(CheckpointError, match="no checkpoint called"):
        store.named("end_of_s2")


def test_state_of_another_scenario_is_refused(store: CheckpointFolder) -> None:
    """Arrays of the right shape from another question would run on without a word."""
    store.write(1.0, state(1))
    with pytest.raises(CheckpointError, match="another scenario") as caught:
        CheckpointFolder(store.folder, "9876543210").latest()
    assert caught.value.exit_code == 16


@pytest.mark.parametrize("keep", [0, 10, -1])
def test_truncated_state_is_refused(store: CheckpointFolder, keep: int) -> None:
    """A copy that was cut off must not start a run."""
    path = store.write(1.0, state(1))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="damaged or truncated"):
        store.latest()


def test_damage_of_the_newest_falls_back_to_the_one_before(store: CheckpointFolder) -> None:
    """That is what the second slot is for."""
    store.write(1.0, state(1))
    newest = store.write(2.0, state(2))
    newest.write_bytes(b"")
    assert store.latest().time == 1.0


def test_missing_or_damaged_manifest_is_refused(store: CheckpointFolder) -> None:
    """Without the manifest nothing says that a file is whole."""
    with pytest.raises(CheckpointError, match="holds no"):
        store.latest()
    store.write(1.0, state(1))
    path = store.folder / MANIFEST
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "format": 99}))
    with pytest.raises(CheckpointError, match="newer version"):
        store.latest()
    path.write_text("{")
    with pytest.raises(CheckpointError, match="damaged"):
        store.latest()


@pytest.mark.parametrize("limit", range(1, 7))
def test_crash_while_writing_costs_nothing(
    store: CheckpointFolder, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """Power fails at any write: the state before is found, and no half file has its name."""
    store.write(1.0, state(1))
    store.write(2.0, state(2))
    real, calls = os.fsync, []

    def failing(handle: int) -> None:
        calls.append(handle)
        if len(calls) == limit:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(checkpoint.os, "fsync", failing)
    with pytest.raises(StorageError, match="No space left"):
        store.write(3.0, state(3))
    assert store.latest().time >= 2.0
    assert not [path for path in store.folder.iterdir() if path.name.endswith(".tmp")]


def test_full_disk_is_said_before_writing(
    store: CheckpointFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Better to stop with the last good state than to find out half-way."""
    usage = checkpoint.shutil.disk_usage("/")
    monkeypatch.setattr(checkpoint.shutil, "disk_usage", lambda _: usage._replace(free=100))
    with pytest.raises(StorageError, match="does not fit"):
        store.write(1.0, state(1))


def test_signal_sets_a_flag_and_the_second_does_not_wait() -> None:
    """All ranks stop in the same step; a user in a hurry can still stop at once."""
    before = signal.getsignal(signal.SIGTERM)
    with stop_between_steps() as stop:
        assert stop.on_any(MPI.COMM_SELF) == ""
        os.kill(os.getpid(), signal.SIGUSR1)
        assert stop.on_any(MPI.COMM_SELF) == "SIGUSR1"
        with pytest.raises(InterruptedRunError, match="second SIGTERM"):
            os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before
