"""Rows of the mechanics benchmark say what was run, beside whom, and why something was not."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heart.core.errors import MissingDataError, MPIEnvironmentError
from heart.core.progress import silent
from heart.study.bench import mechanics, mechanics_jobs
from heart.study.bench.machine import Machine
from heart.study.bench.row import Order, Row

MACHINE = Machine("p", 2, 10.0, 20.0, "b")
OURS = {
    "seconds": 5.0,
    "newton": 40,
    "steps": 10,
    "unknowns": 2820,
    "bytes": 2820 * 8000.0,
    "apices": [-26.6, -28.3],
}


def order(*, peer: bool) -> Order:
    return Order(full=False, peer=peer, machine=MACHINE)


def rows(monkeypatch: pytest.MonkeyPatch, peer: Any, heart: Any = None) -> list[Row]:
    """Return the rows when jobs and peer answer at once."""

    def job(name: str, _ranks: int, **_question: Any) -> dict[str, Any]:
        if name == "contract":
            if heart is None:
                raise MPIEnvironmentError("no heart")
            return dict(heart)
        return OURS

    monkeypatch.setattr(mechanics, "_job", job)
    monkeypatch.setattr(mechanics, "_peer", peer)
    return mechanics.run(order(peer=peer is not None), silent())


def test_a_peer_sets_the_target_and_its_error_is_beside_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A ratio counts for the same problem in the same run only, and with where the apices went."""
    found = rows(monkeypatch, lambda _q: {"seconds": 60.0, "newton": 70, "apices": [-26.7, -28.2]})
    land = [row for row in found if row.peer is not None]
    assert len(land) == 2
    assert all(row.ratio == 12.0 and row.reached(row.aim) for row in land)
    assert "-26.60 and -28.30" in land[0].error
    assert "peer -26.70 and -28.20" in land[0].error


def test_without_peer_or_heart_the_rows_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be run is named, and nothing looks as if it had met a target."""

    def absent(_question: Any) -> dict[str, Any]:
        raise MissingDataError("no connection")

    found = rows(monkeypatch, absent)
    land = [row for row in found if row.name.startswith("Land")]
    assert all("no peer: no connection" in row.error and row.peer is None for row in land)
    heart = next(row for row in found if row.name.startswith("example heart"))
    assert math.isnan(heart.ours)
    assert "skipped" in heart.error
    assert heart.reached(heart.must) is None


def test_memory_is_by_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """8000 bytes an unknown are 8 kB, for direct and iterative profiles alike."""
    memory = [row for row in rows(monkeypatch, None) if row.name.startswith("memory")]
    assert len(memory) == 3
    assert all(row.ours == pytest.approx(8.0) for row in memory)


def test_the_peer_gets_the_mesh_that_we_solve_on(tmp_path: Path) -> None:
    """Same curved cells, same tags: only then are times and apices comparable."""
    path = tmp_path / "mesh.npz"
    told = mechanics_jobs.mesh(str(path), 6.0, 1, None)
    with np.load(path) as stored:
        assert stored["cells"].shape == (told["cells"], 10)
        assert {int(stored["base"]), int(stored["endo"])} <= set(stored["tags"].tolist())
