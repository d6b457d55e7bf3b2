"""Conduction velocity from an activation map: where the wave is slow, and where it has no speed.

In a tetrahedron the speed is 1/|∇T|. Where two waves meet or one breaks through, ∇T vanishes and
the quotient is large without meaning; such cells are told apart by the apparent speed, not hidden
by a smoother.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heart.core.parameters import Parameter
from heart.numerics import tetrahedra

Float = NDArray[np.float64]
Int = NDArray[np.integer]

FASTEST = Parameter(
    4.0, "mm/ms", 1.0, 20.0, "assumed",
    "apparent speed above which a cell holds a collision or breakthrough, not a travelling wave",
)  # fmt: skip


@dataclass(frozen=True)
class VelocityMap:
    """Speed of the wave per cell.

    Attributes
    ----------
    speed
        (m,) mm/ms; NaN where not all nodes were activated or no wave travels.
    direction
        (m, 3) unit vector of travel, NaN likewise.
    meeting
        (m,) cells in which waves collide or break through.
    """

    speed: Float
    direction: Float
    meeting: NDArray[np.bool_]

    def along(self, axis: Float) -> Float:
        """Return the angle (m,) in radians between travel and `axis` (m, 3), 0 to π/2."""
        cosine = np.abs(np.einsum("mi,mi->m", self.direction, axis))
        return np.asarray(np.arccos(np.clip(cosine, 0.0, 1.0)))


def velocity_map(
    points: Float, cells: Int, activation: Float, *, fastest: float = FASTEST.value
) -> VelocityMap:
    """Return the speed per cell of an activation map.

    Parameters
    ----------
    points, cells
        (n, 3) mm, (m, 4).
    activation
        (n,) ms; not finite where never activated.
    fastest
        Speed in mm/ms beyond which a cell is a meeting of waves.
    """
    FASTEST.check(fastest, name="fastest apparent speed")
    reached = np.isfinite(activation)[cells].all(axis=1)
    slope = np.full((len(cells), 3), np.nan)
    gradients = tetrahedra.shape_gradients(points, cells[reached])
    slope[reached] = np.einsum("mak,ma->mk", gradients, activation[cells[reached]])
    size = np.linalg.norm(slope, axis=1)
    meeting = reached & (np.nan_to_num(size, nan=np.inf) * fastest < 1.0)
    travels = reached & ~meeting
    speed = np.full(len(cells), np.nan)
    speed[travels] = 1.0 / size[travels]
    direction = np.full((len(cells), 3), np.nan)
    direction[travels] = slope[travels] / size[travels, None]
    return VelocityMap(speed, direction, meeting)
