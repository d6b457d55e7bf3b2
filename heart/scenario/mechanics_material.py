"""What the muscle is made of: a passive law by name, its parameters by place, and its elements.

Parameters are named and ranged by the law itself (heart/mechanics/materials), so that a new law
needs no change here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from heart.core.validation import Count, OneOf, Quantity, Section, did_you_mean, fault
from heart.mechanics.compressibility import AUGMENTATION, BULK
from heart.mechanics.materials.registry import REGISTRY
from heart.scenario.electro_places import Place
from heart.scenario.mechanics_curves import Value, values_of

Factor = Annotated[float, Quantity("", 1e-3, 1e3, note="factor on a parameter")]


class MaterialSection(Section):
    """The passive law, or what differs from it at a place; later entries win where they overlap."""

    where: Place | None = Field(default=None, description="null: everywhere.")
    law: Annotated[str, OneOf(tuple(REGISTRY))] | None = Field(
        default=None, description="Of the first entry; a place has the same law."
    )
    parameters: dict[str, Value] = Field(
        default_factory=dict, description="By the law's own names, as text with a unit."
    )
    scale: dict[str, Factor] = Field(
        default_factory=dict, description="Factors on the values of the first entry."
    )

    @model_validator(mode="after")
    def _known(self) -> MaterialSection:
        doubled = sorted(set(self.parameters) & set(self.scale))
        if doubled:
            raise fault("value", f"{doubled[0]!r} has a value and a factor", fix="keep one of them")
        if self.law is not None:
            read(self.law, self.parameters)
        return self


def read(law: str, given: Mapping[str, Value]) -> dict[str, float]:
    """Return parameters of a law in internal units; faults as `values_of`."""
    return values_of(REGISTRY[law].PARAMETERS, given, law)


def check_names(law: str, names: Iterable[str]) -> None:
    """Refuse names that are no parameters of a law, as a validator does."""
    known = list(REGISTRY[law].PARAMETERS)
    for name in names:
        if name not in known:
            raise fault(
                "parameter",
                f"{name!r} is no parameter of {law}",
                fix=did_you_mean(name, known),
            )


class CompressibilitySection(Section):
    """How a change of volume is resisted."""

    kind: Literal["incompressible", "nearly_incompressible", "penalty"] = "incompressible"
    bulk_modulus: Annotated[float, Quantity.of(BULK)] | None = Field(
        default=None, description="null: that of the parameter table; none if incompressible."
    )
    augmentation: Annotated[float, Quantity.of(AUGMENTATION)] | None = Field(
        default=None, description="Of elements with a pressure; null: none."
    )
    law: Literal["logarithmic", "quadratic"] = "logarithmic"

    @model_validator(mode="after")
    def _fitting(self) -> CompressibilitySection:
        if self.kind == "incompressible" and self.bulk_modulus is not None:
            raise fault(
                "parameter",
                "an incompressible muscle has no bulk modulus",
                fix="use kind: nearly_incompressible",
            )
        if self.kind == "penalty" and self.augmentation is not None:
            raise fault(
                "parameter",
                "a penalty has no augmentation: it has no pressure to augment",
                fix="give its bulk_modulus",
            )
        return self


class ElementSection(Section):
    """Elements of displacement and pressure, and the order of integration."""

    kind: Literal["p2_p1", "p1_p1_stabilised", "p2", "p1"] = "p2_p1"
    quadrature_degree: Annotated[int, Count(1, 12, "of all integrals")] = 4
