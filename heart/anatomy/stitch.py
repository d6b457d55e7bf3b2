"""Several open surfaces to one closed one: points welded, directions agreed, rims bridged.

Separately exported endocardia, epicardium and base often end a millimetre short of each other.
The gap between two rims is bridged by a strip of triangles; the shapes themselves are not moved.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from heart.anatomy import triangles as topology
from heart.anatomy.heart_mesh import RINGS, Boundary
from heart.anatomy.surface import Surface
from heart.core.errors import MeshInputError
from heart.core.parameters import Parameter

Float = NDArray[np.float64]
Int = NDArray[np.integer]

WIDEST_GAP = Parameter(3.0, "mm", 0.0, 10.0, "assumed", "rims farther apart are not the same rim")
WELD = 1e-4
"""mm; points of different files nearer than this are one point."""


@dataclass(frozen=True)
class Part:
    """One surface as it was read: points in mm, triangles, and the boundary of each triangle."""

    name: str
    points: Float
    triangles: Int
    tags: Int


def stitched(parts: list[Part]) -> tuple[Surface, list[str]]:
    """Return one closed surface oriented outward, and what was done to get it.

    Raises
    ------
    MeshInputError
        A rim has no partner within `WIDEST_GAP`, or two parts cannot be oriented to agree.
    """
    points, triangles, tags, owner = _welded(parts)
    triangles, tags, owner, changes = _without_doubles(triangles, tags, owner, parts)
    for made, width, sides in _bridges(points, triangles, owner):
        triangles = np.concatenate([triangles, made])
        tag = _strip_tag([parts[side].tags for side in sides])
        tags = np.concatenate([tags, np.full(len(made), tag, tags.dtype)])
        first, second = (parts[side].name for side in sides)
        changes.append(
            f"stitched the rims of {first} and {second}, up to {width:.2f} mm apart, "
            f"with {len(made)} triangles"
        )
    points, triangles = topology.compacted(points, triangles)
    triangles, turned = oriented(points, triangles)
    if turned:
        changes.append(f"turned {turned} triangles so that all face out of the muscle")
    return Surface(points, triangles, tags), changes


def _welded(parts: list[Part]) -> tuple[Float, Int, Int, Int]:
    """Return points without duplicates, all triangles, their tags and the part they came from."""
    points = np.concatenate([p.points for p in parts])
    start = np.cumsum([0] + [len(p.points) for p in parts])
    every = np.concatenate([p.triangles + s for p, s in zip(parts, start[:-1], strict=True)])
    close = cKDTree(points).query_pairs(WELD, output_type="ndarray")
    group = topology.components(len(points), close)
    _, first, index = np.unique(group, return_index=True, return_inverse=True)
    triangles = index[every]
    tags = np.concatenate([p.tags for p in parts])
    owner = np.repeat(np.arange(len(parts)), [len(p.triangles) for p in parts])
    a, b, c = triangles.T
    whole = (a != b) & (b != c) & (c != a)
    return points[first], triangles[whole], tags[whole], owner[whole]


def _without_doubles(
    triangles: Int, tags: Int, owner: Int, parts: list[Part]
) -> tuple[Int, Int, Int, list[str]]:
    """Drop triangles that came twice; a ring's name wins over `BASE`, which may hold all rings."""
    rank = np.where(np.isin(tags, RINGS) & (tags != Boundary.BASE), 0, 1)
    order = np.argsort(rank, kind="stable")
    _, first = np.unique(np.sort(triangles[order], axis=1), axis=0, return_index=True)
    kept = np.sort(order[first])
    changes = []
    lost = len(triangles) - len(kept)
    if lost:
        of = np.setdiff1d(np.arange(len(triangles)), kept)
        names = ", ".join(parts[i].name for i in np.unique(owner[of]))
        changes.append(f"dropped {lost} triangles of {names} that another file has too")
    return triangles[kept], tags[kept], owner[kept], changes


def _bridges(points: Float, triangles: Int, owner: Int) -> list[tuple[Int, float, tuple[int, int]]]:
    """Return the strips between pairs of rims, how wide each is, and the two parts it joins."""
    table = topology.edge_table(triangles)
    if not (table.count == 1).any():
        return []
    loops = topology.boundary_loops(triangles)
    owner_at = np.full(len(points), -1)
    open_side = table.count[table.index] == 1
    for column in range(3):
        side = open_side[:, column]
        owner_at[triangles[side, column]] = owner[side]
    of = [int(np.bincount(owner_at[loop]).argmax()) for loop in loops]
    pairs = [
        (_gap(points, loops[i], loops[j]), i, j)
        for i in range(len(loops))
        for j in range(i + 1, len(loops))
    ]
    strips: list[tuple[Int, float, tuple[int, int]]] = []
    used: set[int] = set()
    for gap, i, j in sorted(pairs):
        if gap > WIDEST_GAP.value or i in used or j in used:
            continue
        used |= {i, j}
        strips.append((strip(points, loops[i], loops[j]), gap, (of[i], of[j])))
    return strips


def _gap(points: Float, first: Int, second: Int) -> float:
    """Return the largest distance in mm from a node of either loop to the line of the other."""
    part = np.linspace(0.0, 1.0, 8, endpoint=False)[None, :, None]

    def line(loop: Int) -> Float:
        start, end = points[loop][:, None], points[np.roll(loop, -1)][:, None]
        return np.asarray(((1.0 - part) * start + part * end).reshape(-1, 3))

    there = np.asarray(cKDTree(line(second)).query(points[first])[0])
    back = np.asarray(cKDTree(line(first)).query(points[second])[0])
    return float(max(there.max(), back.max()))


def _strip_tag(tags: list[Int]) -> int:
    """Return the tag of a strip: the base or ring that it leads to, if it leads to one."""
    both = np.unique(np.concatenate(tags))
    rings = both[np.isin(both, RINGS)]
    return int(rings[0]) if len(rings) else int(Boundary.BASE)


def strip(points: Float, first: Int, second: Int) -> Int:
    """Return the triangles (j, 3) that join two closed loops of nodes, shortest diagonal first.

    `second` is turned and shifted to run beside `first`.
    """
    start = int(cKDTree(points[second]).query(points[first[0]])[1])
    second = np.roll(second, -start)
    step = max(len(second) // 8, 1)
    ahead = points[first[max(len(first) // 8, 1)]]
    forward = np.linalg.norm(points[second[step]] - ahead)
    backward = np.linalg.norm(points[second[-step]] - ahead)
    if backward < forward:
        second = np.roll(second[::-1], 1)
    a, b = np.append(first, first[0]), np.append(second, second[0])
    i = j = 0
    made = []
    while i < len(first) or j < len(second):
        if j == len(second) or (
            i < len(first)
            and np.linalg.norm(points[a[i + 1]] - points[b[j]])
            <= np.linalg.norm(points[a[i]] - points[b[j + 1]])
        ):
            made.append((a[i + 1], a[i], b[j]))
            i += 1
        else:
            made.append((a[i], b[j], b[j + 1]))
            j += 1
    return np.array(made)


def oriented(points: Float, triangles: Int) -> tuple[Int, int]:
    """Turn triangles so that neighbours agree and a closed surface encloses positive volume.

    Returns
    -------
    tuple
        The triangles, and how many were turned.

    Raises
    ------
    MeshInputError
        The surface has one side only.
    """
    pairs, against = _relations(triangles)
    flip = np.zeros(len(triangles), np.int8)
    known = np.zeros(len(triangles), bool)
    order = np.concatenate([pairs, pairs[:, ::-1]])
    opposite = np.concatenate([against, against])
    sort = np.argsort(order[:, 0], kind="stable")
    order, opposite = order[sort], opposite[sort]
    begin = np.searchsorted(order[:, 0], np.arange(len(triangles) + 1))
    neighbour, turned = order[:, 1].tolist(), opposite.tolist()
    for seed in range(len(triangles)):
        if known[seed]:
            continue
        known[seed] = True
        stack = [seed]
        while stack:
            here = stack.pop()
            for k in range(begin[here], begin[here + 1]):
                there = neighbour[k]
                if not known[there]:
                    known[there] = True
                    flip[there] = flip[here] ^ turned[k]
                    stack.append(there)
    if ((flip[pairs[:, 0]] ^ flip[pairs[:, 1]]) != against).any():
        raise MeshInputError("the surface has one side only (a Möbius strip)")
    turn = flip.astype(bool)
    result = np.where(turn[:, None], triangles[:, ::-1], triangles)
    if topology.enclosed_volume(points, result) < 0:
        result, turn = result[:, ::-1], ~turn
    return np.ascontiguousarray(result), int(turn.sum())


def _relations(triangles: Int) -> tuple[Int, Int]:
    """Return pairs of neighbours (p, 2) and 1 where the two run against each other."""
    table = topology.edge_table(triangles)
    side = table.index.ravel()
    order = np.argsort(side, kind="stable")
    order = order[table.count[side[order]] == 2].reshape(-1, 2)
    starts = triangles.ravel()[order]
    return order // 3, (starts[:, 0] == starts[:, 1]).astype(np.int8)
