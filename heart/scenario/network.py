"""The Purkinje network of a scenario: grown in this heart, or read from files.

It takes the place of the early sites and of the fast endocardium. The block of
`conduction.baseline` becomes a cut of a bundle or fascicle.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from heart.anatomy.purkinje.grow import PARAMETERS as GROWTH
from heart.anatomy.purkinje.grow import GrowthRule
from heart.core.validation import Count, Quantity, Section
from heart.core.yaml import KeyPath
from heart.electro.purkinje import PARAMETERS as NETWORK
from heart.scenario.priors import Speed, SpeedPrior, Uniform
from heart.scenario.quantities import Coordinate


def _growth(name: str) -> Quantity:
    return Quantity.of(GROWTH[name])


class Conducting(Section):
    """How fast a network conducts and what its junctions cost."""

    speed: Annotated[float, Quantity.of(NETWORK["speed"], shown="m/s")] = NETWORK["speed"].value
    orthodromic: Annotated[float, Quantity.of(NETWORK["orthodromic"])] = NETWORK[
        "orthodromic"
    ].value
    antidromic: Annotated[float, Quantity.of(NETWORK["antidromic"])] = NETWORK["antidromic"].value
    patch: Annotated[float, Quantity.of(NETWORK["patch"])] = NETWORK["patch"].value
    speed_prior: SpeedPrior | None = Field(
        default=Uniform[Speed].model_validate({"low": "2 m/s", "high": "4 m/s"}),
        description="Speed in the members of an ensemble; null: that of the nominal heart.",
    )


class GrownNetwork(Conducting):
    """A fractal tree grown in the endocardium [SahliCostabal2016], reproducible by its seed."""

    kind: Literal["grown"]
    seed: Annotated[int, Count(0, 2**53, "of the growth")] = 1
    resample: Annotated[
        bool, Field(strict=True, description="Each member of an ensemble has a tree of its own.")
    ] = True
    generations: Annotated[int, Count(1, 14, GROWTH["generations"].note)] = int(
        GROWTH["generations"].value
    )
    length: Annotated[float, _growth("length")] = GROWTH["length"].value
    deviation: Annotated[float, _growth("deviation")] = GROWTH["deviation"].value
    shortest: Annotated[float, _growth("shortest")] = GROWTH["shortest"].value
    segment: Annotated[float, _growth("segment")] = GROWTH["segment"].value
    angle: Annotated[float, Quantity.of(GROWTH["angle"], shown="degree")] = GROWTH["angle"].value
    repulsion: Annotated[float, _growth("repulsion")] = GROWTH["repulsion"].value
    clearance: Annotated[float, _growth("clearance")] = GROWTH["clearance"].value
    extent: Annotated[float, _growth("extent")] = GROWTH["extent"].value
    gap: Annotated[float, _growth("gap")] = GROWTH["gap"].value

    def rule(self) -> GrowthRule:
        """Return the growth parameters."""
        return GrowthRule(**{name: getattr(self, name) for name in GROWTH})


class FileNetwork(Conducting):
    """Trees of lines (.vtk, .vtp, .vtu) beside the scenario, in the frame of the heart (RAS)."""

    kind: Literal["file"]
    left: str = Field(
        description="Tree of the left ventricle, or of both with an array 'fascicle'."
    )
    right: str | None = Field(default=None, description="Tree of the right ventricle.")
    unit: Literal["mm", "cm", "m", "um"] = "mm"
    left_root: tuple[Coordinate, Coordinate, Coordinate] | None = Field(
        default=None, description="Where the left tree is entered; null: marked, or at the base."
    )
    right_root: tuple[Coordinate, Coordinate, Coordinate] | None = Field(
        default=None, description="Where the right tree is entered; null: marked, or at the base."
    )


NetworkSection = Annotated[GrownNetwork | FileNetwork, Field(discriminator="kind")]


def network_files(network: Any) -> dict[KeyPath, str]:
    """Return the files that a network names, by their key in a scenario."""
    if not isinstance(network, FileNetwork):
        return {}
    names = {"left": network.left, "right": network.right}
    return {("conduction", "network", side): name for side, name in names.items() if name}
