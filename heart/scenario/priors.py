"""What is not known about a patient, as distributions, and the seeded draws of an ensemble.

Each member has its own stream of random numbers, spawned from the scenario's seed, so that member
7 is the same in an ensemble of 10 and of 100.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from heart.core.errors import ParameterError
from heart.core.validation import OneOf, Quantity, Section, fault
from heart.electro.conduction import REGISTRY as STATES
from heart.electro.velocity import PARAMETERS, ConductionVelocity

State = Annotated[str, OneOf(tuple(STATES))]
Speed = Annotated[float, Quantity("mm/ms", 0.05, 4.0, shown="m/s", note="conduction speed")]
Factor = Annotated[float, Quantity("", 0.05, 2.0, note="factor")]
Share = Annotated[float, Quantity("", 0.0, 1.0, note="part of the whole")]
Weight = Annotated[float, Quantity("", 0.0, 1e6, note="relative weight")]


class Uniform[T: float](Section):
    """Every value between `low` and `high` is as likely as any other."""

    kind: Literal["uniform"] = "uniform"
    low: T
    high: T

    @model_validator(mode="after")
    def _ordered(self) -> Uniform[T]:
        if not self.low <= self.high:
            raise fault("parameter", f"low {self.low!r} is above high {self.high!r}")
        return self

    def sample(self, generator: np.random.Generator) -> float:
        """Draw one value."""
        return float(generator.uniform(self.low, self.high))


class Normal[T: float](Section):
    """Normal distribution, cut at three standard deviations."""

    kind: Literal["normal"]
    mean: T
    sd: T

    def sample(self, generator: np.random.Generator) -> float:
        """Draw one value."""
        while True:
            score = float(generator.standard_normal())
            if abs(score) <= 3.0:
                return self.mean + score * self.sd


class Choice(Section):
    """One of several states of the conduction system, by weight."""

    kind: Literal["choice"] = "choice"
    values: tuple[State, ...] = Field(min_length=1)
    weights: tuple[Weight, ...] | None = None

    @model_validator(mode="after")
    def _matching(self) -> Choice:
        if self.weights is not None and (
            len(self.weights) != len(self.values) or not sum(self.weights) > 0.0
        ):
            raise fault(
                "parameter",
                f"{len(self.weights)} weights for {len(self.values)} values",
                expected="one weight for each value, not all zero",
            )
        return self

    def sample(self, generator: np.random.Generator) -> str:
        """Draw one state."""
        weights = np.array(self.weights or [1.0] * len(self.values))
        return self.values[int(generator.choice(len(self.values), p=weights / weights.sum()))]


SpeedPrior = Annotated[Uniform[Speed] | Normal[Speed], Field(discriminator="kind")]
FactorPrior = Annotated[Uniform[Factor] | Normal[Factor], Field(discriminator="kind")]
SharePrior = Annotated[Uniform[Share] | Normal[Share], Field(discriminator="kind")]


def _speeds(low: str, high: str) -> Uniform[Speed]:
    return Uniform[Speed].model_validate({"low": low, "high": high})


class VelocityPriors(Section):
    """Priors of the conduction speeds; `null` keeps the value of `conduction.velocity`.

    The ranges are those of published inferences from the 12-lead ECG [Camps2021]; draws that are
    not fibre ≥ sheet ≥ normal are thrown back.
    """

    fibre: SpeedPrior | None = _speeds("0.5 m/s", "0.75 m/s")
    sheet: SpeedPrior | None = _speeds("0.3 m/s", "0.6 m/s")
    normal: SpeedPrior | None = _speeds("0.25 m/s", "0.5 m/s")
    endocardial_lv: SpeedPrior | None = _speeds("1.0 m/s", "1.9 m/s")
    endocardial_rv: SpeedPrior | None = _speeds("0.7 m/s", "1.5 m/s")
    endocardial_extent: SharePrior | None = Uniform[Share].model_validate({"low": 0.8, "high": 0.9})


class Priors(Section):
    """What differs between the members of the ensemble; `null` switches a part off."""

    velocity: VelocityPriors = VelocityPriors()
    baseline: Choice | None = Field(
        default=None,
        description="Conduction disease; null: the scenario's baseline in every member.",
    )
    lv_endocardium: FactorPrior | None = Field(
        default=Uniform[Factor].model_validate({"low": 0.5, "high": 1.0}),
        description="Factor on the speed of the left endocardium under the conduction disease.",
    )
    early_site_shift: Annotated[
        float,
        Quantity("mm", 0.0, 30.0, source="assumed", note="standard deviation along the surface"),
    ] = 5.0
    early_site_time: Annotated[
        float, Quantity("ms", 0.0, 20.0, source="assumed", note="standard deviation")
    ] = 3.0
    electrode_shift: Annotated[
        float,
        Quantity("mm", 0.0, 40.0, source="assumed", note="standard deviation along the skin"),
    ] = 10.0
    heart_rotation: Annotated[
        float,
        Quantity(
            "radian", 0.0, 0.8, shown="degree", source="assumed", note="standard deviation per axis"
        ),
    ] = 0.17453292519943295


@dataclass(frozen=True)
class Draw:
    """One member of the ensemble.

    Attributes
    ----------
    index
        From 0.
    velocity
        Conduction speeds in mm/ms.
    baseline
        Name of the conduction disease.
    lv_endocardium
        Factor on the left endocardial speed under that disease.
    early_site_shift, early_site_time, electrode_shift, heart_rotation
        Standard deviations (mm, ms, mm, radian) of what is drawn per site and electrode.
    generator
        The member's own stream, for those draws.
    """

    index: int
    velocity: ConductionVelocity
    baseline: str
    lv_endocardium: float
    early_site_shift: float
    early_site_time: float
    electrode_shift: float
    heart_rotation: float
    generator: np.random.Generator


def draw_members(
    priors: Priors, velocity: ConductionVelocity, baseline: str, members: int, seed: int
) -> tuple[Draw, ...]:
    """Draw the members of an ensemble around a nominal `velocity` and `baseline`.

    Raises
    ------
    ParameterError
        The priors of the speeds allow no ordered set.
    """
    streams = np.random.SeedSequence(seed).spawn(members)
    return tuple(
        _draw(priors, velocity, baseline, index, np.random.default_rng(stream))
        for index, stream in enumerate(streams)
    )


def _draw(
    priors: Priors,
    velocity: ConductionVelocity,
    baseline: str,
    index: int,
    generator: np.random.Generator,
) -> Draw:
    lv = priors.lv_endocardium
    return Draw(
        index=index,
        velocity=_draw_velocity(priors.velocity, velocity, generator),
        baseline=priors.baseline.sample(generator) if priors.baseline else baseline,
        lv_endocardium=lv.sample(generator) if lv else 1.0,
        early_site_shift=priors.early_site_shift,
        early_site_time=priors.early_site_time,
        electrode_shift=priors.electrode_shift,
        heart_rotation=priors.heart_rotation,
        generator=generator,
    )


def _draw_velocity(
    priors: VelocityPriors, nominal: ConductionVelocity, generator: np.random.Generator
) -> ConductionVelocity:
    given = {name: prior for name in PARAMETERS if (prior := getattr(priors, name)) is not None}
    for _ in range(1000):
        drawn = {name: prior.sample(generator) for name, prior in given.items()}
        speeds = [drawn.get(name, getattr(nominal, name)) for name in ("fibre", "sheet", "normal")]
        if speeds == sorted(speeds, reverse=True):
            return replace(nominal, **drawn)
    raise ParameterError(
        "the priors of the conduction speeds are out of order",
        where="ensemble.priors.velocity",
        expected="ranges that allow fibre >= sheet >= normal",
    )
