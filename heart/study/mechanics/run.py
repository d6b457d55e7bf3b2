"""A mechanics scenario from words to result: build, unload, load, note, survive."""

from __future__ import annotations

import time as clock
from pathlib import Path

from mpi4py import MPI

from heart.core import provenance
from heart.core.progress import Telemetry, silent
from heart.numerics.checkpoint import CheckpointFolder
from heart.numerics.interruption import Stop
from heart.scenario.load import LoadedScenario
from heart.scenario.mechanics import MechanicsScenario
from heart.study.identity import CHECKPOINTS, newest_of, scenario_hash
from heart.study.mechanics.assemble import result_of
from heart.study.mechanics.in_stages import walk
from heart.study.mechanics.in_time import march
from heart.study.mechanics.keeper import Keeper
from heart.study.mechanics.marching import Marching
from heart.study.mechanics.prepare import prepare
from heart.study.mechanics.result import MechanicsResult


def run_mechanics(
    loaded: LoadedScenario[MechanicsScenario],
    folder: Path,
    telemetry: Telemetry | None = None,
    *,
    stop: Stop | None = None,
    resume: bool = False,
) -> MechanicsResult:
    """Run a scenario. Collective: every rank calls it and gets the result.

    Parameters
    ----------
    loaded
        From `heart.scenario.load.load_scenario`.
    folder
        Folder of the run, for checkpoints and fields on the way; rank 0 writes.
    telemetry
        Who watches; nobody when None.
    stop
        Whether somebody asks to stop; nobody when None.
    resume
        Whether to go on from the newest checkpoint in `folder`.

    Raises
    ------
    InterruptedRunError
        It was asked to stop; the state is in `folder`.
    CheckpointError
        The checkpoint is damaged or of another scenario.
    NonlinearSolveError
        The load could not be reached; the last good state is in `folder`.
    HeartError
        Whatever is wrong with body, law, supports, loads or numerics, as one line.
    """
    watch = telemetry or silent()
    started = clock.perf_counter()
    store = CheckpointFolder(folder / CHECKPOINTS, scenario_hash(loaded))
    newest = newest_of(store) if resume else None
    prepared = prepare(loaded, folder, watch)
    built = clock.perf_counter() - started
    keeper = Keeper(prepared, store, watch, stop or Stop())
    if isinstance(prepared.engine, Marching):
        march(keeper, prepared.engine, loaded.scenario, newest)
    else:
        walk(keeper, prepared.engine, loaded.scenario, newest)
    seconds = {"prepare": built, "run": clock.perf_counter() - started - built}
    record = provenance.manifest(
        seed=loaded.scenario.seed, ranks=MPI.COMM_WORLD.size, scenario_hash=store.scenario
    )
    return result_of(prepared, keeper.moments, keeper.recorder.traces(), seconds, record)
