"""Writes the operations of a graph as C: once per cell what is uniform, the rest by vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from heart.numerics.element_kernel.graph import Graph, Node, Op

SCALAR = {
    Op.EXP: "exp",
    Op.LN: "log",
    Op.SQRT: "sqrt",
    Op.SIN: "sin",
    Op.COS: "cos",
    Op.TANH: "tanh",
}
VECTOR = {
    Op.EXP: "v_exp",
    Op.LN: "v_ln",
    Op.SQRT: "v_sqrt",
    Op.SIN: "v_sin",
    Op.COS: "v_cos",
    Op.TANH: "v_tanh",
}


class Writer:
    """Text of what some outputs need.

    Parameters
    ----------
    graph, outputs
        What is computed.
    varies
        Whether an input differs between quadrature points, by its name.
    """

    def __init__(
        self, graph: Graph, outputs: Sequence[Node], varies: Callable[[tuple[object, ...]], bool]
    ) -> None:
        self.graph = graph
        self.order = graph.reachable(list(outputs))
        self.varying: set[Node] = set()
        for node in self.order:
            name = graph.payloads[node]
            if graph.operations[node] is Op.INPUT:
                assert isinstance(name, tuple)
                changes = varies(name)
            else:
                changes = any(argument in self.varying for argument in graph.arguments[node])
            if changes:
                self.varying.add(node)

    def inputs(self) -> dict[Node, tuple[object, ...]]:
        """Return the inputs that are needed, with their names."""
        found: dict[Node, tuple[object, ...]] = {}
        for node in self.order:
            name = self.graph.payloads[node]
            if self.graph.operations[node] is Op.INPUT:
                assert isinstance(name, tuple)
                found[node] = name
        return found

    def uniform(self, values: Mapping[Node, str]) -> list[str]:
        """Return the lines that are run once per cell; `values` is the C of uniform inputs."""
        lines: list[str] = []
        for node in self.order:
            if node in self.varying or self.graph.operations[node] is Op.NUMBER:
                continue
            text = values[node] if node in values else self._operation(node, SCALAR, "pow")
            lines.append(f"const double t{node} = {text};")
        return lines

    def body(self, values: Mapping[Node, str]) -> list[str]:
        """Return the lines that are run for each vector; `values` is the C of varying inputs."""
        lines: list[str] = []
        for node in self.order:
            if node not in self.varying:
                continue
            text = values[node] if node in values else self._operation(node, VECTOR, "v_power")
            lines.append(f"const vec t{node} = {text};")
        return lines

    def name(self, node: Node) -> str:
        """Return how a node is called in the text."""
        value = self.graph.literal(node)
        return f"t{node}" if value is None else f"({value!r})"

    def vector(self, node: Node) -> str:
        """Return a node as a vector."""
        return self.name(node) if node in self.varying else f"all({self.name(node)})"

    def _operation(self, node: Node, functions: Mapping[Op, str], power: str) -> str:
        graph, wide = self.graph, functions is VECTOR
        arguments = graph.arguments[node]
        as_one = self.vector if wide else self.name
        match graph.operations[node]:
            case Op.ADD:
                return " + ".join(self.name(a) for a in arguments)
            case Op.MULTIPLY:
                return " * ".join(self.name(a) for a in arguments)
            case Op.INVERSE:
                return f"1.0 / {self.name(arguments[0])}"
            case Op.POWER:
                return f"{power}({as_one(arguments[0])}, {as_one(arguments[1])})"
            case Op.SELECT:
                left, right, yes, no = (as_one(a) for a in arguments)
                test = f"{left} {graph.payloads[node]} {right}"
                return f"select({test}, {yes}, {no})" if wide else f"({test}) ? {yes} : {no}"
            case operation:
                return f"{functions[operation]}({as_one(arguments[0])})"
