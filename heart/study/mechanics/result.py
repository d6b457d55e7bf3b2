"""Everything that a mechanics run found, as plain frozen data for reports and files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.heart import Heart
from heart.anatomy.heart_mesh import HeartMesh
from heart.study.mechanics.fitted import FittedLaw

Float = NDArray[np.floating]
Int = NDArray[np.integer]


@dataclass(frozen=True)
class FollowedPoint:
    """A point of the muscle that was followed: its name, and place (3,) before, in mm."""

    label: str
    point: Float


@dataclass(frozen=True)
class Moment:
    """The body at one moment: the end of a stage or of a run.

    Attributes
    ----------
    label
        Of the stage.
    at
        Number of the stage, or time in ms.
    displacement
        (N, 3) mm of vertices and middles of edges.
    pressure
        (n,) kPa of the vertices, positive in tension; empty without pressure unknown.
    fields
        {name: (m,)} per cell: stretch, strains, volume ratio.
    """

    label: str
    at: float
    displacement: Float
    pressure: Float
    fields: Mapping[str, Float]


@dataclass(frozen=True)
class Traces:
    """What was noted at each accepted step.

    Attributes
    ----------
    at
        (T,) load, where k is the end of stage k; or time in ms.
    pressures, volumes
        {boundary: (T,)} kPa, and mm³ behind each endocardium.
    tension
        (T,) kPa.
    places
        (p, T, 3) mm of the probes.
    least_ratio
        (T,) smallest volume ratio J of any cell.
    iterations
        (T,) of Newton's method, failed attempts left out.
    failures
        (T,) attempts that failed before the step.
    wall
        {name: (T,)} of a heart in rad, mm, kPa and µJ, see `heart.study.mechanics.wall`.
    """

    at: Float
    pressures: Mapping[str, Float]
    volumes: Mapping[str, Float]
    tension: Float
    places: Float
    least_ratio: Float
    iterations: Int
    failures: Int
    wall: Mapping[str, Float] = field(default_factory=dict)


@dataclass(frozen=True)
class Image:
    """The shape that unloading started from.

    Attributes
    ----------
    nodes
        (N, 3) mm.
    pressures, volumes
        By boundary: kPa it was taken to bear, and mm³ of its cavities.
    distance
        Largest distance in mm of a node from the image when the reference is loaded again.
    """

    nodes: Float
    pressures: Mapping[str, float]
    volumes: Mapping[str, float]
    distance: float


@dataclass(frozen=True)
class MechanicsResult:
    """Result of a mechanics scenario. Research use only.

    Attributes
    ----------
    name, title
        Of the scenario, and what it is about.
    scenario
        The resolved scenario as plain data.
    mesh
        Straight tetrahedra of the reference with boundaries and regions.
    nodes, cells
        (N, 3) vertices and middles of edges, and (m, 10) cells, or (m, 4) where the displacement
        is linear.
    fibre
        (m, 3) direction per cell.
    heart
        Coordinates and segments where it is a heart.
    quality
        Numbers of the mesh.
    probes
        Points that were followed.
    moments
        Ends of the stages, in order.
    traces
        At each accepted step.
    steps
        Unknowns, mean edge in mm.
    assumptions
        In words, for the report.
    timings
        Seconds of each step.
    provenance
        Versions, ranks, hashes.
    image
        (N, 3) nodes of the image, and what unloading found; None where there was none.
    segments
        (m,) AHA segment of each cell of a heart; None elsewhere.
    fitted
        The passive law that was fitted while unloading; None where it is as given.
    """

    name: str
    title: str
    scenario: Mapping[str, Any]
    mesh: HeartMesh
    nodes: Float
    cells: Int
    fibre: Float
    heart: Heart | None
    quality: Mapping[str, Any]
    probes: tuple[FollowedPoint, ...]
    moments: tuple[Moment, ...]
    traces: Traces
    steps: Mapping[str, float]
    assumptions: tuple[str, ...]
    timings: Mapping[str, float]
    provenance: Mapping[str, Any]
    image: Image | None = None
    segments: Int | None = None
    fitted: FittedLaw | None = None

    @property
    def in_time(self) -> bool:
        """Whether moments and traces are at times in ms; else at loads."""
        return str(self.scenario["dynamics"]["kind"]) == "time"
