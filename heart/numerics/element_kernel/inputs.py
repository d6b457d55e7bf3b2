"""What a kernel reads of a cell: its shape, coefficients and constants at quadrature points."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from heart.numerics.element_kernel.elements import Part, parts, width
from heart.numerics.element_kernel.from_ufl import Unsupported
from heart.numerics.element_kernel.graph import Node
from heart.numerics.element_kernel.tables import Tables
from heart.numerics.element_kernel.text import Writer

Name = tuple[object, ...]
AXES = range(3)


@dataclass(frozen=True)
class Place:
    """Where a coefficient's or constant's numbers start, and a coefficient's parts."""

    first: int
    parts: tuple[Part, ...]


class Inputs:
    """Text that evaluates the inputs of a graph.

    Parameters
    ----------
    coefficients, constants
        UFL objects, in the order in which DOLFINx packs them.
    geometry
        Coordinate element of a tetrahedron or hexahedron.
    tables
        Takes up what is read.

    Attributes
    ----------
    affine
        Whether J is one matrix per cell.
    """

    def __init__(
        self, coefficients: Sequence[Any], constants: Sequence[Any], geometry: Any, tables: Tables
    ) -> None:
        self.tables, self.geometry = tables, parts(geometry)[0]
        self.affine = geometry.cell_type.name == "tetrahedron" and self.geometry.nodes == 4
        self.coefficients: list[Place] = []
        first = 0
        for coefficient in coefficients:
            element = coefficient.function_space.ufl_element()
            self.coefficients.append(Place(first, parts(element)))
            first += width(element)
        self.constants: list[int] = []
        first = 0
        for constant in constants:
            self.constants.append(first)
            first += int(np.prod(constant.ufl_shape, dtype=int))

    def varies(self, name: Name) -> bool:
        """Return whether an input differs between the points of a cell."""
        match name:
            case ("constant", *_):
                return False
            case ("jacobian", *_):
                return not self.affine
            case ("value", int(k), int(component)):
                return not self._part(k, component)[0].uniform
        return True

    def _part(self, coefficient: int, component: int) -> tuple[Part, int]:
        """Return the part and the first number of a component."""
        place = self.coefficients[coefficient]
        for part in place.parts:
            if part.component <= component < part.component + part.width:
                return part, place.first + part.first + component - part.component
        raise AssertionError((coefficient, component))

    def lines(self, writer: Writer) -> tuple[list[str], list[str]]:
        """Return the lines before the loop over points, and the first lines within it."""
        before, within = self._jacobian()
        uniform: dict[Node, str] = {}
        varying: dict[Node, str] = {}
        slopes: dict[tuple[int, int], list[int]] = defaultdict(list)
        for node, name in writer.inputs().items():
            match name:
                case ("constant", int(k), int(component)):
                    uniform[node] = f"c[{self.constants[k] + component}]"
                case ("jacobian", int(i), int(j)):
                    (uniform if self.affine else varying)[node] = f"J{i}{j}"
                case ("value", int(k), int(component)):
                    part, first = self._part(k, component)
                    if part.uniform:
                        uniform[node] = f"w[{first}]"
                    elif part.pointwise:
                        within.append(_at_points(f"in{node}", first, part.width))
                        varying[node] = f"in{node}"
                    else:
                        within += self._sum(f"in{node}", first, part)
                        varying[node] = f"in{node}"
                case ("gradient", int(k), int(component), int(axis)):
                    varying[node] = f"d{k}_{component}_{axis}"
                    slopes[k, self._part(k, component)[0].component].append(component)
        for (k, _), components in slopes.items():
            within += self._gradient(k, sorted(set(components)))
        return [*before, *writer.uniform(uniform)], [*within, *writer.body(varying)]

    def _sum(self, name: str, first: int, part: Part) -> list[str]:
        table = self.tables.over_points(part.element, derivative=False)
        return [
            f"vec {name} = {{0}};",
            f"for (int a = 0; a < {part.nodes}; ++a)",
            f"  {name} += w[{first} + {part.width} * a] * load(&{table}[a][v * W]);",
        ]

    def _gradient(self, k: int, components: list[int]) -> list[str]:
        part, _ = self._part(k, components[0])
        if part.pointwise:
            raise Unsupported("gradient of a function on quadrature points")
        table = self.tables.over_points(part.element, derivative=True)
        lines, inner = [], []
        for m in AXES:
            inner.append(f"const vec s{m} = load(&{table}[{m}][a][v * W]);")
        for component in components:
            _, first = self._part(k, component)
            names = [f"r{k}_{component}_{m}" for m in AXES]
            lines.append("vec " + ", ".join(f"{name} = {{0}}" for name in names) + ";")
            inner.append(f"const double w{component} = w[{first} + {part.width} * a];")
            inner += [f"{name} += w{component} * s{m};" for m, name in enumerate(names)]
        lines += [f"for (int a = 0; a < {part.nodes}; ++a) {{", *inner, "}"]
        for component in components:
            for j in AXES:
                terms = " + ".join(f"r{k}_{component}_{m} * K{m}{j}" for m in AXES)
                lines.append(f"const vec d{k}_{component}_{j} = {terms};")
        return lines

    def _jacobian(self) -> tuple[list[str], list[str]]:
        """Return the lines that compute J = ∂x/∂ξ, K = J⁻¹ and the weight `scale`."""
        table = self.tables.over_points(self.geometry.element, derivative=True)
        weights = self.tables.weights()
        kind = "double" if self.affine else "vec"
        lines: list[str] = []
        for i in AXES:
            for j in AXES:
                entry = f"{table}[{j}][a][0]" if self.affine else f"load(&{table}[{j}][a][v * W])"
                lines += [
                    f"{kind} J{i}{j} = {'0' if self.affine else '{0}'};",
                    f"for (int a = 0; a < {self.geometry.nodes}; ++a) "
                    f"J{i}{j} += x[3 * a + {i}] * {entry};",
                ]
        for i in AXES:
            for j in AXES:
                a, b, c, d = (i + 1) % 3, (i + 2) % 3, (j + 1) % 3, (j + 2) % 3
                lines.append(f"const {kind} C{i}{j} = J{a}{c} * J{b}{d} - J{a}{d} * J{b}{c};")
        lines.append(f"const {kind} det = J00 * C00 + J01 * C01 + J02 * C02;")
        lines.append(f"const {kind} reciprocal = 1.0 / det;")
        lines += [f"const {kind} K{j}{i} = C{i}{j} * reciprocal;" for i in AXES for j in AXES]
        if self.affine:
            lines.append("const double size = fabs(det);")
            return lines, [f"const vec scale = size * load(&{weights}[v * W]);"]
        lines.append("const vec size = select(det < all(0.0), -det, det);")
        return [], [*lines, f"const vec scale = size * load(&{weights}[v * W]);"]

    def kept(self) -> tuple[list[str], list[str]]:
        """Return how K is kept for gradients of the basis: declaration and what is in the loop."""
        if self.affine:
            return [], []
        return ["vec K[3][3][VECTORS];"], [f"K[{m}][{j}][v] = K{m}{j};" for m in AXES for j in AXES]

    def inverse(self, m: int, j: int) -> str:
        """Return ∂ξ_m/∂x_j at point q, after the loop over vectors of points."""
        return f"K{m}{j}" if self.affine else f"((const double *)K[{m}][{j}])[q]"


def _at_points(name: str, first: int, width: int) -> str:
    """Return the line that reads a function given at the quadrature points."""
    at = "v * W + l < POINTS ? v * W + l : POINTS - 1"
    return f"vec {name}; for (int l = 0; l < W; ++l) {name}[l] = w[{first} + {width} * ({at})];"
