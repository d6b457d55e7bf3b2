"""First and second derivatives of a node of a graph, as nodes of the same graph.

The gradient is the reverse sweep. The Hessian is the sum, over the operations that are not linear,
of their second derivative times the gradients of their arguments, weighted with what the root
gains from them: each operation of the law costs a few products, while differentiating the gradient
again would repeat all of it for each variable. It is symmetric by construction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from heart.numerics.element_kernel.graph import Graph, Node, Op

Slope = dict[Node, Node]
"""Derivative by each variable; those that are zero are left out."""


class Derivatives:
    """Derivatives of one root by variables, which may be inner nodes of the graph.

    Parameters
    ----------
    graph
        Grows by what is derived.
    root
        The scalar.
    variables
        Nodes that count as independent of each other.
    """

    def __init__(self, graph: Graph, root: Node, variables: Sequence[Node]) -> None:
        self.graph, self.root, self.variables = graph, root, tuple(variables)
        self._order = self._dependent()
        self._slopes: dict[Node, Slope] = {v: {v: graph.one} for v in self.variables}
        self._adjoints = self._sweep()

    def _dependent(self) -> list[Node]:
        """Return the nodes between variables and root that change with a variable, in order."""
        graph, found = self.graph, set(self.variables)
        for node in graph.reachable([self.root], self.variables):
            if any(argument in found for argument in graph.arguments[node]):
                found.add(node)
        return sorted(found)

    def gradient(self) -> list[Node]:
        """Return the derivative of the root by each variable."""
        return [self._adjoints[v] for v in self.variables]

    def hessian(self) -> dict[tuple[int, int], Node]:
        """Return second derivatives by places i ≤ j of the variables; zeros are left out."""
        graph = self.graph
        place = {v: k for k, v in enumerate(self.variables)}
        terms: dict[tuple[int, int], list[Node]] = defaultdict(list)
        for node in self._order:
            if node in place or self._adjoints[node] == graph.zero:
                continue
            for first, second, curvature in self._curvatures(node):
                weight = graph.multiply(self._adjoints[node], curvature)
                a = {place[v]: d for v, d in self._slope(first).items()}
                b = {place[v]: d for v, d in self._slope(second).items()}
                scaled = {i: graph.multiply(weight, d) for i, d in a.items()}
                for i, left in scaled.items():
                    for j, right in b.items():
                        if first == second and i > j:
                            continue
                        key = (min(i, j), max(i, j))
                        value = graph.multiply(left, right)
                        # a⊗b + b⊗a: its diagonal counts twice.
                        terms[key].append(
                            graph.add(value, value) if first != second and i == j else value
                        )
        found = {key: graph.total(parts) for key, parts in sorted(terms.items())}
        return {key: value for key, value in found.items() if value != graph.zero}

    def slope(self, node: Node) -> Slope:
        """Return the derivative of any node of the root by the variables."""
        return self._slope(node)

    def _sweep(self) -> dict[Node, Node]:
        graph = self.graph
        gains: dict[Node, list[Node]] = defaultdict(list)
        gains[self.root].append(graph.one)
        found: dict[Node, Node] = {v: graph.zero for v in self.variables}
        dependent, ends = set(self._order), set(self.variables)
        for node in reversed(self._order):
            found[node] = graph.total(gains.pop(node, []))
            if node in ends or found[node] == graph.zero:
                continue
            for argument, slope in self._partials(node):
                if argument in dependent:
                    gains[argument].append(graph.multiply(found[node], slope))
        return found

    def _slope(self, node: Node) -> Slope:
        known = self._slopes.get(node)
        if known is not None:
            return known
        graph, dependent = self.graph, set(self._order)
        total: dict[Node, list[Node]] = defaultdict(list)
        for inner in self._order:
            if inner > node:
                break
            if inner in self._slopes:
                continue
            total.clear()
            for argument, partial in self._partials(inner):
                if argument in dependent:
                    for v, d in self._slopes[argument].items():
                        total[v].append(graph.multiply(partial, d))
            slope = {v: graph.total(parts) for v, parts in total.items()}
            self._slopes[inner] = {v: d for v, d in slope.items() if d != graph.zero}
        return self._slopes.get(node, {})

    def _partials(self, node: Node) -> list[tuple[Node, Node]]:
        """Return (argument, ∂node/∂argument) for each argument, equal ones twice."""
        graph = self.graph
        arguments = graph.arguments[node]
        match graph.operations[node]:
            case Op.ADD:
                return [(a, graph.one) for a in arguments]
            case Op.MULTIPLY:
                a, b = arguments
                return [(a, b), (b, a)]
            case Op.SELECT:
                left, right, yes, no = arguments
                how = str(graph.payloads[node])
                return [
                    (yes, graph.select(how, left, right, graph.one, graph.zero)),
                    (no, graph.select(how, left, right, graph.zero, graph.one)),
                ]
            case Op.NUMBER | Op.INPUT:
                return []
            case _:
                return [(arguments[0], self._first(node))]

    def _first(self, node: Node) -> Node:
        """Return the derivative of a function of one value."""
        graph, a = self.graph, self.graph.arguments[node][0]
        match graph.operations[node]:
            case Op.EXP:
                return node
            case Op.LN:
                return graph.inverse(a)
            case Op.SQRT:
                return graph.multiply(graph.number(0.5), graph.inverse(node))
            case Op.INVERSE:
                return graph.negative(graph.multiply(node, node))
            case Op.POWER:
                slope = graph.multiply(node, graph.inverse(a))
                return graph.multiply(graph.arguments[node][1], slope)
            case Op.SIN:
                return graph.function(Op.COS, a)
            case Op.COS:
                return graph.negative(graph.function(Op.SIN, a))
            case Op.TANH:
                return graph.add(graph.one, graph.negative(graph.multiply(node, node)))
        raise AssertionError(graph.operations[node])

    def _curvatures(self, node: Node) -> list[tuple[Node, Node, Node]]:
        """Return (first, second, ∂²node) of an operation; a mixed pair is given once."""
        graph = self.graph
        arguments = graph.arguments[node]
        match graph.operations[node]:
            case Op.ADD | Op.SELECT | Op.NUMBER | Op.INPUT:
                return []
            case Op.MULTIPLY:
                a, b = arguments
                return [(a, b, graph.number(2.0) if a == b else graph.one)]
        a, first = arguments[0], self._first(node)
        match graph.operations[node]:
            case Op.EXP:
                second = node
            case Op.LN:
                second = graph.negative(graph.multiply(first, first))
            case Op.SQRT:
                half = graph.multiply(graph.number(-0.5), graph.inverse(a))
                second = graph.multiply(half, first)
            case Op.INVERSE:
                cube = graph.multiply(node, graph.multiply(node, node))
                second = graph.multiply(graph.number(2.0), cube)
            case Op.POWER:
                less = graph.add(arguments[1], graph.number(-1.0))
                second = graph.multiply(graph.multiply(less, first), graph.inverse(a))
            case Op.SIN | Op.COS:
                second = graph.negative(node)
            case _:
                second = graph.multiply(graph.number(-2.0), graph.multiply(node, first))
        return [(a, a, second)]
