"""How fast the wave runs: speeds along fibre, sheet and normal, and on the fast endocardium.

The subendocardial Purkinje network is represented by the endocardial surface itself: a sheet of no
thickness whose triangles have a speed of their own. A layer 'one element thick', the usual way,
gets thinner with every refinement and drags a mesh error into each activation time; a sheet does
not know how large the tetrahedra behind it are. It ends below the base, as the network does.

The three myocardial speeds are ordered, fibre ≥ sheet ≥ normal, and a set that is not is refused:
published codes differ in which of the last two they call transmural, and a silent exchange turns
the wall's fast direction by 90°. Here *sheet* is the transmural direction of the rule-based
fibres and *normal* the third one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from heart.core.errors import ParameterError
from heart.core.parameters import Parameter

PARAMETERS: dict[str, Parameter] = {
    "fibre": Parameter(0.60, "mm/ms", 0.1, 1.2, "Camps2021", "prior 0.5 to 0.75"),
    "sheet": Parameter(0.40, "mm/ms", 0.05, 1.2, "Camps2021", "transmural; prior 0.25 to 0.6"),
    "normal": Parameter(0.30, "mm/ms", 0.05, 1.2, "Camps2021", "prior 0.3 to 0.5"),
    "endocardial_lv": Parameter(1.45, "mm/ms", 0.1, 4.0, "Camps2021", "dense: prior 1.0 to 1.9"),
    "endocardial_rv": Parameter(1.1, "mm/ms", 0.1, 4.0, "Camps2021", "sparse: prior 0.7 to 1.5"),
    "endocardial_extent": Parameter(
        0.85, "1", 0.0, 1.0, "CardoneNoott2016", "largest apicobasal of the fast sheet; 0.8 to 0.9"
    ),
}


@dataclass(frozen=True)
class ConductionVelocity:
    """Conduction speeds in mm/ms and the apicobasal extent of the fast endocardium.

    Attributes
    ----------
    fibre, sheet, normal
        Along the three directions of the muscle, fibre ≥ sheet ≥ normal.
    endocardial_lv, endocardial_rv
        Along the endocardial sheet of each ventricle. Where the muscle is faster, it leads.
    endocardial_extent
        Largest apicobasal coordinate at which the endocardium is fast.
    """

    fibre: float = PARAMETERS["fibre"].value
    sheet: float = PARAMETERS["sheet"].value
    normal: float = PARAMETERS["normal"].value
    endocardial_lv: float = PARAMETERS["endocardial_lv"].value
    endocardial_rv: float = PARAMETERS["endocardial_rv"].value
    endocardial_extent: float = PARAMETERS["endocardial_extent"].value

    def __post_init__(self) -> None:
        for name, parameter in PARAMETERS.items():
            parameter.check(getattr(self, name), name=f"conduction velocity: {name}")
        if not self.fibre >= self.sheet >= self.normal:
            raise ParameterError(
                f"conduction velocities {self.fibre:g}, {self.sheet:g}, {self.normal:g} mm/ms are "
                "out of order",
                where="conduction velocity",
                expected="fibre >= sheet >= normal",
                fix="sheet is the transmural direction here; exchange sheet and normal",
            )

    def scaled(self, factor: float) -> ConductionVelocity:
        """Return the set with the three myocardial speeds multiplied by `factor`."""
        return replace(
            self,
            fibre=factor * self.fibre,
            sheet=factor * self.sheet,
            normal=factor * self.normal,
        )


@dataclass(frozen=True)
class VelocitySet:
    """A named literature set: the speeds, where they are from and when to use them."""

    velocity: ConductionVelocity
    source: str
    note: str


HEALTHY = ConductionVelocity()

REGISTRY: dict[str, VelocitySet] = {
    "healthy": VelocitySet(
        HEALTHY, "Camps2021", "inside the ranges inferred from 12-lead ECGs of healthy people"
    ),
    "intra_operative": VelocitySet(
        ConductionVelocity(fibre=0.65, sheet=0.48, normal=0.48),
        "Taggart2000",
        "along and across the fibre as measured in human hearts at surgery",
    ),
    "slow_cross_fibre": VelocitySet(
        ConductionVelocity(fibre=0.6, sheet=0.25, normal=0.25),
        "CardoneNoott2016",
        "transversely isotropic, the lower end of the published cross-fibre speeds",
    ),
    "heart_failure_mild": VelocitySet(
        HEALTHY.scaled(0.7), "Strocchi2023", "myocardium at 70 % of healthy"
    ),
    "heart_failure_severe": VelocitySet(
        HEALTHY.scaled(0.35), "Strocchi2023", "myocardium at 35 % of healthy"
    ),
}
