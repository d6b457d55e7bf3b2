"""Explicit diffusion by Runge–Kutta–Chebyshev stages: no solve at all, lumped mass.

On meshes of hearts diffusion is hardly stiff at the steps that the cells need: two or three stages
of a product with the stiffness do. The number of stages follows from a bound of the largest rate,
β(s) ≈ 2/3 (s² − 1) of [Verwer2004]; beyond `most` stages an implicit step is cheaper and a user who
asks for it has the wrong step or the wrong mesh, so that is an error with the way out.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import ParameterError
from heart.electro.tissue import vectors
from heart.electro.tissue.operators import TissueOperators

Float = NDArray[np.float64]

_DAMPING = 2.0 / 13.0


class ExplicitDiffusion:
    """Second order in time, stages chosen for stability.

    Parameters
    ----------
    operators
        Mass and stiffness; degree 1, because row sums of degree 2 are negative at corners.
    most
        Largest number of stages.
    """

    def __init__(self, operators: TissueOperators, *, most: int = 12) -> None:
        self.operators, self.most = operators, most
        self.rate = operators.stiffest_rate()
        self.solves = self.iterations = 0
        self._inverse = operators.vector()
        self._inverse[: operators.pattern.padded] = 1.0 / operators.lumped
        self._zero = np.broadcast_to(0.0, operators.lumped.shape)
        self._stages: dict[float, list[tuple[float, float, float, float, float]]] = {}
        self._start, self._first, self._now, self._before, self._slope = (
            operators.vector() for _ in range(5)
        )

    @property
    def stable(self) -> float:
        """Largest stable step in ms with the stages that are allowed."""
        return _reach(self.most) / self.rate if self.rate > 0.0 else math.inf

    def step(self, voltage: Float, duration: float) -> int:
        """Diffuse `voltage` in place for `duration` ms; return the number of stages. Collective.

        Raises
        ------
        ParameterError
            The step is too large for the stages allowed; names the stable one.
        """
        if duration not in self._stages:
            self._stages[duration] = coefficients(self._count(duration), duration)
        operators, rows = self.operators, self.operators.rows
        start, first, slope, inverse = self._start, self._first, self._slope, self._inverse
        now, before = self._now, self._before
        start[:rows] = voltage[:rows]
        operators.apply(operators.stiffness, self._zero, start, first)
        stages = self._stages[duration]
        before[:rows] = start[:rows]
        vectors.stage(
            rows, (1.0, 0.0, 0.0, stages[0][3], 0.0), inverse, start, first, start, first, now
        )
        for weights in stages[1:]:
            operators.apply(operators.stiffness, self._zero, now, slope)
            vectors.stage(rows, weights, inverse, start, first, now, slope, before)
            now, before = before, now
        voltage[:rows] = now[:rows]
        self.solves += 1
        self.iterations += len(stages)
        return len(stages)

    def _count(self, duration: float) -> int:
        stages = next(
            (s for s in range(2, self.most + 1) if _reach(s) >= duration * self.rate), None
        )
        if stages is None:
            raise ParameterError(
                f"time step {duration:g} ms is too large for explicit diffusion on this mesh",
                expected=f"at most {self.stable:.3g} ms with {self.most} stages",
                fix="take a smaller step, or an implicit scheme such as electro/accurate",
            )
        return stages


def _reach(stages: int) -> float:
    """Return step times rate up to which `stages` stages are stable, with a margin of 5 %."""
    return 0.95 * 2.0 / 3.0 * (stages**2 - 1) * (1.0 - 2.0 / 15.0 * _DAMPING)


def coefficients(stages: int, duration: float) -> list[tuple[float, float, float, float, float]]:
    """Return the weights of each stage for `vectors.stage` [Verwer2004].

    The first entry is of the Euler stage: only its fourth weight is used.
    """
    w0 = 1.0 + _DAMPING / stages**2
    t, dt, ddt = [1.0, w0], [0.0, 1.0], [0.0, 0.0]
    for j in range(2, stages + 1):
        t.append(2.0 * w0 * t[j - 1] - t[j - 2])
        dt.append(2.0 * t[j - 1] + 2.0 * w0 * dt[j - 1] - dt[j - 2])
        ddt.append(4.0 * dt[j - 1] + 2.0 * w0 * ddt[j - 1] - ddt[j - 2])
    w1 = dt[stages] / ddt[stages]
    b = [0.0, 0.0] + [ddt[j] / dt[j] ** 2 for j in range(2, stages + 1)]
    b[0] = b[1] = b[2]
    a = [1.0 - b[j] * t[j] for j in range(stages + 1)]
    result = [(1.0, 0.0, 0.0, b[1] * w1 * duration, 0.0)]
    for j in range(2, stages + 1):
        mu, nu = 2.0 * b[j] * w0 / b[j - 1], -b[j] / b[j - 2]
        slope = 2.0 * b[j] * w1 / b[j - 1]
        result.append((1.0 - mu - nu, mu, nu, slope * duration, -a[j - 1] * slope * duration))
    return result
