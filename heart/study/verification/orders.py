"""How errors against closed forms are measured, and the schemes that orders are measured with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import ufl
from dolfinx import fem
from mpi4py import MPI
from numpy.typing import NDArray

from heart.electro.tissue.scheme import Diffusion, Scheme, Splitting
from heart.electro.tissue.space import TissueSpace

Float = NDArray[np.float64]

SOURCE = "Pathmanathan2014"
TIGHT = Scheme(dt=0.05, tolerance=1e-11, single=False)
GODUNOV = replace(TIGHT, splitting=Splitting.GODUNOV)
EULER = replace(GODUNOV, diffusion=Diffusion.IMPLICIT_EULER)


@dataclass(frozen=True)
class Norms:
    """Errors of a field against its closed form."""

    l2: float
    h1: float


def norms(space: TissueSpace, values: Float, exact: Callable[[Any], Any]) -> Norms:
    """Return the error of nodal `values` (nodes,) in L2 and in the H1 seminorm. Collective.

    Parameters
    ----------
    space
        Where the values are.
    values
        At all nodes.
    exact
        The closed form as an expression of the coordinates.
    """
    gap = space.function(values) - exact(ufl.SpatialCoordinate(space.mesh))
    parts = [
        fem.assemble_scalar(fem.form(integrand * space.measure(6)))
        for integrand in (gap**2, ufl.inner(ufl.grad(gap), ufl.grad(gap)))
    ]
    l2, h1 = (float(np.sqrt(space.comm.allreduce(part, op=MPI.SUM))) for part in parts)
    return Norms(l2, h1)


def slope(steps: tuple[float, ...], errors: list[float]) -> float:
    """Return the order: slope of log error over log step."""
    return float(np.polyfit(np.log(steps), np.log(errors), 1)[0])


def product_of_cosines(time: float) -> Callable[[Any], Any]:
    """Return √(1+t) cos πx cos 2πy cos 3πz as an expression."""

    def expression(x: Any) -> Any:
        value = np.sqrt(1.0 + time)
        for axis in range(3):
            value = value * ufl.cos((axis + 1) * np.pi * x[axis])
        return value

    return expression
