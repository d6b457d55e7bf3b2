"""The one place where a nonlinear system of finite elements is solved: SNES over our assembly.

Matrix and vectors are made once and filled again in each iteration; forms are compiled once and
refused without an explicit quadrature degree (automatic degrees of exponential laws cost 190 times
the assembly). PETSc carries on after a failure unless asked; here each failure is an exception
with the reason's name, so that a step controller can act on it and a user can read it.

A residual cannot become smaller than what rounding the unknowns does to it, and that grows with
the stiffness: with a bulk modulus of 4e5 kPa it is 2e-9 mN on a cube of 1 cm, above the absolute
tolerance of the profiles, and a step that was solved counted as failed. So the tolerance is never
below ε‖K‖(d + |x|), with K the tangent (Frobenius norm), d the distance of nodes and |x| the root
mean square of the unknowns: a state with that residual is exact for a tangent that is off by ε.
Measured on blocks and cubes, bulk moduli of 100 to 4e5 kPa, P1 and P2, with pressure and without:
five to ten times the residual at which Newton's method stalls. Ordinary muscle is far below the
tolerance of the profiles, which is then as written.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import ufl
from dolfinx import fem
from dolfinx.fem import petsc as fem_petsc
from mpi4py import MPI
from numpy.typing import NDArray
from petsc4py import PETSc

from heart.core.errors import (
    HeartError,
    LinearSolveError,
    NonFiniteError,
    NonlinearSolveError,
    OutOfMemoryError,
    ParameterError,
    ScenarioError,
)
from heart.numerics.element_kernel.from_ufl import Unsupported
from heart.numerics.element_kernel.insertion import KINDS, Insertion
from heart.numerics.element_kernel.kernel import Kernel, kernel
from heart.numerics.profiles import Profile

Float = NDArray[np.float64]

# Debug symbols, which Python's own flags ask for, double the time to compile a tangent.
COMPILER = {"cffi_extra_compile_args": ["-O2", "-g0"]}
OUT_OF_MEMORY, EXTERNAL_LIBRARY = 55, 76  # PETSC_ERR_MEM, PETSC_ERR_LIB
EPSILON = float(np.finfo(np.float64).eps)
_prefix = itertools.count()
_reasons = {
    value: name
    for name, value in vars(PETSc.SNES.ConvergedReason).items()
    if isinstance(value, int) and not name.startswith("_") and value != 0
}
_linear_reasons = {
    value: name
    for name, value in vars(PETSc.KSP.ConvergedReason).items()
    if isinstance(value, int) and not name.startswith("_")
}


@dataclass(frozen=True)
class NonlinearOutcome:
    """What a nonlinear solve did.

    Attributes
    ----------
    iterations, linear_iterations
        Newton steps, and Krylov iterations in all of them.
    residuals
        Norm of the true residual before the first and after each Newton step.
    reason
        PETSc's name for why it ended.
    """

    iterations: int
    linear_iterations: int
    residuals: tuple[float, ...]
    reason: str


def require_degree(form: Any) -> None:
    """Refuse a form of which any integral leaves its quadrature degree to the form compiler.

    Raises
    ------
    ParameterError
        An integral has no explicit degree.
    """
    for integral in form.integrals():
        if integral.metadata().get("quadrature_degree") is None:
            raise ParameterError(
                f"a form has a {integral.integral_type()} integral without quadrature degree",
                expected="metadata={'quadrature_degree': …} on every measure",
            )


def compiled(form: Any) -> Any:
    """Compile a form that has explicit quadrature degrees."""
    require_degree(form)
    return fem.form(form, jit_options=COMPILER)


class Assembly(Enum):
    """Whose code does the cells: the kernels of `heart.numerics.element_kernel` or the compiler's.

    Kernels are several times faster and exist for what most laws need.
    """

    KERNEL = "kernel"
    FORM = "form"


@dataclass(frozen=True)
class Term:
    """Part of a residual, with its tangent, as compiled forms of DOLFINx."""

    residual: Any
    tangent: Any


class NonlinearSystem:
    """Residual and tangent of a state, assembled into the same vector and matrix each time.

    Parameters
    ----------
    residual
        UFL forms, linear in their test function, that are added; what changes seldom (the law)
        and what changes often (the loads) are compiled, and kept compiled, apart.
        The first has to couple all unknowns that any couples.
    state
        Function that holds the unknowns; its values are the start and the result of a solve.
    conditions
        Dirichlet conditions; their values may change between solves.
    assembly
        Of the integrals over cells.

    Attributes
    ----------
    assembly
        What is in use: `FORM` where there is no kernel for these integrals.
    """

    def __init__(
        self,
        residual: Sequence[Any],
        state: Any,
        conditions: Sequence[Any] = (),
        assembly: Assembly = Assembly.KERNEL,
    ) -> None:
        self.state, self.conditions = state, list(conditions)
        self.comm: Any = state.function_space.mesh.comm
        for form in residual:
            require_degree(form)
        cells = _cells(residual, state) if assembly is Assembly.KERNEL else None
        self.assembly = Assembly.FORM if cells is None else assembly
        forms = residual if cells is None else _without_cells(residual)
        terms = [Term(compiled(form), compiled(ufl.derivative(form, state))) for form in forms]
        if cells is not None:
            terms.insert(0, Term(cells.residual, cells.tangent))
        self._kernel = cells
        self._insertion: Insertion | None = None
        self._residuals = [term.residual for term in terms]
        self._tangents = [term.tangent for term in terms]
        self.matrix: Any = fem_petsc.create_matrix(self._tangents[0])
        self.matrix.setOption(PETSc.Mat.Option.KEEP_NONZERO_PATTERN, True)
        self.renew()
        layout = state.function_space.dofmap
        self._owned = layout.index_map.size_local * layout.index_map_bs
        self._spacing = _spacing(state.function_space)

    def renew(self) -> None:
        """Make the vectors anew: those of a solve that PETSc broke off stay locked."""
        self.vector: Any = fem_petsc.create_vector(self.state.function_space)
        self.unknowns: Any = self.vector.duplicate()

    def values(self) -> Float:
        """Return a copy of the unknowns that this rank owns."""
        return np.array(self.state.x.array[: self._owned])

    def set_values(self, values: Float) -> None:
        """Put back what `values` returned."""
        self.state.x.array[: self._owned] = values
        self.state.x.scatter_forward()

    def residual(self, x: Any, out: Any) -> None:
        """Assemble the residual at `x`; rows of prescribed unknowns hold what they are off."""
        self._take(x)
        with out.localForm() as local:
            local.set(0.0)
        lift = self._gap() > 0.0
        for form, tangent in zip(self._residuals, self._tangents, strict=True):
            fem_petsc.assemble_vector(out, form)
            if lift:
                fem_petsc.apply_lifting(out, [tangent], bcs=[self.conditions], x0=[x], alpha=-1.0)
        out.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)
        fem_petsc.set_bc(out, self.conditions, x0=x, alpha=-1.0)

    def tangent(self, x: Any, matrix: Any) -> None:
        """Assemble the tangent at `x`."""
        self._take(x)
        matrix.zeroEntries()
        tangents = list(self._tangents)
        if self._insertion is not None and self._insertion.fits(matrix):
            self._insertion.add()
            tangents[0] = self._insertion.rest
        # The last form writes the ones on the diagonal of prescribed unknowns.
        for k, form in reversed(list(enumerate(tangents))):
            fem_petsc.assemble_matrix(matrix, form, self.conditions, diag=float(k == 0))
            matrix.assemble(PETSc.Mat.AssemblyType.FLUSH)
        matrix.assemble()
        if self._insertion is None and self._kernel is not None and matrix.getType() in KINDS:
            self._insertion = Insertion(self._kernel, matrix, self.conditions)

    def round_off(self) -> float:
        """Return how large a residual rounding makes, at the last tangent. Collective."""
        mine = self.state.x.array[: self._owned]
        square, count = self.comm.allreduce(np.array([mine @ mine, len(mine)]), op=MPI.SUM)
        norm = self.matrix.norm(PETSc.NormType.FROBENIUS)
        return float(EPSILON * norm * (self._spacing + np.sqrt(square / count)))

    def _take(self, x: Any) -> None:
        self.state.x.array[: self._owned] = x.array_r
        self.state.x.scatter_forward()

    def _gap(self) -> float:
        """Return how far the state is from its prescribed values, over all ranks.

        Lifting assembles a tangent at each cell with a prescribed unknown: it is left out once
        the values are met, which is after the first full Newton step.
        """
        target = self.state.x.array.copy()
        for condition in self.conditions:
            condition.set(target)
        local = float(np.abs(target - self.state.x.array).max(initial=0.0))
        return float(self.comm.allreduce(local, op=MPI.MAX))


def _spacing(space: Any) -> float:
    """Return about how far nodes are from each other, in mm. Collective."""
    mesh, degree = space.mesh, space.ufl_element().embedded_superdegree
    here = mesh.topology.index_map(mesh.topology.dim).size_local
    sizes = mesh.h(mesh.topology.dim, np.arange(here, dtype=np.int32))
    total, count = mesh.comm.allreduce(np.array([sizes.sum(), here]), op=MPI.SUM)
    return float(0.5 * total / (count * degree))


def _cells(residual: Sequence[Any], state: Any) -> Kernel | None:
    """Return one kernel for all integrals over cells, or None where there is none for them."""
    integrals = [one for form in residual for one in form.integrals_by_type("cell")]
    if not integrals:
        return None
    try:
        return kernel(ufl.Form(integrals), state)
    except Unsupported:
        return None


def _without_cells(residual: Sequence[Any]) -> list[Any]:
    """Return what is left of the forms without their integrals over cells."""
    left = [[one for one in form.integrals() if one.integral_type() != "cell"] for form in residual]
    return [ufl.Form(integrals) for integrals in left if integrals]


class NewtonSolver:
    """SNES with a profile over a system; several may share one system.

    Parameters
    ----------
    system
        What is solved.
    profile
        Options from solvers/mechanics/; `snes_atol` is not taken below the round-off of the system.
    near_nullspace
        Near null space of the matrix (rigid motions), for algebraic multigrid.
    fields
        Index sets by name for `fieldsplit`.
    """

    def __init__(
        self,
        system: NonlinearSystem,
        profile: Profile,
        *,
        near_nullspace: Any = None,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        self.system, self.profile = system, profile
        self._near_nullspace, self._fields = near_nullspace, dict(fields or {})
        self._options: Any = PETSc.Options()
        self._checked = False
        self._build()

    def _build(self) -> None:
        system, keys = self.system, self.profile.petsc
        if keys.get("pc_type") == "fieldsplit" and not self._fields:
            raise ParameterError(
                f"profile {self.profile.name} splits unknowns that are of one kind",
                fix="use a profile for displacement alone, as mechanics/gamg",
            )
        self._name = f"heart_newton_{next(_prefix)}_"
        for key, value in keys.items():
            self._options.setValue(self._name + key, value)
        self._snes: Any = PETSc.SNES().create(system.comm)
        self._snes.setOptionsPrefix(self._name)
        self._snes.setFunction(lambda _snes, x, out: system.residual(x, out), system.vector)
        self._snes.setJacobian(self._tangent, system.matrix)
        if self._near_nullspace is not None:
            system.matrix.setNearNullSpace(self._near_nullspace)
        self._snes.setFromOptions()
        if self._fields:
            # Before the options it is not yet a field split, and takes the sets for nothing.
            self._snes.getKSP().getPC().setFieldSplitIS(*self._fields.items())
        self._snes.setConvergenceHistory(reset=True)
        self._least = float(self._snes.getTolerances()[1])

    def _tangent(self, snes: Any, x: Any, matrix: Any, _preconditioner: Any) -> None:
        self.system.tangent(x, matrix)
        snes.setTolerances(atol=max(self._least, self.system.round_off()))

    def solve(self) -> NonlinearOutcome:
        """Solve from the present state; on failure the state is left where it stopped. Collective.

        Raises
        ------
        NonlinearSolveError
            Newton's method did not converge.
        LinearSolveError
            A linear solve inside it failed.
        NonFiniteError
            Residual or unknowns became NaN or infinite.
        OutOfMemoryError
            The factorisation did not fit.
        ScenarioError
            PETSc did not use an option of the profile.
        """
        unknowns = self.system.unknowns
        unknowns.array[:] = self.system.values()
        try:
            self._snes.solve(None, unknowns)
        except PETSc.Error as error:
            raise self._renewed(error) from error
        self._check_options()
        self.system.set_values(unknowns.array_r)
        norms, _ = self._snes.getConvergenceHistory()
        code = int(self._snes.getConvergedReason())
        outcome = NonlinearOutcome(
            iterations=self._snes.getIterationNumber(),
            linear_iterations=self._snes.getLinearSolveIterations(),
            residuals=tuple(float(norm) for norm in norms),
            reason=_reasons.get(code, str(code)),
        )
        if code <= 0:
            raise self._failure(outcome)
        if not np.isfinite(unknowns.norm()):
            raise NonFiniteError(f"solution with profile {self.profile.name} is not finite")
        return outcome

    def destroy(self) -> None:
        """Free the solver; PETSc objects outlive Python's garbage collection otherwise."""
        self._snes.destroy()

    def _failure(self, outcome: NonlinearOutcome) -> HeartError:
        last = outcome.residuals[-1] if outcome.residuals else float("nan")
        first = outcome.residuals[0] if outcome.residuals else float("nan")
        text = (
            f"Newton's method with profile {self.profile.name} stopped with {outcome.reason} after "
            f"{outcome.iterations} iterations, residual {first:.2e} to {last:.2e}"
        )
        if outcome.reason == "DIVERGED_LINEAR_SOLVE":
            code = int(self._snes.getKSP().getConvergedReason())
            return LinearSolveError(
                f"{text}: linear solve {_linear_reasons.get(code, code)}",
                fix="use a direct profile, or check mesh quality and boundary conditions",
            )
        if not np.isfinite(last) or outcome.reason.endswith(("NANORINF", "DOMAIN")):
            return NonFiniteError(text, fix="take smaller steps")
        return NonlinearSolveError(text, fix="take smaller steps")

    def _renewed(self, error: Any) -> Any:
        """Start afresh after PETSc broke off, and return what to raise."""
        if error.ierr not in (OUT_OF_MEMORY, EXTERNAL_LIBRARY):
            return error
        self._snes.destroy()
        self.system.renew()
        self._build()
        if error.ierr == OUT_OF_MEMORY:
            return OutOfMemoryError(
                f"profile {self.profile.name} ran out of memory",
                fix="use an iterative profile, more ranks or a coarser mesh",
            )
        last = str(error).strip().splitlines()[-1]
        return LinearSolveError(
            f"factorisation with profile {self.profile.name} failed: {last}",
            fix="check mesh quality and boundary conditions",
        )

    def _check_options(self) -> None:
        """Refuse a profile with options that PETSc has not looked at in a whole solve."""
        if self._checked:
            return
        self._checked = True
        keys = self.profile.petsc
        unused = [key for key in keys if not self._options.used(self._name + key)]
        for key in keys:
            self._options.delValue(self._name + key)
        if unused:
            raise ScenarioError(
                f"PETSc does not know {', '.join(unused)} of profile {self.profile.name}",
                fix="correct or remove the option in solvers/",
            )
