"""Shared parts of products: what several products have in common is multiplied once.

The derivative of a product is a sum of products that share most of their factors. Kept flat they
simplify well, but multiplied one by one they repeat each other; the pair of factors that occurs
in most products becomes a factor of its own, again and again, until no pair occurs twice.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Sequence

Pair = tuple[int, int]


def factored(
    products: Sequence[Sequence[int]], first_new: int
) -> tuple[list[list[int]], list[Pair]]:
    """Return the products with common pairs replaced, and the pairs that were introduced.

    Parameters
    ----------
    products
        Factors of each product as numbers below `first_new`; a factor may repeat.
    first_new
        Number of the first new factor; the k-th pair returned is factor ``first_new + k``.
    """
    contents = [Counter(product) for product in products]
    holders: dict[Pair, set[int]] = defaultdict(set)
    for index, content in enumerate(contents):
        for pair in _pairs(content):
            holders[pair].add(index)
    heap = [(-len(found), pair) for pair, found in holders.items() if len(found) > 1]
    heapq.heapify(heap)
    made: list[Pair] = []
    while heap:
        count, pair = heapq.heappop(heap)
        found = holders[pair]
        if len(found) < 2:
            continue
        if -count != len(found):
            heapq.heappush(heap, (-len(found), pair))
            continue
        new = first_new + len(made)
        made.append(pair)
        for index in sorted(found):
            content = contents[index]
            for old in _pairs(content):
                holders[old].discard(index)
            content.subtract(pair)
            content[new] += 1
            contents[index] = content = +content
            for fresh in _pairs(content):
                holders[fresh].add(index)
                if new in fresh and len(holders[fresh]) > 1:
                    heapq.heappush(heap, (-len(holders[fresh]), fresh))
    return [sorted(content.elements()) for content in contents], made


def _pairs(content: Counter[int]) -> list[Pair]:
    keys = sorted(content)
    different = [(a, b) for k, a in enumerate(keys) for b in keys[k + 1 :]]
    return different + [(a, a) for a in keys if content[a] > 1]
