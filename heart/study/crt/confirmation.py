"""What a confirmation found, as plain frozen data: engine beside screen, lead by lead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.floating]

WITHIN = 5.0
METRICS = ("bivat90", "lvat95", "tat", "qrs_duration")


@dataclass(frozen=True)
class Confirmed:
    """One beat of the nominal heart by both models.

    Attributes
    ----------
    label, rank, kind
        As in the ranking; the heart's own beat has no rank and the kind ``baseline``.
    vv_delay
        ms; None where one side is paced.
    activation, difference
        (n,) ms by the engine, first activation at 0, NaN where no wave came; engine − screen.
    screen, engine
        Metrics in ms by name, from the same definitions.
    within, percentile95, mean
        Share of the nodes within 5 ms of the screen; 95th percentile of the absolute difference
        and mean difference, ms.
    missed
        Share of the nodes that the screen activates and the engine does not.
    seconds
        What it took.
    """

    label: str
    rank: int | None
    kind: str
    vv_delay: float | None
    activation: Float
    difference: Float
    screen: Mapping[str, float]
    engine: Mapping[str, float]
    within: float
    percentile95: float
    mean: float
    missed: float
    seconds: float


@dataclass(frozen=True)
class Confirmation:
    """The first leads of a screen computed again by cells and currents.

    Attributes
    ----------
    engine, cells, profile
        What computed them.
    edge
        Mean edge of the mesh in mm.
    tuning
        Wanted and reached speeds in mm/ms by name; empty where nothing was tuned.
    rows
        The heart's own beat, then the leads in the screen's order.
    by_screen, by_engine
        Labels of the leads, shortest BIVAT-90 first.
    spearman
        Rank correlation of both BIVAT-90 over the leads; NaN for one lead.
    words
        What agrees and what does not, one sentence each.
    seconds
        Of everything, tuning included.
    """

    engine: str
    cells: str
    profile: str
    edge: float
    tuning: Mapping[str, float]
    rows: tuple[Confirmed, ...]
    by_screen: tuple[str, ...]
    by_engine: tuple[str, ...]
    spearman: float
    words: tuple[str, ...]
    seconds: float

    @property
    def baseline(self) -> Confirmed:
        """The heart's own beat."""
        return self.rows[0]

    @property
    def leads(self) -> tuple[Confirmed, ...]:
        """The leads in the screen's order."""
        return self.rows[1:]
