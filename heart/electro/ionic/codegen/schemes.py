"""One time step of each method, as expressions for the increments of the states.

Written as increments (new = old + increment) because the state is then only ever accumulated:
rates may be computed in single precision without a slow gate standing still.

- Forward Euler: dt · f.
- Rush–Larsen [RushLarsen1978]: states whose equation is linear in themselves, dy/dt = a - b y,
  follow the exact exponential of the frozen rates; the others forward Euler.
- GRL1 [Sundnes2009]: every state follows the exponential of its own linearisation,
  f (exp(λ dt) - 1) / λ with λ = ∂f/∂y, which for linear states is Rush–Larsen.
"""

from __future__ import annotations

from enum import Enum

from heart.electro.ionic.codegen.calculus import derivative, linear_in
from heart.electro.ionic.codegen.graph import Expr, Graph, Kind, Op
from heart.electro.ionic.codegen.translate import System


class Method(Enum):
    """How a state is advanced over one step."""

    GRL1 = "grl1"
    RUSH_LARSEN = "rush_larsen"
    FORWARD_EULER = "forward_euler"


def increments(system: System, method: Method) -> tuple[Expr, ...]:
    """Return the increment of every state over the step `dt`, in the order of the states."""
    graph = system.graph
    step = graph.symbol(Kind.STEP, "dt")
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
