"""The scenario's candidates as sites on the heart."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.heart_mesh import Boundary
from heart.core.errors import MissingDataError, ParameterError
from heart.scenario.candidates import Candidate, CoronaryVeins, Point
from heart.scenario.crt import CaptureSection
from heart.therapy import capture
from heart.therapy.sites import GENERATORS, Kind, Placement, Site, refuse_far

Float = NDArray[np.float64]

_WALLS: dict[str, tuple[Kind, Boundary, float, int]] = {
    "lv_epicardium": (Kind.EXPLICIT, Boundary.EPI, 1.0, -1),
    "lv_endocardium": (Kind.EXPLICIT, Boundary.LV_ENDO, 0.0, -1),
    "rv_endocardium": (Kind.RV_POINT, Boundary.RV_ENDO, 0.0, 1),
    "rv_epicardium": (Kind.RV_POINT, Boundary.EPI, 1.0, 1),
}


def place_all(
    place: Placement,
    candidates: Sequence[Candidate],
    files: Mapping[str, Path],
    rule: CaptureSection,
) -> list[Site]:
    """Return all sites of the scenario, with unique labels and capture judged.

    Raises
    ------
    ParameterError
        A point off the wall, two points on one node, or two sites with one name.
    MissingDataError
        A vein file that cannot be read, an AHA segment that the heart does not have.
    """
    sites: list[Site] = []
    points: list[Site] = []
    for candidate in candidates:
        if isinstance(candidate, Point):
            points.append(_point(place, candidate))
            continue
        options: dict[str, Any] = candidate.model_dump(exclude={"kind", "file"})
        if isinstance(candidate, CoronaryVeins):
            options["branches"] = read_veins(files[candidate.file])
        sites += GENERATORS[candidate.kind](place, **options)
    seen: dict[int, str] = {}
    for site in points:
        if site.node in seen:
            raise ParameterError(
                f"leads {seen[site.node]!r} and {site.label!r} are on one node of the mesh",
                fix="move or remove one of them",
            )
        seen[site.node] = site.label
    sites += points
    doubled = [label for label, count in Counter(s.label for s in sites).items() if count > 1]
    if doubled:
        raise ParameterError(f"two candidates are called {doubled[0]!r}", fix="rename one of them")
    outcomes = capture.assess(
        place.heart.mesh, np.array([site.point for site in sites]), radius=rule.radius
    )
    return [
        replace(
            site,
            captured=outcome.captured,
            exit_delay=outcome.exit_delay,
            scar_fraction=outcome.scar_fraction,
            note=outcome.note,
        )
        for site, outcome in zip(sites, outcomes, strict=True)
    ]


def _point(place: Placement, point: Point) -> Site:
    kind, boundary, transmural, chamber = _WALLS[point.wall]
    if point.position is not None:
        where = np.array([point.position], float)
        nodes, distance = place.locator.nearest_surface_node(where, boundary)
        refuse_far(
            where, distance, capture.PARAMETERS["off_surface"].value, f"lead {point.label!r}"
        )
    else:
        if point.coordinates is not None:
            wanted = point.coordinates
            row = (wanted.apicobasal, wanted.transmural, wanted.rotational, wanted.chamber)
        else:
            height, turn = _segment_middle(place, int(point.aha or 0))
            row = (height, transmural, turn, chamber)
        where = place.locator.points_at(*(np.array([value], float) for value in row))
        nodes, _ = place.locator.nearest_surface_node(where, boundary)
    site = place.at_nodes(kind, point.label, np.asarray(nodes))[0]
    return replace(site, label=point.label)


def _segment_middle(place: Placement, aha: int) -> tuple[float, float]:
    """Return apicobasal and rotational coordinate of the middle of an AHA segment."""
    nodes = np.flatnonzero(place.heart.segments == aha)
    if not nodes.size:
        raise MissingDataError(f"this heart has no AHA segment {aha}")
    turn = np.exp(2j * np.pi * place.heart.coordinates.rotational[nodes]).mean()
    height = float(place.heart.coordinates.apicobasal[nodes].mean())
    return height, float(np.mod(np.angle(turn) / (2.0 * np.pi), 1.0))


def read_veins(path: Path) -> dict[str, Float]:
    """Read centrelines from a CSV file with the columns ``vein,x,y,z`` (mm, RAS), in order.

    Raises
    ------
    MissingDataError
        A column is missing, a number cannot be read, or a vein has fewer than two points.
    """
    lines: dict[str, list[list[float]]] = {}
    with path.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        if not {"vein", "x", "y", "z"} <= set(reader.fieldnames or ()):
            raise MissingDataError(
                f"{path.name} has the columns {reader.fieldnames}", expected="vein, x, y, z"
            )
        for number, row in enumerate(reader, 2):
            try:
                xyz = [float(row[axis]) for axis in "xyz"]
            except (TypeError, ValueError):
                raise MissingDataError(
                    "not three numbers", where=f"{path.name}:{number}", expected="x, y, z in mm"
                ) from None
            lines.setdefault(str(row["vein"]), []).append(xyz)
    for name, line in lines.items():
        if len(line) < 2 or not np.isfinite(line).all():
            raise MissingDataError(
                f"vein {name!r} has {len(line)} usable points",
                where=path.name,
                expected="two or more",
            )
    return {name: np.array(line) for name, line in lines.items()}
