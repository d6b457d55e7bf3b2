"""One time step of each method, as expressions for the increments of the states.

Written as increments (new = old + increment) because the state is then only ever accumulated:
rates may be computed in single precision without a slow gate standing still.

- Forward Euler: dt · f.
- Rush–Larsen [RushLarsen1978]: states whose equation is linear in themselves, dy/dt = a - b y,
  follow the exact exponential of the frozen rates; the others forward Euler.
- GRL1 [Sundnes2009]: every state follows the exponential of its own linearisation,
  f (exp(λ dt) - 1) / λ with λ = ∂f/∂y, which for linear states is Rush–Larsen.
- GRL2 [Sundnes2009]: half a step of GRL1, then a whole step whose rates and linearisation are
  those of the middle: second order for twice the work. Linear states see the rate at their own
  start with the coefficients of the middle, the others f + λ (y0 - y) there.
"""

from __future__ import annotations

from enum import Enum

from heart.electro.ionic.codegen.calculus import derivative, linear_in, substitute
from heart.electro.ionic.codegen.graph import Expr, Graph, Kind, Op
from heart.electro.ionic.codegen.translate import System


class Method(Enum):
    """How a state is advanced over one step."""

    GRL1 = "grl1"
    GRL2 = "grl2"
    RUSH_LARSEN = "rush_larsen"
    FORWARD_EULER = "forward_euler"


def increments(system: System, method: Method) -> tuple[Expr, ...]:
    """Return the increment of every state over the step `dt`, in the order of the states.

    With GRL2 the states stand for those in the middle of the step (`middle`), and symbols of kind
    START for those at its begin, to which the increments are added.
    """
    graph = system.graph
    step = graph.symbol(Kind.STEP, "dt")
    if method is Method.GRL2:
        return _centred(system, step)
    return _plain(system, method, step)


def middle(system: System, method: Method) -> tuple[Expr, ...] | None:
    """Return the increments to the middle of a step; None for methods of one stage."""
    if method is not Method.GRL2:
        return None
    half = system.graph.scale(0.5, system.graph.symbol(Kind.STEP, "dt"))
    return _plain(system, Method.GRL1, half)


def starts(system: System) -> tuple[Expr, ...]:
    """Return the symbols of the states at the begin of a step of two stages."""
    return tuple(system.graph.symbol(Kind.START, state.symbol[1]) for state in system.states)


def _plain(system: System, method: Method, step: Expr) -> tuple[Expr, ...]:
    graph = system.graph
    found = []
    for index, (state, rate) in enumerate(zip(system.states, system.rates, strict=True)):
        slope = None
        if method is Method.GRL1 or (method is Method.RUSH_LARSEN and index > 0):
            linear = linear_in(graph, rate, state)
            slope = linear[1] if linear is not None else None
            if linear is None and method is Method.GRL1:
                slope = derivative(graph, rate, state)
        if slope is None or slope is graph.zero:
            found.append(graph.multiply(step, rate))
        else:
            found.append(_exponential(graph, rate, slope, step))
    return tuple(found)


def _centred(system: System, step: Expr) -> tuple[Expr, ...]:
    graph = system.graph
    half = graph.scale(0.5, step)
    later = {
        symbol: graph.add(symbol, half)
        for symbol in graph.all_symbols
        if symbol.symbol[0] is Kind.TIME
    }
    found = []
    for state, start, rate in zip(system.states, starts(system), system.rates, strict=True):
        rate = substitute(graph, rate, later) if later else rate
        linear = linear_in(graph, rate, state)
        slope = derivative(graph, rate, state) if linear is None else linear[1]
        if slope is graph.zero:
            found.append(graph.multiply(step, rate))
        elif linear is not None:
            own = substitute(graph, rate, {state: start})
            found.append(_exponential(graph, own, slope, step))
        else:
            rate = graph.add(rate, graph.multiply(slope, graph.subtract(start, state)))
            growth = graph.call(Op.EXPREL, graph.multiply(slope, step))
            found.append(graph.multiply(step, rate, growth))
    return tuple(found)


def gates(system: System) -> tuple[bool, ...]:
    """Return which states are gates: linear in themselves, the membrane potential apart."""
    pairs = enumerate(zip(system.states, system.rates, strict=True))
    return tuple(i > 0 and linear_in(system.graph, rate, s) is not None for i, (s, rate) in pairs)


def _exponential(graph: Graph, rate: Expr, slope: Expr, step: Expr) -> Expr:
    exponent = graph.multiply(slope, step)
    distance = graph.divide(rate, slope)
    rest = {factor for factor, power in distance.factors if power < 0.0}
    if rest.isdisjoint(factor for factor, power in slope.factors if power > 0.0) and (
        distance.op is not Op.SUM or len(distance.args) > 1
    ):
        # rate = (limit - y) · b with slope = -b: b has cancelled and the form has no 0/0.
        return graph.multiply(distance, graph.call(Op.EXPM1, exponent))
    return graph.multiply(step, rate, graph.call(Op.EXPREL, exponent))
