"""The image that a body is, and the passive law that is fitted while its reference is found.

Without a measured filling curve the one that human ventricles share is taken [Klotz2006]; it needs
the pressure in the left ventricle of the image, and no other number.
"""

from __future__ import annotations

import itertools
from typing import Annotated, Literal

from pydantic import Field, model_validator

from heart.core.validation import Count, Quantity, Section, fault
from heart.mechanics.fit_factors import (
    COMPARED,
    ERROR,
    ITERATIONS,
    PRESSURES,
    Factor,
    factors_of,
)
from heart.mechanics.klotz import MEASURED
from heart.mechanics.materials.registry import REGISTRY
from heart.scenario.mechanics_curves import Pressure
from heart.scenario.mechanics_loads import check_pressure

LEFT: Literal["lv_endo"] = "lv_endo"
Compared = Annotated[float, Quantity.of(COMPARED, shown="mmHg")]


class FitSection(Section):
    """Passive parameters such that the filled reference follows a curve."""

    curve: Literal["klotz"] = Field(description="From volume and pressure of the image.")
    factors: tuple[Literal["stiffness", "exponent"], ...] | None = Field(
        default=None,
        min_length=1,
        description="What may change: all stiffnesses of the law in proportion, all its "
        "exponents in proportion. null: both where the law has both.",
    )
    pressures: tuple[Compared, ...] = Field(
        default=PRESSURES, min_length=2, max_length=20, description="Where volumes are compared."
    )
    error: Annotated[float, Quantity.of(ERROR)] = ERROR.value
    iterations: Annotated[int, Count(1, int(ITERATIONS.high), ITERATIONS.note)] = int(
        ITERATIONS.value
    )

    @model_validator(mode="after")
    def _ordered(self) -> FitSection:
        if any(later <= sooner for sooner, later in itertools.pairwise(self.pressures)):
            raise fault("parameter", "the pressures of a fit do not increase")
        if self.factors is not None and len(set(self.factors)) < len(self.factors):
            raise fault("value", "a factor is named twice", fix="keep one of them")
        return self

    def check_law(self, law: str) -> None:
        """Refuse factors that a law does not have, as a validator does."""
        known = [factor.value for factor in factors_of(REGISTRY[law])]
        for name in self.factors or ():
            if name not in known:
                raise fault(
                    "parameter",
                    f"the law {law!r} has no {name} to fit",
                    expected=f"some of {', '.join(known)}",
                )

    @property
    def chosen(self) -> tuple[Factor, ...] | None:
        """What is fitted; None for all that the law has."""
        return None if self.factors is None else tuple(Factor(name) for name in self.factors)


class UnloadSection(Section):
    """The body is an image under pressure: its reference is computed before it is loaded.

    Without a measured pressure 8 mmHg are assumed at the end of filling.
    """

    pressure: dict[Literal["lv_endo", "rv_endo"], Pressure] = Field(min_length=1)
    method: Literal["fixed_point", "inverse"] = "inverse"
    tolerance: Annotated[
        float, Quantity("mm", 1e-6, 1.0, note="largest distance of a node from the image")
    ] = 0.05
    fit: FitSection | None = Field(
        default=None, description="Fits the law at the same time; null: the law is as given."
    )

    @model_validator(mode="after")
    def _plausible(self) -> UnloadSection:
        for name, value in self.pressure.items():
            check_pressure(name, value)
        if self.fit is not None:
            self._check_fit()
        return self

    def _check_fit(self) -> None:
        if LEFT not in self.pressure:
            raise fault(
                "value",
                "a fit to the Klotz curve without the pressure in the left ventricle",
                fix=f"give unload.pressure.{LEFT}",
            )
        if self.method != "inverse":
            raise fault("value", "a fit by fixed points", expected="method: inverse")
        measured = self.pressure[LEFT]
        if not MEASURED.low <= measured <= MEASURED.high:
            raise fault(
                "parameter",
                f"{LEFT} = {measured:g} kPa is no pressure at the end of filling",
                expected=f"{MEASURED.low:g} to {MEASURED.high:g} kPa",
            )
