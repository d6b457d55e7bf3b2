"""Removable singularities: x / (exp(x) - 1) and its kin, made finite at x = 0 without branches.

Rate functions and the Goldman–Hodgkin–Katz flux divide by exp(u) - 1 with a numerator that has a
factor proportional to u. Such a pair becomes k · B(u) with B(u) = u / (exp(u) - 1), which has one
safe implementation (through an expm1 that is exact for small u), instead of a Taylor polynomial
per occurrence. The inverse pair (exp(u) - 1) / u becomes k / B(u).
"""

from __future__ import annotations

import numpy as np

from heart.electro.ionic.codegen.calculus import below, derivative, evaluate
from heart.electro.ionic.codegen.graph import VECTOR_KINDS, Expr, Graph, Op

SAMPLES = 16


def guard(graph: Graph, root: Expr) -> Expr:
    """Return `root` with every removable singularity of this kind replaced."""
    done: dict[Expr, Expr] = {}
    for node in below([root]):
        new = graph.rebuild(node, [done[arg] for arg in node.args])
        for term in new.args if new.op is Op.SUM else ():
            if term.op is Op.PRODUCT and term not in done:
                done[term] = _guard_product(graph, term)
        if new.op is Op.PRODUCT:
            new = _guard_product(graph, new)
        elif new.op is Op.SUM:
            new = graph.rebuild(new, [done.get(arg, arg) for arg in new.args])
        done[node] = new
    return done[root]


def _guard_product(graph: Graph, node: Expr) -> Expr:
    factors = dict(node.factors)
    for minus, exponent in list(factors.items()):
        match = _exp_minus_one(graph, minus)
        if match is None or abs(exponent) != 1.0:
            continue
        scale, argument = match
        for factor, power in list(factors.items()):
            if factor is minus or power * exponent > -1.0 or minus not in factors:
                continue
            ratio = _ratio(graph, factor, argument)
            if ratio is not None:
                del factors[minus]
                factors[factor] = power + exponent
                pair = graph.call(Op.BERNOULLI, argument)
                value = graph.multiply(graph.number(1.0 / scale), ratio, pair)
                factors[value] = factors.get(value, 0.0) - exponent
    return graph.product(factors.items())


def _exp_minus_one(graph: Graph, node: Expr) -> tuple[float, Expr] | None:
    """Return (k, u) when `node` is k · (exp(u) - 1) with u different from cell to cell."""
    constant, terms = node.terms
    if len(terms) != 1 or terms[0][1].op is not Op.EXP or constant != -terms[0][0]:
        return None
    argument = terms[0][1].args[0]
    return (terms[0][0], argument) if argument.symbols & graph.mask(VECTOR_KINDS) else None


def _ratio(graph: Graph, factor: Expr, argument: Expr) -> Expr | None:
    """Return k when factor = k · argument with k the same in all cells, else None."""
    vector = graph.mask(VECTOR_KINDS)
    if factor.symbols & vector != argument.symbols & vector:
        return None
    symbol = next(s for s in graph.symbols_of(argument) if s.symbols & vector)
    slope = derivative(graph, argument, symbol)
    if slope is graph.zero:
        return None
    ratio = graph.divide(derivative(graph, factor, symbol), slope)
    if ratio.symbols & vector:
        return None
    rng = np.random.default_rng(0)
    symbols = graph.symbols_of(graph.add(factor, argument))
    values = {s: rng.uniform(0.5, 2.0, SAMPLES) for s in symbols}
    left, right, k = evaluate([factor, argument, ratio], values)
    with np.errstate(all="ignore"):
        same = np.abs(left - k * right) <= 1e-9 * (np.abs(left) + np.abs(k * right))
    return ratio if bool(np.all(same)) else None
