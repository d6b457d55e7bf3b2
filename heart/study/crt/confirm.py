"""Confirm a screen: the baseline and the first leads of the nominal heart by cells and currents.

The same heart, speeds, early sites, leads and delays as in the screen, on the scenario's own mesh.
A wave cannot leave a point of a coarse mesh, so that the muscle within two edges of an electrode
or exit fires at the times of the screen; from there on the engine is alone. A run ends when all
muscle that conducts has been activated: activation is what is compared.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.block import Grain
from heart.core.errors import NonPhysicalError
from heart.core.progress import Step, Telemetry
from heart.electro.activation import Stimulus
from heart.electro.conduction import ConductionState
from heart.electro.tissue.observer import ActivationRecorder
from heart.scenario.confirm import PROFILE, ConfirmEngine, ConfirmSection
from heart.study.crt.assemble import activation_of, from_zero
from heart.study.crt.confirm_tissue import ConfirmTissue, Problem
from heart.study.crt.confirm_words import words
from heart.study.crt.confirmation import METRICS, WITHIN, Confirmation, Confirmed
from heart.study.crt.ranking import spearman
from heart.study.crt.result import RankedLead
from heart.study.crt.screen import METRICS as SCREENED
from heart.study.crt.screen import delays_for
from heart.study.crt.screening import Screening
from heart.therapy import pacing

Float = NDArray[np.float64]
Int = NDArray[np.integer]

THRESHOLD = -40.0
# ms between looks whether all is activated, and the piece that is timed for the estimate.
PIECE = 10.0
# A source fires no muscle that was activated this many ms before.
REFRACTORY = 20.0
OWN = "No pacing"


@dataclass(frozen=True)
class Beat:
    """One beat to compute.

    Attributes
    ----------
    label, rank, kind, vv_delay
        As in `Confirmed`.
    screen
        (n,) ms by the screen, first activation at 0.
    state
        Conduction state whose speeds the muscle has.
    nodes, times
        What fires, and when.
    """

    label: str
    rank: int | None
    kind: str
    vv_delay: float | None
    screen: Float
    state: ConductionState
    nodes: Int
    times: Float


def confirm(
    section: ConfirmSection,
    found: Screening,
    ranking: Sequence[RankedLead],
    watch: Telemetry,
    grain: Grain | None = None,
) -> Confirmation:
    """Compute the baseline and the first leads again and compare.

    Parameters
    ----------
    section
        Engine, and how many leads.
    found
        The screen.
    ranking
        Its rows, best first.
    watch
        Hears of progress, and of an estimate before the long part.
    grain
        How the heart was meshed, for the tuning; None where no mesher made it.

    Returns
    -------
    Confirmation
        With the leads in the order of the screen.

    Raises
    ------
    NonPhysicalError, NonlinearSolveError
        The mesh is too coarse for the speeds.
    """
    started = time.perf_counter()
    model = found.fine.model
    tissue = ConfirmTissue.of(section, model, found.nominal.velocity, watch, grain)
    leads = [row for row in ranking if row.captured][: section.sites]
    beats = [_own(found), *(_paced(found, row) for row in leads)]
    rows = []
    total = sum(float(_latest(beat.screen)) for beat in beats)
    # The first is made, and its conductivities tuned, before the step that is timed.
    first = tissue.problem(beats[0].state, beats[0].nodes, beats[0].times)
    with watch.step(f"Confirming by {section.engine.value}", total) as step:
        for number, beat in enumerate(beats):
            problem = tissue.problem(beat.state, beat.nodes, beat.times) if number else first
            begin = time.perf_counter()
            limit = section.duration or 2.0 * float(_latest(beat.screen)) + 50.0
            recorder = ActivationRecorder(THRESHOLD)
            if not number:
                _estimate(problem, recorder, total, len(beats), watch)
            activation = _run(problem, recorder, limit, step, float(_latest(beat.screen)))
            rows.append(_compared(found, beat, activation, time.perf_counter() - begin))
    return _confirmation(section, tissue, rows, time.perf_counter() - started)


def _own(found: Screening) -> Beat:
    """Return the heart's own beat."""
    model, member = found.fine.model, found.nominal
    state = member.disease
    return _beat(
        found, OWN, None, "baseline", None, from_zero(found.waves[0]), state,
        [model.early(state.sites)],
    )  # fmt: skip


def _paced(found: Screening, row: RankedLead) -> Beat:
    """Return a ranked lead at its delays, in competition with the heart's own beat."""
    model, member = found.fine.model, found.nominal
    slow, table = member.disease, found.combinations
    setting = int(found.ranking.setting[int(found.ranking.order[(row.rank or 1) - 1])])
    stimuli, through = [], False
    delays = delays_for(table, member)[setting]
    for wave, delay in zip(table.rows[setting], delays, strict=True):
        if wave == pacing.INTRINSIC:
            stimuli.append(model.early(slow.sites).delayed(float(delay)))
        elif wave > pacing.INTRINSIC:
            site = found.sites[wave - 1]
            through |= site.is_conduction and slow.proximal_block
            one = pacing.stimulus(model, site, member.healthy, slow, radius=found.fine.patch_radius)
            stimuli.append(one.delayed(float(delay)))
    # The screen lets each wave run on its own endocardium; one tissue has one, that of the lead.
    free = replace(slow, lv_sheet=member.healthy.lv_sheet, rv_sheet=member.healthy.rv_sheet)
    return _beat(
        found, row.label, row.rank, row.kind, row.vv_delay, activation_of(found, row),
        free if through else slow, stimuli,
    )  # fmt: skip


def _beat(
    found: Screening,
    label: str,
    rank: int | None,
    kind: str,
    vv_delay: float | None,
    screen: Float,
    state: ConductionState,
    stimuli: Sequence[Stimulus],
) -> Beat:
    """Return a beat with its sources on nodes, each node at the earliest of its times."""
    model = found.fine.model
    lengths = model.lengths(found.nominal.velocity, state)
    parts = [model.sources(lengths, one) for one in stimuli]
    nodes = np.concatenate([part[0] for part in parts])
    times = np.concatenate([part[1] for part in parts])
    times = times - times.min()
    first = np.full(len(screen), np.inf)
    np.minimum.at(first, nodes, times)
    fires = np.flatnonzero(np.isfinite(first) & (first < screen + REFRACTORY))
    return Beat(label, rank, kind, vv_delay, screen, state, fires, first[fires])


def _estimate(
    problem: Problem, recorder: ActivationRecorder, total: float, count: int, watch: Telemetry
) -> None:
    """Say how long it will take, from the first ms of tissue."""
    problem.run(1.0, observers=(recorder,))
    begin = time.perf_counter()
    problem.run(3.0, observers=(recorder,))
    rate = 0.5 * (time.perf_counter() - begin)
    watch.say(
        f"Confirming {count} beats, {total:.0f} ms in all, on {len(problem.space.points):,} nodes: "
        f"about {rate * total:.0f} s"
    )


def _run(
    problem: Problem, recorder: ActivationRecorder, limit: float, step: Step, share: float
) -> Float:
    """Return the activation (n,) in ms; runs until all is activated or the limit is reached."""
    conducts = np.isfinite(problem.gather(np.ones(len(problem.nodes))))
    told = 0.0
    arrival = np.full(len(conducts), np.nan)
    while problem.time < limit and np.isnan(arrival[conducts]).any():
        problem.run(min(problem.time + PIECE, limit), observers=(recorder,))
        arrival = recorder.first()
        done = min(problem.time, share) - told
        told += done
        step.advance(done)
    step.advance(share - told)
    if np.isnan(arrival).all():
        raise NonPhysicalError(
            f"no wave starts in the confirming run within {limit:g} ms",
            where="confirm",
            fix="use a finer mesh or 'confirm: reaction_eikonal'",
        )
    return arrival


def _compared(found: Screening, beat: Beat, arrival: Float, seconds: float) -> Confirmed:
    """Return engine and screen side by side.

    The muscle around a source fires at the times of the screen, so that its wave is under way
    when it is left alone: there is no latency to take off, only the rise to the threshold.
    """
    activation = arrival - np.nanmin(arrival)
    reached = np.isfinite(beat.screen)
    difference = np.where(reached, activation - beat.screen, np.nan)
    gap = np.where(np.isfinite(difference), np.abs(difference), np.inf)[reached]
    known = difference[np.isfinite(difference)]
    return Confirmed(
        label=beat.label,
        rank=beat.rank,
        kind=beat.kind,
        vv_delay=beat.vv_delay,
        activation=activation,
        difference=difference,
        screen=_metrics(found, beat.screen),
        engine=_metrics(found, np.where(np.isfinite(activation), activation, np.inf)),
        within=float((gap <= WITHIN).mean()),
        percentile95=float(np.percentile(np.abs(known), 95.0)),
        mean=float(known.mean()),
        missed=float(np.isinf(gap).mean()),
        seconds=seconds,
    )


def _metrics(found: Screening, activation: Float) -> Mapping[str, float]:
    values = found.fine.of_map(activation.astype(np.float32))
    return {name: float(values[SCREENED.index(name)]) for name in METRICS}


def _confirmation(
    section: ConfirmSection, tissue: ConfirmTissue, rows: Sequence[Confirmed], seconds: float
) -> Confirmation:
    leads = rows[1:]
    screen, engine = ([getattr(row, by)["bivat90"] for row in leads] for by in ("screen", "engine"))
    monodomain = section.engine is ConfirmEngine.MONODOMAIN
    return Confirmation(
        engine=section.engine.value,
        cells=section.cells,
        profile=(section.profile or PROFILE) if monodomain else "",
        edge=tissue.edge,
        tuning=dict(tissue.tuning),
        rows=tuple(rows),
        by_screen=tuple(leads[k].label for k in np.argsort(screen, kind="stable")),
        by_engine=tuple(leads[k].label for k in np.argsort(engine, kind="stable")),
        spearman=spearman(screen, engine) if len(leads) > 1 else float("nan"),
        words=words(section.engine, rows),
        seconds=seconds,
    )


def _latest(activation: Float) -> Float:
    return np.asarray(activation[np.isfinite(activation)].max())
