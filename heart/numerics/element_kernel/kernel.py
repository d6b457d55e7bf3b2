"""Forms of DOLFINx whose cells are done by a generated kernel.

Insertion, prescribed values, ghosts and ranks remain DOLFINx's: it calls the kernel where it
would call the form compiler's code.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np
from dolfinx import cpp, fem
from numpy.typing import NDArray
from ufl.classes import Argument, CoefficientDerivative

from heart.numerics.element_kernel.compilation import loaded
from heart.numerics.element_kernel.elements import Rule
from heart.numerics.element_kernel.from_ufl import Unsupported
from heart.numerics.element_kernel.pointwise import Pointwise, differentiate
from heart.numerics.element_kernel.source import Source


@dataclass(frozen=True)
class Kernel:
    """Residual and tangent as two forms.

    Attributes
    ----------
    space
        Of the unknowns.
    point
        The law and what it reads.
    library
        Functions `residual` and `tangent`; keeps their code loaded.
    residual, tangent
        Compiled forms of rank 1 and 2, which DOLFINx assembles like any other.
    """

    space: Any
    point: Pointwise
    library: ctypes.CDLL
    residual: Any
    tangent: Any

    def tangent_of(self, cells: NDArray[np.int32]) -> Any:
        """Return the tangent of some of this rank's cells."""
        return _form(self.library.tangent, self.point, [self.space] * 2, cells)


def kernel(form: Any, state: Any) -> Kernel:
    """Return the kernel of a residual's integrals over all cells. Collective.

    Parameters
    ----------
    form
        UFL form of rank 1 with cell integrals of one degree: derivatives of potentials by the
        state, as `ufl.derivative` gives them, and virtual work.
    state
        Function that the unknowns are in.

    Raises
    ------
    Unsupported
        The form needs something that kernels do not cover.
    StorageError
        The compiler failed, or there is none.
    """
    space = state.function_space
    mesh, geometry = space.mesh, space.mesh.ufl_domain().ufl_coordinate_element()
    if mesh.geometry.dim != 3 or mesh.topology.dim != 3:
        raise Unsupported("cells that are not solid")
    degrees = {int(one.metadata()["quadrature_degree"]) for one in form.integrals()}
    if len(degrees) != 1:
        raise Unsupported("several quadrature degrees")
    rule = Rule.of(mesh.basix_cell(), degrees.pop())
    point = differentiate(*_sorted(form, state), state)
    library = loaded(Source(point, geometry, rule).text(), mesh.comm)
    cells = np.arange(mesh.topology.index_map(3).size_local, dtype=np.int32)
    return Kernel(
        space=space,
        point=point,
        library=library,
        residual=_form(library.residual, point, [space], cells),
        tangent=_form(library.tangent, point, [space, space], cells),
    )


def _sorted(form: Any, state: Any) -> tuple[list[Any], list[Any]]:
    """Return potentials and virtual works of a form."""
    potentials, works = [], []
    for integral in form.integrals():
        if integral.integral_type() != "cell" or integral.subdomain_id() != "everywhere":
            raise Unsupported("integrals over a part of the cells")
        if set(integral.metadata()) != {"quadrature_degree"}:
            raise Unsupported("a quadrature rule of its own")
        integrand = integral.integrand()
        if isinstance(integrand, CoefficientDerivative):
            density, by, direction, chain = integrand.ufl_operands
            if by.ufl_operands == (state,) and not chain.ufl_operands and _is_test(direction):
                potentials.append(density)
                continue
        works.append(integrand)
    return potentials, works


def _is_test(direction: Any) -> bool:
    (operand,) = direction.ufl_operands
    return isinstance(operand, Argument) and operand.number() == 0


def _form(function: Any, point: Pointwise, spaces: list[Any], cells: NDArray[np.int32]) -> Any:
    scalars, mesh = point.scalars, spaces[0].mesh
    address = ctypes.cast(function, ctypes.c_void_p).value
    used = np.arange(len(scalars.coefficients), dtype=np.int8)
    kind = fem.IntegralType.cell
    form = cpp.fem.Form_float64(
        [one._cpp_object for one in spaces],
        {kind: [(0, address, cells, used)]},
        [one._cpp_object for one in scalars.coefficients],
        [one._cpp_object for one in scalars.constants],
        False,
        [],
        mesh._cpp_object,
    )
    return fem.Form(form)
