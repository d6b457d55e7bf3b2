"""The C text of a kernel: inputs at the quadrature points, the law, and its integration.

A tangent of a cell is Σ_q Gᵀ A G with G the basis gradients (rows) and A the law's second
derivatives times weight. For each pair of components A·G is formed at all points, and then one
product of two small matrices sums over points and directions. Pairs (i, k) and (k, i) are one.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from heart.numerics.element_kernel.elements import Rule
from heart.numerics.element_kernel.graph import Node
from heart.numerics.element_kernel.inputs import AXES, Inputs
from heart.numerics.element_kernel.pointwise import VALUE, Pointwise, Slot
from heart.numerics.element_kernel.tables import Tables
from heart.numerics.element_kernel.text import Writer
from heart.numerics.element_kernel.vector_c import PRELUDE

SIGNATURE = (
    "(double *restrict out, const double *restrict w, const double *restrict c, "
    "const double *restrict x, const int *entity, const uint8_t *turn, void *data)"
)


class Source:
    """Text of residual and tangent of one law on one element.

    Parameters
    ----------
    point
        The law.
    geometry
        Coordinate element.
    rule
        Quadrature.
    """

    def __init__(self, point: Pointwise, geometry: Any, rule: Rule) -> None:
        self.point, self._tables = point, Tables(rule)
        scalars = point.scalars
        self._inputs = Inputs(scalars.coefficients, scalars.constants, geometry, self._tables)

    def text(self) -> str:
        """Return the C text with functions `residual` and `tangent`."""
        bodies = [self._residual(), self._tangent()]
        head = [
            PRELUDE,
            f"enum {{ POINTS = {len(self._tables.rule.weights)} }};",
            "#define VECTORS PARTS(POINTS)",
        ]
        return "\n".join([*head, *self._tables.texts.values(), *bodies, ""])

    def _rows(self, part: int) -> list[str]:
        """Return the lines that make basis gradients ``g[point][axis][vector of nodes]``."""
        element = self.point.parts[part].element
        table, vectors = self._tables.over_nodes(element, derivative=True), f"PARTS({element.dim})"
        lines = [
            f"vec g{part}[POINTS * 3 * {vectors}];",
            "for (int q = 0; q < POINTS; ++q)",
            f"  for (int b = 0; b < {vectors}; ++b) {{",
        ]
        lines += [f"const vec s{m} = load(&{table}[q][{m}][b * W]);" for m in AXES]
        for j in AXES:
            terms = " + ".join(f"s{m} * {self._inputs.inverse(m, j)}" for m in AXES)
            lines.append(f"g{part}[(q * 3 + {j}) * {vectors} + b] = {terms};")
        return [*lines, "}"]

    def _stored(self, writer: Writer, nodes: list[Node]) -> tuple[list[str], list[str]]:
        keep = [f"at[{k}][v] = {writer.vector(n)} * scale;" for k, n in enumerate(nodes)]
        return [f"vec at[{len(nodes)}][VECTORS];"], keep

    def _function(self, name: str, writer: Writer, nodes: list[Node], after: list[str]) -> str:
        before, within = self._inputs.lines(writer)
        declared, keep = self._stored(writer, nodes)
        more, inverse = self._inputs.kept()
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
        writer = Writer(self.point.graph, list(flux.values()), self._inputs.varies)
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
            return f"load(&{self._tables.over_nodes(element, derivative=False)}[q][b * W])"
        return f"g{part}[(q * 3 + {direction}) * PARTS({element.dim}) + b]"

    def _left(self, part: int, direction: int) -> tuple[str, str]:
        """Return basis functions as numbers, and how many from one point to the next."""
        element = self.point.parts[part].element
        if direction == VALUE:
            table = self._tables.over_nodes(element, derivative=False)
            return f"&{table}[0][0]", f"(sizeof {table}[0] / sizeof(double))"
        return f"(const double *)g{part}", f"(W * PARTS({element.dim}))"

    def _tangent(self) -> str:
        tangent = self.point.tangent
        nodes = list(tangent.values())
        writer = Writer(self.point.graph, nodes, self._inputs.varies)
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


def _number(place: int) -> str:
    """Return the text of one stored number at point q."""
    return f"((const double *)at[{place}])[q]"


def _place(flux: dict[Slot, Node], slot: Slot) -> int:
    return list(flux).index(slot)
