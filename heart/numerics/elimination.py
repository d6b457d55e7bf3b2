"""The preconditioner of a bordered system: block elimination by that of the large block.

PETSc makes it by its name in the options and gives it the shell of the matrix, through which it
finds its `heart.numerics.bordered.BorderedSystem`.
"""

from __future__ import annotations

from typing import Any

from petsc4py import PETSc

from heart.numerics.newton import EXTERNAL_LIBRARY, OUT_OF_MEMORY
from heart.numerics.profiles import Profile

EXACT = 1e-8
"""Relative residual of a linear solve after a factorisation; more gains nothing in Newton."""
TRIES = 20
INNER = "inner_"


class Elimination:
    """Preconditioner of a bordered system: block elimination by the profile's own.

    PETSc makes it by its name; it finds its system through the matrix, and the options of the
    large block under the prefix `INNER`.
    """

    def __init__(self) -> None:
        self._ksp: Any = None
        self._solved: list[Any] = []

    def setUp(self, pc: Any) -> None:
        """Set up for the present tangent: the large block, and each column through it."""
        system = pc.getOperators()[0].getPythonContext()
        if self._ksp is None:
            self._make(system, (pc.getOptionsPrefix() or "") + INNER)
        try:
            failure = self._factorised(system)
        except PETSc.Error as error:
            code = int(getattr(error, "ierr"))  # noqa: B009
            if code not in (OUT_OF_MEMORY, EXTERNAL_LIBRARY):
                raise
            # What PETSc broke off stays locked; an error in a callback would lose its name.
            self.destroy(pc)
            reasons = PETSc.PC.FailedReason
            failure = reasons.FACTOR_OUTMEMORY if code == OUT_OF_MEMORY else reasons.FACTOR_OTHER
        system.out_of_memory = failure == PETSc.PC.FailedReason.FACTOR_OUTMEMORY
        # Also where it did not fail: PETSc keeps the reason of an earlier time.
        pc.setFailedReason(failure)

    def _factorised(self, system: Any) -> int:
        """Set the inner preconditioner up and return why it failed, 0 for not."""
        inner = self._ksp.getPC()
        inner.setReusePreconditioner(False)
        # Without this KSP takes its set-up for done.
        self._ksp.setOperators(system.inner.matrix, system.inner.matrix)
        self._ksp.setUp()
        # A lagged preconditioner must not be renewed behind the back of SNES.
        inner.setReusePreconditioner(True)
        failure = int(inner.getFailedReason())
        for column, solved in zip(system.columns, self._solved, strict=True):
            if not failure and not self._solve(column, solved):
                failure = PETSc.PC.FailedReason.SUBPC_ERROR
        return failure

    def _make(self, system: Any, prefix: str) -> None:
        """Make a KSP that does nothing but apply the preconditioner, and the vectors."""
        large = system.inner.matrix
        self._ksp = PETSc.KSP().create(comm=large.comm)
        self._ksp.setType(PETSc.KSP.Type.PREONLY)
        inner = self._ksp.getPC()
        inner.setOptionsPrefix(prefix)
        inner.setFromOptions()
        if inner.getType() == PETSc.PC.Type.FIELDSPLIT:
            inner.setFieldSplitIS(*system.fields.items())
        self._solved = [column.duplicate() for column in system.columns]
        self._force, self._at = (system.inner.vector.duplicate() for _ in range(2))

    def _solve(self, right: Any, out: Any) -> bool:
        self._ksp.solve(right, out)
        return int(self._ksp.getConvergedReason()) > 0

    def apply(self, pc: Any, x: Any, y: Any) -> None:
        """Eliminate the large block."""
        system = pc.getOperators()[0].getPythonContext()
        self._force.array[:] = x.array_r[: system.owned]
        found = None
        if self._solve(self._force, self._at):
            found = system.eliminated(x.array_r, self._at, self._solved)
        if found is None:
            pc.setFailedReason(PETSc.PC.FailedReason.SUBPC_ERROR)
            y.set(0.0)
            return
        for value, solved in zip(found, self._solved, strict=False):
            self._at.axpy(-float(value), solved)
        system.join(self._at.array_r, found, y)

    def destroy(self, _pc: Any) -> None:
        """Free the inner preconditioner."""
        for thing in (self._ksp, *self._solved):
            if thing is not None:
                thing.destroy()
        self._ksp, self._solved = None, []


def bordered(profile: Profile) -> Profile:
    """Return the profile of the whole from that of the large block.

    Options of SNES and of the Krylov method act on the whole, those of the preconditioner on the
    large block. A profile that only factorises gets a flexible GMRES, which ends at once.
    """
    outer: dict[str, str | int | float] = {}
    for key, value in profile.petsc.items():
        outer[key if key.startswith(("snes_", "ksp_")) else INNER + key] = value
    if outer.get("ksp_type") == "preonly":
        outer |= {"ksp_type": "fgmres", "ksp_rtol": EXACT, "ksp_max_it": TRIES}
    outer |= {"pc_type": "python", "pc_python_type": f"{__name__}.{Elimination.__name__}"}
    return Profile(profile.name, profile.purpose, outer)
