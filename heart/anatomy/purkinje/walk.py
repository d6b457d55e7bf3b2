"""Steps along a triangulated surface, and the growth of branches made of such steps.

A step is a straight line of the unfolded surface: it turns at each edge with the triangles and
cannot leave them, whatever the mesh.  Repulsion needs the nearest point of other branches after
each step; points are kept in a grid of boxes to which each new one is added at once, where a tree
rebuilt per generation would not know the branches that grow beside it [SahliCostabal2016].
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

_MOST_CROSSINGS = 10_000


@njit(cache=True, nogil=True)
def walk(
    points: NDArray[np.float64],
    triangles: NDArray[np.int32],
    adjacent: NDArray[np.int32],
    triangle: int,
    place: NDArray[np.float64],
    heading: NDArray[np.float64],
    length: float,
) -> tuple[int, float]:
    """Move `place` by `length` mm along the surface; `heading` turns with it, both in place.

    Parameters
    ----------
    points, triangles, adjacent
        As in `GrowthSurface`.
    triangle
        Where `place` lies.
    place, heading
        (3,) mm and (3,) unit vector in the plane of the triangle.

    Returns
    -------
    triangle : int
        Where it lies now.
    left : float
        What was not walked because the surface ended, mm.
    """
    came = -1
    out = np.empty(3)
    left = length
    for _ in range(_MOST_CROSSINGS):
        best = math.inf
        side = -1
        for k in range(3):
            if k == came:
                continue
            a, b = triangles[triangle, k], triangles[triangle, (k + 1) % 3]
            c = triangles[triangle, (k + 2) % 3]
            _outward(points, a, b, c, out)
            speed = heading[0] * out[0] + heading[1] * out[1] + heading[2] * out[2]
            if speed <= 1e-12:
                continue
            gap = 0.0
            for j in range(3):
                gap += (points[a, j] - place[j]) * out[j]
            far = max(gap / speed, 0.0)
            if far < best:
                best = far
                side = k
        if side < 0 or best >= left:
            for j in range(3):
                place[j] += left * heading[j]
            return triangle, 0.0
        for j in range(3):
            place[j] += best * heading[j]
        left -= best
        beyond = adjacent[triangle, side]
        if beyond < 0:
            return triangle, left
        a, b = triangles[triangle, side], triangles[triangle, (side + 1) % 3]
        _outward(points, a, b, triangles[triangle, (side + 2) % 3], out)
        across = heading[0] * out[0] + heading[1] * out[1] + heading[2] * out[2]
        for j in range(3):
            heading[j] -= across * out[j]
        for k in range(3):
            p, q = triangles[beyond, k], triangles[beyond, (k + 1) % 3]
            if (p == a and q == b) or (p == b and q == a):
                came = k
        _outward(points, a, b, triangles[beyond, (came + 2) % 3], out)
        norm = 0.0
        for j in range(3):
            heading[j] -= across * out[j]
            norm += heading[j] * heading[j]
        norm = math.sqrt(norm)
        for j in range(3):
            heading[j] /= norm
        triangle = beyond
    return triangle, left


@njit(cache=True, nogil=True)
def _outward(points: NDArray[np.float64], a: int, b: int, c: int, out: NDArray[np.float64]) -> None:
    """Write the unit vector in the plane of a, b, c across side ab, away from c."""
    side = 0.0
    dot = 0.0
    for j in range(3):
        e = points[b, j] - points[a, j]
        side += e * e
        dot += e * (points[c, j] - points[a, j])
    norm = 0.0
    for j in range(3):
        out[j] = points[a, j] + dot / side * (points[b, j] - points[a, j]) - points[c, j]
        norm += out[j] * out[j]
    norm = math.sqrt(norm)
    for j in range(3):
        out[j] /= norm


@njit(cache=True, nogil=True)
def _normal(
    points: NDArray[np.float64],
    triangles: NDArray[np.int32],
    triangle: int,
    out: NDArray[np.float64],
) -> None:
    a, b, c = triangles[triangle]
    for j in range(3):
        k, m = (j + 1) % 3, (j + 2) % 3
        out[j] = (points[b, k] - points[a, k]) * (points[c, m] - points[a, m])
        out[j] -= (points[b, m] - points[a, m]) * (points[c, k] - points[a, k])
    norm = math.sqrt(out[0] ** 2 + out[1] ** 2 + out[2] ** 2)
    for j in range(3):
        out[j] /= norm


@njit(cache=True, nogil=True)
def in_plane(
    points: NDArray[np.float64],
    triangles: NDArray[np.int32],
    triangle: int,
    heading: NDArray[np.float64],
) -> bool:
    """Project `heading` on the plane of a triangle, in place; False where nothing is left."""
    out = np.empty(3)
    _normal(points, triangles, triangle, out)
    dot = heading[0] * out[0] + heading[1] * out[1] + heading[2] * out[2]
    norm = 0.0
    for j in range(3):
        heading[j] -= dot * out[j]
        norm += heading[j] ** 2
    norm = math.sqrt(norm)
    if norm < 1e-9:
        return False
    for j in range(3):
        heading[j] /= norm
    return True


@njit(cache=True, nogil=True)
def _box(place: NDArray[np.float64], origin: NDArray[np.float64], size: float, axis: int) -> int:
    return int((place[axis] - origin[axis]) / size)


@njit(cache=True, nogil=True)
def _nearest(
    place: NDArray[np.float64],
    xyz: NDArray[np.float64],
    owner: NDArray[np.int32],
    head: NDArray[np.int32],
    after: NDArray[np.int32],
    origin: NDArray[np.float64],
    size: float,
    mine: int,
    parent: int,
    brother: int,
) -> tuple[int, float]:
    """Return the nearest point of other branches and its distance; −1 where there is none."""
    counts = head.shape
    at = (
        _box(place, origin, size, 0),
        _box(place, origin, size, 1),
        _box(place, origin, size, 2),
    )
    best = math.inf
    found = -1
    for ring in range(max(counts)):
        if best <= (ring - 1) * size:
            break
        for i in range(max(at[0] - ring, 0), min(at[0] + ring + 1, counts[0])):
            for j in range(max(at[1] - ring, 0), min(at[1] + ring + 1, counts[1])):
                inner = abs(i - at[0]) < ring and abs(j - at[1]) < ring
                step = 2 * ring if inner and ring > 0 else 1
                for k in range(at[2] - ring, at[2] + ring + 1, step):
                    if k < 0 or k >= counts[2]:
                        continue
                    v = head[i, j, k]
                    while v >= 0:
                        o = owner[v]
                        if o != mine and o != parent and o != brother:
                            far = 0.0
                            for axis in range(3):
                                far += (xyz[v, axis] - place[axis]) ** 2
                            far = math.sqrt(far)
                            if far < best:
                                best = far
                                found = v
                        v = after[v]
    return found, best


@njit(cache=True, nogil=True)
def _insert(
    v: int,
    xyz: NDArray[np.float64],
    head: NDArray[np.int32],
    after: NDArray[np.int32],
    origin: NDArray[np.float64],
    size: float,
) -> None:
    i = _box(xyz[v], origin, size, 0)
    j = _box(xyz[v], origin, size, 1)
    k = _box(xyz[v], origin, size, 2)
    after[v] = head[i, j, k]
    head[i, j, k] = v


@njit(cache=True, nogil=True)
def grow_branches(
    points: NDArray[np.float64],
    triangles: NDArray[np.int32],
    adjacent: NDArray[np.int32],
    height: NDArray[np.float64],
    extent: float,
    xyz: NDArray[np.float64],
    where: NDArray[np.int32],
    owner: NDArray[np.int32],
    parent: NDArray[np.int32],
    count: int,
    ends: NDArray[np.int32],
    headings: NDArray[np.float64],
    generations: int,
    order: NDArray[np.float64],
    side: NDArray[np.int8],
    lengths: NDArray[np.float64],
    segment: float,
    angle: float,
    repulsion: float,
    clearance: float,
    size: float,
) -> int:
    """Grow generations of branches, two from each end that still grows; return the node count.

    Parameters
    ----------
    points, triangles, adjacent, height
        As in `GrowthSurface`.
    extent
        Largest apicobasal coordinate.
    xyz, where, owner, parent
        (cap, …) place, triangle, branch and preceding node of the nodes, filled up to `count`;
        the nodes given have branch numbers below 0 or those of `ends`.
    ends, headings
        (s,), (s, 3) nodes from which the first generation leaves, and the directions there.
    order, side, lengths
        Random numbers for each branch: place in its generation, ±1, length in mm.
    segment, angle, repulsion, clearance
        mm, radian, weight of the gradient, mm at which a branch stops before another.
    size
        Width of a box of the grid in mm.
    """
    origin = np.empty(3)
    shape = np.empty(3, np.int64)
    for j in range(3):
        low = min(points[:, j].min(), xyz[:count, j].min())
        high = max(points[:, j].max(), xyz[:count, j].max())
        origin[j] = low - size
        shape[j] = int((high - low) / size) + 4
    head = np.full((shape[0], shape[1], shape[2]), -1, np.int32)
    after = np.full(xyz.shape[0], -1, np.int32)
    for v in range(count):
        _insert(v, xyz, head, after, origin, size)
    growing = ends.copy()
    direction = headings.copy()
    branch = 0
    for v in range(count):
        branch = max(branch, owner[v] + 1)
    drawn = 0
    normal = np.empty(3)
    place = np.empty(3)
    for _ in range(generations):
        tips = growing.size
        next_ends = np.empty(2 * tips, np.int32)
        next_headings = np.empty((2 * tips, 3))
        alive = 0
        turn = np.argsort(order[drawn : drawn + tips])
        for rank in range(tips):
            tip = turn[rank]
            start = growing[tip]
            brother = -1
            for twin in range(2):
                if drawn + rank >= side.size or 2 * (drawn + rank) + twin >= lengths.size:
                    return count
                sign = float(side[drawn + rank]) * (1.0 if twin == 0 else -1.0)
                length = lengths[2 * (drawn + rank) + twin]
                mine = branch
                branch += 1
                heading = direction[tip].copy()
                at = where[start]
                if not in_plane(points, triangles, at, heading):
                    continue
                _normal(points, triangles, at, normal)
                c, s = math.cos(angle), math.sin(angle) * sign
                turned = np.empty(3)
                for j in range(3):
                    k, m = (j + 1) % 3, (j + 2) % 3
                    turned[j] = c * heading[j] + s * (
                        normal[k] * heading[m] - normal[m] * heading[k]
                    )
                heading[:] = turned
                place[:] = xyz[start]
                last = start
                free = True
                steps = max(1, round(length / segment))
                for _step in range(steps):
                    if count >= xyz.shape[0]:
                        return count
                    near, far = _nearest(
                        place, xyz, owner, head, after, origin, size, mine, owner[start], brother
                    )
                    if near >= 0 and far > 1e-9:
                        for j in range(3):
                            heading[j] += repulsion * (place[j] - xyz[near, j]) / far
                        if not in_plane(points, triangles, at, heading):
                            free = False
                            break
                    at, left = walk(points, triangles, adjacent, at, place, heading, segment)
                    if left > 0.0 or _level(points, triangles, height, at, place) > extent:
                        free = False
                        break
                    near, far = _nearest(
                        place, xyz, owner, head, after, origin, size, mine, owner[start], brother
                    )
                    if near >= 0 and far < clearance:
                        free = False
                        break
                    xyz[count] = place
                    where[count] = at
                    owner[count] = mine
                    parent[count] = last
                    _insert(count, xyz, head, after, origin, size)
                    last = count
                    count += 1
                if free:
                    next_ends[alive] = last
                    next_headings[alive] = heading
                    alive += 1
                brother = mine
        drawn += tips
        growing = next_ends[:alive].copy()
        direction = next_headings[:alive].copy()
        if alive == 0:
            break
    return count


@njit(cache=True, nogil=True)
def _level(
    points: NDArray[np.float64],
    triangles: NDArray[np.int32],
    height: NDArray[np.float64],
    triangle: int,
    place: NDArray[np.float64],
) -> float:
    """Return the height at a place in a triangle, linear between its corners."""
    a, b, c = triangles[triangle]
    uu = uv = vv = up = vp = 0.0
    for j in range(3):
        u = points[b, j] - points[a, j]
        v = points[c, j] - points[a, j]
        p = place[j] - points[a, j]
        uu += u * u
        uv += u * v
        vv += v * v
        up += u * p
        vp += v * p
    det = uu * vv - uv * uv
    s = (vv * up - uv * vp) / det
    t = (uu * vp - uv * up) / det
    return float(height[a] + s * (height[b] - height[a]) + t * (height[c] - height[a]))
