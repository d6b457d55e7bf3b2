"""What a kernel has to know of finite elements: which entries of a cell's data belong to what.

Elements are taken apart into scalar ones, each tabulated once at the points of the quadrature; a
vector of unknowns per cell is ordered as DOLFINx packs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import basix
import basix.ufl
import numpy as np
from numpy.typing import NDArray

from heart.numerics.element_kernel.from_ufl import Unsupported

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """Components of a function that share one scalar element.

    Attributes
    ----------
    first
        Place of the part's first value in the data of a cell.
    component
        Flat number of its first component in the function.
    width
        Number of components; value (node, c) is at ``first + node · width + c``.
    element
        Scalar basix element of one component.
    """

    first: int
    component: int
    width: int
    element: Any

    @property
    def nodes(self) -> int:
        """Number of nodes per cell."""
        return int(self.element.dim)

    @property
    def pointwise(self) -> bool:
        """Whether its values are given at the quadrature points."""
        return bool(self.element.is_quadrature)

    @property
    def uniform(self) -> bool:
        """Whether it is one number per cell."""
        return self.nodes == 1 and not self.pointwise


def parts(element: Any) -> tuple[Part, ...]:
    """Return the parts of an element.

    Raises
    ------
    Unsupported
        It is not made of scalar Lagrange or quadrature elements.
    """
    found: list[Part] = []
    first = component = 0
    pieces = element.sub_elements if isinstance(element, basix.ufl._MixedElement) else [element]
    for piece in pieces:
        width = int(piece.block_size)
        scalar = piece.sub_elements[0] if width > 1 else piece
        family = getattr(scalar, "element_family", None)
        if int(np.prod(piece.reference_value_shape, dtype=int)) != width or not (
            scalar.is_quadrature or family == basix.ElementFamily.P
        ):
            raise Unsupported(str(element))
        found.append(Part(first, component, width, scalar))
        first += int(piece.dim)
        component += width
    return tuple(found)


def width(element: Any) -> int:
    """Return how many numbers per cell a function has."""
    return int(element.dim)


@dataclass(frozen=True)
class Rule:
    """Quadrature points (n, 3) and weights of the reference cell."""

    points: Float
    weights: Float

    @classmethod
    def of(cls, cell: Any, degree: int) -> Rule:
        """Return the rule that form compilers take by default."""
        points, weights = basix.make_quadrature(cell, degree)
        return cls(np.asarray(points), np.asarray(weights))


def values(element: Any, rule: Rule) -> Float:
    """Return basis functions (nodes, points)."""
    table = element.tabulate(0, rule.points)[0]
    return np.ascontiguousarray(np.asarray(table, np.float64).T)


def gradients(element: Any, rule: Rule) -> Float:
    """Return reference gradients of the basis functions (3, nodes, points)."""
    table = np.asarray(element.tabulate(1, rule.points), np.float64)[1:]
    return np.ascontiguousarray(np.swapaxes(table, 1, 2))
