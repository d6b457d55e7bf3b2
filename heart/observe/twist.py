"""Twist of the ventricle: how slices of its wall turn about the long axis.

Rotation is positive counter-clockwise seen from the apex towards the base, as in
echocardiography [YoungCowan2012]. A healthy apex then turns by about +10°, the base by −3°, and
twist, apical minus basal rotation, is positive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import MeshInputError, ParameterError
from heart.core.parameters import Parameter
from heart.observe.wall_points import WallPoints, sums_by_label

Float = NDArray[np.float64]

LEVELS = Parameter(
    5.0, "1", 2.0, 50.0, "assumed", "slices between apex and base in which rotation is measured"
)


@dataclass(frozen=True)
class Rotations:
    """Rotation of slices of the wall about the long axis, apex first.

    Attributes
    ----------
    angle
        (k,) rad, positive counter-clockwise seen from the apex.
    height
        (k,) mm along the axis, mean of each slice in the reference.
    radius
        (k,) mm, root mean square distance from the centre of the slice.
    """

    angle: Float
    height: Float
    radius: Float

    @property
    def twist(self) -> float:
        """Apical minus basal rotation in degrees."""
        return float(np.degrees(self.angle[0] - self.angle[-1]))

    @property
    def torsion(self) -> float:
        """Twist per length of the axis between the two slices, in degrees per mm."""
        return self.twist / float(self.height[-1] - self.height[0])

    @property
    def shear(self) -> float:
        """Torsion as a shear angle in degrees: twist times mean radius over distance."""
        return self.torsion * 0.5 * float(self.radius[0] + self.radius[-1])


class Twist:
    """Rotation of slices, free of where the ventricle moves to and how it tilts.

    In each slice the present position is fitted by an affine map of the reference position; the
    rotation nearest to its part across the axis is taken. A rigid motion gives the same angle in
    every slice, whatever its axis, hence no twist.

    Parameters
    ----------
    points
        Motion of the wall.
    up
        (3,) from apex to base.
    levels
        Slices of equal height.
    within
        (m,) which of this rank's cells count: the LV; all by default.
    """

    def __init__(
        self,
        points: WallPoints,
        up: Float,
        levels: int = int(LEVELS.value),
        within: NDArray[np.bool_] | None = None,
    ) -> None:
        LEVELS.check(float(levels), name="slices")
        self.points, self._levels = points, levels
        axis = np.asarray(up, float) / np.linalg.norm(up)
        first = np.cross(axis, np.eye(3)[int(np.argmin(np.abs(axis)))])
        first /= np.linalg.norm(first)
        # Rows e₁, e₂ with e₁ × e₂ towards the apex: who looks from there sees them turn e₁ to e₂
        # counter-clockwise.
        self._frame = np.stack([first, np.cross(-axis, first), axis])
        self._weight = points.volume.copy()
        if within is not None:
            self._weight *= within[:, None]
        place = points.place @ self._frame.T
        comm = points.space.comm
        seen = self._weight > 0.0
        height = place[..., 2]
        low = min(comm.allgather(float(height[seen].min(initial=np.inf))))
        high = max(comm.allgather(float(height[seen].max(initial=-np.inf))))
        if not high > low:
            raise MeshInputError("no cell to measure twist in", expected="cells of the LV wall")
        share = (height - low) / (high - low)
        self._slice = np.clip((levels * share).astype(int), 0, levels - 1).ravel()
        self._place = place
        ones = np.ones(height.shape)
        self._terms = np.stack([ones, place[..., 0], place[..., 1], height - low], axis=-1)
        self._normal = self._sums(np.einsum("mqi,mqj->mqij", self._terms, self._terms))
        empty = self._normal[:, 0, 0] <= 0.0
        if empty.any():
            raise ParameterError(
                f"slice {int(np.argmax(empty))} of {levels} has no point", fix="use fewer slices"
            )
        self._height = low + self._normal[:, 0, 3] / self._normal[:, 0, 0]
        mean = self._normal[:, 0, 1:3] / self._normal[:, 0, :1]
        square = np.stack([self._normal[:, 1, 1], self._normal[:, 2, 2]], axis=1)
        spread = (square / self._normal[:, 0, :1] - mean**2).sum(axis=1)
        self._radius = np.sqrt(np.maximum(spread, 0.0))

    def _sums(self, values: Float) -> Float:
        """Return the weighted sums over each slice of values (m, q, …)."""
        weighted = values * self._weight.reshape(*self._weight.shape, *(1,) * (values.ndim - 2))
        flat = weighted.reshape(-1, *values.shape[2:])
        return sums_by_label(self.points.space.comm, self._slice, flat, self._levels)

    def observe(self) -> Rotations:
        """Return the rotations of the present state. Collective."""
        now = self._place + self.points.displacement() @ self._frame.T
        moments = self._sums(np.einsum("mqi,mqj->mqij", self._terms, now[..., :2]))
        fit = np.linalg.pinv(self._normal) @ moments
        across = fit[:, 1:3]
        # Row i of `across` is where e_i goes: a rotation by φ has e₁ → cos φ e₁ + sin φ e₂.
        angle = np.arctan2(across[:, 0, 1] - across[:, 1, 0], across[:, 0, 0] + across[:, 1, 1])
        return Rotations(np.unwrap(angle), self._height, self._radius)
