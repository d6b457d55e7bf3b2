"""Everything that a mechanics run found, as plain frozen data for reports and files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.heart import Heart
from heart.anatomy.heart_mesh import HeartMesh

Float = NDArray[np.floating]
Int = NDArray[np.integer]


@dataclass(frozen=True)
class FollowedPoint:
    """A node that was followed: its name, number among the nodes, and place (3,) before, in mm."""

    label: str
    node: int
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
    """

    at: Float
    pressures: Mapping[str, Float]
    volumes: Mapping[str, Float]
    tension: Float
    places: Float
    least_ratio: Float
    iterations: Int
    failures: Int


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
        Nodes that were followed.
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
