"""The topology that the eikonal solver marches over, built once for all metrics and all sources.

Nodes and cells are renumbered along a space-filling curve, so that the front touches memory that
lies together; node numbers that go in and come out are the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from heart.core.errors import MeshInputError

_MAX_NODES = 1 << 29
_BITS = 10


@dataclass(frozen=True)
class EikonalMesh:
    """Conducting tetrahedra and an optional sheet of triangles, with the cells around each node.

    Attributes
    ----------
    points : (n, 3) float64, mm
        Node positions in the mesh's own order.
    rank : (n,) int32
        Own number of each of the caller's nodes: ``own[rank]`` is in the caller's order.
    node : (n,) int32
        The caller's number of each own node.
    cells : (m, 4) int32
        Conducting tetrahedra, own node numbers.
    cell_row : (m,) int64
        The caller's row of each cell.
    cell_count : int
        Number of cells the caller gave.
    triangles : (k, 3) int32
        Triangles that touch conducting cells, own node numbers.
    triangle_row : (k,) int64
        The caller's row of each triangle.
    triangle_count : int
        Number of triangles the caller gave.
    star_start, star : (n + 1,) int32, (4 m,) int32
        Tetrahedra around each node as ``4 * cell + corner``.
    fan_start, fan : (n + 1,) int32, (3 k, 3) int32
        Triangles around each node as ``4 * triangle + corner`` and the other two nodes.
    """

    points: NDArray[np.float64]
    rank: NDArray[np.int32]
    node: NDArray[np.int32]
    cells: NDArray[np.int32]
    cell_row: NDArray[np.int64]
    cell_count: int
    triangles: NDArray[np.int32]
    triangle_row: NDArray[np.int64]
    triangle_count: int
    star_start: NDArray[np.int32]
    star: NDArray[np.int32]
    fan_start: NDArray[np.int32]
    fan: NDArray[np.int32]

    @classmethod
    def from_cells(
        cls,
        points: ArrayLike,
        cells: ArrayLike,
        sheets: ArrayLike | None = None,
        conducting: ArrayLike | None = None,
    ) -> EikonalMesh:
        """Build the topology.

        Parameters
        ----------
        points : (n, 3), mm
            Node positions.
        cells : (m, 4) int
            Tetrahedra, either orientation.
        sheets : (k, 3) int, optional
            Triangles of an infinitely thin conducting sheet; those that are no face of a
            conducting cell are left out.
        conducting : (m,) bool, optional
            Cells that conduct; all of them if not given.

        Raises
        ------
        MeshInputError
            Wrong shapes, node numbers outside the mesh, no conducting cell, too many nodes.
        """
        xyz = np.ascontiguousarray(points, dtype=np.float64)
        tets = np.asarray(cells)
        n = len(xyz)
        if xyz.ndim != 2 or xyz.shape[1] != 3 or not np.isfinite(xyz).all():
            raise MeshInputError("points are not finite (n, 3)", where="eikonal mesh")
        _check_elements(tets, 4, n, "cells")
        keep = np.ones(len(tets), bool) if conducting is None else np.asarray(conducting, bool)
        if keep.shape != (len(tets),):
            raise MeshInputError(
                f"conducting has shape {keep.shape}", where="eikonal mesh", expected="one per cell"
            )
        if not keep.any():
            raise MeshInputError("no cell conducts", where="eikonal mesh")
        if n >= _MAX_NODES or len(tets) >= _MAX_NODES:
            raise MeshInputError(
                f"{n} nodes and {len(tets)} cells", where="eikonal mesh", expected="below 2^29"
            )
        node = np.argsort(along_curve(xyz, xyz), kind="stable").astype(np.int32)
        rank = np.empty(n, np.int32)
        rank[node] = np.arange(n, dtype=np.int32)
        row = np.flatnonzero(keep)
        centre = xyz[tets[row, 0]]
        for corner in (1, 2, 3):
            centre = centre + xyz[tets[row, corner]]
        row = row[np.argsort(along_curve(0.25 * centre, xyz), kind="stable")]
        own = np.ascontiguousarray(rank[tets[row]])
        star_start, star = _around(own, n)
        faces = np.empty((0, 3), np.int64) if sheets is None else np.asarray(sheets)
        _check_elements(faces, 3, n, "sheet triangles")
        own_faces = rank[faces].astype(np.int32).reshape(-1, 3)
        face_row = np.flatnonzero(_is_face(own_faces, own, n))
        own_faces = np.ascontiguousarray(own_faces[face_row])
        fan_start, codes = _around(own_faces, n)
        triangle, corner_of = codes >> 2, codes & 3
        fan = np.stack(
            [codes] + [own_faces[triangle, (corner_of + step) % 3] for step in (1, 2)], axis=1
        ).astype(np.int32)
        return cls(
            points=np.ascontiguousarray(xyz[node]),
            rank=rank,
            node=node,
            cells=own,
            cell_row=row,
            cell_count=len(tets),
            triangles=own_faces,
            triangle_row=face_row,
            triangle_count=len(faces),
            star_start=star_start,
            star=star,
            fan_start=fan_start,
            fan=fan,
        )


def _check_elements(elements: NDArray[Any], corners: int, n: int, what: str) -> None:
    if elements.ndim != 2 or elements.shape[1] != corners or elements.dtype.kind not in "iu":
        raise MeshInputError(
            f"{what} have shape {elements.shape} and type {elements.dtype}",
            where="eikonal mesh",
            expected=f"integers (count, {corners})",
        )
    if elements.size and (elements.min() < 0 or elements.max() >= n):
        raise MeshInputError(f"{what} name nodes outside 0..{n - 1}", where="eikonal mesh")


def along_curve(places: NDArray[np.float64], frame: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the Morton number (k,) of places (k, 3) in the bounding cube of `frame` (n, 3).

    Places whose numbers follow each other lie together, so sorting by it keeps what is used at the
    same time in the same memory.
    """
    low = frame.min(axis=0)
    size = max(float(np.ptp(frame, axis=0).max()), 1e-300)
    cell = ((places - low) * ((1 << _BITS) - 1) / size).astype(np.int64)
    key = np.zeros(len(places), np.int64)
    for bit in range(_BITS):
        for axis in range(3):
            key |= ((cell[:, axis] >> bit) & 1) << (3 * bit + axis)
    return key


@njit(cache=True, nogil=True)
def _around(elements: NDArray[np.int32], n: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return CSR of ``4 * element + corner`` around each node."""
    start = np.zeros(n + 1, np.int32)
    for e in range(elements.shape[0]):
        for corner in range(elements.shape[1]):
            start[elements[e, corner] + 1] += 1
    for v in range(n):
        start[v + 1] += start[v]
    place = start[:-1].copy()
    code = np.empty(elements.size, np.int32)
    for e in range(elements.shape[0]):
        for corner in range(elements.shape[1]):
            v = elements[e, corner]
            code[place[v]] = 4 * e + corner
            place[v] += 1
    return start, code


def _is_face(faces: NDArray[np.int32], cells: NDArray[np.int32], n: int) -> NDArray[np.bool_]:
    """Tell which triangles are faces of the cells."""
    if not len(faces):
        return np.zeros(0, bool)
    on_sheet = np.zeros(n, bool)
    on_sheet[faces] = True
    short = np.cumsum(on_sheet, dtype=np.int64) - 1
    size = int(short[-1]) + 1

    def key(triples: NDArray[np.int32]) -> NDArray[np.int64]:
        ordered = np.sort(short[triples], axis=1)
        first = ordered[:, 0] * size + ordered[:, 1]
        return np.asarray(first * size + ordered[:, 2], np.int64)

    known = [
        key(cells[:, skip][on_sheet[cells[:, skip]].all(axis=1)])
        for skip in ([0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3])
    ]
    return np.asarray(np.isin(key(faces), np.concatenate(known)), bool)
