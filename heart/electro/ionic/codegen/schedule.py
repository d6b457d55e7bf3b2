"""Order of the lines of a pass: what many later lines wait for comes first, but not too early.

Written depth first, a pass is a row of long dependent chains (a polynomial inside a rate inside a
gate), and the processor's window of waiting instructions sees only a few of them at a time. List
scheduling by critical path, with the latencies of one machine as a guess for all, lets
independent chains stand side by side, which is worth more than any saved operation. It chooses
among the next lines only: taken from anywhere, values wait long for their use, and what does not
fit into registers goes through memory.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

#: Instructions and latency (cycles) of the functions of simd.h; anything else is one of four.
COSTS: Mapping[str, tuple[int, int]] = {
    "exp2": (19, 45),
    "exp2m1": (20, 49),
    "rcp": (7, 28),
    "log": (32, 110),
    "pow": (48, 170),
    "bernoulli": (25, 95),
    "bernoulli_slope": (30, 110),
    "exprel": (26, 90),
    "sqrt": (4, 32),
    "load": (1, 8),
    "loadf": (2, 10),
    "loadd": (5, 14),
}
_DEFINED = re.compile(r"const [vm][df] ([df]\d+) = ")
_CALLED = re.compile(r"= [df]_(\w+)\(")
_USED = re.compile(r"\b[df]\d+\b")
ISSUED_PER_CYCLE = 2.0
#: Lines to choose among, from the first that is left: measured with 16 registers of 4 doubles;
#: TT2006 / ToR-ORd in ns: 129 / 326 (12 lines), 112 / 321 (48), 107 / 348 (200), 134 / 457 (all) in
#: one pass; 107 / 289 (48), 103 / 291 (64), 105 / 291 (96) in several.
AHEAD = 48


def scheduled(lines: Sequence[str]) -> list[str]:
    """Return `lines` (each defines one name) in an order that keeps the processor busy."""
    place: dict[str, int] = {}
    for index, line in enumerate(lines):
        match = _DEFINED.match(line)
        assert match is not None
        place[match.group(1)] = index
    needs: list[list[int]] = []
    users: list[list[int]] = [[] for _ in lines]
    for index, line in enumerate(lines):
        right = line.partition(" = ")[2]
        found = sorted({place[name] for name in _USED.findall(right)})
        needs.append(found)
        for need in found:
            users[need].append(index)
    costs = [_cost(line) for line in lines]
    path = [0.0] * len(lines)
    for index in reversed(range(len(lines))):
        path[index] = costs[index][1] + max((path[user] for user in users[index]), default=0.0)
    return [lines[index] for index in _order(needs, users, costs, path)]


def _cost(line: str) -> tuple[int, int]:
    match = _CALLED.search(line)
    return COSTS.get(match.group(1), (1, 4)) if match else (1, 4)


def _order(
    needs: Sequence[Sequence[int]],
    users: Sequence[Sequence[int]],
    costs: Sequence[tuple[int, int]],
    path: Sequence[float],
) -> list[int]:
    missing = [len(found) for found in needs]
    ready_at = [0.0] * len(needs)
    left = list(range(len(needs)))
    order: list[int] = []
    now = 0.0
    while left:
        possible = [index for index in left[:AHEAD] if not missing[index]]
        now = max(now, min(ready_at[index] for index in possible))
        index = max(
            (one for one in possible if ready_at[one] <= now), key=lambda one: (path[one], -one)
        )
        left.remove(index)
        order.append(index)
        now += costs[index][0] / ISSUED_PER_CYCLE
        for user in users[index]:
            missing[user] -= 1
            ready_at[user] = max(ready_at[user], now + costs[index][1])
    return order
