"""Newton's method for a large system with a few more unknowns and equations along its border.

Cavity pressures, a traction that depends on integrals over other surfaces, the state of a
circulation: a handful of unknowns z that act everywhere in the residual R(x, z), and equations
g(z, F(x)) = 0 in integrals F of the state. All are solved in one Newton iteration.

The tangent is never assembled: its border is dense. A Krylov method acts on the whole, with a
preconditioner that eliminates the large block exactly as the profile's own does: one application
for each column in the residual, one for each vector. After a factorisation that is exact up to
round-off, and the Krylov method mends what round-off leaves where the large block alone is
singular, which is what happens at a maximum of the pressure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
from dolfinx import fem
from dolfinx.fem import petsc as fem_petsc
from mpi4py import MPI
from numpy.typing import NDArray
from petsc4py import PETSc

from heart.core.errors import LinearSolveError, OutOfMemoryError, ParameterError
from heart.numerics.elimination import bordered
from heart.numerics.newton import NewtonSolver, NonlinearOutcome, NonlinearSystem, compiled
from heart.numerics.profiles import Profile

Float = NDArray[np.float64]


class Functional(Protocol):
    """A number that depends on the state of the large system: a volume, an area."""

    def value(self) -> float:
        """Return it at the present state, the same on all ranks. Collective."""

    def row(self, out: Any) -> None:
        """Write its derivative by the unknowns into a PETSc vector. Collective."""


class Closure(Protocol):
    """The small equations g(z, F) = 0, as many as there are small unknowns.

    Attributes
    ----------
    scale
        (m,) what each equation is multiplied with, so that its residual counts like a force in
        the norm that ends the iteration.
    """

    scale: Float

    def residual(self, unknowns: Float, values: Float) -> Float:
        """Return g (m,) from the unknowns (m,) and the values of the functionals (q,)."""

    def slopes(self, unknowns: Float, values: Float) -> tuple[Float, Float]:
        """Return ∂g/∂z (m, m) and ∂g/∂F (m, q)."""


@dataclass(frozen=True)
class Border:
    """A small unknown that acts in the large residual.

    Attributes
    ----------
    constant
        Scalar `dolfinx.fem.Constant` in the forms of the residual; its value is the start.
    column
        UFL form of ∂R/∂z, which may hold other such constants.
    """

    constant: Any
    column: Any


class FormFunctional:
    """A functional that is an integral over the mesh.

    Parameters
    ----------
    comm
        Communicator of the mesh.
    form
        UFL form without arguments.
    slope
        Its derivative, linear in the test function.
    """

    def __init__(self, comm: MPI.Intracomm, form: Any, slope: Any) -> None:
        self._comm, self._form, self._slope = comm, compiled(form), compiled(slope)

    def value(self) -> float:
        """Return it at the present state. Collective."""
        return float(self._comm.allreduce(fem.assemble_scalar(self._form), op=MPI.SUM))

    def row(self, out: Any) -> None:
        """Write its derivative. Collective."""
        assemble(out, self._slope)


def assemble(out: Any, form: Any) -> None:
    """Fill a PETSc vector from a compiled linear form. Collective."""
    with out.localForm() as local:
        local.set(0.0)
    fem_petsc.assemble_vector(out, form)
    out.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)


class BorderedSystem:
    """A large system and its border, as one system for `NewtonSolver`.

    Rank 0 holds the small unknowns behind its own share of the large ones.

    Parameters
    ----------
    inner
        The large system; its forms hold the constants of `borders`.
    borders
        The first small unknowns, in their order.
    functionals
        What the small equations know of the large state.
    closure
        The small equations; there may be more unknowns than borders.
    start
        (m,) first values; None takes those of the constants, and zero for the others.
    near_nullspace, fields
        Of the large block, as in `NewtonSolver`.
    """

    def __init__(
        self,
        inner: NonlinearSystem,
        borders: Sequence[Border],
        functionals: Sequence[Functional],
        closure: Closure,
        *,
        start: Float | None = None,
        near_nullspace: Any = None,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        self.inner, self.closure, self.comm = inner, closure, inner.comm
        self._borders, self._functionals = tuple(borders), tuple(functionals)
        self.size = len(closure.scale)
        if len(self._borders) > self.size:
            raise ParameterError(
                f"{len(self._borders)} borders with {self.size} small equations",
                expected="an equation for each small unknown",
            )
        self._forms = [compiled(border.column) for border in self._borders]
        self.owned = len(inner.values())
        self._holds = self.comm.rank == 0
        self.small = np.zeros(self.size)
        for k, border in enumerate(self._borders):
            self.small[k] = float(border.constant.value)
        if start is not None:
            self.small[:] = start
        self._set(self.small)
        self.fields, self.out_of_memory = dict(fields or {}), False
        if near_nullspace is not None:
            inner.matrix.setNearNullSpace(near_nullspace)
        self._slopes = (np.zeros((self.size, self.size)), np.zeros((self.size, 0)))
        self.renew()

    def renew(self) -> None:
        """Make vectors and the shell of the matrix anew after PETSc broke off."""
        self.inner.renew()
        large = self.inner.vector
        local = self.owned + (self.size if self._holds else 0)
        self.vector: Any = PETSc.Vec().createMPI((local, None), comm=self.comm)
        self.unknowns: Any = self.vector.duplicate()
        self._at, self._force = large.duplicate(), large.duplicate()
        self.columns = [large.duplicate() for _ in self._borders]
        self._rows = [large.duplicate() for _ in self._functionals]
        layout = (self.vector.getSizes(), self.vector.getSizes())
        self.matrix: Any = PETSc.Mat().createPython(layout, context=self, comm=self.comm)
        self.matrix.setUp()

    def values(self) -> Float:
        """Return a copy of this rank's unknowns; on rank 0 the small ones are last."""
        large = self.inner.values()
        return np.concatenate([large, self.small]) if self._holds else large

    def set_values(self, values: Float) -> None:
        """Put back what `values` returned. Collective."""
        self.inner.set_values(values[: self.owned])
        self._set(self._small(values))

    def measures(self) -> Float:
        """Return the values of the functionals (q,) at the present state. Collective."""
        return np.array([functional.value() for functional in self._functionals])

    def column_norms(self) -> Float:
        """Return the norm of each border's column at the present state. Collective."""
        norms = []
        for form, vector in zip(self._forms, self.columns, strict=True):
            assemble(vector, form)
            norms.append(float(vector.norm()))
        return np.array(norms)

    def residual(self, x: Any, out: Any) -> None:
        """Assemble the residual of the whole at `x`."""
        self._take(x)
        self.inner.residual(self._at, self._force)
        small = self.closure.scale * self.closure.residual(self.small, self.measures())
        self.join(self._force.array_r, small, out)

    def tangent(self, x: Any, matrix: Any) -> None:
        """Assemble the blocks of the tangent at `x`."""
        self._take(x)
        self.inner.tangent(self._at, self.inner.matrix)
        for form, vector in zip(self._forms, self.columns, strict=True):
            assemble(vector, form)
            fem_petsc.set_bc(vector, self.inner.conditions, alpha=0.0)
        for functional, vector in zip(self._functionals, self._rows, strict=True):
            functional.row(vector)
        self._slopes = self.closure.slopes(self.small, self.measures())
        matrix.stateIncrease()

    def round_off(self) -> float:
        """Return how large a residual rounding makes, as of the large system. Collective."""
        return self.inner.round_off()

    def mult(self, _matrix: Any, x: Any, y: Any) -> None:
        """Apply the tangent; called by PETSc."""
        self._at.array[:] = x.array_r[: self.owned]
        small, rows = self._gather(x.array_r, self._at)
        self.inner.matrix.mult(self._at, self._force)
        for k, column in enumerate(self.columns):
            self._force.axpy(small[k], column)
        direct, through = self._slopes
        self.join(self._force.array_r, self.closure.scale * (direct @ small + through @ rows), y)

    def eliminated(self, mixed: Float, large: Any, solved: Sequence[Any]) -> Float | None:
        """Return the small unknowns of the tangent's inverse; None where they are not unique.

        Parameters
        ----------
        mixed
            Right side of the whole, on this rank.
        large, solved
            Inverse of the large block, on its right side and on the columns.
        """
        right, rows = self._gather(mixed, large)
        direct, through = self._slopes
        local = np.array([[row.array_r @ one.array_r for one in solved] for row in self._rows])
        coupling = self.comm.allreduce(local.reshape(len(self._rows), len(solved)), op=MPI.SUM)
        schur = direct.copy()
        schur[:, : len(solved)] -= through @ coupling
        try:
            found = np.linalg.solve(schur, right / self.closure.scale - through @ rows)
        except np.linalg.LinAlgError:
            return None
        return found if np.isfinite(found).all() else None

    def join(self, large: Float, small: Float, out: Any) -> None:
        """Write both parts into a vector of the whole."""
        out.array[: self.owned] = large
        if self._holds:
            out.array[self.owned :] = small

    def _gather(self, mixed: Float, large: Any) -> tuple[Float, Float]:
        """Return the small part of a vector, and the rows times `large`, on all ranks."""
        local = np.zeros(self.size + len(self._rows))
        if self._holds:
            local[: self.size] = mixed[self.owned :]
        local[self.size :] = [row.array_r @ large.array_r for row in self._rows]
        everything = self.comm.allreduce(local, op=MPI.SUM)
        return everything[: self.size], everything[self.size :]

    def _take(self, x: Any) -> None:
        self._at.array[:] = x.array_r[: self.owned]
        self._set(self._small(x.array_r))

    def _small(self, values: Float) -> Float:
        own = np.array(values[self.owned :]) if self._holds else None
        return np.asarray(self.comm.bcast(own, root=0))

    def _set(self, small: Float) -> None:
        self.small = small.copy()
        for border, value in zip(self._borders, small, strict=False):
            border.constant.value = value


class BorderedSolver:
    """Newton's method with a profile over a bordered system; several may share one system.

    Parameters
    ----------
    system
        What is solved.
    profile
        Options from solvers/mechanics/, as for the large system alone.
    """

    def __init__(self, system: BorderedSystem, profile: Profile) -> None:
        self._system, self._profile = system, profile
        self._newton = NewtonSolver(cast(NonlinearSystem, system), bordered(profile))

    def solve(self) -> NonlinearOutcome:
        """Solve from the present state; on failure the state is left where it stopped. Collective.

        Raises
        ------
        NonlinearSolveError, LinearSolveError, NonFiniteError, OutOfMemoryError, ScenarioError
            As `NewtonSolver.solve`.
        """
        try:
            return self._newton.solve()
        except LinearSolveError as error:
            if not self._system.out_of_memory:
                raise
            raise OutOfMemoryError(
                f"profile {self._profile.name} ran out of memory",
                fix="use an iterative profile, more ranks or a coarser mesh",
            ) from error

    def destroy(self) -> None:
        """Free the solver."""
        self._newton.destroy()
