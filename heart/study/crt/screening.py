"""The screen itself: nominal heart on the fine mesh, ensemble on the screening mesh, ranking.

Two steps. First every single lead with every delay in the nominal heart; then, for the few best of
them only, what multiplies the count: a second pole, and another place of the RV lead. All of these
go through the ensemble. The nominal heart is computed on both meshes, and the difference is part
of the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.heart import Heart
from heart.anatomy.locate import CoordinateLocator
from heart.anatomy.recipe import Patient
from heart.core.errors import MissingDataError
from heart.core.progress import Telemetry
from heart.scenario.crt import CrtScenario
from heart.study.crt import body as bodies
from heart.study.crt import members as hearts
from heart.study.crt import network as networks
from heart.study.crt.candidates import place_all
from heart.study.crt.members import Member
from heart.study.crt.ranking import Ranking, best_settings, rank, spearman, utilities
from heart.study.crt.result import MeshCheck
from heart.study.crt.screen import METRICS, Screen, delays_for
from heart.therapy import pacing
from heart.therapy.pacing import Combinations
from heart.therapy.sites import Placement, Site

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Located:
    """A heart with its locator."""

    heart: Heart
    locator: CoordinateLocator


@dataclass(frozen=True)
class Screening:
    """All numbers of a screen before they are put into words.

    Attributes
    ----------
    sites, rv
        All sites, and the index of the RV lead's (−1 for none).
    combinations
        Lead configurations with delays.
    fine
        The fine mesh with its lead field.
    body
        Torso and electrodes.
    nominal, members
        The hearts.
    waves
        (sites + 1, n) waves of the nominal heart on the fine mesh.
    normal
        (n,) its activation without disease.
    nominal_values, nominal_baseline, nominal_normal
        (c, 9), (9,), (9,) metrics of the nominal heart on the fine mesh.
    values, baseline, normals
        (m, c, 9), (m, 9), (m, 9) metrics of the members on the screening mesh, corrected by the
        difference that the nominal heart shows between the meshes.
    ranking
        Over the members.
    mesh_check
        Fine against screening mesh.
    """

    sites: tuple[Site, ...]
    rv: int
    combinations: Combinations
    fine: Screen
    body: bodies.Body
    nominal: Member
    members: tuple[Member, ...]
    waves: NDArray[np.floating]
    normal: NDArray[np.floating]
    nominal_values: Float
    nominal_baseline: Float
    nominal_normal: Float
    values: Float
    baseline: Float
    normals: Float
    ranking: Ranking
    mesh_check: MeshCheck


def screen(
    scenario: CrtScenario,
    fine: Located,
    coarse: Located,
    *,
    patient: Patient | None,
    files: Mapping[str, Path],
    telemetry: Telemetry,
) -> Screening:
    """Run the screen on a heart given on two meshes (which may be the same object)."""
    sites = tuple(
        place_all(Placement(fine.heart, fine.locator), scenario.candidates, files, scenario.capture)
    )
    rv = _rv_lead(sites, scenario)
    nominal, members = hearts.nominal(scenario), hearts.ensemble(scenario)
    with telemetry.step("Torso and lead fields"):
        body = bodies.prepare(fine.heart, scenario.ecg, patient, files)
        seen = body.nominal(fine.heart)
        seen_quickly, seen_by = body.ensemble(coarse.heart, members)
    sampling = scenario.ecg.sampling
    radius = scenario.capture.patch_radius
    trees = networks.prepare(scenario, fine.heart, fine.locator, files)
    on_fine = Screen.of(fine.heart, fine.locator, seen, sampling, radius, trees)
    on_coarse = Screen.of(coarse.heart, coarse.locator, seen_quickly, sampling, radius, trees)

    with telemetry.step("Nominal heart, fine mesh"):
        waves = on_fine.waves(nominal, sites)
        normal = on_fine.normal(nominal)
        own = on_fine.of_map(waves[0])
        combinations = _first_step(scenario, sites, rv)
        values = on_fine.evaluate(waves, combinations.rows, delays_for(combinations, nominal))
        weights = scenario.ranking.weights.model_dump()
        more = _second_step(scenario, sites, rv, combinations, values, own, weights)
        if more is not None:
            extra = on_fine.evaluate(waves, more.rows, delays_for(more, nominal))
            combinations = combinations.joined(more)
            values = np.concatenate([values, extra])
    with telemetry.step("Ensemble, screening mesh", total=len(members) + 1) as step:
        quick = _one(on_coarse, nominal, sites, combinations)
        step.advance()
        many = []
        for member, field in zip(members, seen_by, strict=True):
            many.append(_one(on_coarse.with_lead_field(field), member, sites, combinations))
            step.advance()
    every, starts, normals = (np.array(part) for part in zip(*many, strict=True))
    own_normal = on_fine.of_map(normal)
    every = _on_the_fine_mesh(every, values, quick[0])
    starts = _on_the_fine_mesh(starts, own, quick[1])
    normals = _on_the_fine_mesh(normals, own_normal, quick[2])
    return Screening(
        sites=sites,
        rv=rv,
        combinations=combinations,
        fine=on_fine,
        body=body,
        nominal=nominal,
        members=members,
        waves=waves,
        normal=normal,
        nominal_values=values,
        nominal_baseline=own,
        nominal_normal=own_normal,
        values=every,
        baseline=starts,
        normals=normals,
        ranking=rank(every, starts, combinations, weights),
        mesh_check=_compared(fine, coarse, values, own, quick, combinations, weights),
    )


def _one(
    screen_: Screen, member: Member, sites: Sequence[Site], combinations: Combinations
) -> tuple[Float, Float, Float]:
    """Return metrics of all combinations, of the own beat and of the normal beat of a member."""
    waves = screen_.waves(member, sites)
    values = screen_.evaluate(waves, combinations.rows, delays_for(combinations, member))
    return values, screen_.of_map(waves[0]), screen_.of_map(screen_.normal(member))


def _on_the_fine_mesh(members: Float, fine: Float, quick: Float) -> Float:
    """Return metrics (m, …, 9) of members with the mesh error of the nominal heart taken off.

    A coarser mesh makes all waves a little late, much alike in all members. The nominal heart is
    known on both meshes, so its difference corrects every member; it is zero on equal meshes.
    """
    shift = fine - quick
    return np.asarray(members + np.where(np.isfinite(shift), shift, 0.0))


def _rv_lead(sites: Sequence[Site], scenario: CrtScenario) -> int:
    for k, site in enumerate(sites):
        if site.kind.value == scenario.pacing.rv_lead:
            if not site.captured:
                raise MissingDataError(
                    f"the RV lead at {site.label} does not capture ({site.note})",
                    fix="choose another pacing.rv_lead",
                )
            return k
    return -1


def _first_step(scenario: CrtScenario, sites: Sequence[Site], rv: int) -> Combinations:
    pace = scenario.pacing
    return pacing.enumerate_all(
        pacing.single(sites, rv),
        pace.vv_delays,
        pace.av_delays,
        intrinsic=pace.pr_interval is not None,
    )


def _second_step(
    scenario: CrtScenario,
    sites: Sequence[Site],
    rv: int,
    combinations: Combinations,
    values: Float,
    own: Float,
    weights: Mapping[str, float],
) -> Combinations | None:
    """Return pole pairs and other RV leads for the best single LV sites of the nominal heart."""
    pace = scenario.pacing
    utility, _ = utilities(values[None], own[None], weights)
    setting = best_settings(utility[0], combinations)
    order = np.argsort(-utility[0][setting], kind="stable")
    single = [g for g in order if combinations.leads[g].kind in ("biv", "lv_only")]
    poles = pace.multipoint
    ranked = [combinations.leads[g].lv[0] for g in single]
    leads = pacing.other_rv(sites, rv, ranked[: poles.best if poles else 5]) if rv >= 0 else []
    if poles is not None:
        first = [k for k in ranked if sites[k].kind in pacing.MULTIPOLAR][: poles.best]
        found = pacing.partners(sites, first, low=poles.min_spacing, high=poles.max_spacing)
        leads += pacing.multipoint(sites, rv, found)
    if not leads:
        return None
    return pacing.enumerate_all(
        leads,
        pace.vv_delays,
        pace.av_delays,
        pole_delay=poles.delay if poles else 0.0,
        intrinsic=pace.pr_interval is not None,
    )


def _compared(
    fine: Located,
    coarse: Located,
    values: Float,
    own: Float,
    quick: tuple[Float, Float, Float],
    combinations: Combinations,
    weights: Mapping[str, float],
) -> MeshCheck:
    both = []
    for metrics, start in ((values, own), (quick[0], quick[1])):
        utility, _ = utilities(metrics[None], start[None], weights)
        both.append(utility[0][best_settings(utility[0], combinations)])
    gap = np.abs(values - quick[0])
    return MeshCheck(
        fine_nodes=len(fine.heart.mesh.points),
        screening_nodes=len(coarse.heart.mesh.points),
        spearman=spearman(both[0], both[1]),
        difference={
            name: (float(np.nanmean(gap[:, k])), float(np.nanmax(gap[:, k])))
            for k, name in enumerate(METRICS)
            if np.isfinite(gap[:, k]).any()
        },
    )
