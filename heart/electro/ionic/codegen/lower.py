"""From expression graphs to lines of C on vectors, with what is the same in all cells taken out.

Every scalar that a line needs (numbers, parameters, products of them with the step) is a slot of
an array `h` that is filled once per call, so that the loop body holds vector arithmetic only.
Products gather their divisors into one reciprocal; a sum is a chain of fused multiply-adds.
In mixed precision, rates and exponentials form a first pass in single precision whose results
the second pass, in double precision, reads from a buffer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from heart.electro.ionic.codegen.calculus import below
from heart.electro.ionic.codegen.factoring import factored
from heart.electro.ionic.codegen.graph import VECTOR_KINDS, Expr, Graph, Kind, Op

LOG2E = 1.4426950408889634

#: Functions whose argument is multiplied by log2(e) beforehand.
BASE_TWO = {
    Op.EXP: "exp2",
    Op.EXPM1: "exp2m1",
    Op.BERNOULLI: "bernoulli",
    Op.BERNOULLI_SLOPE: "bernoulli_slope",
    Op.EXPREL: "exprel",
}
UNARY = {
    Op.LOG: "log",
    Op.ABS: "abs",
    Op.FLOOR: "floor",
    Op.CEIL: "ceil",
    Op.SIN: "sin",
    Op.COS: "cos",
    Op.TAN: "tan",
    Op.ASIN: "asin",
    Op.ACOS: "acos",
    Op.ATAN: "atan",
}
BINARY = {Op.POW: "pow", Op.LESS: "lt", Op.LESS_EQUAL: "le", Op.EQUAL: "eq"}
#: Prefixes of the pointers that symbols are loaded from.
SOURCES = {Kind.STATE: "S", Kind.START: "Y", Kind.VARYING: "K", Kind.STIMULUS: "I"}
CONDITIONS = (Op.LESS, Op.LESS_EQUAL, Op.EQUAL, Op.AND, Op.OR, Op.NOT)


Factors = tuple[tuple[Expr, float], ...]


class Slots:
    """The scalars of a kernel, in the order of the array `h`."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.vector = graph.mask(VECTOR_KINDS)
        self.entries: dict[Expr, int] = {}

    def fixed(self, expr: Expr) -> bool:
        """Return whether `expr` is the same in all cells."""
        return not expr.symbols & self.vector

    def slot(self, expr: Expr) -> int:
        """Return the position of the scalar `expr`."""
        return self.entries.setdefault(expr, len(self.entries))


class Pass:
    """Lines of C of one pass over a block, in one precision.

    Parameters
    ----------
    slots
        Scalars, shared by all passes of a kernel.
    roots
        Expressions to be computed.
    prefix
        ``"d"`` for double, ``"f"`` for single precision.
    given
        Nodes that an earlier pass has computed: the C expression that loads each.
    """

    def __init__(
        self, slots: Slots, roots: Sequence[Expr], prefix: str, given: dict[Expr, str] | None = None
    ) -> None:
        self.slots, self.graph, self.prefix = slots, slots.graph, prefix
        self.given = given or {}
        self.lines: list[str] = []
        self._names: dict[object, str] = {}
        self._uses: Counter[Expr] = Counter()
        self._inverse_uses: Counter[Expr] = Counter()
        nodes = _below(roots, self.given)
        for node in nodes:
            for factor, exponent in node.factors if node.op is Op.PRODUCT else ():
                if exponent < 0.0:
                    # One that is given is at hand: it joins no other reciprocal.
                    self._inverse_uses[factor] += 2 if self._inverse(factor) in self.given else 1
            self._uses.update(node.args)
        self._uses.update(roots)
        self._plan(nodes)

    def value(self, expr: Expr) -> str:
        """Return the name of the vector that holds `expr`."""
        name = self._names.get(expr)
        if name is None:
            name = self._names[expr] = self._value(expr)
        return name

    def _line(self, text: str, kind: str = "v") -> str:
        name = self._names.get(text)
        if name is None:
            name = self._names[text] = f"{self.prefix}{len(self.lines)}"
            self.lines.append(f"const {kind}{self.prefix} {name} = {text};")
        return name

    def _call(self, function: str, *args: str, kind: str = "v") -> str:
        return self._line(f"{self.prefix}_{function}({', '.join(args)})", kind)

    def scalar(self, expr: Expr) -> str:
        """Return a vector expression of the scalar `expr`."""
        source = "h" if self.prefix == "d" else "hf"
        return f"{self.prefix}_scalar({source}, {self.slots.slot(expr)})"

    def _value(self, expr: Expr) -> str:
        if expr in self.given:
            return self._line(self.given[expr])
        if self.slots.fixed(expr):
            return self.scalar(expr)
        if expr.op is Op.SYMBOL:
            return self._symbol(expr)
        if expr.op is Op.SUM:
            return self._sum(expr, self.graph.one)
        if expr.op is Op.PRODUCT:
            scale, rest = self._split(expr, self.graph.one)
            return self._scaled(scale, rest)
        if expr.op in BASE_TWO:
            argument = self._sum(expr.args[0], self.graph.number(LOG2E))
            return self._call(BASE_TWO[expr.op], argument)
        if expr.op is Op.SELECT:
            yes, no = self.value(expr.args[1]), self.value(expr.args[2])
            return self._call("select", self.mask(expr.args[0]), yes, no)
        if expr.op in CONDITIONS:
            one, zero = self.scalar(self.graph.one), self.scalar(self.graph.zero)
            return self._call("select", self.mask(expr), one, zero)
        if expr.op in UNARY:
            return self._call(UNARY[expr.op], self.value(expr.args[0]))
        return self._call(BINARY[expr.op], *(self.value(arg) for arg in expr.args))

    def mask(self, expr: Expr) -> str:
        """Return the name of the mask of a condition."""
        key = ("mask", expr)
        if key not in self._names:
            self._names[key] = self._mask(expr)
        return self._names[key]

    def _mask(self, expr: Expr) -> str:
        if self.slots.fixed(expr) or expr.op not in CONDITIONS:
            return self._call(
                "lt", f"{self.prefix}_set(0)", f"{self.prefix}_abs({self.value(expr)})", kind="m"
            )
        if expr.op in BINARY:
            return self._call(BINARY[expr.op], *(self.value(arg) for arg in expr.args), kind="m")
        masks = [self.mask(arg) for arg in expr.args]
        if expr.op is Op.NOT:
            return self._line(f"~{masks[0]}", "m")
        return self._line(f"{masks[0]} {'&' if expr.op is Op.AND else '|'} {masks[1]}", "m")

    def _symbol(self, expr: Expr) -> str:
        kind, name = expr.symbol
        load = "d_load" if self.prefix == "d" else "f_loadd"
        source = SOURCES[kind]
        return self._line(f"{load}({source}_{identifier(name)} + i)")

    def _split(self, expr: Expr, scale: Expr) -> tuple[Expr, Factors]:
        """Return the scalar and the vector factors of scale · expr."""
        fixed = [(f, e) for f, e in expr.factors if self.slots.fixed(f)]
        rest = tuple((f, e) for f, e in expr.factors if not self.slots.fixed(f))
        return self.graph.product([(scale, 1.0), *fixed]), rest

    def _scaled(self, scale: Expr, rest: Factors) -> str:
        """Return scale · Π factor ** exponent."""
        if len(rest) == 1 and rest[0][1] == 1.0:
            factor = rest[0][0]
            if (
                factor.op is Op.SUM
                and factor not in self.given
                and (self._uses[factor] == 1 or scale is self.graph.one)
            ):
                return self._sum(factor, scale)
        vector = self._product(rest)
        if scale is self.graph.one:
            return vector
        if scale.op is Op.NUMBER and scale.number == -1.0:
            return self._line(f"-{vector}")
        return self._line(f"{self.scalar(scale)} * {vector}")

    def _product(self, rest: Factors) -> str:
        shared, alone = self._plans[rest]
        parts = [self._token(token) for token in shared]
        if alone:
            below_one = [self._power(factor, -exponent) for factor, exponent in alone]
            parts.append(self._call("rcp", self._chain(below_one)))
        return self._chain(parts)

    def _plan(self, nodes: Iterable[Expr]) -> None:
        """Decide how every product among `nodes` is multiplied."""
        numbers: dict[tuple[Expr, float], int] = {}
        products: dict[Factors, list[int]] = {}
        alone: dict[Factors, Factors] = {}
        for node in nodes:
            rest = tuple((f, e) for f, e in node.factors if not self.slots.fixed(f))
            if node.op is not Op.PRODUCT or rest in products:
                continue
            # A divisor that no other product has joins the one reciprocal of its product.
            alone[rest] = tuple((f, e) for f, e in rest if e < 0.0 and self._inverse_uses[f] == 1)
            products[rest] = tokens = []
            for factor, exponent in rest:
                if (factor, exponent) in alone[rest]:
                    continue
                whole = exponent == int(exponent) and abs(exponent) <= 4.0
                unit = (factor, 1.0 if exponent > 0.0 else -1.0) if whole else (factor, exponent)
                number = numbers.setdefault(unit, len(numbers))
                tokens += [number] * (int(abs(exponent)) if whole else 1)
        self._tokens: list[tuple[Expr, float] | tuple[int, int]] = list(numbers)
        found, pairs = factored(list(products.values()), len(numbers))
        self._tokens += pairs
        self._plans: dict[Factors, tuple[list[int], Factors]] = {
            rest: (tokens, alone[rest]) for rest, tokens in zip(products, found, strict=True)
        }

    def _token(self, number: int) -> str:
        token = self._tokens[number]
        if isinstance(token[0], int):
            return self._line(f"{self._token(token[0])} * {self._token(int(token[1]))}")
        factor, exponent = token
        if exponent > 0.0:
            return self._power(factor, exponent)
        given = self.given.get(self._inverse(factor))
        inverse = self._line(given) if given else self._call("rcp", self._power(factor, 1.0))
        return self._repeat(inverse, -exponent)

    def _inverse(self, factor: Expr) -> Expr:
        return self.graph.product([(factor, -1.0)])

    def _chain(self, names: Iterable[str]) -> str:
        result = ""
        for name in names:
            result = self._line(f"{result} * {name}") if result else name
        return result

    def _power(self, factor: Expr, exponent: float) -> str:
        return self._repeat(self.value(factor), exponent)

    def _repeat(self, name: str, exponent: float) -> str:
        if exponent != int(exponent):
            root = self._call("sqrt", name)
            whole = int(exponent)
            return self._chain([root, self._repeat(name, whole)]) if whole else root
        count, square, result = int(exponent), name, ""
        while count:
            if count & 1:
                result = self._line(f"{result} * {square}") if result else square
            count >>= 1
            if count:
                square = self._line(f"{square} * {square}")
        return result

    def _sum(self, expr: Expr, scale: Expr) -> str:
        """Return scale · expr, with the scale multiplied into the terms."""
        graph = self.graph
        if expr in self.given or (expr.op is not Op.SUM and expr.op is not Op.PRODUCT):
            name = self.value(expr)
            return name if scale is graph.one else self._line(f"{self.scalar(scale)} * {name}")
        if expr.op is Op.PRODUCT:
            return self._scaled(*self._split(expr, scale))
        if scale is not graph.one and self._uses[expr] > 1 and len(expr.args) > 2:
            return self._line(f"{self.scalar(scale)} * {self.value(expr)}")
        constant, terms = expr.terms
        fixed = graph.sum(((c, t) for c, t in terms if self.slots.fixed(t)), constant)
        total = "" if fixed is graph.zero else self.scalar(graph.multiply(scale, fixed))
        moving = [(c, t) for c, t in terms if not self.slots.fixed(t)]
        for coefficient, term in moving:
            factor = graph.scale(coefficient, scale)
            rest: Factors = ((term, 1.0),)
            if term.op is Op.PRODUCT and term not in self.given:
                factor, rest = self._split(term, factor)
            if len(rest) == 1 and rest[0][1] == 1.0:
                vector = self.value(rest[0][0])
            else:
                vector = self._product(rest)
            total = self._accumulate(total, factor, vector)
        return total

    def _accumulate(self, total: str, factor: Expr, vector: str) -> str:
        if factor.op is Op.NUMBER and abs(factor.number) == 1.0:
            sign = "+" if factor.number > 0.0 else "-"
            if total:
                return self._line(f"{total} {sign} {vector}")
            return vector if sign == "+" else self._line(f"-{vector}")
        product = f"{self.scalar(factor)} * {vector}"
        return self._line(f"{product} + {total}" if total else product)


def identifier(name: str) -> str:
    """Return a C name for a qualified name."""
    return name.replace(".", "__")


def _below(roots: Sequence[Expr], given: dict[Expr, str]) -> list[Expr]:
    seen: dict[int, Expr] = {}
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node.index not in seen:
            seen[node.index] = node
            if node not in given:
                stack.extend(node.args)
    return [seen[index] for index in sorted(seen)]


def single_roots(graph: Graph, increments: Sequence[Expr], gates: Sequence[bool]) -> list[Expr]:
    """Return the nodes that mixed precision computes in single precision.

    These are the increments of gates, and exponentials (with the exponential factors of GRL1) of
    the others: quantities that enter the sums of currents and fluxes as factors, where a relative
    error of 1e-6 is one of the rate, never of the state.
    """
    vector = graph.mask(VECTOR_KINDS)
    singles = [inc for inc, gate in zip(increments, gates, strict=True) if gate]
    rest = [inc for inc, gate in zip(increments, gates, strict=True) if not gate]
    wanted = (*BASE_TWO, Op.POW)
    singles += [node for node in below(rest) if node.op in wanted and node.symbols & vector]
    return list(dict.fromkeys(singles))
