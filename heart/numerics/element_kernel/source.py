"""The C text of a kernel: inputs at the quadrature points, the law, and its integration.

A tangent of a cell is Σ_q Gᵀ A G with G the basis gradients (rows) and A the law's second
derivatives times weight. For each pair of components A·G is formed at all points, and then one
product of two small matrices sums over points and directions. Pairs (i, k) and (k, i) are one.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heart.numerics.element_kernel.elements import Part, Rule, gradients, parts, values, width
from heart.numerics.element_kernel.from_ufl import Unsupported
from heart.numerics.element_kernel.graph import Node
from heart.numerics.element_kernel.pointwise import VALUE, Pointwise, Slot
from heart.numerics.element_kernel.text import Writer
from heart.numerics.element_kernel.vector_c import LANES, PRELUDE

Float = NDArray[np.float64]
Name = tuple[object, ...]
AXES = range(3)
SIGNATURE = (
    "(double *restrict out, const double *restrict w, const double *restrict c, "
    "const double *restrict x, const int *entity, const uint8_t *turn, void *data)"
)


@dataclass(frozen=True)
class Place:
    """Where a coefficient's or constant's numbers start, and a coefficient's parts."""

    first: int
    parts: tuple[Part, ...]


class Source:
    """Text of residual and tangent of one law on one element.

    Parameters
    ----------
    point
        The law.
    cell
        basix cell type.
    geometry
        Coordinate element (blocked).
    rule
        Quadrature.
    """

    def __init__(self, point: Pointwise, cell: Any, geometry: Any, rule: Rule) -> None:
        self.point, self.rule, self.count = point, rule, len(rule.weights)
        self.padded = -(-self.count // LANES) * LANES
        self._tables: dict[str, str] = {}
        self._elements: list[Any] = []
        self.geometry = parts(geometry)[0]
        self.affine = cell.name in ("tetrahedron",) and self.geometry.nodes == 4
        self.coefficients: list[Place] = []
        first = 0
        for coefficient in point.scalars.coefficients:
            element = coefficient.function_space.ufl_element()
            self.coefficients.append(Place(first, parts(element)))
            first += width(element)
        self.constants: list[int] = []
        first = 0
        for constant in point.scalars.constants:
            self.constants.append(first)
            first += int(np.prod(constant.ufl_shape, dtype=int))

    def text(self) -> str:
        """Return the C text with functions `residual` and `tangent`."""
        bodies = [self._residual(), self._tangent()]
        head = [
            PRELUDE,
            f"enum {{ POINTS = {self.count}, PADDED = {self.padded} }};",
            "#define VECTORS PARTS(POINTS)",
        ]
        return "\n".join([*head, *self._tables.values(), *bodies, ""])

    def _table(self, name: str, values: Float) -> str:
        """Keep a table whose last axis is padded with its last entry, and return its name."""
        if name not in self._tables:
            shape = "".join(f"[{n}]" for n in values.shape)
            numbers = ",".join(repr(float(v)) for v in values.ravel())
            self._tables[name] = f"static const double {name}{shape} ALIGNED = {{{numbers}}};"
        return name

    def _element(self, element: Any) -> int:
        for k, known in enumerate(self._elements):
            if known == element:
                return k
        self._elements.append(element)
        return len(self._elements) - 1

    def _over_points(self, element: Any, derivative: bool) -> str:
        """Return the table [axis][node][point], or [node][point] of values."""
        k = self._element(element)
        if derivative:
            return self._table(f"slope{k}", _padded(gradients(element, self.rule), self.padded))
        return self._table(f"value{k}", _padded(values(element, self.rule), self.padded))

    def _over_nodes(self, element: Any, derivative: bool) -> str:
        """Return the table [point][axis][node], or [point][node] of values."""
        k = self._element(element)
        many = -(-element.dim // LANES) * LANES
        if derivative:
            table = gradients(element, self.rule).transpose(2, 0, 1)
            return self._table(f"slopes{k}", _padded(table, many, 0.0))
        return self._table(f"values{k}", _padded(values(element, self.rule).T, many, 0.0))

    def _varies(self, name: Name) -> bool:
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

    def _begin(self, writer: Writer) -> tuple[list[str], list[str]]:
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
        table = self._over_points(part.element, derivative=False)
        return [
            f"vec {name} = {{0}};",
            f"for (int a = 0; a < {part.nodes}; ++a)",
            f"  {name} += w[{first} + {part.width} * a] * load(&{table}[a][v * W]);",
        ]

    def _gradient(self, k: int, components: list[int]) -> list[str]:
        part, _ = self._part(k, components[0])
        if part.pointwise:
            raise Unsupported("gradient of a function on quadrature points")
        table = self._over_points(part.element, derivative=True)
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
        table = self._over_points(self.geometry.element, derivative=True)
        weights = self._table("weight", _padded(self.rule.weights, self.padded, 0.0))
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

    def _keep_inverse(self) -> tuple[list[str], list[str]]:
        """Return how K is kept for the basis gradients: declaration and what is in the loop."""
        if self.affine:
            return [], []
        return ["vec K[3][3][VECTORS];"], [f"K[{m}][{j}][v] = K{m}{j};" for m in AXES for j in AXES]

    def _rows(self, part: int) -> list[str]:
        """Return the lines that make basis gradients ``g[point][axis][vector of nodes]``."""
        element = self.point.parts[part].element
        table, vectors = self._over_nodes(element, derivative=True), f"PARTS({element.dim})"
        lines = [
            f"vec g{part}[POINTS * 3 * {vectors}];",
            "for (int q = 0; q < POINTS; ++q)",
            f"  for (int b = 0; b < {vectors}; ++b) {{",
        ]
        lines += [f"const vec s{m} = load(&{table}[q][{m}][b * W]);" for m in AXES]
        for j in AXES:
            terms = " + ".join(f"s{m} * {self._inverse(m, j)}" for m in AXES)
            lines.append(f"g{part}[(q * 3 + {j}) * {vectors} + b] = {terms};")
        return [*lines, "}"]

    def _inverse(self, m: int, j: int) -> str:
        return f"K{m}{j}" if self.affine else f"((const double *)K[{m}][{j}])[q]"

    def _stored(self, writer: Writer, nodes: list[Node]) -> tuple[list[str], list[str]]:
        keep = [f"at[{k}][v] = {writer.vector(n)} * scale;" for k, n in enumerate(nodes)]
        return [f"vec at[{len(nodes)}][VECTORS];"], keep

    def _function(self, name: str, writer: Writer, nodes: list[Node], after: list[str]) -> str:
        before, within = self._begin(writer)
        declared, keep = self._stored(writer, nodes)
        more, inverse = self._keep_inverse()
        lines = [
            f"void {name}{SIGNATURE}",
            "{",
            *before,
            *declared,
            *more,
            "for (int v = 0; v < VECTORS; ++v) {",
            *within,
            *keep,
            *inverse,
            "}",
            *after,
            "}",
        ]
        return "\n".join(lines)

    def _residual(self) -> str:
        flux = self.point.flux
        writer = Writer(self.point.graph, list(flux.values()), self._varies)
        after: list[str] = []
        for k, part in enumerate(self.point.parts):
            slots = [slot for slot in flux if slot.part == k]
            if not slots:
                continue
            vectors = f"PARTS({part.nodes})"
            if any(slot.direction != VALUE for slot in slots):
                after += self._rows(k)
            by_component: dict[int, list[Slot]] = defaultdict(list)
            for slot in slots:
                by_component[slot.component].append(slot)
            for component, own in by_component.items():
                after += [
                    "{",
                    f"vec sum[{vectors}] = {{0}};",
                    "for (int q = 0; q < POINTS; ++q)",
                    f"  for (int b = 0; b < {vectors}; ++b) {{",
                ]
                for slot in own:
                    row = self._row(k, slot.direction)
                    after.append(
                        f"sum[b] += ((const double *)at[{_place(flux, slot)}])[q] * {row};"
                    )
                first = part.first + component
                after += [
                    "}",
                    f"for (int b = 0; b < {part.nodes}; ++b) "
                    f"out[{first} + {part.width} * b] += ((const double *)sum)[b];",
                    "}",
                ]
        return self._function("residual", writer, list(flux.values()), after)

    def _row(self, part: int, direction: int) -> str:
        """Return the vector of basis functions or gradients at point q, part b."""
        element = self.point.parts[part].element
        if direction == VALUE:
            return f"load(&{self._over_nodes(element, derivative=False)}[q][b * W])"
        return f"g{part}[(q * 3 + {direction}) * PARTS({element.dim}) + b]"

    def _left(self, part: int, direction: int) -> tuple[str, str]:
        """Return basis functions as numbers, and how many from one point to the next."""
        element = self.point.parts[part].element
        if direction == VALUE:
            table = self._over_nodes(element, derivative=False)
            return f"&{table}[0][0]", f"(sizeof {table}[0] / sizeof(double))"
        return f"(const double *)g{part}", f"(W * PARTS({element.dim}))"

    def _tangent(self) -> str:
        tangent = self.point.tangent
        nodes = list(tangent.values())
        writer = Writer(self.point.graph, nodes, self._varies)
        place = {pair: k for k, pair in enumerate(tangent)}
        after: list[str] = []
        for k in range(len(self.point.parts)):
            if any(s.part == k and s.direction != VALUE for pair in tangent for s in pair):
                after += self._rows(k)
        blocks: dict[tuple[int, int, int, int], dict[tuple[int, int], int]] = defaultdict(dict)
        for (s, t), k in place.items():
            block = blocks[s.part, s.component, t.part, t.component]
            block[s.direction, t.direction] = k
            if self.point.symmetric and (s.part, s.component) == (t.part, t.component):
                block[t.direction, s.direction] = k
        for where, entries in blocks.items():
            after += self._block(*where, entries)
        return self._function("tangent", writer, nodes, after)

    def _block(
        self,
        left: int,
        i: int,
        right: int,
        k: int,
        entries: dict[tuple[int, int], int],
    ) -> list[str]:
        """Return the lines for one pair of components."""
        rows, columns = self.point.parts[left], self.point.parts[right]
        vectors = f"PARTS({columns.nodes})"
        lines = ["{", f"vec sum[{rows.nodes} * {vectors}] = {{0}};"]
        for directions in ((VALUE,), tuple(AXES)):
            used = [d for d in directions if any(d == one for one, _ in entries)]
            if not used:
                continue
            deep = len(directions)
            lines += [
                "{",
                f"vec right[POINTS * {deep} * {vectors}];",
                "for (int q = 0; q < POINTS; ++q)",
                f"  for (int b = 0; b < {vectors}; ++b) {{",
            ]
            for n, d in enumerate(directions):
                terms = [
                    f"{_number(k_at)} * {self._row(right, e)}"
                    for (one, e), k_at in sorted(entries.items())
                    if one == d
                ]
                value = " + ".join(terms) if terms else "(vec){0}"
                lines.append(f"right[(q * {deep} + {n}) * {vectors} + b] = {value};")
            numbers, stride = self._left(left, directions[0])
            lines += [
                "}",
                f"product(sum, {numbers}, {stride}, right, {rows.nodes}, {vectors}, "
                f"POINTS * {deep});",
                "}",
            ]
        size = sum(part.width * part.nodes for part in self.point.parts)
        row = f"{rows.first + i} + {rows.width} * a"
        column = f"{columns.first + k} + {columns.width} * b"
        lines += [
            f"for (int a = 0; a < {rows.nodes}; ++a)",
            f"  for (int b = 0; b < {columns.nodes}; ++b) {{",
            f"    const double value = ((const double *)&sum[a * {vectors}])[b];",
            f"    out[({row}) * {size} + {column}] += value;",
        ]
        if self.point.symmetric and (left, i) != (right, k):
            lines.append(f"    out[({column}) * {size} + {row}] += value;")
        return [*lines, "  }", "}"]


def _padded(table: Float, size: int, value: float | None = None) -> Float:
    """Return a table whose last axis is filled up, with its last entry unless told."""
    extra = size - table.shape[-1]
    tail = table[..., -1:] if value is None else np.full((*table.shape[:-1], 1), value)
    return np.concatenate([table, np.repeat(tail, extra, axis=-1)], axis=-1)


def _at_points(name: str, first: int, width: int) -> str:
    """Return the line that reads a function given at the quadrature points."""
    at = "v * W + l < POINTS ? v * W + l : POINTS - 1"
    return f"vec {name}; for (int l = 0; l < W; ++l) {name}[l] = w[{first} + {width} * ({at})];"


def _number(place: int) -> str:
    """Return the text of one stored number at point q."""
    return f"((const double *)at[{place}])[q]"


def _place(flux: dict[Slot, Node], slot: Slot) -> int:
    return list(flux).index(slot)
