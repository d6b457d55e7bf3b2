"""Work of the muscle per volume, and the work that its cavities do: they have to be the same.

The density ∫ S : dE is taken along the path by the trapezoidal rule, of second order in the step
between outputs; so is the external work ∫ p dV. Over a closed loop the elastic part cancels and
what is left is what tension and viscosity did. 1 kPa mm³ = 1 µJ.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import ParameterError
from heart.observe.stress import Stresses

Float = NDArray[np.float64]


class WorkDensity:
    """Work per reference volume since the state at which it was made.

    Parameters
    ----------
    stresses
        Of the problem whose states follow each other.
    """

    def __init__(self, stresses: Stresses) -> None:
        self._stresses = stresses
        self.restart()

    def restart(self) -> None:
        """Count from the present state."""
        self._last = self._state()
        self.at_points: Float = np.zeros_like(self._stresses.points.volume)

    def restart_from(self, stress: Float, work: Float) -> None:
        """Count on from the present state, with its stress and the work until then.

        Parameters
        ----------
        stress, work
            (m, q, 3, 3) kPa and (m, q) kPa, from `stress` and `at_points` in that state.
        """
        self._last = (stress, self._strain())
        self.at_points = work.copy()

    @property
    def stress(self) -> Float:
        """Second Piola–Kirchhoff stress (m, q, 3, 3) in kPa of the state that was recorded last."""
        return self._last[0]

    def record(self) -> None:
        """Add the step from the last recorded state to the present one."""
        now, last = self._state(), self._last
        mean, change = 0.5 * (now[0] + last[0]), now[1] - last[1]
        self.at_points += np.einsum("mqij,mqij->mq", mean, change)
        self._last = now

    def _state(self) -> tuple[Float, Float]:
        return self._stresses.second_piola_kirchhoff(), self._strain()

    def _strain(self) -> Float:
        F = self._stresses.points.gradient()
        return np.asarray(0.5 * (np.swapaxes(F, -1, -2) @ F - np.eye(3)))

    def per_cell(self) -> Float:
        """Return the work density (m,) of this rank's cells in kPa = µJ/mm³."""
        return self._stresses.points.cell_means(self.at_points)

    def total(self) -> float:
        """Return the work of the whole wall in kPa mm³ = µJ. Collective."""
        return float(self._stresses.points.integral(self.at_points))


def cavity_work(pressures: Sequence[float] | Float, volumes: Sequence[float] | Float) -> float:
    """Return ∫ p dV in kPa mm³ = µJ: positive when the cavity is filled, work done on the wall.

    Parameters
    ----------
    pressures, volumes
        Equally many, in kPa and mm³, in the order of the path.

    Raises
    ------
    ParameterError
        They are not equally many.
    """
    p, v = np.asarray(pressures, float), np.asarray(volumes, float)
    if p.shape != v.shape or p.ndim != 1:
        raise ParameterError(
            f"{p.size} pressures and {v.size} volumes", expected="one pressure per volume"
        )
    return float(0.5 * (p[1:] + p[:-1]) @ np.diff(v))
