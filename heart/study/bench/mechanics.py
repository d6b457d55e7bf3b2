"""Mechanics: the cost of a Newton step, the benchmark ventricles beside a peer, a heart, memory.

The default sizes show ratios within three minutes; `--full` gives those of the targets. A time of
a solve counts from the first load step to the last, without meshing and compiling, for the peer
as for ours.
"""

from __future__ import annotations

import json
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heart.core.errors import HeartError, MissingDataError
from heart.core.paths import packaged
from heart.core.progress import Telemetry
from heart.study.bench.launch import started
from heart.study.bench.peer import PULSE
from heart.study.bench.row import Order, Row, Workload

MODULE = "heart.study.bench.mechanics_jobs"
CASE = ("meshes", "ct_four_chamber", "case.yaml")
KILO = 1e-3
NEWTON_MUST, NEWTON_AIM = 1.2, 0.5
PEER_MUST, PEER_AIM = 4.0, 12.0
HEART_MUST, HEART_AIM = 240.0, 60.0
DIRECT_MUST, ITERATIVE_MUST = 12.0, 4.0


@dataclass(frozen=True)
class Size:
    """Edges in mm and layers of the meshes, quick or as in the targets."""

    filled: tuple[float, int]
    land: tuple[float, int, float | None]
    heart: tuple[str, ...]
    memory: tuple[float, int]


QUICK = Size((2.5, 1), (4.0, 1, None), ("body.edge_length=4 mm",), (2.5, 1))
FULL = Size((1.05, 2), (1.4, 2, None), ("body.edge_length=2.4 mm",), (1.05, 2))
# About 25 steps in two stages; 1.5 kPa at the end of filling.
STEPS = (
    "steps.first=0.08",
    "steps.largest=0.08",
    "loads.stages.0.pressure.lv_endo=1.5 kPa",
    "solver.profiles=[direct_lagged, direct_l2]",
)
PROBLEMS = {2: "inflation", 3: "contraction"}
REFERENCE = {2: (-26.614, -28.281), 3: (-12.35, -15.46)}


def run(order: Order, telemetry: Telemetry) -> list[Row]:
    """Measure all of it."""
    size = FULL if order.full else QUICK
    return [
        *_newton(size, order, telemetry),
        *(row for problem in PROBLEMS for row in _land(problem, size, order, telemetry)),
        _heart(size, order, telemetry),
        *_memory(size, order, telemetry),
    ]


def _newton(size: Size, order: Order, telemetry: Telemetry) -> list[Row]:
    rows = []
    edge, layers = size.filled
    for ranks in (1, 2):
        for profile in ("direct_lagged", "direct"):
            with telemetry.step(f"Filling, {profile}, {ranks} ranks"):
                found = _job("inflation", ranks, edge=edge, layers=layers, profile=profile)
            target = ranks == 2 and profile == "direct_lagged" and order.full
            each = found["seconds"] / found["newton"]
            rows.append(
                Row(
                    f"Newton step, Holzapfel-Ogden P2, {found['unknowns']:,} unknowns, {profile}, "
                    f"{ranks} ranks",
                    each,
                    "s",
                    each,
                    error=f"{found['newton']} Newton steps in {found['steps']} to 1e-8, "
                    f"{found['seconds']:.1f} s in all",
                    must=NEWTON_MUST if target else None,
                    aim=NEWTON_AIM if target else None,
                )
            )
    return rows


def _land(problem: int, size: Size, order: Order, telemetry: Telemetry) -> list[Row]:
    """Solve in turn with the peer where it is asked for: ours, peer, ours."""
    edge, layers, apex = size.land
    question = {"problem": problem, "edge": edge, "layers": layers, "apex": apex, "steps": 10}
    ours, peer, note = [], None, ""
    title = f"Land problem {problem}, {PROBLEMS[problem]}"
    with telemetry.step(f"{title}, ours"):
        ours.append(_job("land", 1, **question))
    if order.peer:
        with telemetry.step(f"{title}, {PULSE.name}"):
            try:
                peer = _peer(question)
            except MissingDataError as error:
                note = f"; no peer: {error.what}"
        with telemetry.step(f"{title}, ours again"):
            ours.append(_job("land", 1, **question))
    if peer is not None:
        note = f"; peer {_ends(peer['apices'])}, {peer['newton']} Newton steps"
    seconds = sorted(float(one["seconds"]) for one in ours)
    first, theirs = ours[0], None if peer is None else float(peer["seconds"])
    return [
        Row(
            f"{title}, {first['unknowns']:,} unknowns, one rank",
            seconds[0],
            "s",
            seconds[len(seconds) // 2],
            error=f"apices {_ends(first['apices'])}, {first['newton']} Newton steps{note}; "
            f"converged {_ends(REFERENCE[problem])} mm",
            peer=theirs,
            peer_name=PULSE.name if peer is not None else "",
            must=None if theirs is None else theirs / PEER_MUST,
            aim=None if theirs is None else theirs / PEER_AIM,
        )
    ]


def _peer(question: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mesh.npz"
        mesh = {name: question[name] for name in ("edge", "layers", "apex")}
        _job("mesh", 1, path=str(path), **mesh)
        asked = {"mesh": str(path), "problem": question["problem"], "steps": question["steps"]}
        return PULSE.run("pulse_land.py", asked, Path(folder))


def _heart(size: Size, order: Order, telemetry: Telemetry) -> Row:
    """Fill and contract the example heart; a row without a time says why."""
    name = "example heart filled to 1.5 kPa and contracted, 2 ranks"
    if not packaged("/".join(CASE[:2])).joinpath(CASE[2]).is_file():
        return Row(
            name, math.nan, "s", math.nan, error="skipped: the case ct_four_chamber is absent"
        )
    try:
        with telemetry.step("Example heart, 2 ranks"):
            found = _job("contract", 2, settings=[*STEPS, *size.heart])
    except HeartError as error:
        return Row(name, math.nan, "s", math.nan, error=f"skipped: {error.what}")
    parts = ", ".join(f"{part} {seconds:.0f} s" for part, seconds in found["parts"].items())
    return Row(
        f"{name}, {found['unknowns']:,} unknowns",
        found["seconds"],
        "s",
        found["seconds"],
        error=parts,
        must=HEART_MUST if order.full else None,
        aim=HEART_AIM if order.full else None,
    )


def _memory(size: Size, order: Order, telemetry: Telemetry) -> list[Row]:
    """Return the growth of the resident set in a first load step, by unknown."""
    rows = []
    edge, layers = size.memory
    for job, profile, must in (
        ("inflation", "direct", DIRECT_MUST),
        ("inflation", "gamg", ITERATIVE_MUST),
        ("mixed", "fieldsplit", ITERATIVE_MUST),
    ):
        with telemetry.step(f"Memory, {job}, {profile}"):
            found = _job(job, 1, edge=edge, layers=layers, profile=profile, share=0.1)
        each = KILO * found["bytes"] / found["unknowns"]
        rows.append(
            Row(
                f"memory per unknown, {job}, {found['unknowns']:,} unknowns, {profile}",
                each,
                "kB",
                each,
                error="resident set at its peak, less that before the mesh",
                must=must if order.full else None,
            )
        )
    return rows


def _job(name: str, ranks: int, **question: Any) -> dict[str, Any]:
    return started(ranks, ["-m", MODULE, name, json.dumps(question)])


def _ends(apices: list[float] | tuple[float, float]) -> str:
    endo, epi = apices
    return f"{endo:.2f} and {epi:.2f}"


WORKLOAD = Workload("mechanics", "Newton steps, benchmark ventricles, a heart, memory", run)
