"""What a run is one of: the scenario's hash, and the newest state that belongs to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from mpi4py import MPI

from heart.core.cache import content_hash
from heart.core.errors import HeartError
from heart.core.validation import as_yaml_data
from heart.numerics.checkpoint import CheckpointFolder
from heart.scenario.load import LoadedScenario

CHECKPOINTS = "checkpoints"
LAST_GOOD = "last_good"
# Time or load, arrays, and what the writer said about them.
Stored = tuple[float, Mapping[str, Any], Mapping[str, Any]]


def scenario_hash(loaded: LoadedScenario[Any]) -> str:
    """Return the hash of everything that the numbers depend on: scenario, case and its files.

    What is drawn, written and noted how often to disk is left out.
    """
    data = as_yaml_data(loaded.scenario)
    for name in ("output", "checkpoints", "title"):
        data.pop(name)
    files = [loaded.case_file] if loaded.case_file is not None else []
    return content_hash(data, *files, *(loaded.files[name] for name in sorted(loaded.files)))


def newest_of(store: CheckpointFolder, without: Collection[str] = ()) -> Stored:
    """Return time or load, arrays and notes of the newest checkpoint, or raise, on every rank.

    Parameters
    ----------
    store
        Where they are.
    without
        Labels of checkpoints that do not count.
    """
    comm = MPI.COMM_WORLD
    outcome: Any = None
    if comm.rank == 0:
        try:
            found = store.latest(without=tuple(without))
            outcome = found.time, dict(found.arrays), dict(found.about)
        except HeartError as error:
            outcome = error
    outcome = comm.bcast(outcome)
    if isinstance(outcome, HeartError):
        raise outcome
    return outcome
