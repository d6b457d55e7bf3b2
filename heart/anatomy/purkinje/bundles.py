"""Where the bundles and fascicles run, in ventricular coordinates, as data.

The positions are assumed from descriptions of human anatomy: the His bundle at the top of the
septum, the left bundle under the LV endocardium fanning into an anterior, a septal and a posterior
fascicle towards the papillary muscles, the right bundle under the RV endocardium of the septum to
the moderator band, which crosses the cavity to the free wall of the RV and spreads from there.
They hold for any heart; nothing here depends on a mesh.
"""

from __future__ import annotations

from dataclasses import dataclass

from heart.anatomy.heart_mesh import Boundary
from heart.anatomy.purkinje.tree import Fascicle

LV, RV = -1, 1
SEPTUM = 5.0 / 6.0


@dataclass(frozen=True)
class Stop:
    """A place on an endocardium: apicobasal, rotational, chamber."""

    apicobasal: float
    rotational: float
    chamber: int = LV


@dataclass(frozen=True)
class Course:
    """One piece of bundle or fascicle.

    Attributes
    ----------
    name
        For `after` of others.
    fascicle
        Name of its edges.
    boundary
        Endocardium on which it runs.
    stops
        Places it passes, from the base on.
    after
        The course at whose end it begins.
    leaps
        Whether its first stop is reached in a straight line, through wall or cavity.
    fans
        Whether twigs grow from its end.
    """

    name: str
    fascicle: Fascicle
    boundary: Boundary
    stops: tuple[Stop, ...]
    after: str
    leaps: bool = False
    fans: bool = True


HIS = Stop(0.95, SEPTUM)
ROOT = "his"
_LV, _RV = Boundary.LV_ENDO, Boundary.RV_ENDO

COURSES = (
    Course(
        "left bundle",
        Fascicle.LEFT_BUNDLE,
        _LV,
        (Stop(0.90, SEPTUM), Stop(0.80, SEPTUM)),
        ROOT,
        leaps=True,
        fans=False,
    ),
    Course(
        "left anterior",
        Fascicle.LEFT_ANTERIOR,
        _LV,
        (Stop(0.72, 0.96), Stop(0.60, 0.08)),
        "left bundle",
    ),
    Course("left septal", Fascicle.LEFT_SEPTAL, _LV, (Stop(0.60, SEPTUM),), "left bundle"),
    Course(
        "left posterior",
        Fascicle.LEFT_POSTERIOR,
        _LV,
        (Stop(0.72, 0.70), Stop(0.58, 0.58)),
        "left bundle",
    ),
    Course(
        "right bundle",
        Fascicle.RIGHT_BUNDLE,
        _RV,
        (Stop(0.88, 0.87), Stop(0.60, 0.86), Stop(0.42, 0.85)),
        ROOT,
        leaps=True,
    ),
    Course(
        "moderator band",
        Fascicle.MODERATOR_BAND,
        _RV,
        (Stop(0.45, 0.86, RV),),
        "right bundle",
        leaps=True,
        fans=False,
    ),
    Course(
        "right posterior", Fascicle.MODERATOR_BAND, _RV, (Stop(0.56, 0.77, RV),), "moderator band"
    ),
    Course(
        "right anterior", Fascicle.MODERATOR_BAND, _RV, (Stop(0.58, 0.94, RV),), "moderator band"
    ),
    Course("right apical", Fascicle.MODERATOR_BAND, _RV, (Stop(0.30, 0.86, RV),), "moderator band"),
)
