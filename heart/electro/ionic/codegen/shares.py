"""What is computed together: passes over a block whose code and values fit into the first caches.

A large model in one pass is a loop of more code than the first cache of instructions holds, and the
values that wait for their use crowd the states. So the results are shared out among a few passes,
small ones first, because large ones (the membrane potential sees every current) need what the small
ones have computed. What a later pass needs of an earlier one is kept for the block.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heart.electro.ionic.codegen.graph import Expr, Op
from heart.electro.ionic.codegen.lower import Slots

#: Instructions of a pass, roughly. Measured with 16 registers of 4 doubles; TT2006 / ToR-ORd in ns:
#: 110 / 301 (1000), 106 / 293 (1200), 118 / 303 (1500), 105 / 302 (2000), 120 / 330 (all in one).
LIMIT = 1200
_COSTS = {
    Op.EXP: 20, Op.EXPM1: 20, Op.LOG: 32, Op.POW: 50,
    Op.BERNOULLI: 26, Op.BERNOULLI_SLOPE: 34, Op.EXPREL: 26,
}  # fmt: skip
_RECIPROCAL = 9


@dataclass(frozen=True)
class Share:
    """What one pass computes.

    Attributes
    ----------
    rows
        Which of the roots.
    kept
        Nodes that later passes need.
    """

    rows: tuple[int, ...]
    kept: tuple[Expr, ...]


def together(roots: Sequence[Expr]) -> Share:
    """Return the one pass that computes all `roots`."""
    return Share(tuple(range(len(roots))), ())


def shared_out(slots: Slots, roots: Sequence[Expr]) -> list[Share]:
    """Return the passes that compute `roots`, in their order.

    `slots` tell what is the same in all cells and costs nothing.
    """
    walk = _Walk(slots)
    sizes = [sum(map(_cost, walk.below(root, {}))) for root in roots]
    groups: list[list[int]] = [[]]
    owner: dict[Expr, int] = {}
    load = 0
    for row in sorted(range(len(roots)), key=lambda row: (sizes[row], row)):
        fresh = walk.below(roots[row], owner)
        size = sum(map(_cost, fresh))
        if groups[-1] and load + size > LIMIT:
            groups.append([])
            load = 0
        groups[-1].append(row)
        owner.update(dict.fromkeys(fresh, len(groups) - 1))
        load += size
    kept: list[dict[Expr, None]] = [{} for _ in groups]
    for number, rows in enumerate(groups):
        for node in walk.met([roots[row] for row in rows], owner, number):
            kept[owner[node]][node] = None
    return [
        Share(tuple(sorted(rows)), tuple(sorted(nodes, key=lambda node: node.index)))
        for rows, nodes in zip(groups, kept, strict=True)
    ]


class _Walk:
    """Goes from roots to what they need that costs something."""

    def __init__(self, slots: Slots) -> None:
        self.slots = slots

    def below(self, root: Expr, known: Mapping[Expr, int]) -> list[Expr]:
        """Return `root` and what it needs that is not `known`."""
        seen: dict[Expr, None] = {}
        stack = [root]
        while stack:
            node = stack.pop()
            if node not in seen and node not in known and not self.slots.fixed(node):
                seen[node] = None
                stack.extend(self._needs(node))
        return list(seen)

    def met(self, roots: Sequence[Expr], owner: Mapping[Expr, int], number: int) -> list[Expr]:
        """Return what pass `number` needs of earlier ones and cannot just load."""
        found: dict[Expr, None] = {}
        seen: set[Expr] = set()
        stack = list(roots)
        while stack:
            node = stack.pop()
            if node in seen or self.slots.fixed(node):
                continue
            seen.add(node)
            if owner[node] < number and node.op is not Op.SYMBOL:
                found[node] = None
            else:
                stack.extend(self._needs(node))
        return list(found)

    def _needs(self, node: Expr) -> list[Expr]:
        """Return the arguments; a product needs reciprocals of its divisors."""
        if node.op is not Op.PRODUCT or _is_reciprocal(node):
            return list(node.args)
        return [
            self.slots.graph.product([(factor, -1.0)])
            if exponent < 0.0 and exponent == int(exponent)
            else factor
            for factor, exponent in node.factors
        ]


def _is_reciprocal(node: Expr) -> bool:
    return node.op is Op.PRODUCT and [exponent for _, exponent in node.factors] == [-1.0]


def _cost(node: Expr) -> int:
    if _is_reciprocal(node):
        return _RECIPROCAL
    if node.op in (Op.SUM, Op.PRODUCT):
        return len(node.args)
    return _COSTS.get(node.op, 1)
