"""The one place where a linear system is solved: typed outcome, reason always checked.

PETSc carries on after a failed solve unless asked; here every solve returns what happened and a
failure is an exception with the reason's name and the residual that was reached.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from petsc4py import PETSc

from heart.core.errors import LinearSolveError, NonFiniteError, ScenarioError
from heart.numerics.profiles import Profile

_prefix = itertools.count()
_reasons = {
    value: name
    for name, value in vars(PETSc.KSP.ConvergedReason).items()
    if isinstance(value, int) and not name.startswith("_")
}


@dataclass(frozen=True)
class LinearOutcome:
    """What a linear solve did."""

    iterations: int
    residual: float
    reason: str


class LinearSolver:
    """A KSP with a fixed matrix and a profile, reused for many right-hand sides.

    Parameters
    ----------
    matrix
        Assembled square PETSc matrix.
    profile
        Options from solvers/.
    nullspace
        Attach the constant null space (pure Neumann problems); right-hand sides must then sum to
        zero and the solution is the one of zero mean.
    """

    def __init__(self, matrix: Any, profile: Profile, *, nullspace: bool = False) -> None:
        self.matrix, self.profile = matrix, profile
        prefix = f"heart_{next(_prefix)}_"
        options: Any = PETSc.Options()
        for key, value in profile.petsc.items():
            options[prefix + key] = value
        self._ksp: Any = PETSc.KSP().create(matrix.comm)
        self._ksp.setOptionsPrefix(prefix)
        if nullspace:
            constant = PETSc.NullSpace().create(constant=True, comm=matrix.comm)
            matrix.setNullSpace(constant)
            matrix.setNearNullSpace(constant)
        self._nullspace = matrix.getNullSpace() if nullspace else None
        self._ksp.setOperators(matrix)
        self._ksp.setFromOptions()
        self._ksp.setUp()
        unused = [key for key in profile.petsc if not options.used(prefix + key)]
        for key in profile.petsc:
            options.delValue(prefix + key)
        if unused:
            raise ScenarioError(
                f"PETSc does not know {', '.join(unused)} of profile {profile.name}",
                fix="correct or remove the option in solvers/",
            )

    def solve(self, rhs: Any, solution: Any) -> LinearOutcome:
        """Solve into `solution`, starting from its present value when the profile says so.

        Raises
        ------
        NonFiniteError
            The right-hand side or the solution is NaN or infinite.
        LinearSolveError
            The iteration did not converge.
        """
        if not np.isfinite(rhs.norm()):
            raise NonFiniteError("right-hand side of a linear system is not finite")
        if self._nullspace is not None:
            self._nullspace.remove(rhs)
        self._ksp.solve(rhs, solution)
        reason: Any = self._ksp.getConvergedReason()
        outcome = LinearOutcome(
            iterations=self._ksp.getIterationNumber(),
            residual=self._ksp.getResidualNorm(),
            reason=_reasons.get(int(reason), str(reason)),
        )
        if reason <= 0:
            raise LinearSolveError(
                f"linear solve with profile {self.profile.name} stopped with {outcome.reason} "
                f"after {outcome.iterations} iterations at residual {outcome.residual:.2e}",
                fix="check the mesh quality, or use another profile from solvers/",
            )
        if not np.isfinite(solution.norm()):
            raise NonFiniteError("solution of a linear system is not finite")
        return outcome

    def destroy(self) -> None:
        """Free the solver; PETSc objects outlive Python's garbage collection otherwise."""
        self._ksp.destroy()
