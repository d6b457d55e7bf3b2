"""What ties the pressures of cavities to their volumes: prescribed volumes, or pressures.

A circulation is another such relation, with unknowns of its own behind the pressures.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from heart.core.parameters import Parameter

Float = NDArray[np.float64]

WEIGHT = Parameter(
    10.0, "kPa", 0.1, 1000.0, "assumed",
    "what a volume that is off by its size counts in the residual: the order of the cavity's "
    "stiffness V dp/dV; with a tenth of it line searches shorten good steps",
)  # fmt: skip


class Relation(Protocol):
    """Equations between the pressures and the volumes of k cavities.

    Attributes
    ----------
    start
        First values of the pressures in kPa and of its own unknowns behind them, (m,).
    scale
        (m,) what each equation is multiplied with to be a pressure in kPa: `WEIGHT` over the
        volume for one in mm³, 1 for one in kPa.
    """

    start: Float
    scale: Float

    def apply(self, fraction: float) -> None:
        """Set what it prescribes to a fraction of the way from the start."""

    def residual(self, unknowns: Float, volumes: Float) -> Float:
        """Return the equations (m,)."""

    def slopes(self, unknowns: Float, volumes: Float) -> tuple[Float, Float]:
        """Return their derivatives by the unknowns (m, m) and the volumes (m, k)."""


class PrescribedVolumes:
    """V_i = target, along a straight line from the volume at rest.

    Parameters
    ----------
    rest, target
        Volumes (k,) in mm³ before and at full load.
    """

    def __init__(self, rest: Float, target: Float) -> None:
        self._rest, self._target = np.asarray(rest, float), np.asarray(target, float)
        self.start, self.scale = np.zeros(len(rest)), WEIGHT.value / self._rest
        self._wanted = self._rest.copy()

    def apply(self, fraction: float) -> None:
        """Set the volumes for this fraction of the way."""
        self._wanted = self._rest + fraction * (self._target - self._rest)

    def residual(self, unknowns: Float, volumes: Float) -> Float:
        """Return by how much the volumes are off."""
        return np.asarray(volumes - self._wanted + 0.0 * unknowns)

    def slopes(self, unknowns: Float, volumes: Float) -> tuple[Float, Float]:
        """Return zero and one."""
        return np.zeros((len(unknowns), len(unknowns))), np.eye(len(volumes))


class PrescribedPressures:
    """p_i = target: a pressure load with its volume known, and its traction on the base.

    Parameters
    ----------
    target
        Pressures (k,) in kPa at full load.
    """

    def __init__(self, target: Float) -> None:
        self._target = np.asarray(target, float)
        self.start, self.scale = np.zeros(len(self._target)), np.ones(len(self._target))
        self._wanted = np.zeros(len(self._target))

    def apply(self, fraction: float) -> None:
        """Set the pressures for this fraction of the way."""
        self._wanted = fraction * self._target

    def residual(self, unknowns: Float, volumes: Float) -> Float:
        """Return by how much the pressures are off."""
        return np.asarray(unknowns - self._wanted + 0.0 * volumes)

    def slopes(self, unknowns: Float, volumes: Float) -> tuple[Float, Float]:
        """Return one and zero."""
        return np.eye(len(unknowns)), np.zeros((len(unknowns), len(volumes)))
