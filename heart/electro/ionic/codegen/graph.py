"""Expressions as a graph in which equal sub-expressions are the same object.

Sums and products are kept in a canonical form (numeric coefficients of a sum, numeric exponents of
a product), because the questions of code generation are then cheap: what is constant, what is
linear in a gate, what cancels, what is computed twice. Rounding may differ from the text in the
last digits, which the tests bound; nothing else does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from enum import Enum, auto


class Op(Enum):
    """What a node does with its arguments."""

    NUMBER = auto()
    SYMBOL = auto()
    SUM = auto()
    PRODUCT = auto()
    EXP = auto()
    LOG = auto()
    POW = auto()
    ABS = auto()
    FLOOR = auto()
    CEIL = auto()
    SIN = auto()
    COS = auto()
    TAN = auto()
    ASIN = auto()
    ACOS = auto()
    ATAN = auto()
    #: x / (exp(x) - 1), continued through x = 0.
    BERNOULLI = auto()
    #: Derivative of BERNOULLI.
    BERNOULLI_SLOPE = auto()
    #: exp(x) - 1, exact for small x.
    EXPM1 = auto()
    #: (exp(x) - 1) / x, continued through x = 0.
    EXPREL = auto()
    LESS = auto()
    LESS_EQUAL = auto()
    EQUAL = auto()
    AND = auto()
    OR = auto()
    NOT = auto()
    SELECT = auto()


class Kind(Enum):
    """Where the value of a symbol comes from."""

    STATE = auto()
    START = auto()
    PARAMETER = auto()
    VARYING = auto()
    STIMULUS = auto()
    TIME = auto()
    STEP = auto()


#: Symbols that differ from cell to cell; everything else is one number for all of them.
VECTOR_KINDS = frozenset({Kind.STATE, Kind.START, Kind.VARYING, Kind.STIMULUS})


class Expr:
    """A node: compared by identity, which within one Graph is equality.

    Attributes
    ----------
    op, args
        Operation and operands.
    data
        NUMBER: value; SYMBOL: (Kind, name); SUM: (constant, coefficients); PRODUCT: exponents.
    symbols
        Bit set of the symbols below.
    index
        Order of creation: operands come before users.
    """

    __slots__ = ("args", "data", "index", "op", "symbols")

    def __init__(self, op: Op, args: tuple[Expr, ...], data: object, symbols: int, index: int):
        self.op, self.args, self.data, self.symbols, self.index = op, args, data, symbols, index

    @property
    def number(self) -> float:
        """Value of a NUMBER."""
        assert isinstance(self.data, float)
        return self.data

    @property
    def symbol(self) -> tuple[Kind, str]:
        """Kind and name of a SYMBOL."""
        assert isinstance(self.data, tuple)
        return self.data

    @property
    def terms(self) -> tuple[float, list[tuple[float, Expr]]]:
        """Constant and (coefficient, term) pairs of a SUM; any other node is one term."""
        if self.op is Op.SUM:
            assert isinstance(self.data, tuple)
            return self.data[0], list(zip(self.data[1], self.args, strict=True))
        if self.op is Op.NUMBER:
            return self.number, []
        return 0.0, [(1.0, self)]

    @property
    def factors(self) -> list[tuple[Expr, float]]:
        """(factor, exponent) pairs of a PRODUCT; any other node is one factor."""
        if self.op is Op.PRODUCT:
            assert isinstance(self.data, tuple)
            return list(zip(self.args, self.data, strict=True))
        return [(self, 1.0)]


class Graph:
    """Makes nodes, each only once."""

    def __init__(self) -> None:
        self._nodes: dict[object, Expr] = {}
        self._symbols: list[Expr] = []
        self.zero, self.one = self.number(0.0), self.number(1.0)

    def _node(self, op: Op, args: tuple[Expr, ...] = (), data: object = None) -> Expr:
        key = (op, tuple(arg.index for arg in args), data)
        found = self._nodes.get(key)
        if found is None:
            symbols = 0
            for arg in args:
                symbols |= arg.symbols
            if op is Op.SYMBOL:
                symbols = 1 << len(self._symbols)
            found = self._nodes[key] = Expr(op, args, data, symbols, len(self._nodes))
            if op is Op.SYMBOL:
                self._symbols.append(found)
        return found

    def number(self, value: float) -> Expr:
        """Return the constant `value`."""
        return self._node(Op.NUMBER, (), float(value) + 0.0)

    def symbol(self, kind: Kind, name: str) -> Expr:
        """Return the symbol `name`."""
        return self._node(Op.SYMBOL, (), (kind, name))

    @property
    def all_symbols(self) -> list[Expr]:
        """All symbols, in the order in which they were made."""
        return list(self._symbols)

    def symbols_of(self, expr: Expr) -> list[Expr]:
        """Return the symbols below `expr`."""
        return [s for i, s in enumerate(self._symbols) if expr.symbols >> i & 1]

    def mask(self, kinds: Iterable[Kind]) -> int:
        """Return the bit set of all symbols of the given kinds."""
        wanted = frozenset(kinds)
        return sum(1 << i for i, s in enumerate(self._symbols) if s.symbol[0] in wanted)

    def sum(self, terms: Iterable[tuple[float, Expr]], constant: float = 0.0) -> Expr:
        """Return constant + Σ coefficient · term, like terms merged."""
        merged: dict[Expr, float] = {}
        for coefficient, term in terms:
            if term.op is Op.NUMBER:
                constant += coefficient * term.number
            elif term.op is Op.SUM and (term.terms[0] == 0.0 and len(term.args) == 1):
                inner, base = term.terms[1][0]
                merged[base] = merged.get(base, 0.0) + coefficient * inner
            else:
                merged[term] = merged.get(term, 0.0) + coefficient
        kept = sorted(((t, c) for t, c in merged.items() if c != 0.0), key=lambda p: p[0].index)
        if not kept:
            return self.number(constant)
        if constant == 0.0 and len(kept) == 1 and kept[0][1] == 1.0:
            return kept[0][0]
        data = (constant + 0.0, tuple(c for _, c in kept))
        return self._node(Op.SUM, tuple(t for t, _ in kept), data)

    def add(self, *terms: Expr) -> Expr:
        """Return the sum of `terms`."""
        return self.sum((1.0, term) for term in terms)

    def subtract(self, left: Expr, right: Expr) -> Expr:
        """Return left - right."""
        return self.sum(((1.0, left), (-1.0, right)))

    def negate(self, expr: Expr) -> Expr:
        """Return -expr."""
        return self.scale(-1.0, expr)

    def scale(self, factor: float, expr: Expr) -> Expr:
        """Return factor · expr; numbers are multiplied into the terms of a sum."""
        if expr.op is Op.NUMBER:
            return self.number(factor * expr.number)
        constant, terms = expr.terms
        return self.sum(((factor * c, t) for c, t in terms), factor * constant)

    def product(self, factors: Iterable[tuple[Expr, float]]) -> Expr:
        """Return Π factor ** exponent, equal factors merged; exponents are multiples of 1/2."""
        coefficient = 1.0
        merged: dict[Expr, float] = {}
        queue = list(factors)
        while queue:
            factor, exponent = queue.pop()
            if factor.op is Op.NUMBER:
                coefficient *= _power(factor.number, exponent)
            elif factor.op is Op.PRODUCT and exponent == int(exponent):
                queue.extend((f, e * exponent) for f, e in factor.factors)
            elif factor.op is Op.SUM and _scaled(factor) and exponent == int(exponent):
                inner, base = factor.terms[1][0]
                coefficient *= inner**exponent
                queue.append((base, exponent))
            else:
                merged[factor] = merged.get(factor, 0.0) + exponent
        kept = sorted(((f, e) for f, e in merged.items() if e != 0.0), key=lambda p: p[0].index)
        if coefficient == 0.0 or not kept:
            return self.number(coefficient)
        if len(kept) == 1 and kept[0][1] == 1.0:
            return self.scale(coefficient, kept[0][0])
        node = self._node(Op.PRODUCT, tuple(f for f, _ in kept), tuple(e for _, e in kept))
        return node if coefficient == 1.0 else self.sum(((coefficient, node),))

    def multiply(self, *factors: Expr) -> Expr:
        """Return the product of `factors`."""
        return self.product((factor, 1.0) for factor in factors)

    def divide(self, left: Expr, right: Expr) -> Expr:
        """Return left / right."""
        return self.product(((left, 1.0), (right, -1.0)))

    def power(self, base: Expr, exponent: Expr) -> Expr:
        """Return base ** exponent: products for multiples of 1/2, a POW node otherwise."""
        if exponent.op is Op.NUMBER:
            if base.op is Op.NUMBER:
                return self.number(_power(base.number, exponent.number))
            if (2.0 * exponent.number).is_integer() and abs(exponent.number) <= 32.0:
                return self.product(((base, exponent.number),))
        if base.op is Op.NUMBER and base.number > 0.0:
            return self.call(Op.EXP, self.scale(math.log(base.number), exponent))
        return self._node(Op.POW, (base, exponent))

    def call(self, op: Op, *args: Expr) -> Expr:
        """Return op(args), evaluated when all arguments are numbers."""
        if all(arg.op is Op.NUMBER for arg in args):
            return self.number(SCALAR[op](*(arg.number for arg in args)))
        if op is Op.LOG and args[0].op is Op.PRODUCT and len(args[0].args) > 1:
            vector = self.mask(VECTOR_KINDS)
            fixed = [(f, e) for f, e in args[0].factors if not f.symbols & vector]
            moving = [(f, e) for f, e in args[0].factors if f.symbols & vector]
            if fixed and len(moving) == 1:
                log_moving = self.scale(moving[0][1], self._node(Op.LOG, (moving[0][0],)))
                return self.add(self.call(Op.LOG, self.product(fixed)), log_moving)
        if op is Op.NOT and args[0].op is Op.NOT:
            return args[0].args[0]
        return self._node(op, args)

    def logical(self, op: Op, left: Expr, right: Expr) -> Expr:
        """Return left AND right, or left OR right; numbers decide at once."""
        absorbing = 0.0 if op is Op.AND else 1.0
        for one, other in ((left, right), (right, left)):
            if one.op is Op.NUMBER:
                return self.number(absorbing) if bool(one.number) == bool(absorbing) else other
        return self._node(op, (left, right))

    def select(self, condition: Expr, yes: Expr, no: Expr) -> Expr:
        """Return `yes` where `condition` holds, else `no`."""
        if condition.op is Op.NUMBER:
            return yes if condition.number else no
        return yes if yes is no else self._node(Op.SELECT, (condition, yes, no))

    def rebuild(self, expr: Expr, args: Sequence[Expr]) -> Expr:
        """Return `expr` with other operands, simplified anew."""
        if all(new is old for new, old in zip(args, expr.args, strict=True)):
            return expr
        if expr.op is Op.SUM:
            constant, terms = expr.terms
            return self.sum(zip((c for c, _ in terms), args, strict=True), constant)
        if expr.op is Op.PRODUCT:
            return self.product(zip(args, (e for _, e in expr.factors), strict=True))
        if expr.op is Op.POW:
            return self.power(*args)
        if expr.op is Op.SELECT:
            return self.select(*args)
        if expr.op in (Op.AND, Op.OR):
            return self.logical(expr.op, *args)
        return self.call(expr.op, *args)


def bernoulli(x: float) -> float:
    """Return x / (exp(x) - 1)."""
    return 1.0 if x == 0.0 else (x / math.expm1(x) if x < 700.0 else 0.0)


def _slope(x: float) -> float:
    if abs(x) < 1e-5:
        return x / 6.0 - 0.5
    return (1.0 - x - bernoulli(x)) / math.expm1(x) if x < 700.0 else 0.0


def _scaled(expr: Expr) -> bool:
    return len(expr.args) == 1 and expr.terms[0] == 0.0


def _power(base: float, exponent: float) -> float:
    try:
        result = base**exponent
    except (ZeroDivisionError, OverflowError):
        return math.inf
    return math.nan if isinstance(result, complex) else float(result)


def _log(x: float) -> float:
    return math.log(x) if x > 0.0 else (-math.inf if x == 0.0 else math.nan)


#: Operations on plain numbers, for folding.
SCALAR: dict[Op, Callable[..., float]] = {
    Op.EXP: lambda x: math.exp(min(x, 700.0)),
    Op.LOG: _log,
    Op.POW: _power,
    Op.ABS: abs,
    Op.FLOOR: math.floor,
    Op.CEIL: math.ceil,
    Op.SIN: math.sin,
    Op.COS: math.cos,
    Op.TAN: math.tan,
    Op.ASIN: math.asin,
    Op.ACOS: math.acos,
    Op.ATAN: math.atan,
    Op.BERNOULLI: bernoulli,
    Op.BERNOULLI_SLOPE: _slope,
    Op.EXPM1: lambda x: math.expm1(min(x, 700.0)),
    Op.EXPREL: lambda x: 1.0 / bernoulli(x),
    Op.LESS: lambda a, b: float(a < b),
    Op.LESS_EQUAL: lambda a, b: float(a <= b),
    Op.EQUAL: lambda a, b: float(a == b),
    Op.NOT: lambda a: float(not a),
}
