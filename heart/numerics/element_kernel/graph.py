"""An energy as a graph of scalar operations, in which equal operations exist once.

Sharing is what makes the generated code short: the nine entries of C = FᵀF are six, and det C is
computed once for the law, its stress and its tangent. Numbers are folded as nodes are made, so
that derivatives need no simplifier.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from enum import Enum


class Op(Enum):
    """What a node is."""

    NUMBER = "number"
    INPUT = "input"
    ADD = "+"
    MULTIPLY = "*"
    INVERSE = "1/"
    POWER = "power"
    EXP = "exp"
    LN = "ln"
    SQRT = "sqrt"
    SIN = "sin"
    COS = "cos"
    TANH = "tanh"
    SELECT = "select"


Node = int
"""Place of a node in its graph; arguments come before what uses them."""

UNARY: dict[Op, Callable[[float], float]] = {
    Op.EXP: math.exp,
    Op.LN: math.log,
    Op.SQRT: math.sqrt,
    Op.SIN: math.sin,
    Op.COS: math.cos,
    Op.TANH: math.tanh,
}
COMPARISONS = (">", ">=", "<", "<=", "==", "!=")
LARGEST_PRODUCT = 8


class Graph:
    """Nodes in the order in which they were made.

    Attributes
    ----------
    operations, arguments, payloads
        Of each node: what it is, the nodes it takes, and a number (NUMBER), name (INPUT) or
        comparison (SELECT).
    """

    def __init__(self) -> None:
        self.operations: list[Op] = []
        self.arguments: list[tuple[Node, ...]] = []
        self.payloads: list[object] = []
        self._known: dict[tuple[Op, tuple[Node, ...], object], Node] = {}
        self.zero, self.one = self.number(0.0), self.number(1.0)

    def __len__(self) -> int:
        return len(self.operations)

    def _node(self, operation: Op, arguments: tuple[Node, ...], payload: object = None) -> Node:
        key = (operation, arguments, payload)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = len(self.operations)
            self.operations.append(operation)
            self.arguments.append(arguments)
            self.payloads.append(payload)
        return found

    def number(self, value: float) -> Node:
        """Return a literal number."""
        return self._node(Op.NUMBER, (), float(value) + 0.0)

    def input(self, name: tuple[object, ...]) -> Node:
        """Return a value that comes from outside."""
        return self._node(Op.INPUT, (), name)

    def literal(self, node: Node) -> float | None:
        """Return the number that a node is, or None."""
        if self.operations[node] is not Op.NUMBER:
            return None
        value = self.payloads[node]
        assert isinstance(value, float)
        return value

    def add(self, a: Node, b: Node) -> Node:
        """Return a + b."""
        x, y = self.literal(a), self.literal(b)
        if x is not None and y is not None:
            return self.number(x + y)
        if x == 0.0:
            return b
        if y == 0.0:
            return a
        return self._node(Op.ADD, (min(a, b), max(a, b)))

    def multiply(self, a: Node, b: Node) -> Node:
        """Return a · b; a number is moved to the outside of a product."""
        x, y = self.literal(a), self.literal(b)
        if x is not None and y is not None:
            return self.number(x * y)
        if y is not None:
            a, b, x = b, a, y
        if x == 0.0:
            return self.zero
        if x == 1.0:
            return b
        for factor, other in ((b, a), (a, b)):
            inner = self._scale(factor)
            if inner is not None:
                number, rest = inner
                return self.multiply(
                    self.multiply(number, other) if x is not None else number,
                    rest if x is not None else self.multiply(other, rest),
                )
        return self._node(Op.MULTIPLY, (min(a, b), max(a, b)))

    def _scale(self, node: Node) -> tuple[Node, Node] | None:
        """Return number and rest of a product that has a number."""
        if self.operations[node] is Op.MULTIPLY:
            for number, rest in (self.arguments[node], self.arguments[node][::-1]):
                if self.operations[number] is Op.NUMBER:
                    return number, rest
        return None

    def negative(self, a: Node) -> Node:
        """Return −a."""
        return self.multiply(self.number(-1.0), a)

    def inverse(self, a: Node) -> Node:
        """Return 1 / a."""
        x = self.literal(a)
        if x:
            return self.number(1.0 / x)
        if self.operations[a] is Op.INVERSE:
            return self.arguments[a][0]
        return self._node(Op.INVERSE, (a,))

    def power(self, a: Node, exponent: Node) -> Node:
        """Return a to an exponent; whole ones become products."""
        y = self.literal(exponent)
        if y is None:
            return self._node(Op.POWER, (a, exponent))
        if y == 0.5:
            return self.function(Op.SQRT, a)
        if y.is_integer() and abs(y) <= LARGEST_PRODUCT:
            product = self._product(a, int(abs(y)))
            return product if y >= 0.0 else self.inverse(product)
        x = self.literal(a)
        if x is not None and x > 0.0:
            return self.number(x**y)
        return self._node(Op.POWER, (a, exponent))

    def _product(self, a: Node, times: int) -> Node:
        if times == 0:
            return self.one
        half = self._product(a, times // 2)
        square = self.multiply(half, half)
        return self.multiply(square, a) if times % 2 else square

    def function(self, operation: Op, a: Node) -> Node:
        """Return a function of one value."""
        x = self.literal(a)
        if x is not None and (x > 0.0 or operation not in (Op.LN, Op.SQRT)):
            return self.number(UNARY[operation](x))
        return self._node(operation, (a,))

    def select(self, comparison: str, left: Node, right: Node, yes: Node, no: Node) -> Node:
        """Return `yes` where left comparison right holds, else `no`."""
        if yes == no:
            return yes
        return self._node(Op.SELECT, (left, right, yes, no), comparison)

    def total(self, terms: Iterable[Node]) -> Node:
        """Return the sum, added in order."""
        found = self.zero
        for term in terms:
            found = self.add(found, term)
        return found

    def reachable(self, roots: Sequence[Node], stop: Sequence[Node] = ()) -> list[Node]:
        """Return what the roots need, in order; what lies behind `stop` is not looked at."""
        seen, stack, ends = set(roots), list(roots), set(stop)
        while stack:
            node = stack.pop()
            if node in ends:
                continue
            for argument in self.arguments[node]:
                if argument not in seen:
                    seen.add(argument)
                    stack.append(argument)
        return sorted(seen)
