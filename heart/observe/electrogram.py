"""Unipolar and bipolar electrograms at points near or inside the muscle.

The muscle lies in an infinite homogeneous bath and the potential at a point is that of the dipoles
−σ_i∇Vm of all cells [Plonsey2007]. By partial integration that is one row of weights per point,
so a sample costs one dot product, whatever made the potential. The dipole of a cell is taken at
its centre; a point nearer to a centre than the electrode's radius sees it at that radius, as a
real electrode of finite size does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import ParameterError
from heart.core.parameters import Parameter
from heart.numerics import tetrahedra

Float = NDArray[np.float64]
Int = NDArray[np.integer]

RADIUS = Parameter(0.5, "mm", 0.05, 3.0, "assumed", "radius of a mapping electrode's tip")
BATH = Parameter(1.0, "mS/mm", 0.1, 3.0, "assumed", "conductivity of the medium around the muscle")


@dataclass(frozen=True)
class Electrograms:
    """Signals of k electrodes: `times` (T,) ms and `signals` (k, T) mV."""

    times: Float
    signals: Float

    def bipolar(self, pairs: Sequence[tuple[int, int]]) -> Electrograms:
        """Return the differences first − second of electrode `pairs`."""
        first, second = np.asarray(pairs, int).reshape(-1, 2).T
        return Electrograms(self.times, self.signals[first] - self.signals[second])

    def local_activation(self) -> Float:
        """Return the time (k,) of the steepest descent, the usual mark of local activation."""
        slope = np.diff(self.signals, axis=1) / np.diff(self.times)
        middle = 0.5 * (self.times[1:] + self.times[:-1])
        return np.asarray(middle[np.argmin(slope, axis=1)])


def electrogram_weights(
    points: Float,
    cells: Int,
    sigma: Float,
    positions: Float,
    *,
    bath: float = BATH.value,
    radius: float = RADIUS.value,
) -> Float:
    """Return the weights (k, n), in mV per mV, of electrodes at `positions` (k, 3).

    Parameters
    ----------
    points, cells
        (n, 3) mm, (m, 4).
    sigma
        (m, 3, 3) intracellular conductivity in mS/mm; zero where nothing conducts.
    positions
        (k, 3) mm, inside, on or outside the muscle.
    bath, radius
        See `BATH` and `RADIUS`.

    Raises
    ------
    ParameterError
        Positions of the wrong shape, or parameters out of range.
    """
    BATH.check(bath, name="bath conductivity")
    RADIUS.check(radius, name="electrode radius")
    where = np.atleast_2d(np.asarray(positions, float))
    if where.shape[1] != 3 or not np.isfinite(where).all():
        raise ParameterError("electrode positions are not k points of three finite numbers")
    gradients = tetrahedra.shape_gradients(points, cells)
    flux = -np.einsum("mij,maj->mai", sigma, gradients)
    flux *= tetrahedra.volumes(points, cells)[:, None, None]
    centres = points[cells].mean(axis=1)
    weights = np.empty((len(where), len(points)))
    for row, position in zip(weights, where, strict=True):
        gap = centres - position
        distance = np.maximum(np.linalg.norm(gap, axis=1), radius)
        # ∇_y 1/|y − x| = −(y − x)/|y − x|³ and w = −∫σ_i∇v·∇Z with Z = 1/(4πσ|y − x|).
        slope = -gap / (4.0 * np.pi * bath * distance**3)[:, None]
        row[:] = np.bincount(
            cells.ravel(), np.einsum("mai,mi->ma", flux, slope).ravel(), minlength=len(points)
        )
    return weights
