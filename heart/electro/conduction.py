"""Where the ventricles are first activated, for each state of the conduction system, as data.

The Purkinje tree is not modelled; its exits are: sites on the endocardium, in ventricular
coordinates, each with a time. A conduction disease removes sites, shifts them, or slows what the
wave runs on. All sites are positions in the same coordinates as leads and lesions, so that any
heart can be given any state; nothing here depends on a mesh.

Rotational coordinate: 0 anterior insertion of the RV, 1/3 mid-lateral LV wall, 2/3 posterior
insertion, 5/6 mid-septum; the RV free wall runs from 2/3 (posterior) to 1 (anterior) with
chamber +1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from heart.core.errors import ParameterError

LV, RV = -1, 1


class Endocardium(StrEnum):
    """The side of the wall on which a site lies."""

    LV = "lv"
    RV = "rv"


@dataclass(frozen=True)
class EarlySite:
    """A point where the conduction system enters the muscle.

    Attributes
    ----------
    name
        Anatomical name.
    endocardium
        Side on which it lies: the septum has both.
    chamber
        −1 LV with septum, +1 RV free wall.
    apicobasal, rotational
        Ventricular coordinates.
    time
        ms after the first site of the healthy heart.
    """

    name: str
    endocardium: Endocardium
    chamber: int
    apicobasal: float
    rotational: float
    time: float

    def __post_init__(self) -> None:
        if not (0.0 <= self.apicobasal <= 1.0 and 0.0 <= self.rotational < 1.0):
            raise ParameterError(
                f"early site {self.name!r} at apicobasal {self.apicobasal:g}, rotational "
                f"{self.rotational:g} is outside the ventricles",
                expected="apicobasal in [0, 1], rotational in [0, 1)",
            )
        if self.chamber not in (LV, RV):
            raise ParameterError(
                f"early site {self.name!r} has chamber {self.chamber}", expected="-1 (LV) or +1"
            )

    @property
    def transmural(self) -> float:
        """Transmural coordinate: 1 on the RV side of the septum, 0 elsewhere."""
        return 1.0 if self.endocardium is Endocardium.RV and self.chamber == LV else 0.0


@dataclass(frozen=True)
class ConductionState:
    """A state of the conduction system.

    Attributes
    ----------
    name, note, source
        What it is, in words, and where it is from.
    sites
        Early sites; the first to fire defines time zero.
    lv_sheet, rv_sheet
        Factors on the speed of the fast endocardium of each ventricle.
    myocardium
        Factor on the three speeds of the muscle.
    proximal_block
        Whether the block lies in the His bundle or the stem, so that stimulating beyond it
        (His or left bundle pacing) restores the healthy sites. An assumption for every patient.
    """

    name: str
    note: str
    source: str
    sites: tuple[EarlySite, ...]
    lv_sheet: float = 1.0
    rv_sheet: float = 1.0
    myocardium: float = 1.0
    proximal_block: bool = True

    @property
    def lv_sites(self) -> tuple[EarlySite, ...]:
        """Sites on the LV endocardium."""
        return tuple(site for site in self.sites if site.endocardium is Endocardium.LV)

    @property
    def rv_sites(self) -> tuple[EarlySite, ...]:
        """Sites on the RV endocardium."""
        return tuple(site for site in self.sites if site.endocardium is Endocardium.RV)

    def starting_at_zero(self) -> ConductionState:
        """Return the state with all times shifted so that the first site fires at 0."""
        if not self.sites:
            raise ParameterError(f"conduction state {self.name!r} has no early site")
        first = min(site.time for site in self.sites)
        return replace(
            self, sites=tuple(replace(site, time=site.time - first) for site in self.sites)
        )


# The heights are assumed: each exit stands for an area that fills within 15 to 20 ms, and lies
# where the wave of that area reaches apex and base in balance, so that QRS points to the apex.
LV_SITES = (
    EarlySite("LV mid-septum", Endocardium.LV, LV, 0.65, 0.83, 0.0),
    EarlySite("LV anterior paraseptal", Endocardium.LV, LV, 0.72, 0.03, 0.0),
    EarlySite("LV posterior paraseptal", Endocardium.LV, LV, 0.62, 0.62, 0.0),
    EarlySite("LV lateral", Endocardium.LV, LV, 0.70, 0.45, 10.0),
)
RV_SITES = (
    EarlySite("RV free wall, anterior papillary", Endocardium.RV, RV, 0.50, 0.86, 5.0),
    EarlySite("RV septum, moderator band", Endocardium.RV, LV, 0.40, 0.85, 5.0),
    EarlySite("RV free wall, posterior", Endocardium.RV, RV, 0.55, 0.72, 8.0),
)


def _without(*names: str) -> tuple[EarlySite, ...]:
    return tuple(site for site in LV_SITES + RV_SITES if site.name not in names)


REGISTRY: dict[str, ConductionState] = {
    state.name: state.starting_at_zero()
    for state in (
        ConductionState(
            "healthy",
            "four left and three right exits of the Purkinje tree, the right ones 5 to 10 ms later",
            "Durrer1970",
            LV_SITES + RV_SITES,
        ),
        ConductionState(
            "lbbb",
            "left bundle branch block: no left exits; the wave crosses the septum from the right "
            "and may then run along the left endocardium, whose network is intact but entered late",
            "Strocchi2020",
            RV_SITES,
            lv_sheet=0.6,
        ),
        ConductionState(
            "rbbb",
            "right bundle branch block: no right exits",
            "CardoneNoott2016",
            LV_SITES,
            rv_sheet=0.5,
        ),
        ConductionState(
            "lafb",
            "left anterior fascicular block: no anterior paraseptal exit",
            "CardoneNoott2016",
            _without("LV anterior paraseptal"),
        ),
        ConductionState(
            "lpfb",
            "left posterior fascicular block: no posterior paraseptal exit",
            "CardoneNoott2016",
            _without("LV posterior paraseptal"),
        ),
        ConductionState(
            "slow_myocardium",
            "non-specific intraventricular delay: all exits, slow muscle and slow endocardium",
            "Strocchi2023",
            LV_SITES + RV_SITES,
            lv_sheet=0.5,
            rv_sheet=0.5,
            myocardium=0.7,
            proximal_block=False,
        ),
    )
}


def named(name: str, *, where: str = "") -> ConductionState:
    """Return a state of the registry; raise ParameterError with the names there are."""
    try:
        return REGISTRY[name]
    except KeyError:
        raise ParameterError(
            f"no conduction state {name!r}", where=where, expected=", ".join(REGISTRY)
        ) from None
