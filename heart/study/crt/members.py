"""The hearts that this patient could have: the nominal one, and those drawn from the priors.

The scenario draws speeds, disease and spreads; here each draw becomes a `Member` with its own
conduction states, in ventricular coordinates, so that a member means the same on every mesh.
What the scenario does not name (the PR interval of each member, whether the block lies upstream of
a conduction-system lead, whether the lateral exit exists) is drawn from the priors below, from a
stream of its own, and is listed among the assumptions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from heart.core.parameters import Parameter
from heart.electro import conduction
from heart.electro.conduction import ConductionState, EarlySite
from heart.electro.velocity import ConductionVelocity
from heart.scenario.crt import CrtScenario
from heart.scenario.priors import Draw

Float = NDArray[np.float64]

PRIORS: dict[str, Parameter] = {
    "pr_deviation": Parameter(15.0, "ms", 0.0, 60.0, "assumed", "standard deviation of PR"),
    "proximal_block": Parameter(
        0.64, "1", 0.0, 1.0, "Upadhyay2019", "probability that left bundle pacing is beyond a block"
    ),
    "lateral_exit": Parameter(
        0.5, "1", 0.0, 1.0, "CardoneNoott2016", "probability that the lateral LV exit exists"
    ),
    "long_axis": Parameter(
        90.0, "mm", 50.0, 140.0, "assumed", "apex to base; turns mm into a coordinate"
    ),
    "girth": Parameter(
        130.0, "mm", 60.0, 250.0, "assumed", "of the endocardium; turns mm into a coordinate"
    ),
}

_STREAM = 0x637274


@dataclass(frozen=True)
class Member:
    """One heart of the ensemble.

    Attributes
    ----------
    index
        Number in the ensemble, −1 for the nominal heart.
    velocity
        Speeds in mm/ms.
    healthy, disease
        Conduction states without and with the disease, sites moved as drawn.
    pr
        PR interval in ms; None in AV block.
    electrode_shift, heart_rotation
        Standard deviations in mm and radian for the electrodes of this member; 0 nominally.
    generator
        Stream for the electrodes; None nominally.
    """

    index: int
    velocity: ConductionVelocity
    healthy: ConductionState
    disease: ConductionState
    pr: float | None
    electrode_shift: float = 0.0
    heart_rotation: float = 0.0
    generator: np.random.Generator | None = None


def nominal(scenario: CrtScenario) -> Member:
    """Return the heart that the scenario describes without its priors."""
    return Member(
        index=-1,
        velocity=scenario.conduction.velocity.resolve(),
        healthy=conduction.named(scenario.conduction.normal),
        disease=conduction.named(scenario.conduction.baseline),
        pr=scenario.pacing.pr_interval,
    )


def ensemble(scenario: CrtScenario) -> tuple[Member, ...]:
    """Return the members drawn with the scenario's seed; for one member the nominal heart."""
    draws = scenario.members()
    if not draws:
        return (nominal(scenario),)
    streams = np.random.SeedSequence([scenario.seed or 0, _STREAM]).spawn(len(draws))
    return tuple(
        _member(scenario, draw, np.random.default_rng(stream))
        for draw, stream in zip(draws, streams, strict=True)
    )


def _member(scenario: CrtScenario, draw: Draw, more: np.random.Generator) -> Member:
    healthy = conduction.named(scenario.conduction.normal)
    disease = conduction.named(draw.baseline)
    names = dict.fromkeys(site.name for site in (*healthy.sites, *disease.sites))
    shift = {name: draw.generator.standard_normal(3) for name in names}
    without = more.random() > PRIORS["lateral_exit"].value
    proximal = bool(more.random() < PRIORS["proximal_block"].value)
    pr = scenario.pacing.pr_interval
    if pr is not None:
        spread = PRIORS["pr_deviation"].value
        pr = max(pr + spread * float(np.clip(more.standard_normal(), -2.0, 2.0)), 60.0)
    return Member(
        index=draw.index,
        velocity=draw.velocity,
        healthy=_with_sites(healthy, draw, shift, without),
        disease=replace(
            _with_sites(disease, draw, shift, without),
            lv_sheet=draw.lv_endocardium,
            proximal_block=disease.proximal_block and proximal,
        ),
        pr=pr,
        electrode_shift=draw.electrode_shift,
        heart_rotation=draw.heart_rotation,
        generator=draw.generator,
    )


def _shifted(site: EarlySite, draw: Draw, scores: Float) -> EarlySite:
    """Return the site moved along the surface and in time by three standard scores."""
    along, around, late = scores
    return replace(
        site,
        apicobasal=float(
            np.clip(
                site.apicobasal + draw.early_site_shift * along / PRIORS["long_axis"].value,
                0.05,
                0.9,
            )
        ),
        rotational=float(
            _confined(site, draw.early_site_shift * around / PRIORS["girth"].value) % 1.0
        ),
        time=site.time + draw.early_site_time * float(late),
    )


def _confined(site: EarlySite, shift: float) -> float:
    """Return the rotational coordinate moved by `shift`, kept off the ends of the RV free wall."""
    moved = site.rotational + shift
    if site.chamber == conduction.RV:
        return float(np.clip(moved, 0.69, 0.98))
    return moved


def _with_sites(
    state: ConductionState, draw: Draw, shift: Mapping[str, Float], without_lateral: bool
) -> ConductionState:
    sites = tuple(
        _shifted(site, draw, shift[site.name])
        for site in state.sites
        if not (without_lateral and site.name == "LV lateral")
    )
    return replace(state, sites=sites).starting_at_zero()
