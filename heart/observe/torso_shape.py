"""Mean torso from height, weight and sex: superelliptic cross-sections between hip and shoulder.

Only the volume conductor around the heart matters for an ECG, so the shape is a stack of
cross-sections whose mean area follows from the mass of the trunk; head, arms and legs are left
out. Frame of the torso: x to the patient's right, y forward, z up (RAS), origin on the midline at
half depth and hip height.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import gamma
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import ParameterError
from heart.core.parameters import Parameter
from heart.observe.electrodes import Electrodes

Float = NDArray[np.float64]
Sex = Literal["female", "male"]

PARAMETERS: dict[str, Parameter] = {
    "height": Parameter(1720.0, "mm", 1300.0, 2200.0, "assumed", "body height; adults"),
    "weight": Parameter(7.5e7, "mg", 3.5e7, 2.5e8, "assumed", "body mass (75 kg); adults"),
    "trunk_mass": Parameter(0.497, "1", 0.4, 0.6, "Winter2009", "trunk, part of body mass"),
    "trunk_density": Parameter(1.03, "mg/mm3", 0.9, 1.1, "Winter2009", "with inflated lungs less"),
    "trunk_extent": Parameter(1.15, "1", 1.0, 1.3, "assumed", "trunk length over hip to shoulder"),
    "hip": Parameter(0.530, "1", 0.48, 0.56, "Winter2009", "greater trochanter, part of height"),
    "shoulder": Parameter(0.818, "1", 0.78, 0.85, "Winter2009", "acromion, part of height"),
    "fourth_space": Parameter(
        0.720, "1", 0.68, 0.76, "assumed", "fourth intercostal space, part of height"
    ),
    "space_pitch": Parameter(
        0.014, "1", 0.010, 0.020, "assumed", "one intercostal space to the next, part of height"
    ),
    "sternum": Parameter(25.0, "mm", 10.0, 45.0, "assumed", "V1 and V2 from the midline"),
    "midclavicular": Parameter(
        0.055, "1", 0.04, 0.07, "assumed", "V4 from the midline, part of height"
    ),
    "exponent": Parameter(2.6, "1", 2.0, 4.0, "assumed", "superellipse; 2 is an ellipse"),
    "depth_to_breadth": Parameter(0.70, "1", 0.5, 0.95, "assumed", "of the mean cross-section"),
}

LEVELS = (0.0, 0.35, 0.7, 0.9, 1.0)
PROFILE: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "male": ((1.0, 0.93, 1.04, 1.02, 0.95), (0.96, 0.95, 1.05, 0.92, 0.72)),
    "female": ((1.1, 0.92, 0.98, 0.96, 0.9), (1.0, 0.92, 1.05, 0.9, 0.7)),
}
"""Relative breadth and depth at LEVELS (hip 0, shoulder 1) by sex; assumed."""


@dataclass(frozen=True)
class TorsoShape:
    """The shape and its landmarks, in mm and mg; see `PARAMETERS` for ranges and sources."""

    height: float = PARAMETERS["height"].value
    weight: float = PARAMETERS["weight"].value
    sex: Sex = "male"
    exponent: float = PARAMETERS["exponent"].value
    depth_to_breadth: float = PARAMETERS["depth_to_breadth"].value

    def __post_init__(self) -> None:
        for item in fields(self):
            if item.name in PARAMETERS:
                PARAMETERS[item.name].check(getattr(self, item.name), name=f"torso.{item.name}")
        if self.sex not in PROFILE:
            raise ParameterError(f"torso.sex = {self.sex!r}", expected="female or male")

    @property
    def length(self) -> float:
        """Hip to shoulder in mm."""
        return self.height * (PARAMETERS["shoulder"].value - PARAMETERS["hip"].value)

    @property
    def fourth_space(self) -> float:
        """Level of the fourth intercostal space above the hip in mm."""
        return self.height * (PARAMETERS["fourth_space"].value - PARAMETERS["hip"].value)

    def half_axes(self, level: Float | float) -> tuple[Float, Float]:
        """Return half breadth and half depth in mm at `level` mm above the hip."""
        levels, (breadth, depth) = LEVELS, PROFILE[self.sex]
        fine = np.linspace(0.0, 1.0, 201)
        share = np.interp(fine, levels, breadth) * np.interp(fine, levels, depth)
        trunk = PARAMETERS["trunk_mass"].value * self.weight / PARAMETERS["trunk_density"].value
        power = self.exponent
        disc = 4.0 * gamma(1.0 + 1.0 / power) ** 2 / gamma(1.0 + 2.0 / power)
        area = trunk / (PARAMETERS["trunk_extent"].value * self.length * share.mean())
        half = np.sqrt(area / (disc * self.depth_to_breadth))
        place = np.clip(np.asarray(level) / self.length, 0.0, 1.0)
        return (
            half * np.interp(place, levels, breadth),
            half * self.depth_to_breadth * np.interp(place, levels, depth),
        )

    def front(self, x: Float | float, level: Float | float) -> Float:
        """Return the y of the front skin at `x` and `level`; NaN beside the body."""
        breadth, depth = self.half_axes(level)
        with np.errstate(invalid="ignore"):
            rest = 1.0 - np.abs(np.asarray(x) / breadth) ** self.exponent
            result: Float = depth * np.where(rest >= 0.0, rest, np.nan) ** (1.0 / self.exponent)
        return result

    def radius(self, points: Float) -> Float:
        """Return how far out `points` (n, 3) lie: 0 on the axis, 1 on the skin."""
        breadth, depth = self.half_axes(points[:, 2])
        scaled = np.abs(points[:, :2] / np.stack([breadth, depth], axis=1))
        result: Float = (scaled**self.exponent).sum(axis=1) ** (1.0 / self.exponent)
        return result

    def electrodes(self) -> Electrodes:
        """Return the electrodes by rule: limb leads on shoulders and hips, V1 to V6 by landmark.

        V1 and V2 beside the sternum in the fourth space, V4 in the fifth space at the
        midclavicular line, V3 between V2 and V4, V5 and V6 at the level of V4 at the anterior and
        middle axillary lines. The patient's left is −x.
        """
        fourth = self.fourth_space
        fifth = fourth - PARAMETERS["space_pitch"].value * self.height
        top, bottom = 0.95 * self.length, 0.06 * self.length
        breadth = float(self.half_axes(fifth)[0])
        sternum = PARAMETERS["sternum"].value
        middle = PARAMETERS["midclavicular"].value * self.height
        shoulder, hip = 0.85 * float(self.half_axes(top)[0]), 0.6 * float(self.half_axes(bottom)[0])
        flat = [
            (-shoulder, top),
            (shoulder, top),
            (-hip, bottom),
            (hip, bottom),
            (sternum, fourth),
            (-sternum, fourth),
            (-0.5 * (sternum + middle), 0.5 * (fourth + fifth)),
            (-middle, fifth),
            (-0.5 * (middle + breadth) - 0.2 * (breadth - middle), fifth),
            (-breadth, fifth),
        ]
        positions = np.array([[x, float(self.front(x, z)), z] for x, z in flat])
        return Electrodes(positions, "placed by rule on the mean torso")
