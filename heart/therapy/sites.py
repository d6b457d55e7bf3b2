"""Where a lead can go: candidate sites made by rule in ventricular coordinates, or given.

Each generator is a function from a `Placement` (heart and locator) and its options to sites, and
is found by name in `GENERATORS`; a scenario lists the names it wants. Sites are placed on the
finest mesh once; another mesh of the same heart finds them again by their position in mm.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from heart.anatomy.aha import SEGMENT_NAMES
from heart.anatomy.heart import Heart, VentricularCoordinates
from heart.anatomy.heart_mesh import RINGS, Boundary
from heart.core.errors import MissingDataError, ParameterError
from heart.core.parameters import Parameter
from heart.therapy import capture

Float = NDArray[np.float64]
Int = NDArray[np.integer]

LV, RV = -1, 1
SEPTUM = 5.0 / 6.0

PARAMETERS: dict[str, Parameter] = {
    "lbb_apicobasal": Parameter(0.80, "1", 0.6, 0.95, "assumed", "basal third of the septum"),
    "lbb_transmural": Parameter(0.15, "1", 0.0, 0.4, "assumed", "deep: LV subendocardium"),
    "his_apicobasal": Parameter(0.97, "1", 0.8, 1.0, "assumed", "membranous septum"),
    "rv_septum_apicobasal": Parameter(0.5, "1", 0.1, 0.9, "assumed", "mid base to apex"),
    "rvot_apicobasal": Parameter(0.85, "1", 0.6, 1.0, "assumed", "below the pulmonary valve"),
    "vein_spacing": Parameter(5.0, "mm", 1.0, 50.0, "assumed", "along a vein's centreline"),
}


class Kind(StrEnum):
    """What a site is; decides its part in a combination and what its stimulus excites."""

    LV_EPICARDIUM = "lv_epicardium"
    VEIN = "vein"
    LV_ENDOCARDIUM = "lv_endocardium"
    RV_APEX = "rv_apex"
    RV_SEPTUM = "rv_septum"
    RVOT = "rvot"
    LBB_AREA = "lbb_area"
    HIS = "his"
    EXPLICIT = "explicit"
    RV_POINT = "rv_point"


RV_KINDS = (Kind.RV_APEX, Kind.RV_SEPTUM, Kind.RVOT, Kind.RV_POINT)
CONDUCTION_KINDS = (Kind.LBB_AREA, Kind.HIS)

SURFACES: dict[Kind, tuple[Boundary, ...]] = {
    Kind.LV_EPICARDIUM: (Boundary.EPI,),
    Kind.VEIN: (Boundary.EPI,),
    Kind.LV_ENDOCARDIUM: (Boundary.LV_ENDO,),
    Kind.RV_APEX: (Boundary.RV_ENDO,),
    Kind.RV_SEPTUM: (Boundary.RV_ENDO,),
    Kind.RVOT: (Boundary.RV_ENDO,),
    Kind.LBB_AREA: (Boundary.LV_ENDO,),
    Kind.HIS: (Boundary.LV_ENDO,),
    Kind.EXPLICIT: (Boundary.EPI, Boundary.LV_ENDO, Boundary.RV_ENDO),
    Kind.RV_POINT: (Boundary.RV_ENDO,),
}


@dataclass(frozen=True)
class Site:
    """One place for an electrode.

    Attributes
    ----------
    label
        Unique name that a person can find on the heart.
    kind
        What it is.
    point
        (3,) RAS mm, on the surface of the wall.
    node
        Node of the mesh it was placed on.
    aha
        AHA segment 1 to 17; 0 in the RV free wall.
    coordinates
        apicobasal, transmural, rotational, chamber.
    captured, exit_delay, scar_fraction, note
        From `heart.therapy.capture`.
    """

    label: str
    kind: Kind
    point: Float
    node: int
    aha: int
    coordinates: Mapping[str, float]
    captured: bool = True
    exit_delay: float = 0.0
    scar_fraction: float = 0.0
    note: str = ""

    @property
    def is_rv(self) -> bool:
        """Whether it is the place of a right ventricular lead."""
        return self.kind in RV_KINDS

    @property
    def is_conduction(self) -> bool:
        """Whether the stimulus enters the conduction system."""
        return self.kind in CONDUCTION_KINDS


class Locator(Protocol):
    """What sites need of `heart.anatomy.locate.CoordinateLocator`."""

    def coordinates_at(self, points: Float) -> VentricularCoordinates:
        """Return the coordinates of points (k, 3)."""

    def points_at(
        self, apicobasal: Float, transmural: Float, rotational: Float, chamber: Float
    ) -> Float:
        """Return points (k, 3) mm."""

    def nearest_surface_node(self, points: Float, *boundaries: Boundary) -> tuple[Int, Float]:
        """Return nodes (k,) and distances (k,) mm."""


@dataclass(frozen=True)
class Placement:
    """A heart in which sites are being placed."""

    heart: Heart
    locator: Locator

    def on_coordinates(
        self,
        kind: Kind,
        prefix: str,
        apicobasal: Any,
        transmural: float,
        rotational: Any,
        chamber: int,
    ) -> list[Site]:
        """Return sites nearest to ventricular coordinates; places that coincide count once."""
        ab, rot = (
            np.asarray(a, float).ravel() for a in np.broadcast_arrays(apicobasal, rotational)
        )
        points = self.locator.points_at(
            ab, np.full(len(ab), transmural), np.mod(rot, 1.0), np.full(len(ab), chamber)
        )
        surface = self.heart.mesh.nodes_of(*SURFACES[kind])
        own = surface[self.heart.coordinates.chamber[surface] == chamber]
        if len(own) == 0:
            raise MissingDataError(f"this heart has no surface for {prefix}")
        # The nearest node may belong to the other ventricle where the two join.
        nodes = own[cKDTree(self.heart.mesh.points[own]).query(points)[1]]
        _, first = np.unique(nodes, return_index=True)
        return self.at_nodes(kind, prefix, np.asarray(nodes)[np.sort(first)])

    def at_nodes(self, kind: Kind, prefix: str, nodes: Int) -> list[Site]:
        """Return sites at mesh nodes, with capture judged and labels that name the segment."""
        mesh, where = self.heart.mesh, self.heart.coordinates
        outcomes = capture.assess(mesh, mesh.points[nodes])
        count: Counter[str] = Counter()
        sites = []
        for node, outcome in zip(nodes, outcomes, strict=True):
            aha = int(self.heart.segments[node])
            area = f"{prefix} {SEGMENT_NAMES[aha]}" if aha else prefix
            count[area] += 1
            sites.append(
                Site(
                    label=f"{area} {count[area]}" if len(nodes) > 1 else prefix,
                    kind=kind,
                    point=np.asarray(mesh.points[node], float),
                    node=int(node),
                    aha=aha,
                    coordinates={
                        "apicobasal": float(where.apicobasal[node]),
                        "transmural": float(where.transmural[node]),
                        "rotational": float(where.rotational[node]),
                        "chamber": int(where.chamber[node]),
                    },
                    captured=outcome.captured,
                    exit_delay=outcome.exit_delay,
                    scar_fraction=outcome.scar_fraction,
                    note=outcome.note,
                )
            )
        return sites


def lv_epicardial_grid(
    place: Placement,
    *,
    apicobasal: Sequence[float] = (0.3, 0.5, 0.7, 0.85),
    rotations: int = 13,
    margin: float = 0.02,
) -> list[Site]:
    """Return a grid on the LV free-wall epicardium: rings of `apicobasal` × `rotations` columns.

    `margin` keeps the outer columns off the insertions of the RV.
    """
    columns = np.linspace(margin, 2.0 / 3.0 - margin, rotations)
    ab, rot = np.meshgrid(apicobasal, columns, indexing="ij")
    return place.on_coordinates(Kind.LV_EPICARDIUM, "LV epi", ab, 1.0, rot, LV)


def lv_endocardial_grid(
    place: Placement, *, apicobasal: Sequence[float] = (0.3, 0.5, 0.7), rotations: int = 6
) -> list[Site]:
    """Return a grid on the LV free-wall endocardium, for a leadless electrode."""
    columns = np.linspace(0.05, 2.0 / 3.0 - 0.05, rotations)
    ab, rot = np.meshgrid(apicobasal, columns, indexing="ij")
    return place.on_coordinates(Kind.LV_ENDOCARDIUM, "LV endo", ab, 0.0, rot, LV)


def rv_apex(place: Placement) -> list[Site]:
    """Return the RV apex: the point of the RV endocardium nearest to the apex."""
    nodes = _rv_endocardium(place)
    apex = nodes[np.argmin(place.heart.coordinates.apicobasal[nodes])]
    return place.at_nodes(Kind.RV_APEX, "RV apex", np.array([apex]))


def rv_septum(
    place: Placement, *, apicobasal: float = PARAMETERS["rv_septum_apicobasal"].value
) -> list[Site]:
    """Return the RV side of the mid-septum."""
    _rv_endocardium(place)
    return place.on_coordinates(Kind.RV_SEPTUM, "RV septum", apicobasal, 1.0, SEPTUM, LV)


def rvot(
    place: Placement, *, apicobasal: float = PARAMETERS["rvot_apicobasal"].value
) -> list[Site]:
    """Return the septal side of the RV outflow tract, anterior and high."""
    _rv_endocardium(place)
    return place.on_coordinates(Kind.RVOT, "RV outflow tract", apicobasal, 1.0, 0.96, LV)


def lbb_area(
    place: Placement, *, apicobasal: float = PARAMETERS["lbb_apicobasal"].value
) -> list[Site]:
    """Return the left bundle branch area: LV side of the basal septum."""
    return place.on_coordinates(Kind.LBB_AREA, "LBB area", apicobasal, 0.0, SEPTUM, LV)


def his(place: Placement) -> list[Site]:
    """Return the His bundle, at the top of the septum."""
    ab = PARAMETERS["his_apicobasal"].value
    return place.on_coordinates(Kind.HIS, "His bundle", ab, 0.0, SEPTUM, LV)


def coronary_veins(
    place: Placement,
    *,
    branches: Mapping[str, Float],
    spacing: float = PARAMETERS["vein_spacing"].value,
) -> list[Site]:
    """Return sites every `spacing` mm along centrelines {branch name: (k, 3) mm}.

    A vein lies in fat outside the muscle, so up to twice the usual distance is allowed.
    """
    sites: list[Site] = []
    for name, line in branches.items():
        line = np.asarray(line, float)
        length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
        along = np.arange(0.0, length[-1] + 1e-9, spacing)
        points = np.stack([np.interp(along, length, line[:, k]) for k in range(3)], axis=1)
        nodes, distance = place.locator.nearest_surface_node(points, Boundary.EPI)
        refuse_far(points, distance, 2.0 * capture.PARAMETERS["off_surface"].value, f"vein {name}")
        _, first = np.unique(nodes, return_index=True)
        sites += place.at_nodes(Kind.VEIN, f"vein {name}", np.asarray(nodes)[np.sort(first)])
    return sites


def explicit_points(place: Placement, *, points: Mapping[str, Float]) -> list[Site]:
    """Return sites at given points {label: (3,) mm}, as from an implanted lead.

    Raises
    ------
    ParameterError
        A point is more than 5 mm off the wall, or two are on one node.
    """
    where = np.array([np.asarray(point, float) for point in points.values()]).reshape(-1, 3)
    if not np.isfinite(where).all():
        raise ParameterError("a lead position is not finite", expected="three lengths in mm")
    nodes, distance = place.locator.nearest_surface_node(where, *SURFACES[Kind.EXPLICIT])
    labels = list(points)
    limit = capture.PARAMETERS["off_surface"].value
    for label, point, gap in zip(labels, where, distance, strict=True):
        refuse_far(point[None], np.array([gap]), limit, f"lead {label!r}")
    right = np.isin(nodes, place.heart.mesh.nodes_of(Boundary.RV_ENDO))
    sites = [
        place.at_nodes(Kind.RV_POINT if in_rv else Kind.EXPLICIT, label, np.array([node]))[0]
        for label, node, in_rv in zip(labels, nodes, right, strict=True)
    ]
    check_distinct(sites)
    return sites


GENERATORS: dict[str, Callable[..., list[Site]]] = {
    "lv_epicardial_grid": lv_epicardial_grid,
    "coronary_veins": coronary_veins,
    "lv_endocardial_grid": lv_endocardial_grid,
    "rv_apex": rv_apex,
    "rv_septum": rv_septum,
    "rvot": rvot,
    "lbb_area": lbb_area,
    "his": his,
    "explicit": explicit_points,
}


def generate(place: Placement, wanted: Mapping[str, Mapping[str, Any]]) -> list[Site]:
    """Return the sites of the generators named in `wanted`, each with its options.

    Raises
    ------
    ParameterError
        An unknown generator, an empty result, or two sites with one label.
    MissingDataError
        A generator needs a part of the heart that is not there.
    """
    sites: list[Site] = []
    for name, options in wanted.items():
        if name not in GENERATORS:
            raise ParameterError(f"no site generator {name!r}", expected=", ".join(GENERATORS))
        sites += GENERATORS[name](place, **options)
    if not sites:
        raise ParameterError("no candidate sites", fix="name at least one generator")
    doubled = [label for label, n in Counter(site.label for site in sites).items() if n > 1]
    if doubled:
        raise ParameterError(f"two sites are called {doubled[0]!r}", fix="rename one of them")
    return sites


def check_distinct(sites: Sequence[Site]) -> None:
    """Raise ParameterError when two of the leads are on one node of the mesh."""
    seen: dict[int, str] = {}
    for site in sites:
        if site.node in seen:
            raise ParameterError(
                f"leads {seen[site.node]!r} and {site.label!r} are on one node",
                where=f"node {site.node}",
                expected="leads apart by more than an edge of the mesh",
                fix="move or remove one of them",
            )
        seen[site.node] = site.label


def _rv_endocardium(place: Placement) -> Int:
    if not place.heart.mesh.has_rv:
        raise MissingDataError(
            "this heart has no right ventricle to pace", fix="remove the RV sites"
        )
    mesh = place.heart.mesh
    return np.setdiff1d(mesh.nodes_of(Boundary.RV_ENDO), mesh.nodes_of(*RINGS))


def refuse_far(points: Float, distance: Float, limit: float, name: str) -> None:
    """Raise ParameterError naming the point (k, 3) that is farther than `limit` mm off the wall."""
    worst = int(np.argmax(distance))
    if distance[worst] > limit:
        place = ", ".join(f"{value:.1f}" for value in points[worst])
        raise ParameterError(
            f"{name} at ({place}) mm is {distance[worst]:.1f} mm off the wall",
            expected=f"at most {limit:g} mm",
            fix="check the frame of the coordinates (RAS mm, as the image) and the units",
        )
