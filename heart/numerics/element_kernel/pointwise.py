"""First and second derivatives at a point, by the values and gradients of the unknowns.

Where the potential sees the displacement only through C = FᵀF, it is differentiated by the six
entries of C, and P = F S and its tangent are composed from these: a fifth of the operations of
differentiating by the nine entries of F.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from heart.numerics.element_kernel.derivatives import Derivatives
from heart.numerics.element_kernel.elements import Part, parts
from heart.numerics.element_kernel.from_ufl import Scalars, Unsupported, of_unknowns
from heart.numerics.element_kernel.graph import Graph, Node

VALUE = -1
Flux = dict["Slot", Node]
Tangent = dict[tuple["Slot", "Slot"], Node]
PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


@dataclass(frozen=True, order=True)
class Slot:
    """A value (direction −1) or derivative along an axis of a component of a part of the state."""

    part: int
    component: int
    direction: int


@dataclass(frozen=True)
class Pointwise:
    """What is evaluated at a quadrature point.

    Attributes
    ----------
    scalars
        Graph and what its inputs stand for; coefficient 0 is the state.
    parts
        Of the state.
    flux
        What the test function's value or slope is multiplied with, by slot.
    tangent
        Derivatives of the flux by pairs of slots: of ordered pairs where it is symmetric.
    symmetric
        Whether the other half is equal.
    """

    scalars: Scalars
    parts: tuple[Part, ...]
    flux: Flux
    tangent: Tangent
    symmetric: bool

    @property
    def graph(self) -> Graph:
        """Graph of all outputs."""
        return self.scalars.graph


def differentiate(potentials: Sequence[Any], works: Sequence[Any], state: Any) -> Pointwise:
    """Return flux and tangent of what a cell integrates.

    Parameters
    ----------
    potentials
        Scalar UFL expressions of the state, of which the residual is the derivative.
    works
        Scalar UFL expressions of the state, linear in the test function of its space.
    state
        Function of the unknowns.

    Raises
    ------
    Unsupported
        Something without code.
    """
    scalars = Scalars(Graph())
    scalars.coefficients.append(state)
    found = parts(state.function_space.ufl_element())
    slots = {slot: _input(scalars, found, "value", "gradient", slot) for slot in _slots(found)}
    flux: Flux = {}
    tangent: Tangent = {}
    if potentials:
        graph = scalars.graph
        root = graph.total(scalars.scalar(density) for density in potentials)
        flux, tangent = _by_strain(scalars, root, slots) or _by_slots(scalars, root, slots)
    if not works:
        return Pointwise(scalars, found, flux, tangent, symmetric=True)
    more, steep = _linear(scalars, found, works, slots)
    for slot, node in more.items():
        flux[slot] = scalars.graph.add(flux.get(slot, scalars.graph.zero), node)
    if not steep:
        return Pointwise(scalars, found, flux, tangent, symmetric=True)
    tangent |= {(t, s): node for (s, t), node in tangent.items()}
    for pair, node in steep.items():
        tangent[pair] = scalars.graph.add(tangent.get(pair, scalars.graph.zero), node)
    return Pointwise(scalars, found, flux, tangent, symmetric=False)


def _slots(found: Sequence[Part]) -> list[Slot]:
    return [
        Slot(k, c, direction)
        for k, part in enumerate(found)
        for c in range(part.width)
        for direction in (VALUE, 0, 1, 2)
    ]


def _input(scalars: Scalars, found: Sequence[Part], value: str, gradient: str, slot: Slot) -> Node:
    component = found[slot.part].component + slot.component
    if slot.direction == VALUE:
        return scalars.graph.input((value, 0, component))
    return scalars.graph.input((gradient, 0, component, slot.direction))


def _linear(
    scalars: Scalars, found: Sequence[Part], works: Sequence[Any], slots: dict[Slot, Node]
) -> tuple[Flux, Tangent]:
    """Return flux and tangent of virtual work: its slopes by the test function, and theirs."""
    graph = scalars.graph
    root = graph.total(scalars.scalar(work) for work in works)
    tests = {slot: _input(scalars, found, "test", "test gradient", slot) for slot in slots}
    places = {node: slot for slot, node in tests.items()}
    needed = [node for node in graph.reachable([root]) if node in places]
    gradient = Derivatives(graph, root, needed).gradient()
    flux = {places[v]: d for v, d in zip(needed, gradient, strict=True) if d != graph.zero}
    if any(node in places for node in graph.reachable(list(flux.values()))):
        raise Unsupported("virtual work that is not linear in its test function")
    tangent: Tangent = {}
    own = {node: slot for slot, node in slots.items()}
    for slot, node in flux.items():
        seen = [n for n in graph.reachable([node]) if n in own]
        slopes = Derivatives(graph, node, seen).gradient()
        for variable, slope in zip(seen, slopes, strict=True):
            if slope != graph.zero:
                tangent[slot, own[variable]] = slope
    return flux, tangent


def _by_slots(scalars: Scalars, root: Node, slots: dict[Slot, Node]) -> tuple[Flux, Tangent]:
    graph = scalars.graph
    used = set(graph.reachable([root], list(slots.values())))
    seen = [slot for slot, node in slots.items() if node in used]
    nodes = [slots[slot] for slot in seen]
    derivatives = Derivatives(graph, root, nodes)
    flux = dict(zip(seen, derivatives.gradient(), strict=True))
    tangent = {(seen[i], seen[j]): node for (i, j), node in derivatives.hessian().items()}
    return flux, tangent


def _by_strain(
    scalars: Scalars, root: Node, slots: dict[Slot, Node]
) -> tuple[Flux, Tangent] | None:
    graph = scalars.graph
    place = [[slots.get(Slot(0, i, j)) for j in range(3)] for i in range(3)]
    F: list[list[Node]] = []
    for i, row in enumerate(place):
        entries = []
        for j, node in enumerate(row):
            if node is None:
                return None
            entries.append(graph.add(graph.one, node) if i == j else node)
        F.append(entries)
    strains = [graph.total(graph.multiply(F[k][a], F[k][b]) for k in range(3)) for a, b in PAIRS]
    others = {slot: node for slot, node in slots.items() if slot.part or slot.direction == VALUE}
    used = set(graph.reachable([root], [*strains, *others.values()]))
    others = {slot: node for slot, node in others.items() if node in used}
    variables = [*strains, *others.values()]
    if not used & set(strains) or _leaks(scalars, root, variables):
        return None
    derivatives = Derivatives(graph, root, variables)
    return _composed(graph, F, list(others), derivatives)


def _composed(
    graph: Graph, F: list[list[Node]], others: list[Slot], derivatives: Derivatives
) -> tuple[Flux, Tangent]:
    """Return P = F S and ∂P/∂F = 1 ⊗ S + F (∂S/∂C) Fᵀ, and the derivatives by the other slots."""
    gradient, hessian = derivatives.gradient(), derivatives.hessian()
    weight = [graph.number(2.0 if a == b else 1.0) for a, b in PAIRS]
    index = {pair: k for k, (a, b) in enumerate(PAIRS) for pair in ((a, b), (b, a))}
    S = [graph.multiply(w, g) for w, g in zip(weight, gradient[:6], strict=True)]

    def product(row: list[Node], column: list[Node]) -> Node:
        return graph.total(graph.multiply(a, b) for a, b in zip(row, column, strict=True))

    def second(k: int, m: int) -> Node:
        node = hessian.get((min(k, m), max(k, m)), graph.zero)
        scaled = graph.multiply(weight[k], node) if k < 6 else node
        return graph.multiply(weight[m], scaled) if m < 6 else scaled

    def column(m: int, j: int) -> list[Node]:
        return [second(index[n, j], m) for n in range(3)]

    flux = {
        Slot(0, i, j): product(F[i], [S[index[n, j]] for n in range(3)])
        for i in range(3)
        for j in range(3)
    }
    flux |= dict(zip(others, gradient[6:], strict=True))
    tangent: Tangent = {}
    slots = [Slot(0, i, j) for i in range(3) for j in range(3)]
    for at, left in enumerate(slots):
        # F S,m for each strain m: one half of the product with F on both sides.
        half = [product(F[left.component], column(m, left.direction)) for m in range(6)]
        for right in slots[at:]:
            ends = [half[index[n, right.direction]] for n in range(3)]
            value = product(F[right.component], ends)
            if left.component == right.component:
                value = graph.add(value, S[index[left.direction, right.direction]])
            tangent[left, right] = value
        for n, other in enumerate(others):
            pair = (min(left, other), max(left, other))
            tangent[pair] = product(F[left.component], column(6 + n, left.direction))
    for n, left in enumerate(others):
        for m, right in enumerate(others[n:], start=n):
            pair = (min(left, right), max(left, right))
            tangent[pair] = second(6 + n, 6 + m)
    return flux, {pair: node for pair, node in tangent.items() if node != graph.zero}


def _leaks(scalars: Scalars, root: Node, variables: Sequence[Node]) -> bool:
    """Return whether the root sees the state other than through the variables."""
    graph, ends = scalars.graph, set(variables)
    return any(
        node not in ends and of_unknowns(graph, node) for node in graph.reachable([root], variables)
    )
