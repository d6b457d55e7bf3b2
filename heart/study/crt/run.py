"""A CRT screen from scenario to result: build the hearts, screen, put into words."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from heart.anatomy.block import Grain
from heart.anatomy.build import BuiltHeart, build_heart
from heart.anatomy.case import IdealisedSource, load_case
from heart.anatomy.fibres import FibreAngles
from heart.anatomy.locate import CoordinateLocator
from heart.anatomy.recipe import Patient
from heart.core import provenance
from heart.core.progress import Telemetry, silent
from heart.core.validation import as_yaml_data
from heart.scenario.crt import CrtScenario
from heart.scenario.load import LoadedScenario
from heart.study.crt import assemble, wording
from heart.study.crt.confirm import confirm
from heart.study.crt.decision import decide, latest_segment
from heart.study.crt.result import CrtResult
from heart.study.crt.scar import painted
from heart.study.crt.screening import Located, screen


def run_crt(loaded: LoadedScenario[CrtScenario], telemetry: Telemetry | None = None) -> CrtResult:
    """Mesh the heart of a scenario and screen its leads.

    Parameters
    ----------
    loaded
        From `heart.scenario.load.load_scenario`.
    telemetry
        Who watches; nobody when None.

    Returns
    -------
    CrtResult
        Same scenario, seed and versions: same result, but for `timings`.

    Raises
    ------
    HeartError
        Whatever is wrong with case, mesh, leads or parameters, as one line.
    """
    watch = telemetry or silent()
    scenario, section = loaded.scenario, loaded.scenario.mesh
    case = load_case(loaded.case)
    angles = FibreAngles(**scenario.fibres.model_dump())
    started = time.perf_counter()
    fine = build_heart(case, section.edge_length, angles, backend=section.backend, telemetry=watch)
    coarse = fine
    if section.screening_edge_length not in (None, section.edge_length):
        coarse = build_heart(
            case, section.screening_edge_length, angles, backend=section.backend, telemetry=watch
        )
    meshed = time.perf_counter() - started
    result = screen_hearts(
        scenario,
        fine,
        coarse,
        title=case.name,
        patient=case.patient,
        files=loaded.files,
        notes=[text for text in (case.attribution, case.notes) if text],
        telemetry=watch,
        timings={"mesh": meshed},
        hashes={"case": provenance.file_hash(loaded.case)},
        grain=None if isinstance(case.source, IdealisedSource) else Grain(section.backend),
    )
    return result


def screen_hearts(
    scenario: CrtScenario,
    fine: BuiltHeart,
    coarse: BuiltHeart,
    *,
    title: str = "",
    patient: Patient | None = None,
    files: Mapping[str, Path] | None = None,
    notes: Sequence[str] = (),
    telemetry: Telemetry | None = None,
    timings: Mapping[str, float] | None = None,
    hashes: Mapping[str, Any] | None = None,
    grain: Grain | None = None,
) -> CrtResult:
    """Screen a heart that is meshed already; `fine` and `coarse` may be the same object.

    `grain` says how the fine mesh was made, for the tuning of a confirmation.
    """
    watch = telemetry or silent()
    started = time.perf_counter()
    on_fine = _located(fine, scenario)
    on_coarse = on_fine if coarse is fine else _located(coarse, scenario)
    found = screen(
        scenario, on_fine, on_coarse, patient=patient, files=files or {}, telemetry=watch
    )
    ranking = assemble.ranked_leads(found)
    captured = [row for row in ranking if row.captured]
    heart = on_fine.heart
    own = assemble.named(found.nominal_baseline, found.baseline)
    decision = decide(captured, scenario.ranking, own["bivat90"].value)
    activation = {
        "normal": assemble.from_zero(found.normal),
        "baseline": assemble.from_zero(found.waves[0]),
        "best": assemble.activation_of(found, ranking[0]),
    }
    if decision.best_lv is not None:
        activation["best_lv"] = assemble.activation_of(found, ranking[decision.best_lv - 1])
    score, gain = assemble.site_scores(found.sites, ranking, own["bivat90"].value)
    screened = time.perf_counter() - started
    seconds = {**(timings or {}), "screen": screened}
    confirmed = None
    if scenario.confirm is not None:
        confirmed = confirm(scenario.confirm, found, ranking, watch, grain)
        seconds["confirm"] = confirmed.seconds
    return CrtResult(
        name=scenario.name,
        title=title,
        scenario=as_yaml_data(scenario),
        heart=heart,
        quality=fine.quality.as_dict(),
        changes=tuple(fine.changes),
        label_volumes=dict(fine.label_volumes),
        activation=activation,
        metrics={
            "normal": assemble.named(found.nominal_normal, found.normals),
            "baseline": own,
            "best": dict(ranking[0].metrics),
        },
        ecgs={name: assemble.ecg_of(found, heart, times) for name, times in activation.items()},
        sites=found.sites,
        site_score=score,
        site_benefit=gain,
        ranking=ranking,
        aha_benefit=assemble.aha_benefit(found.sites, gain),
        decision=decision,
        latest=latest_segment(
            heart, found.fine.volumes, activation["baseline"], found.sites, captured
        ),
        mesh_check=found.mesh_check,
        ensemble=assemble.ensemble_table(found),
        candidates=len(found.combinations.leads),
        combinations=len(found.combinations),
        electrodes=found.body.torso.electrodes.positions,
        torso=found.fine.lead_field.description,
        assumptions=(*notes, *wording.assumptions(scenario, found.fine.lead_field.description)),
        missing=wording.missing(scenario, heart.mesh),
        timings=seconds,
        provenance=provenance.manifest(
            seed=scenario.seed, members=len(found.members), **(hashes or {})
        ),
        confirmation=confirmed,
    )


def _located(built: BuiltHeart, scenario: CrtScenario) -> Located:
    locator = CoordinateLocator(built.heart.mesh, built.heart.coordinates)
    return Located(painted(built.heart, locator, scenario.scar), locator)
