"""First activation of one heart for any speeds, conduction state and stimuli.

The topology is made once per heart; a member of an ensemble costs one pass over the cells for its
speeds, and each stimulus one solve. Everything a stimulus can be, the exit of a Purkinje fascicle
or an electrode, is a `Stimulus`: points with times and a patch of muscle that fires at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from heart.anatomy.heart import Heart
from heart.anatomy.heart_mesh import Boundary, Tissue
from heart.core.errors import ParameterError
from heart.core.parameters import Parameter
from heart.electro.conduction import ConductionState, EarlySite
from heart.electro.velocity import ConductionVelocity
from heart.numerics.eikonal import (
    EikonalMesh,
    FibreMetric,
    Lengths,
    point_source,
    solve,
    solve_many,
    tetrahedron_lengths,
    triangle_lengths,
)

Float = NDArray[np.float64]
Int = NDArray[np.integer]

BORDER = Parameter(0.5, "1", 0.05, 1.0, "assumed", "speed of the border zone as a share of healthy")
PATCH = Parameter(2.5, "mm", 0.5, 10.0, "assumed", "radius of muscle that a stimulus fires at once")


class PointLocator(Protocol):
    """What is needed of `heart.anatomy.locate.CoordinateLocator`."""

    def points_at(
        self, apicobasal: Float, transmural: Float, rotational: Float, chamber: Float
    ) -> Float:
        """Return points (k, 3) mm."""


@dataclass(frozen=True)
class Stimulus:
    """Points (k, 3) mm that fire at times (k,) ms, and the radius in mm of what fires at once."""

    points: Float
    times: Float
    radius: float = PATCH.value

    def __post_init__(self) -> None:
        if np.shape(self.points) != (len(self.times), 3) or not len(self.times):
            raise ParameterError("a stimulus needs at least one point and one time for each")

    def delayed(self, delay: float) -> Stimulus:
        """Return the stimulus `delay` ms later."""
        return Stimulus(self.points, self.times + delay, self.radius)

    def and_also(self, other: Stimulus) -> Stimulus:
        """Return both stimuli as one."""
        return Stimulus(
            np.concatenate([self.points, other.points]),
            np.concatenate([self.times, other.times]),
            self.radius,
        )


@dataclass(frozen=True)
class ActivationModel:
    """The eikonal problem of one heart; make it with `ActivationModel.of`.

    Attributes
    ----------
    heart
        Mesh, coordinates and fibres.
    locator
        Turns ventricular coordinates into points.
    mesh
        Topology that the solver marches over; scar core does not conduct.
    sheet_left
        (k,) whether a triangle of the endocardial sheet is on the LV side.
    sheet_apicobasal
        (k,) its apicobasal coordinate.
    edge
        Mean edge length in mm.
    """

    heart: Heart
    locator: PointLocator
    mesh: EikonalMesh
    sheet_left: NDArray[np.bool_]
    sheet_apicobasal: Float
    edge: float

    @staticmethod
    def of(heart: Heart, locator: PointLocator) -> ActivationModel:
        """Build the topology of `heart`."""
        mesh = heart.mesh
        on_sheet = np.isin(mesh.facet_tags, (Boundary.LV_ENDO, Boundary.RV_ENDO))
        sheet = mesh.facets[on_sheet]
        sides = mesh.points[mesh.cells[:, [1, 2, 3]]] - mesh.points[mesh.cells[:, :1]]
        return ActivationModel(
            heart=heart,
            locator=locator,
            mesh=EikonalMesh.from_cells(
                mesh.points, mesh.cells, sheet, conducting=mesh.tissue != Tissue.CORE
            ),
            sheet_left=mesh.facet_tags[on_sheet] == Boundary.LV_ENDO,
            sheet_apicobasal=heart.coordinates.apicobasal[sheet].mean(axis=1),
            edge=float(np.linalg.norm(sides, axis=2).mean()),
        )

    def lengths(
        self,
        velocity: ConductionVelocity,
        state: ConductionState | None = None,
        *,
        border: float = BORDER.value,
    ) -> Lengths:
        """Return what the solver needs of the material.

        Parameters
        ----------
        velocity
            Speeds in mm/ms.
        state
            Its factors on the muscle and on each endocardium are applied.
        border
            Factor on the muscle's speeds in the border zone of a scar.
        """
        BORDER.check(border, name="border zone speed factor")
        muscle = state.myocardium if state else 1.0
        speeds = np.tile(
            muscle * np.array([velocity.fibre, velocity.sheet, velocity.normal]),
            (len(self.heart.mesh.cells), 1),
        )
        speeds[self.heart.mesh.tissue == Tissue.BORDER] *= border
        fibres = self.heart.fibres
        sheet = np.where(
            self.sheet_left,
            velocity.endocardial_lv * (state.lv_sheet if state else 1.0),
            velocity.endocardial_rv * (state.rv_sheet if state else 1.0),
        )
        sheet[self.sheet_apicobasal > velocity.endocardial_extent] = 0.0
        return Lengths(
            tetrahedron_lengths(self.mesh, FibreMetric(fibres.fibre, speeds, fibres.sheet)),
            triangle_lengths(self.mesh, sheet),
        )

    def early(self, sites: Sequence[EarlySite]) -> Stimulus:
        """Return early sites as a stimulus in this heart."""
        if not sites:
            raise ParameterError("a conduction state without early sites activates nothing")
        points = self.locator.points_at(
            np.array([site.apicobasal for site in sites]),
            np.array([site.transmural for site in sites]),
            np.array([site.rotational for site in sites]),
            np.array([site.chamber for site in sites]),
        )
        return Stimulus(np.asarray(points, float), np.array([site.time for site in sites]))

    def sources(self, lengths: Lengths, stimulus: Stimulus) -> tuple[Int, Float]:
        """Return the nodes and times that stand for a stimulus.

        Inside the patch the time is the stimulus' own; around it, over two edges, the exact time
        from the patch in the local metric, so that a coarse mesh starts no later than a fine one.
        """
        nodes, times = [], []
        for point, start in zip(stimulus.points, stimulus.times, strict=True):
            reach = stimulus.radius + 2.0 * self.edge
            where, later = point_source(self.mesh, lengths, point, 0.0, reach)
            gap = np.linalg.norm(self.heart.mesh.points[where] - point, axis=1)
            outside = np.maximum(0.0, 1.0 - stimulus.radius / np.maximum(gap, 1e-12))
            nodes.append(where)
            times.append(start + later * outside)
        return np.concatenate(nodes), np.concatenate(times)

    def solve(self, lengths: Lengths, stimulus: Stimulus) -> Float:
        """Return the activation (n,) in ms of a stimulus; inf where it does not arrive."""
        return solve(self.mesh, lengths, *self.sources(lengths, stimulus))

    def solve_many(
        self,
        lengths: Lengths,
        stimuli: Sequence[Stimulus],
        *,
        dtype: DTypeLike = np.float32,
        threads: int | None = None,
    ) -> Float:
        """Return the activation (k, n) in ms of each stimulus alone."""
        sources = [self.sources(lengths, stimulus) for stimulus in stimuli]
        return np.asarray(solve_many(self.mesh, lengths, sources, dtype=dtype, threads=threads))

    def activate(self, velocity: ConductionVelocity, state: ConductionState) -> Float:
        """Return the activation (n,) in ms of a conduction state."""
        return self.solve(self.lengths(velocity, state), self.early(state.sites))

    @property
    def left(self) -> NDArray[np.bool_]:
        """(n,) nodes of the LV with septum."""
        return np.asarray(self.heart.coordinates.chamber < 0)
