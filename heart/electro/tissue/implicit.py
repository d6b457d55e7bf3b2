"""One implicit diffusion step: conjugate gradients that start nearly at the solution.

The change over a step varies slowly from step to step, so a polynomial through the last three is
the start; it is accepted when the residual, divided by the diagonal, is below `tolerance` mV at
every node. That norm is a voltage: it means the same on any mesh, and one sharp front among a
million quiet nodes is not averaged away. Where the start is good but for a wave, only the rows near
it are iterated (`heart.electro.tissue.near`), to the same residual everywhere. What is solved for
is the change and not V, so that a start of zero iterations never freezes the diffusion.

What a step leaves is owed and belongs to the right-hand side of the next one, so that errors of
many steps never add up: V is off by about the tolerance at any time. The start pays a part of the
debt back, which is a sweep of Richardson's iteration that costs no product.
"""

from __future__ import annotations

import math

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from heart.core.errors import LinearSolveError, NonFiniteError
from heart.electro.tissue import near, vectors
from heart.electro.tissue.operators import TissueOperators
from heart.electro.tissue.slices import left_by_two

Float = NDArray[np.float64]

LONGEST = 500
"""Iterations after which a step has failed; a good start needs 0 to 3, a cold one about 30."""

SHARE = 0.5
"""Rows with more than this part of the tolerance are near a wave; others stay as predicted."""
STEADY = 1.0
"""Changes that move by fewer tolerances than this in a step are held, not extrapolated."""
PAID = 0.6
"""Part of the debt, over the diagonal, that a start pays back: one sweep of Richardson for free.

Below 2 / 2.5, with which the largest eigenvalue of a Jacobi-scaled mass [Wathen1987] decays.
"""
LEARNT = 0.15
"""Part of it that stays in later predictions, so that a steady debt vanishes."""
MOST = 0.6
"""Part of all rows beyond which the choice of rows is not worth its while."""


class ImplicitDiffusion:
    """Solve ``(M + c K) δ = loads - d K V`` again and again for the same c.

    Parameters
    ----------
    operators
        Mass and stiffness; K with diffusivities in mm2/ms.
    lumped
        Use row sums for the mass.
    tolerance
        Largest Jacobi-scaled residual in mV at any node.
    order
        Degree of the polynomial that predicts the change, 0 to 2; −1 starts from zero.
    """

    def __init__(
        self, operators: TissueOperators, *, lumped: bool, tolerance: float, order: int = 2
    ) -> None:
        self.operators, self.lumped = operators, lumped
        self.tolerance, self.order = tolerance, order
        self.iterations = self.solves = 0
        self._coefficient = math.nan
        self._matrix = np.zeros_like(operators.stiffness)
        self._inverse = operators.vector()
        self._changes = [operators.vector() for _ in range(3)]
        self._known = 0
        self._guess, self._residual, self._debt, self._direction, self._image, self._work = (
            operators.vector() for _ in range(6)
        )
        self._large, self._mask = operators.vector(), operators.vector()
        self._masked = np.zeros(0, np.int64)
        self._edge = near.border(operators.pattern)
        near.load(operators.pattern, self._matrix, operators.lumped, self._guess)
        self._everywhere = int(operators.comm.allreduce(operators.rows, op=MPI.SUM))

    def prepare(self, coefficient: float) -> None:
        """Set the matrix M + `coefficient` K; forgets the changes when it differs."""
        if coefficient == self._coefficient:
            return
        operators = self.operators
        np.multiply(operators.stiffness, operators.stiffness.dtype.type(coefficient), self._matrix)
        if not self.lumped:
            self._matrix += operators.mass
        padded = operators.pattern.padded
        self._inverse[:padded] = 1.0 / operators.diagonal(self._matrix, operators.lumped)
        self._coefficient, self._known = coefficient, 0

    def forget(self) -> None:
        """Start the next solve without prediction or debt, as after a restored state."""
        self._known = 0
        for one in (self._residual, self._direction, self._image):
            one[:] = 0.0

    def step(
        self,
        voltage: Float,
        implicit: float,
        explicit: float,
        load: Float | None = None,
        *,
        again: bool = False,
    ) -> int:
        """Add the change δ to `voltage`; return the number of iterations. Collective.

        Parameters
        ----------
        voltage
            Vector of the operators, changed in place.
        implicit, explicit
            c and d in ms.
        load
            Vector of further right-hand sides in mm3 mV.
        again
            This is the last step once more, from the same voltage.

        Raises
        ------
        LinearSolveError
            Not converged, which a positive definite matrix never does.
        NonFiniteError
            The voltage is not finite.
        """
        self.prepare(implicit)
        if not again:
            self._residual, self._debt = self._debt, self._residual
        rows = self.operators.rows
        guess = self._guess
        order = min(self.order, self._known - 1)
        newest, before, earlier = self._changes
        vectors.predict(
            order, rows, STEADY * self.tolerance, PAID,
            (newest, before, earlier), self._inverse, self._debt, guess,
        )  # fmt: skip
        self._start_residual(voltage, implicit, explicit, load, guess, order < 0)
        iterations = self._iterate(guess)
        paid = PAID - LEARNT if order >= 0 else 0.0
        vectors.settle(rows, paid, self._inverse, self._debt, guess, voltage)
        newest = self._changes.pop()
        self._guess = newest
        self._changes.insert(0, guess)
        self._known = min(self._known + 1, 3)
        self.iterations += iterations
        self.solves += 1
        return iterations

    def _start_residual(
        self,
        voltage: Float,
        implicit: float,
        explicit: float,
        load: Float | None,
        guess: Float,
        cold: bool,
    ) -> None:
        """Write debt + loads − d K V − (M + c K) δ₀ to the residual in one pass over the matrix."""
        operators, rows, residual = self.operators, self.operators.rows, self._residual
        stiffness, sums = operators.stiffness, operators.lumped
        if self.lumped or cold:
            work = self._work
            vectors.combine(rows, 1.0, voltage, 0.0 if cold else implicit / explicit, guess, work)
            operators.apply(stiffness, np.broadcast_to(0.0, sums.shape), work, self._image)
            vectors.lumped_residual(rows, self._debt, -explicit, self._image, sums, guess, residual)
        else:
            operators.halo.update(voltage)
            operators.halo.update(guess)
            left_by_two(
                operators.pattern.starts, operators.pattern.columns,
                stiffness, explicit, self._matrix, sums, voltage, guess, self._debt, residual,
            )  # fmt: skip
        if load is not None:
            vectors.add_to(rows, load, residual)

    def _iterate(self, solution: Float) -> int:
        """Correct `solution` until the residual is small."""
        starts, level = self.operators.pattern.starts, SHARE * self.tolerance
        chosen, *local = near.choose(
            len(starts) - 1, level, self.tolerance, self._residual, self._inverse, self._large
        )
        over, old = self._summed(*local)
        if not over:
            return 0
        if not math.isfinite(old):
            raise NonFiniteError("the voltage is not finite before a diffusion step")
        iterations, done = self._near(chosen, level, solution)
        return iterations if done else iterations + self._whole(solution)

    def _near(self, chosen: near.Slices, level: float, solution: Float) -> tuple[int, bool]:
        """Iterate in the rows near large residuals, unless these are too many.

        Returns how often, and whether the residual is small everywhere.
        """
        operators, edge, large, mask = self.operators, self._edge, self._large, self._mask
        starts, columns = operators.pattern.starts, operators.pattern.columns
        operators.halo.update(large)
        self._masked, inside = near.spread(starts, columns, chosen, edge, large, self._masked, mask)
        everywhere, alone = self._shared_by(inside, mask)
        if everywhere > MOST * self._everywhere:
            return 0, False
        if alone:
            return self._alone(inside, level, solution)
        operators.halo.update(mask)
        return self._iterate_at(solution, level, together=True)

    def _alone(self, inside: int, level: float, solution: Float) -> tuple[int, bool]:
        """Iterate in rows of one rank that no other borders on: it asks nobody, and tells at last.

        What is left elsewhere is below the level, which is why those rows were left out.
        """
        found = np.zeros(2)
        if inside:
            ghosts = slice(self.operators.pattern.padded, None)
            self._mask[ghosts] = self._direction[ghosts] = 0.0
            iterations, done = self._iterate_at(solution, level, together=False)
            found[:] = iterations, not done
        self.operators.comm.Allreduce(MPI.IN_PLACE, found, op=MPI.MAX)
        return int(found[0]), not found[1]

    def _shared_by(self, inside: int, mask: Float) -> tuple[int, bool]:
        """Return the rows of `mask` on all ranks, and whether one rank has them to itself."""
        comm, sent = self.operators.comm, self.operators.halo.sent
        if comm.size == 1:
            return inside, False
        facts = np.array([inside, int(inside > 0), int((mask[sent] > 0.0).any())], np.int64)
        comm.Allreduce(MPI.IN_PLACE, facts, op=MPI.SUM)
        return int(facts[0]), bool(facts[1] == 1 and facts[2] == 0)

    def _iterate_at(self, solution: Float, level: float, *, together: bool) -> tuple[int, bool]:
        """Iterate in the rows of the mask."""
        operators, residual, inverse = self.operators, self._residual, self._inverse
        starts, columns, mask = operators.pattern.starts, operators.pattern.columns, self._mask
        direction, image = self._direction, self._image
        limits = self.tolerance, level
        state = direction, image, inverse, mask, solution, residual
        summed = self._summed if together else _as_they_are
        # Rows beside those that change are among them: their residual changes too.
        chosen = near.beside(starts, columns, self._masked, self._edge, mask, self._large)
        (old,) = summed(near.begin_at(chosen, residual, inverse, mask, direction))
        over, iterations = 1.0, 0
        while iterations < LONGEST:
            if together:
                operators.halo.update(direction)
            (curvature,) = summed(
                near.product_at(
                    chosen, starts, columns, self._matrix, operators.lumped, direction, image
                )
            )
            if not curvature > 0.0:
                over = 1.0
                break
            over, inside, new = summed(*near.advance_at(chosen, old / curvature, *limits, *state))
            iterations += 1
            if not (over and inside):
                break
            near.direct_at(chosen, new / old, residual, inverse, mask, direction)
            old = new
        near.clear_at(chosen, direction)
        return iterations, not over

    def _whole(self, solution: Float) -> int:
        """Iterate in all rows."""
        operators, rows = self.operators, self.operators.rows
        residual, direction, image, inverse = (
            self._residual, self._direction, self._image, self._inverse,
        )  # fmt: skip
        over, old = self._summed(*vectors.measure(rows, self.tolerance, residual, inverse))
        iterations, beta = 0, 0.0
        while over:
            if not math.isfinite(old):
                raise NonFiniteError("the voltage is not finite before a diffusion step")
            if iterations == LONGEST:
                raise LinearSolveError(
                    f"diffusion step stopped after {LONGEST} iterations, {over:.0f} nodes above",
                    expected=f"{self.tolerance:g} mV",
                    fix="check the mesh quality, or raise the tolerance of the scheme",
                )
            vectors.direct(rows, beta, residual, inverse, direction)
            operators.apply(self._matrix, operators.lumped, direction, image)
            (curvature,) = self._summed(vectors.dot(rows, direction, image))
            over, new = self._summed(
                *vectors.advance(
                    rows, old / curvature, self.tolerance,
                    direction, image, inverse, solution, residual,
                )
            )  # fmt: skip
            beta, old = new / old, new
            iterations += 1
        direction[:rows] = 0.0
        return iterations

    def _summed(self, *local: float) -> tuple[float, ...]:
        """Return the sums over all ranks."""
        comm = self.operators.comm
        if comm.size == 1:
            return local
        sums = np.array(local)
        comm.Allreduce(MPI.IN_PLACE, sums, op=MPI.SUM)
        return tuple(sums.tolist())


def _as_they_are(*local: float) -> tuple[float, ...]:
    return local
