"""Everything that a CRT screen found, as plain frozen data for reports and files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.heart import Heart
from heart.observe.ecg import Ecg
from heart.study.crt.confirmation import Confirmation
from heart.therapy.sites import Site

Float = NDArray[np.floating]
Int = NDArray[np.integer]


@dataclass(frozen=True)
class Metric:
    """One number with its 5 to 95 % interval over the ensemble (None without an ensemble)."""

    value: float
    unit: str
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class RankedLead:
    """One row of the ranking: a lead configuration at its best delays.

    Attributes
    ----------
    rank
        From 1; None for a site that does not capture.
    label, kind, captured, note
        Which leads; ``biv``, ``multipoint``, ``lv_only`` or ``conduction``.
    site
        Index of the (first) LV or conduction-system site in `CrtResult.sites`.
    poles
        Indices of all sites paced, the RV lead's first when there is one.
    aha, coordinates
        Of that site.
    vv_delay, av_delay
        ms; LV minus RV, and atrial event to first pace.
    metrics
        By name, for the nominal heart on the fine mesh, with ensemble intervals.
    utility
        Mean utility; interval over members.
    p_best, p_top3, regret
        Probabilities and expected regret (share of the attainable benefit).
    pareto
        Whether no other row is better in BIVAT-90, LVAT-95 and QRS duration together.
    """

    rank: int | None
    label: str
    kind: str
    captured: bool
    note: str
    site: int
    poles: tuple[int, ...]
    aha: int
    coordinates: Mapping[str, float]
    vv_delay: float | None
    av_delay: float | None
    metrics: Mapping[str, Metric]
    utility: Metric | None
    p_best: float
    p_top3: float
    regret: float | None
    pareto: bool


@dataclass(frozen=True)
class Decision:
    """The answer in words.

    Attributes
    ----------
    clear
        Whether one position is clearly better than the others.
    sentence
        What to tell a reader, with numbers.
    equivalent
        Labels of positions that cannot be told apart from the best; empty when clear.
    best_lv
        Rank of the best configuration with a lead on the left ventricle.
    """

    clear: bool
    sentence: str
    equivalent: tuple[str, ...]
    best_lv: int | None


@dataclass(frozen=True)
class LatestSegment:
    """The usual rule, 'pace where activation is latest', beside the ranking.

    Attributes
    ----------
    aha, name, time
        AHA segment of the LV free wall with the latest mean baseline activation, and that in ms.
    label, rank, regret
        Ranked single LV site nearest to the latest activated muscle of that segment.
    bivat90_loss
        ms of BIVAT-90 lost in the nominal heart against the single epicardial site that ranks
        best.
    """

    aha: int
    name: str
    time: float
    label: str
    rank: int
    regret: float
    bivat90_loss: float


@dataclass(frozen=True)
class MeshCheck:
    """What the screening mesh costs in accuracy: the nominal heart on both meshes.

    Attributes
    ----------
    fine_nodes, screening_nodes
        Nodes of each.
    spearman
        Rank correlation of the utility of all lead configurations.
    difference
        Mean absolute and largest difference of each metric over all combinations.
    """

    fine_nodes: int
    screening_nodes: int
    spearman: float
    difference: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Ensemble:
    """The members: what was drawn, and their metrics.

    Attributes
    ----------
    columns, rows
        Names, and (m, columns) numbers drawn for each member.
    metrics
        Names of the metrics below.
    normal, baseline
        (m, metrics) without and with the conduction disease.
    leads
        (m, leads, metrics) of each ranked configuration at its setting, in ranking order.
    utility
        (m, leads) in ranking order.
    """

    columns: tuple[str, ...]
    rows: Float
    metrics: tuple[str, ...]
    normal: Float
    baseline: Float
    leads: Float
    utility: Float


@dataclass(frozen=True)
class CrtResult:
    """Result of a CRT screen. Research use only.

    Attributes
    ----------
    name, title
        Of the scenario and the case.
    scenario
        The resolved scenario as plain data.
    heart
        Fine mesh with coordinates, segments and fibres.
    quality, changes, label_volumes
        From meshing: the quality numbers, what was repaired, volumes in mm3 of the label map.
    activation
        ``normal``, ``baseline``, ``best`` and ``best_lv``: (n,) ms, first activation at 0.
    metrics
        ``normal``, ``baseline``, ``best`` by name and metric.
    ecgs
        ``normal``, ``baseline``, ``best``.
    sites
        All candidate sites.
    site_score
        (sites,) smallest expected regret of a single-lead configuration at the site; NaN for RV
        leads and sites that do not capture. 0 is the best there is.
    site_benefit
        (sites,) ms of BIVAT-90 gained over baseline in the nominal heart; NaN likewise.
    ranking
        Best first, then the sites that do not capture.
    aha_benefit
        Mean `site_benefit` of the LV epicardial sites in each AHA segment that has some.
    decision, latest, mesh_check, ensemble
        See their classes.
    candidates, combinations
        Counts of lead configurations and of configurations with delays.
    electrodes
        (10, 3) mm; torso in words in `torso`.
    assumptions, missing
        In words, for the report.
    timings
        Seconds of each step.
    provenance
        Versions, seed, hashes.
    confirmation
        The first leads by another engine; None where none was asked for.
    """

    name: str
    title: str
    scenario: Mapping[str, Any]
    heart: Heart
    quality: Mapping[str, Any]
    changes: tuple[str, ...]
    label_volumes: Mapping[str, float]
    activation: Mapping[str, Float]
    metrics: Mapping[str, Mapping[str, Metric]]
    ecgs: Mapping[str, Ecg]
    sites: tuple[Site, ...]
    site_score: Float
    site_benefit: Float
    ranking: tuple[RankedLead, ...]
    aha_benefit: Mapping[int, float]
    decision: Decision
    latest: LatestSegment | None
    mesh_check: MeshCheck
    ensemble: Ensemble
    candidates: int
    combinations: int
    electrodes: Float
    torso: str
    assumptions: tuple[str, ...]
    missing: tuple[str, ...]
    timings: Mapping[str, float]
    provenance: Mapping[str, Any]
    confirmation: Confirmation | None = None

    @property
    def best(self) -> RankedLead:
        """The first row of the ranking."""
        return self.ranking[0]
