"""Grow a Purkinje tree in the endocardium of a heart.

Bundles and fascicles follow their courses (`bundles`); from the end of each fascicle generations
of branches grow on the surface as a fractal tree: each splits in two at a fixed angle, has a
random length, bends away from the nearest other branch, and stops where it would come too close
to one [SahliCostabal2016].  A fractal tree leaves gaps wherever its branches stopped each other;
what is farther from a junction than `gap` then gets a twig of its own along the shortest way from
the tree, so that no heart has a patch that its tree forgot.

Same heart, parameters and generator state: same tree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from heart.anatomy.heart import Heart
from heart.anatomy.heart_mesh import Boundary
from heart.anatomy.locate import CoordinateLocator
from heart.anatomy.purkinje.bundles import COURSES, HIS, ROOT, Course
from heart.anatomy.purkinje.fill import Perches, twigs
from heart.anatomy.purkinje.sprout import Sprout
from heart.anatomy.purkinje.surface import GrowthSurface
from heart.anatomy.purkinje.tree import PurkinjeTree
from heart.anatomy.purkinje.walk import grow_branches
from heart.core.parameters import Parameter

Float = NDArray[np.float64]
Int = NDArray[np.integer]

PARAMETERS: dict[str, Parameter] = {
    "generations": Parameter(
        10.0, "1", 1.0, 14.0, "SahliCostabal2016", "of branches from the end of each fascicle"
    ),
    "length": Parameter(
        8.0, "mm", 2.0, 30.0, "assumed", "median length of a branch; scaled to a human endocardium"
    ),
    "deviation": Parameter(
        0.4472135954999579,
        "1",
        0.0,
        0.9,
        "SahliCostabal2016",
        "standard deviation of the length as a share of it: sqrt(0.2), as in the authors' code",
    ),
    "shortest": Parameter(
        0.1, "1", 0.01, 1.0, "SahliCostabal2016", "shortest branch as a share of the median"
    ),
    "segment": Parameter(
        0.1, "1", 0.02, 0.5, "SahliCostabal2016", "length of a step as a share of the median"
    ),
    "angle": Parameter(
        0.15, "radian", 0.02, 1.2, "SahliCostabal2016", "between a branch and each of its two heirs"
    ),
    "repulsion": Parameter(
        0.1, "1", 0.0, 1.0, "SahliCostabal2016", "weight of the way out against the way on"
    ),
    "clearance": Parameter(
        1.0, "mm", 0.05, 10.0, "assumed", "a branch stops this close to another one"
    ),
    "extent": Parameter(
        0.85, "1", 0.3, 1.0, "CardoneNoott2016", "largest apicobasal of a twig; 0.8 to 0.9"
    ),
    "gap": Parameter(
        7.0,
        "mm",
        2.0,
        40.0,
        "assumed",
        "endocardium farther than this from a junction gets a twig of its own; published trees "
        "leave 11 mm [SahliCostabal2016]",
    ),
}

_MOST_BRANCHES = 1 << 15
_MOST_NODES = 200_000
_OWN_TRUNK = 10.0


@dataclass(frozen=True)
class GrowthRule:
    """How a tree grows; ranges, units and sources are those of `PARAMETERS`."""

    generations: int = int(PARAMETERS["generations"].value)
    length: float = PARAMETERS["length"].value
    deviation: float = PARAMETERS["deviation"].value
    shortest: float = PARAMETERS["shortest"].value
    segment: float = PARAMETERS["segment"].value
    angle: float = PARAMETERS["angle"].value
    repulsion: float = PARAMETERS["repulsion"].value
    clearance: float = PARAMETERS["clearance"].value
    extent: float = PARAMETERS["extent"].value
    gap: float = PARAMETERS["gap"].value

    def __post_init__(self) -> None:
        for name, parameter in PARAMETERS.items():
            parameter.check(float(getattr(self, name)), name=f"Purkinje growth: {name}")


def grow(
    heart: Heart,
    locator: CoordinateLocator,
    generator: np.random.Generator,
    rule: GrowthRule | None = None,
) -> PurkinjeTree:
    """Grow the tree of both ventricles, or of the left one where there is no right one.

    Parameters
    ----------
    heart, locator
        The heart; the tree lies on its facets `LV_ENDO` and `RV_ENDO`.
    generator
        Source of all chance; the same state gives the same tree.
    rule
        Growth parameters.

    Raises
    ------
    MissingDataError
        The heart has no LV endocardium.
    MeshInputError
        An endocardium is torn, so that a bundle cannot follow its course.

    References
    ----------
    [SahliCostabal2016], section 2.
    """
    rule = rule or GrowthRule()
    depth = 0.5 if heart.mesh.has_rv else 0.0
    here = locator.points_at([HIS.apicobasal], [depth], [HIS.rotational], [HIS.chamber])
    sprout = Sprout(here[0])
    for boundary in (Boundary.LV_ENDO, Boundary.RV_ENDO):
        if boundary is Boundary.RV_ENDO and not heart.mesh.has_rv:
            continue
        surface = GrowthSurface.of(heart, boundary)
        courses = [course for course in COURSES if course.boundary is boundary]
        first = sprout.count
        starts = _run(sprout, surface, locator, courses)
        trunk = np.arange(first, sprout.count)
        _fan(sprout, surface, trunk, starts, generator, rule)
    return sprout.tree()


def coverage(heart: Heart, tree: PurkinjeTree, extent: float = PARAMETERS["extent"].value) -> Float:
    """Return the distance in mm from each endocardial node below `extent` to a junction."""
    mesh = heart.mesh
    nodes = mesh.nodes_of(Boundary.LV_ENDO, Boundary.RV_ENDO)
    nodes = nodes[heart.coordinates.apicobasal[nodes] <= extent]
    return np.asarray(cKDTree(tree.points[tree.junctions]).query(mesh.points[nodes])[0])


@dataclass(frozen=True)
class _Start:
    """The end of a fascicle, from which twigs leave."""

    node: int
    at: int
    heading: Float


def _run(
    sprout: Sprout, surface: GrowthSurface, locator: CoordinateLocator, courses: list[Course]
) -> list[_Start]:
    """Lay the bundles and fascicles of one ventricle; return the ends that fan out."""
    ends: dict[str, tuple[int, int]] = {ROOT: (0, -1)}
    starts = []
    for course in courses:
        before, corner = ends[course.after]
        stops = _stops(surface, locator, course)
        if not course.leaps:
            stops = np.concatenate([[corner], stops])
        run = surface.way(stops)[0 if course.leaps else 1 :]
        if not len(run):
            run = surface.points[stops[-1:]]
        chain = np.concatenate([[before], sprout.count + np.arange(len(run) - 1)])
        numbers = sprout.add(run, chain, course.fascicle, insulated=True)
        ends[course.name] = (int(numbers[-1]), int(stops[-1]))
        if course.fans:
            starts.append(_Start(int(numbers[-1]), int(stops[-1]), _heading(run)))
    return starts


def _stops(surface: GrowthSurface, locator: CoordinateLocator, course: Course) -> Int:
    """Return the surface nodes of a course; the right side of the septum has depth 1."""
    right = course.boundary is Boundary.RV_ENDO
    places = locator.points_at(
        [stop.apicobasal for stop in course.stops],
        [1.0 if right and stop.chamber < 0 else 0.0 for stop in course.stops],
        [stop.rotational for stop in course.stops],
        [stop.chamber for stop in course.stops],
    )
    return surface.nearest(places)


def _heading(run: Float) -> Float:
    """Return the unit direction in which the last centimetre of a run goes."""
    near = np.flatnonzero(np.linalg.norm(run - run[-1], axis=1) <= 10.0)
    step = run[-1] - run[int(near[0])]
    size = float(np.linalg.norm(step))
    return step / size if size > 0.0 else np.array([0.0, 0.0, -1.0])


def _fan(
    sprout: Sprout,
    surface: GrowthSurface,
    trunk: Int,
    starts: list[_Start],
    generator: np.random.Generator,
    rule: GrowthRule,
) -> None:
    """Grow the fractal tree of one ventricle from the ends of its fascicles, then fill gaps."""
    laid = sprout.places()[trunk]
    number = np.concatenate([trunk, [start.node for start in starts]])
    given = len(number)
    xyz = np.empty((_MOST_NODES, 3))
    xyz[: len(trunk)] = laid
    xyz[len(trunk) : given] = [laid[start.node - trunk[0]] for start in starts]
    where = np.full(_MOST_NODES, -1, np.int32)
    corner_of = surface.corner_triangle()
    where[len(trunk) : given] = [corner_of[start.at] for start in starts]
    # What repels must not push a branch off its own fascicle: the last centimetre of the trunk
    # before each end belongs to that end, which stands in the list a second time as a parent.
    owner = np.full(_MOST_NODES, -2, np.int32)
    owner[len(trunk) : given] = np.arange(len(starts))
    ends = xyz[len(trunk) : given]
    gaps, own = (np.asarray(part) for part in cKDTree(ends).query(laid))
    owner[: len(trunk)][gaps < _OWN_TRUNK] = own[gaps < _OWN_TRUNK]
    before = np.full(_MOST_NODES, -1, np.int32)
    count = grow_branches(
        surface.points,
        surface.triangles,
        surface.adjacent,
        surface.height,
        rule.extent,
        xyz,
        where,
        owner,
        before,
        given,
        np.arange(len(trunk), given, dtype=np.int32),
        np.array([start.heading for start in starts]),
        rule.generations,
        generator.random(_MOST_BRANCHES),
        generator.choice(np.array([-1, 1], np.int8), _MOST_BRANCHES),
        rule.length
        * np.maximum(
            rule.shortest, 1.0 + rule.deviation * generator.standard_normal(2 * _MOST_BRANCHES)
        ),
        rule.segment * rule.length,
        rule.angle,
        rule.repulsion,
        rule.clearance,
        rule.length,
    )
    grown = np.arange(given, count)
    number = np.concatenate([number, sprout.count + grown - given])
    sprout.add(xyz[grown], number[before[grown]], None, insulated=False)
    twigs(
        sprout,
        surface,
        Perches.of(surface, xyz, where, number, len(trunk), count),
        rule.extent,
        rule.gap,
    )
