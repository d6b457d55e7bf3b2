"""Derivatives, substitution and plain evaluation of expression graphs.

Evaluation with numpy is the slow twin of the generated code: it decides questions that algebra
does not (is this numerator proportional to that exponent?) and computes what is constant.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from heart.electro.ionic.codegen.graph import Expr, Graph, Op

Values = NDArray[np.float64]


def below(roots: Iterable[Expr]) -> list[Expr]:
    """Return every node that `roots` need, operands before users."""
    seen: dict[int, Expr] = {}
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node.index not in seen:
            seen[node.index] = node
            stack.extend(node.args)
    return [seen[index] for index in sorted(seen)]


def substitute(graph: Graph, root: Expr, mapping: Mapping[Expr, Expr]) -> Expr:
    """Return `root` with every node of `mapping` replaced."""
    done: dict[Expr, Expr] = dict(mapping)
    for node in below([root]):
        if node not in done:
            done[node] = graph.rebuild(node, [done[arg] for arg in node.args])
    return done[root]


def derivative(graph: Graph, root: Expr, symbol: Expr) -> Expr:
    """Return ∂root/∂symbol; steps and conditions count as locally constant."""
    slopes: dict[Expr, Expr] = {}
    for node in below([root]):
        if node is symbol:
            slopes[node] = graph.one
        elif not node.symbols & symbol.symbols:
            slopes[node] = graph.zero
        else:
            slopes[node] = _local(graph, node, slopes)
    return slopes[root]


def _local(graph: Graph, node: Expr, slopes: Mapping[Expr, Expr]) -> Expr:
    inner = [slopes[arg] for arg in node.args]
    if node.op is Op.SUM:
        _, terms = node.terms
        return graph.sum((c, slopes[term]) for c, term in terms)
    if node.op is Op.PRODUCT:
        parts = []
        for factor, power in node.factors:
            if slopes[factor] is not graph.zero:
                rest = graph.product([(node, 1.0), (factor, -1.0)])
                parts.append((power, graph.multiply(rest, slopes[factor])))
        return graph.sum(parts)
    if node.op is Op.SELECT:
        return graph.select(node.args[0], inner[1], inner[2])
    if node.op is Op.POW:
        base, exponent = node.args
        shape = graph.divide(graph.multiply(node, exponent), base)
        grown = graph.multiply(node, graph.call(Op.LOG, base))
        by_exponent = graph.multiply(grown, inner[1]) if inner[1] is not graph.zero else graph.zero
        return graph.add(graph.multiply(shape, inner[0]), by_exponent)
    if node.op not in _OUTER:
        return graph.zero
    return graph.multiply(_OUTER[node.op](graph, node, node.args[0]), inner[0])


def _sqrt_rest(graph: Graph, x: Expr, exponent: float) -> Expr:
    rest = graph.subtract(graph.one, graph.multiply(x, x))
    return graph.product([(rest, exponent)])


#: Outer derivative of unary operations, from the node and its argument.
_OUTER = {
    Op.EXP: lambda _, node, __: node,
    Op.LOG: lambda g, _, x: g.divide(g.one, x),
    Op.ABS: lambda g, _, x: g.select(g.call(Op.LESS, x, g.zero), g.number(-1.0), g.one),
    Op.SIN: lambda g, _, x: g.call(Op.COS, x),
    Op.COS: lambda g, _, x: g.negate(g.call(Op.SIN, x)),
    Op.TAN: lambda g, node, _: g.add(g.one, g.multiply(node, node)),
    Op.ASIN: lambda g, _, x: _sqrt_rest(g, x, -0.5),
    Op.ACOS: lambda g, _, x: g.negate(_sqrt_rest(g, x, -0.5)),
    Op.ATAN: lambda g, _, x: g.divide(g.one, g.add(g.one, g.multiply(x, x))),
    Op.BERNOULLI: lambda g, _, x: g.call(Op.BERNOULLI_SLOPE, x),
}


def linear_in(graph: Graph, root: Expr, symbol: Expr) -> tuple[Expr, Expr] | None:
    """Return (a, b) with root = a + b · symbol and both free of the symbol, or None."""
    slope = derivative(graph, root, symbol)
    if slope.symbols & symbol.symbols or _conditions_on(root, symbol):
        return None
    return substitute(graph, root, {symbol: graph.zero}), slope


def _conditions_on(root: Expr, symbol: Expr) -> bool:
    stepped = (Op.SELECT, Op.FLOOR, Op.CEIL, Op.ABS)
    return any(
        node.op in stepped and node.args[0].symbols & symbol.symbols for node in below([root])
    )


def evaluate(roots: Iterable[Expr], values: Mapping[Expr, Values | float]) -> list[Values]:
    """Return the values of `roots` for arrays of values of their symbols."""
    roots = list(roots)
    done: dict[Expr, Values] = {}
    with np.errstate(all="ignore"):
        for node in below(roots):
            if node.op is Op.SYMBOL:
                done[node] = np.asarray(values[node], dtype=np.float64)
            elif node.op is Op.NUMBER:
                done[node] = np.asarray(node.number)
            elif node.op is Op.SUM:
                constant, terms = node.terms
                done[node] = np.asarray(constant + sum(c * done[t] for c, t in terms))
            elif node.op is Op.PRODUCT:
                done[node] = np.asarray(math.prod(done[f] ** e for f, e in node.factors))
            else:
                done[node] = NUMPY[node.op](*(done[arg] for arg in node.args))
    return [np.asarray(done[root]) for root in roots]


def _bernoulli(x: Values) -> Values:
    safe = np.where(np.abs(x) < 1e-30, 1e-30, x)
    return np.where(x > 700.0, 0.0, safe / np.expm1(np.minimum(safe, 700.0)))


def _bernoulli_slope(x: Values) -> Values:
    safe = np.where(np.abs(x) < 1e-5, 1.0, np.minimum(x, 700.0))
    return np.where(
        np.abs(x) < 1e-5, x / 6.0 - 0.5, (1.0 - safe - _bernoulli(safe)) / np.expm1(safe)
    )


#: The operations on arrays.
NUMPY: dict[Op, Callable[..., Values]] = {
    Op.EXP: np.exp,
    Op.LOG: np.log,
    Op.POW: np.power,
    Op.ABS: np.abs,
    Op.FLOOR: np.floor,
    Op.CEIL: np.ceil,
    Op.SIN: np.sin,
    Op.COS: np.cos,
    Op.TAN: np.tan,
    Op.ASIN: np.arcsin,
    Op.ACOS: np.arccos,
    Op.ATAN: np.arctan,
    Op.BERNOULLI: _bernoulli,
    Op.BERNOULLI_SLOPE: _bernoulli_slope,
    Op.EXPM1: np.expm1,
    Op.EXPREL: lambda x: 1.0 / _bernoulli(x),
    Op.LESS: lambda a, b: np.less(a, b) * 1.0,
    Op.LESS_EQUAL: lambda a, b: np.less_equal(a, b) * 1.0,
    Op.EQUAL: lambda a, b: np.equal(a, b) * 1.0,
    Op.AND: lambda a, b: np.logical_and(a, b) * 1.0,
    Op.OR: lambda a, b: np.logical_or(a, b) * 1.0,
    Op.NOT: lambda a: np.logical_not(a) * 1.0,
    Op.SELECT: lambda c, a, b: np.where(c != 0.0, a, b),
}
