"""One mesh of the heart, ready to be asked about any member and any combination of leads.

For a member each site is solved once, alone; all combinations follow by pointwise minimum, their
activation metrics in one pass each, their QRS by histogram. The same code runs on the fine mesh
for the nominal heart and on the screening mesh for the ensemble, so that the two can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.heart import Heart
from heart.core.errors import NonPhysicalError
from heart.electro.activation import PATCH, ActivationModel, PointLocator, Stimulus
from heart.numerics import tetrahedra
from heart.numerics.eikonal import thread_count
from heart.observe import activation_metrics
from heart.observe.ecg import synthesise_qrs
from heart.observe.lead_field import LeadField
from heart.observe.qrs import qrs_area, qrs_bounds
from heart.study.crt import network as networks
from heart.study.crt.members import Member
from heart.study.crt.network import Networks
from heart.therapy import pacing
from heart.therapy.sites import Site

Float = NDArray[np.floating]
Int = NDArray[np.integer]

METRICS = (*activation_metrics.METRICS, "qrs_duration", "qrs_area")
UNITS = {name: "ms" for name in METRICS} | {"inactive": "1", "qrs_area": "uV.s"}
_BATCH = 64


@dataclass(frozen=True)
class Screen:
    """A mesh with all that does not depend on the member.

    Attributes
    ----------
    model
        Eikonal model.
    volumes
        (n,) muscle volume of each node in mm3.
    lead_field
        Weights of the 12 leads, nominal electrodes.
    sampling
        Interval of the ECG in ms.
    patch_radius
        mm of muscle that an electrode fires at once.
    networks
        Purkinje networks of the members; None: early sites and a fast endocardium.
    """

    model: ActivationModel
    volumes: Float
    lead_field: LeadField
    sampling: float = 1.0
    patch_radius: float = PATCH.value
    networks: Networks | None = None

    @staticmethod
    def of(
        heart: Heart,
        locator: PointLocator,
        lead_field: LeadField,
        sampling: float = 1.0,
        patch_radius: float = PATCH.value,
        networks: Networks | None = None,
    ) -> Screen:
        """Prepare a heart."""
        return Screen(
            ActivationModel.of(heart, locator),
            tetrahedra.node_volumes(heart.mesh.points, heart.mesh.cells),
            lead_field,
            sampling,
            patch_radius,
            networks,
        )

    def with_lead_field(self, lead_field: LeadField) -> Screen:
        """Return the same mesh seen by other electrodes."""
        return replace(self, lead_field=lead_field)

    def waves(self, member: Member, sites: Sequence[Site]) -> Float:
        """Return the waves (sites + 1, n) float32: the heart's own, then that of each site.

        A site that does not capture makes no wave (all inf). A wave that enters the conduction
        system from beyond the block runs on a healthy endocardium: its slowness in the disease
        stands for a network that is entered late and from behind.
        """
        model = self.model
        if self.networks is not None:
            tree = self.networks.of(member.index)
            return networks.waves(model, tree, member, sites, self.patch_radius)
        slow = member.disease
        free = replace(slow, lv_sheet=member.healthy.lv_sheet, rv_sheet=member.healthy.rv_sheet)
        own = model.early(slow.sites)
        waves = np.full((len(sites) + 1, len(self.volumes)), np.inf, np.float32)
        for state, through in ((slow, False), (free, True)):
            paced = [
                k
                for k, site in enumerate(sites)
                if site.captured and (site.is_conduction and slow.proximal_block) == through
            ]
            stimuli: list[Stimulus] = [] if through else [own]
            stimuli += [
                pacing.stimulus(model, sites[k], member.healthy, slow, radius=self.patch_radius)
                for k in paced
            ]
            if stimuli:
                place = [k + 1 for k in paced] if through else [0, *(k + 1 for k in paced)]
                waves[place] = model.solve_many(model.lengths(member.velocity, state), stimuli)
        if not np.isfinite(waves[0]).any():
            raise NonPhysicalError("the heart's own wave activates nothing")
        return waves

    def normal(self, member: Member) -> Float:
        """Return the activation (n,) of the member without its conduction disease."""
        if self.networks is not None:
            return networks.normal(self.model, self.networks.of(member.index), member)
        return np.asarray(self.model.activate(member.velocity, member.healthy), np.float32)

    def evaluate(self, waves: Float, rows: Int, delays: Float) -> NDArray[np.float64]:
        """Return the metrics (c, 9), in the order of `METRICS`, of combinations of waves."""
        rows, delays = np.atleast_2d(rows), np.atleast_2d(delays)
        result = np.empty((len(rows), len(METRICS)))
        result[:, :-2] = activation_metrics.of_combinations(
            waves, rows, delays, self.volumes, self.model.left, threads=thread_count()
        )
        starts = list(range(0, len(rows), _BATCH))

        def qrs(start: int) -> None:
            part = slice(start, start + _BATCH)
            maps = activation_metrics.maps_of_combinations(waves, rows[part], delays[part])
            result[part, -2:] = self.qrs(maps)

        with ThreadPoolExecutor(thread_count()) as pool:
            list(pool.map(qrs, starts))
        return result

    def qrs(self, maps: Float) -> NDArray[np.float64]:
        """Return QRS duration in ms and area in µV·s, (c, 2), of activation maps (c, n)."""
        reached = np.where(np.isfinite(maps), maps, -np.inf)
        first, last = maps.min(axis=1).astype(float), reached.max(axis=1).astype(float)
        result = np.full((len(maps), 2), np.nan)
        active = np.isfinite(first)
        if active.any():
            batch = synthesise_qrs(self.lead_field, maps[active].astype(np.float64), self.sampling)
            on, off = qrs_bounds(batch.times, batch.leads, first[active], last[active])
            result[active] = np.column_stack(
                [off - on, qrs_area(batch.times, batch.leads, on, off)]
            )
        return result

    def of_map(self, activation: Float) -> NDArray[np.float64]:
        """Return the metrics (9,) of one map (n,)."""
        return self.evaluate(activation[None], np.zeros((1, 1), int), np.zeros((1, 1)))[0]


def delays_for(combinations: pacing.Combinations, member: Member) -> Float:
    """Return the delays (c, 4) of all combinations in this member."""
    return combinations.with_pr(member.pr if member.pr is not None else 0.0)
