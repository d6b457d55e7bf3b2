"""Combinations of leads, delays and the heart's own beat, as rows of numbers.

A lead alone makes one wave. A therapy is up to three waves with delays, together with the wave
that the heart conducts itself: all arrive where they arrive first, so a combination is a pointwise
minimum and costs no new solve. The rows made here are what
`heart.observe.activation_metrics.of_combinations` reads.

Time zero is the first pace. VV = LV pace − RV pace: negative is LV first. The heart's own wave
begins PR − AV after the first pace, because AV and PR both count from the atrial event: a short
AV delay leaves all to the leads, a long one lets the heart's own wave fuse with theirs.

Stimulating the conduction system is a wave of its own. In the left bundle branch area the muscle
at the tip is captured, and the healthy exits of the left tree fire after the time that the
Purkinje system takes from the tip to them. At the His bundle all healthy exits fire, after the
HV interval, and no muscle is captured (selective). Both assume that the block lies upstream of
the tip (`ConductionState.proximal_block`); if not, either is a lead in the
basal septum and nothing more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import ParameterError
from heart.core.parameters import Parameter
from heart.electro.activation import PATCH, ActivationModel, Stimulus
from heart.electro.conduction import ConductionState
from heart.therapy.sites import Kind, Site, check_distinct

Float = NDArray[np.float64]
Int = NDArray[np.integer]

PARAMETERS: dict[str, Parameter] = {
    "purkinje_speed": Parameter(3.0, "mm/ms", 1.0, 5.0, "Camps2021", "along the conduction system"),
    "lbb_latency": Parameter(15.0, "ms", 0.0, 60.0, "assumed", "stimulus to the fascicles"),
    "hv_interval": Parameter(45.0, "ms", 30.0, 100.0, "assumed", "His stimulus to first muscle"),
    "multipoint_low": Parameter(10.0, "mm", 0.0, 100.0, "assumed", "shortest pole spacing"),
    "multipoint_high": Parameter(40.0, "mm", 0.0, 100.0, "assumed", "longest pole spacing"),
    "vv": Parameter(0.0, "ms", -120.0, 120.0, "assumed", "LV pace minus RV pace"),
    "av": Parameter(120.0, "ms", 40.0, 350.0, "assumed", "atrial event to the first pace"),
}

MULTIPOLAR = (Kind.LV_EPICARDIUM, Kind.VEIN, Kind.EXPLICIT)
INTRINSIC = 0


@dataclass(frozen=True)
class Lead:
    """One lead configuration: which sites are paced.

    Attributes
    ----------
    label
        Name in the ranking.
    kind
        ``biv``, ``multipoint``, ``lv_only`` or ``conduction``.
    rv
        Index of the RV site, −1 for none.
    lv
        Indices of one or two LV (or conduction system) sites.
    """

    label: str
    kind: str
    rv: int
    lv: tuple[int, ...]


@dataclass(frozen=True)
class Combinations:
    """All therapies as arrays, one row each.

    Attributes
    ----------
    leads
        The lead configurations.
    lead
        (c,) configuration of each row.
    vv, av
        (c,) delays in ms; vv is 0 where only one chamber is paced.
    rows
        (c, 4) wave numbers: 0 the heart's own wave, s + 1 that of site s, −1 none.
    delays
        (c, 4) ms; that of the heart's own wave holds −AV until `with_pr`.
    """

    leads: tuple[Lead, ...]
    lead: Int
    vv: Float
    av: Float
    rows: Int
    delays: Float

    def __len__(self) -> int:
        return len(self.lead)

    def with_pr(self, pr: float) -> Float:
        """Return the delays (c, 4) for a heart with this PR interval in ms."""
        delays = self.delays.copy()
        delays[:, 0] += pr
        return delays

    def joined(self, other: Combinations) -> Combinations:
        """Return the rows of both, those of `other` last."""
        return Combinations(
            self.leads + other.leads,
            np.concatenate([self.lead, other.lead + len(self.leads)]),
            np.concatenate([self.vv, other.vv]),
            np.concatenate([self.av, other.av]),
            np.concatenate([self.rows, other.rows]),
            np.concatenate([self.delays, other.delays]),
        )


def usable_lv(sites: Sequence[Site]) -> list[int]:
    """Return the indices of LV sites that capture, without the conduction system."""
    return [
        k
        for k, site in enumerate(sites)
        if site.captured and not (site.is_rv or site.is_conduction)
    ]


def partners(
    sites: Sequence[Site],
    first: Sequence[int],
    *,
    low: float = PARAMETERS["multipoint_low"].value,
    high: float = PARAMETERS["multipoint_high"].value,
) -> list[tuple[int, int]]:
    """Return pairs of LV sites that the poles of one vein or given lead can reach, each pair once.

    Only leads in veins (or given by the user) have several poles; an endocardial electrode has one.

    Parameters
    ----------
    sites
        All sites.
    first
        Indices of the sites that get a second pole.
    low, high
        Pole spacing in mm; both poles lie on the same surface.
    """
    usable = usable_lv(sites)
    found: dict[tuple[int, int], tuple[int, int]] = {}
    for a in first:
        for b in usable:
            gap = float(np.linalg.norm(sites[b].point - sites[a].point))
            same = sites[a].kind in MULTIPOLAR and sites[b].kind == sites[a].kind
            if b != a and same and low <= gap <= high:
                found.setdefault((min(a, b), max(a, b)), (a, b))
    return list(found.values())


def single(sites: Sequence[Site], rv: int) -> list[Lead]:
    """Return the configurations with one LV electrode or one in the conduction system.

    Parameters
    ----------
    sites
        All sites; those that do not capture have no configuration.
    rv
        Index of the RV lead's site, −1 for none (LV-only pacing).

    Raises
    ------
    ParameterError
        No site captures, or leads of one configuration share a node.
    """
    kind = "biv" if rv >= 0 else "lv_only"
    leads = [Lead(sites[k].label, kind, rv, (k,)) for k in usable_lv(sites)]
    leads += [
        Lead(site.label, "conduction", -1, (k,))
        for k, site in enumerate(sites)
        if site.captured and site.is_conduction
    ]
    if not leads:
        raise ParameterError("no candidate site captures", fix="add sites outside the scar")
    return checked(sites, leads)


def multipoint(sites: Sequence[Site], rv: int, pairs: Sequence[tuple[int, int]]) -> list[Lead]:
    """Return the configurations with two LV electrodes each."""
    return checked(
        sites,
        [Lead(f"{sites[a].label} & {sites[b].label}", "multipoint", rv, (a, b)) for a, b in pairs],
    )


def other_rv(sites: Sequence[Site], rv: int, lv: Sequence[int]) -> list[Lead]:
    """Return LV sites `lv` with every RV site that captures other than `rv`."""
    return checked(
        sites,
        [
            Lead(f"{sites[k].label} with {sites[other].label}", "biv", other, (k,))
            for other, site in enumerate(sites)
            if site.captured and site.is_rv and other != rv
            for k in lv
        ],
    )


def checked(sites: Sequence[Site], leads: list[Lead]) -> list[Lead]:
    """Return `leads`; raise ParameterError when two electrodes of one are on one node."""
    for lead in leads:
        check_distinct([sites[k] for k in (lead.rv, *lead.lv) if k >= 0])
    return leads


def enumerate_all(
    leads: Sequence[Lead],
    vv: Sequence[float],
    av: Sequence[float],
    *,
    pole_delay: float = 0.0,
    intrinsic: bool = True,
) -> Combinations:
    """Return every configuration with every VV and AV delay.

    Parameters
    ----------
    leads
        From `configurations`.
    vv
        VV delays in ms, for configurations with leads in both ventricles.
    av
        AV delays in ms.
    pole_delay
        ms between the two poles of one LV lead.
    intrinsic
        Whether the heart conducts its own beat; False in AV block.
    """
    for value in vv:
        PARAMETERS["vv"].check(value, name="VV delay")
    for value in av:
        PARAMETERS["av"].check(value, name="AV delay")
    shape = [(len(vv) if lead.rv >= 0 else 1) * len(av) for lead in leads]
    lead = np.repeat(np.arange(len(leads)), shape)
    both = np.array([item.rv >= 0 for item in leads])
    grid_vv, grid_av = (g.ravel() for g in np.meshgrid(vv, av, indexing="ij"))
    vv_of = np.concatenate([grid_vv if two else np.zeros(len(av)) for two in both]).astype(float)
    av_of = np.concatenate([grid_av if two else np.asarray(av) for two in both]).astype(float)
    right = np.array([item.rv for item in leads])[lead]
    left = np.array([(*item.lv, -1)[:2] for item in leads])[lead]
    own = np.full(len(lead), INTRINSIC if intrinsic else -1)
    rows = np.column_stack([own, right, left])
    rows[:, 1:] += np.where(rows[:, 1:] >= 0, 1, 0)
    late_rv, late_lv = np.maximum(0.0, -vv_of), np.maximum(0.0, vv_of)
    delays = np.column_stack([-av_of, late_rv, late_lv, late_lv + pole_delay])
    return Combinations(tuple(leads), lead, vv_of, av_of, rows, delays)


def stimulus(
    model: ActivationModel,
    site: Site,
    healthy: ConductionState,
    disease: ConductionState,
    *,
    radius: float = PATCH.value,
    hv_interval: float = PARAMETERS["hv_interval"].value,
) -> Stimulus:
    """Return what a pace at `site` does: the muscle at the tip, the conduction system, or both.

    Parameters
    ----------
    model
        Activation model of the heart (any mesh of it).
    site
        Where the tip is.
    healthy
        The state whose exits fire when the conduction system is captured.
    disease
        The state of this heart; says whether the block lies upstream of the tip.
    radius
        mm of muscle that the electrode fires at once.
    hv_interval
        ms from a stimulus at the His bundle to the first exit.
    """
    muscle = Stimulus(site.point[None], np.array([site.exit_delay]), radius)
    if not (site.is_conduction and disease.proximal_block):
        return muscle
    if site.kind is Kind.HIS:
        return model.early(healthy.sites).delayed(hv_interval)
    tree = model.early(healthy.lv_sites)
    latency, speed = PARAMETERS["lbb_latency"].value, PARAMETERS["purkinje_speed"].value
    way = np.linalg.norm(tree.points - site.point, axis=1)
    return muscle.and_also(Stimulus(tree.points, latency + way / speed))
