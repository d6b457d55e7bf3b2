"""Turns a UFL expression into a graph of scalars.

UFL lowers tensor algebra to indices and expands the derivatives that it was asked for; here the
indices are given all their values. What a kernel has no code for is said by `Unsupported`, and
the caller compiles the form in the usual way instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ufl
import ufl.classes as uc
from ufl.algorithms import expand_derivatives

from heart.numerics.element_kernel.graph import COMPARISONS, Graph, Node, Op

Component = tuple[int, ...]
Values = tuple[tuple[int, int], ...]
"""Free indices and their values."""


class Unsupported(Exception):
    """The expression has something that element kernels do not cover; never seen by users."""


UNKNOWNS = ("value", "gradient", "test", "test gradient")
FUNCTIONS: dict[Any, Op] = {
    uc.Exp: Op.EXP,
    uc.Ln: Op.LN,
    uc.Sqrt: Op.SQRT,
    uc.Sin: Op.SIN,
    uc.Cos: Op.COS,
    uc.Tanh: Op.TANH,
}


class Scalars:
    """Graph of the components of UFL expressions.

    Inputs of the graph are named ``("value", coefficient, component)``, ``("gradient",
    coefficient, component, axis)``, ``("constant", constant, component)``, ``("jacobian", row,
    column)``, and ``("test", 0, component)`` and ``("test gradient", 0, component, axis)`` for a
    test function, with flat components; coefficients and constants are counted as they are met.

    Attributes
    ----------
    coefficients, constants
        UFL objects in that order.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.coefficients: list[Any] = []
        self.constants: list[Any] = []
        self._memory: dict[tuple[int, Component, Values], Node] = {}
        self._kept: list[Any] = []

    def scalar(self, expression: Any) -> Node:
        """Return the node of a scalar expression."""
        return self.components(expression)[()]

    def components(self, expression: Any) -> dict[Component, Node]:
        """Return the nodes of all components of an expression.

        Raises
        ------
        Unsupported
            It has an operation or a quantity without code.
        """
        expanded = expand_derivatives(ufl.as_ufl(expression))
        self._kept.append(expanded)
        shape = expanded.ufl_shape
        found: dict[Component, Node] = {}
        for flat in range(_size(shape)):
            component = _unflat(flat, shape)
            found[component] = self._at(expanded, component, {})
        return found

    def _at(self, e: Any, component: Component, indices: dict[int, int]) -> Node:
        free = tuple((index, indices[index]) for index in e.ufl_free_indices)
        key = (id(e), component, free)
        known = self._memory.get(key)
        if known is None:
            known = self._memory[key] = self._made(e, component, indices)
        return known

    def _made(self, e: Any, component: Component, indices: dict[int, int]) -> Node:
        graph = self.graph
        operands = e.ufl_operands
        match e:
            case uc.Zero():
                return graph.zero
            case uc.ScalarValue():
                return graph.number(float(e))
            case uc.Identity():
                return graph.one if component[0] == component[1] else graph.zero
            case uc.Indexed():
                place = tuple(
                    int(i) if isinstance(i, uc.FixedIndex) else indices[i.count()]
                    for i in operands[1]
                )
                return self._at(operands[0], place, indices)
            case uc.ComponentTensor():
                given = {i.count(): c for i, c in zip(operands[1], component, strict=True)}
                return self._at(operands[0], (), indices | given)
            case uc.ListTensor():
                return self._at(operands[component[0]], component[1:], indices)
            case uc.IndexSum():
                index = operands[1][0].count()
                return graph.total(
                    self._at(operands[0], component, indices | {index: k})
                    for k in range(e.dimension())
                )
            case uc.Variable() | uc.Conj() | uc.Real():
                return self._at(operands[0], component, indices)
            case uc.Sum():
                return graph.add(*(self._at(o, component, indices) for o in operands))
            case uc.Product():
                return graph.multiply(*(self._at(o, (), indices) for o in operands))
            case uc.Division():
                below = graph.inverse(self._at(operands[1], (), indices))
                return graph.multiply(self._at(operands[0], component, indices), below)
            case uc.Power():
                below, above = (self._at(o, (), indices) for o in operands)
                if any(of_unknowns(graph, n) for n in graph.reachable([above])):
                    raise Unsupported("an exponent that depends on the state")
                return graph.power(below, above)
            case uc.Conditional():
                yes = lambda: self._at(operands[1], component, indices)  # noqa: E731
                no = lambda: self._at(operands[2], component, indices)  # noqa: E731
                return self._where(operands[0], indices, yes, no)
            case uc.MaxValue() | uc.MinValue():
                a, b = (self._at(o, (), indices) for o in operands)
                return graph.select(">" if isinstance(e, uc.MaxValue) else "<", a, b, a, b)
            case uc.Abs():
                a = self._at(operands[0], (), indices)
                return graph.select("<", a, graph.zero, graph.negative(a), a)
            case uc.Constant():
                flat = _flat(component, e.ufl_shape)
                return graph.input(("constant", _number(self.constants, e), flat))
            case uc.Coefficient():
                flat = _flat(component, e.ufl_shape)
                return graph.input(("value", _number(self.coefficients, e), flat))
            case uc.Grad() if isinstance(operands[0], uc.Coefficient):
                function = operands[0]
                flat = _flat(component[:-1], function.ufl_shape)
                number = _number(self.coefficients, function)
                return graph.input(("gradient", number, flat, component[-1]))
            case uc.Argument():
                return graph.input(("test", 0, _flat(component, e.ufl_shape)))
            case uc.Grad() if isinstance(operands[0], uc.Argument):
                flat = _flat(component[:-1], operands[0].ufl_shape)
                return graph.input(("test gradient", 0, flat, component[-1]))
            case uc.Jacobian():
                return graph.input(("jacobian", *component))
        for kind, operation in FUNCTIONS.items():
            if isinstance(e, kind):
                return graph.function(operation, self._at(operands[0], (), indices))
        raise Unsupported(type(e).__name__)

    def _where(
        self, test: Any, indices: dict[int, int], yes: Callable[[], Node], no: Callable[[], Node]
    ) -> Node:
        if isinstance(test, uc.NotCondition):
            return self._where(test.ufl_operands[0], indices, no, yes)
        if isinstance(test, uc.AndCondition):
            first, second = test.ufl_operands
            inner = lambda: self._where(second, indices, yes, no)  # noqa: E731
            return self._where(first, indices, inner, no)
        if isinstance(test, uc.OrCondition):
            first, second = test.ufl_operands
            inner = lambda: self._where(second, indices, yes, no)  # noqa: E731
            return self._where(first, indices, yes, inner)
        name = getattr(test, "_name", None)
        if name not in COMPARISONS:
            raise Unsupported(type(test).__name__)
        left, right = (self._at(o, (), indices) for o in test.ufl_operands)
        return self.graph.select(str(name), left, right, yes(), no())


def of_unknowns(graph: Graph, node: Node) -> bool:
    """Return whether a node is an input of the state, which is coefficient 0, or of a test."""
    name = graph.payloads[node]
    return isinstance(name, tuple) and name[0] in UNKNOWNS and name[1] == 0


def _number(known: list[Any], one: Any) -> int:
    for k, other in enumerate(known):
        if other is one:
            return k
    known.append(one)
    return len(known) - 1


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for width in shape:
        size *= width
    return size


def _flat(component: Component, shape: tuple[int, ...]) -> int:
    place = 0
    for c, width in zip(component, shape, strict=True):
        place = place * width + c
    return place


def _unflat(flat: int, shape: tuple[int, ...]) -> Component:
    found: list[int] = []
    for width in reversed(shape):
        found.append(flat % width)
        flat //= width
    return tuple(reversed(found))
