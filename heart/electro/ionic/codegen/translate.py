"""From a Myokit model to the expression graph: derivatives of the states, and monitored variables.

Switches and exponents that are constants are folded to numbers, because they decide the shape of
the code; every other constant stays a symbol, so that one compiled kernel serves every region,
variant of conductance and ensemble member.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from heart.core.errors import ScenarioError
from heart.electro.ionic.codegen.graph import Expr, Graph, Kind, Op
from heart.electro.ionic.codegen.singular import guard
from heart.electro.ionic.model import CellModel


@dataclass(frozen=True)
class System:
    """The equations of a model as graphs.

    Attributes
    ----------
    graph
        Owner of all nodes.
    states
        Symbols of the states, the membrane potential first.
    rates
        Their time derivatives, in the order of `states`.
    monitors
        Monitored variables in the order asked for.
    folded
        Parameters whose values are part of the code.
    """

    graph: Graph
    states: tuple[Expr, ...]
    rates: tuple[Expr, ...]
    monitors: tuple[Expr, ...]
    folded: tuple[str, ...]


def translate(
    model: CellModel, *, varying: Sequence[str] = (), monitors: Sequence[str] = ()
) -> System:
    """Return the equations of `model`.

    Parameters
    ----------
    model
        The model; its values of folded parameters decide the code.
    varying
        Qualified names of parameters that differ from cell to cell.
    monitors
        Qualified names of variables to monitor.

    Raises
    ------
    ScenarioError
        The text uses something that no kernel can compute, or a varying parameter is folded.
    """
    source = model.text.model()
    walker = _Walker(model, source, frozenset(varying))
    graph = walker.graph
    states = tuple(graph.symbol(Kind.STATE, name) for name in model.text.states)
    rates = [walker.convert(state.rhs()) for state in source.states()]
    if "pace" not in model.text.bindings:
        rates[0] = graph.add(rates[0], graph.symbol(Kind.STIMULUS, "stimulus"))
    seen = [walker.convert(_name(source.get(name))) for name in monitors]
    blocked = sorted(walker.folded.intersection(varying))
    if blocked:
        raise ScenarioError(
            f"{', '.join(blocked)} of {model.name} cannot vary from cell to cell",
            expected="a parameter that is no switch and no exponent",
            fix="make it another cell model for that region",
        )
    return System(
        graph,
        states,
        tuple(guard(graph, rate) for rate in rates),
        tuple(guard(graph, expr) for expr in seen),
        tuple(sorted(walker.folded)),
    )


def _name(variable: Any) -> Any:
    import myokit

    return myokit.Name(variable)


class _Walker:
    """Converts expressions, each variable once."""

    def __init__(self, model: CellModel, source: Any, varying: frozenset[str]) -> None:
        import myokit

        self.graph = Graph()
        self.folded = set(model.text.switches)
        self._values = model.parameters
        self._varying = varying
        self._done: dict[str, Expr] = {}
        exponents = (
            power[1]
            for variable in source.variables(deep=True)
            for power in variable.rhs().walk(myokit.Power)
        )
        for exponent in exponents:
            if exponent.is_constant():
                self.folded.update(
                    name.var().qname()
                    for name in _deep_names(exponent)
                    if name.var().qname() in self._values
                )

    def variable(self, variable: Any) -> Expr:
        """Return the value of a variable."""
        name = variable.qname()
        if name not in self._done:
            self._done[name] = self._variable(variable, name)
        return self._done[name]

    def _variable(self, variable: Any, name: str) -> Expr:
        graph = self.graph
        if variable.is_state():
            return graph.symbol(Kind.STATE, name)
        if variable.binding() == "time":
            return graph.symbol(Kind.TIME, name)
        if variable.binding() == "pace":
            # Stimuli are positive when they depolarise; in the texts they are negative currents.
            return graph.negate(graph.symbol(Kind.STIMULUS, "stimulus"))
        if name in self._values:
            if name in self.folded:
                return graph.number(self._values[name])
            kind = Kind.VARYING if name in self._varying else Kind.PARAMETER
            return graph.symbol(kind, name)
        return self.convert(variable.rhs())

    def convert(self, expression: Any) -> Expr:
        """Return the graph of a Myokit expression."""
        import myokit

        graph = self.graph
        if isinstance(expression, myokit.Number):
            return graph.number(float(expression))
        if isinstance(expression, myokit.Derivative):
            return self.convert(expression.rhs())
        if isinstance(expression, myokit.Name):
            return self.variable(expression.var())
        kind = type(expression).__name__
        args = [self.convert(operand) for operand in expression]
        if kind == "Piecewise":
            result = args[-1]
            for condition, value in reversed(list(zip(args[:-1:2], args[1::2], strict=True))):
                result = graph.select(condition, value, result)
            return result
        if kind not in _CONVERT:
            raise ScenarioError(f"no kernel can compute {expression.code()}", where=str(kind))
        return _CONVERT[kind](graph, *args)


def _deep_names(expression: Any) -> list[Any]:
    import myokit

    names: list[Any] = []
    stack = [expression]
    while stack:
        for name in stack.pop().walk(myokit.Name):
            names.append(name)
            if not name.var().is_state():
                stack.append(name.var().rhs())
    return [name for name in names if not name.var().is_bound()]


def _floor_divide(graph: Graph, left: Expr, right: Expr) -> Expr:
    return graph.call(Op.FLOOR, graph.divide(left, right))


def _log(graph: Graph, value: Expr, base: Expr | None = None) -> Expr:
    top = graph.call(Op.LOG, value)
    return top if base is None else graph.divide(top, graph.call(Op.LOG, base))


def _negated(graph: Graph, op: Op, left: Expr, right: Expr) -> Expr:
    return graph.call(Op.NOT, graph.call(op, left, right))


#: Myokit's expression classes by name.
_CONVERT: dict[str, Callable[..., Expr]] = {
    "PrefixPlus": lambda _, a: a,
    "PrefixMinus": lambda g, a: g.negate(a),
    "Plus": lambda g, a, b: g.add(a, b),
    "Minus": lambda g, a, b: g.subtract(a, b),
    "Multiply": lambda g, a, b: g.multiply(a, b),
    "Divide": lambda g, a, b: g.divide(a, b),
    "Quotient": _floor_divide,
    "Remainder": lambda g, a, b: g.subtract(a, g.multiply(b, _floor_divide(g, a, b))),
    "Power": lambda g, a, b: g.power(a, b),
    "Sqrt": lambda g, a: g.product([(a, 0.5)]),
    "Exp": lambda g, a: g.call(Op.EXP, a),
    "Log": _log,
    "Log10": lambda g, a: _log(g, a, g.number(10.0)),
    "Sin": lambda g, a: g.call(Op.SIN, a),
    "Cos": lambda g, a: g.call(Op.COS, a),
    "Tan": lambda g, a: g.call(Op.TAN, a),
    "ASin": lambda g, a: g.call(Op.ASIN, a),
    "ACos": lambda g, a: g.call(Op.ACOS, a),
    "ATan": lambda g, a: g.call(Op.ATAN, a),
    "Floor": lambda g, a: g.call(Op.FLOOR, a),
    "Ceil": lambda g, a: g.call(Op.CEIL, a),
    "Abs": lambda g, a: g.call(Op.ABS, a),
    "Not": lambda g, a: g.call(Op.NOT, a),
    "Equal": lambda g, a, b: g.call(Op.EQUAL, a, b),
    "NotEqual": lambda g, a, b: _negated(g, Op.EQUAL, a, b),
    "More": lambda g, a, b: g.call(Op.LESS, b, a),
    "Less": lambda g, a, b: g.call(Op.LESS, a, b),
    "MoreEqual": lambda g, a, b: g.call(Op.LESS_EQUAL, b, a),
    "LessEqual": lambda g, a, b: g.call(Op.LESS_EQUAL, a, b),
    "And": lambda g, a, b: g.logical(Op.AND, a, b),
    "Or": lambda g, a, b: g.logical(Op.OR, a, b),
    "If": lambda g, c, a, b: g.select(c, a, b),
}
