"""The nominal heart of the example's scenario, screened on one mesh: what two benchmarks ask about.

The same steps as a run of the scenario with one member and single LV leads only, so that the
numbers are those a user would get; every mesh has its own torso, as it has in a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.build import build_heart
from heart.anatomy.case import load_case
from heart.anatomy.fibres import FibreAngles
from heart.anatomy.locate import CoordinateLocator
from heart.core.errors import MissingDataError
from heart.core.paths import packaged
from heart.core.progress import Telemetry
from heart.scenario.crt import CrtScenario
from heart.scenario.load import LoadedScenario, load_scenario
from heart.study.crt import body, members
from heart.study.crt.candidates import place_all
from heart.study.crt.ranking import best_settings, utilities
from heart.study.crt.screen import METRICS, Screen, delays_for
from heart.therapy import pacing
from heart.therapy.sites import Placement

Float = NDArray[np.float64]

SCENARIO = Path("crt") / "ct_lbbb_screen.yaml"
KINDS = ("lv_epicardial_grid", "rv_apex")


@dataclass(frozen=True)
class Nominal:
    """The nominal heart on one mesh.

    Attributes
    ----------
    screen
        The mesh with its lead field.
    normal, diseased
        (n,) activation in ms without and with the conduction disease.
    normal_metrics, metrics
        Name → value of the normal and of the diseased beat.
    labels, points, utility
        Name, place (g, 3) in mm, and utility at its best delays of each lead.
    paced
        (g, 9) metrics of each lead at its best delays, in the order of `METRICS`.
    """

    screen: Screen
    normal: Float
    diseased: Float
    normal_metrics: dict[str, float]
    metrics: dict[str, float]
    labels: tuple[str, ...]
    points: Float
    utility: Float
    paced: Float


def example(settings: Sequence[str] = ()) -> LoadedScenario[CrtScenario]:
    """Return the example's scenario with `settings` laid over it."""
    return load_scenario(packaged("scenarios") / SCENARIO, settings)


def screened(loaded: LoadedScenario[CrtScenario], edge: float, telemetry: Telemetry) -> Nominal:
    """Screen the LV epicardial leads of the nominal heart on a mesh of edge length `edge` mm."""
    scenario = loaded.scenario
    case = load_case(loaded.case)
    angles = FibreAngles(**scenario.fibres.model_dump())
    backend = scenario.mesh.backend
    heart = build_heart(case, edge, angles, backend=backend, telemetry=telemetry).heart
    locator = CoordinateLocator(heart.mesh, heart.coordinates)
    chosen = [candidate for candidate in scenario.candidates if candidate.kind in KINDS]
    sites = place_all(Placement(heart, locator), chosen, loaded.files, scenario.capture)
    rv = [k for k, site in enumerate(sites) if site.kind.value == scenario.pacing.rv_lead]
    if not rv:
        raise MissingDataError(f"the scenario has no {scenario.pacing.rv_lead} among {KINDS}")
    with telemetry.step(f"Torso and lead field, {edge:g} mm"):
        around = body.prepare(heart, scenario.ecg, case.patient, loaded.files)
        screen = Screen.of(
            heart, locator, around.nominal(heart),
            scenario.ecg.sampling, scenario.capture.patch_radius,
        )  # fmt: skip
    with telemetry.step(f"{len(sites) - 1} leads, {edge:g} mm"):
        member = members.nominal(scenario)
        waves = screen.waves(member, sites)
        normal = screen.normal(member)
        own, healthy = screen.of_map(waves[0]), screen.of_map(normal)
        table = pacing.enumerate_all(
            pacing.single(sites, rv[0]),
            scenario.pacing.vv_delays,
            scenario.pacing.av_delays,
            intrinsic=scenario.pacing.pr_interval is not None,
        )
        values = screen.evaluate(waves, table.rows, delays_for(table, member))
    utility, _ = utilities(values[None], own[None], _weights(scenario))
    best = best_settings(utility[0], table)
    return Nominal(
        screen=screen,
        normal=np.asarray(normal, float),
        diseased=np.asarray(waves[0], float),
        normal_metrics=_named(healthy),
        metrics=_named(own),
        labels=tuple(lead.label for lead in table.leads),
        points=np.array([sites[lead.lv[0]].point for lead in table.leads], float),
        utility=utility[0][best],
        paced=values[best],
    )


def _weights(scenario: CrtScenario) -> dict[str, float]:
    return dict(scenario.ranking.weights.model_dump())


def _named(values: Float) -> dict[str, float]:
    return dict(zip(METRICS, map(float, values), strict=True))
