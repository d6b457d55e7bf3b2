"""Read a Purkinje network from a file of lines: .vtk, .vtp or .vtu.

The files carry no unit, so the caller says it.  The root is the node that a point array ``root``
marks, else the node nearest to a point given, else the free end that lies highest by a function
given.  A cell array ``fascicle`` with the numbers of `Fascicle` names the parts; without it all of
a file has one name, which is enough to block one of two files.  Loops are allowed; parts that hang
nowhere are not.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyvista as pv
from numpy.typing import NDArray

from heart.anatomy.purkinje.tree import Fascicle, PurkinjeTree, from_root
from heart.core.errors import MeshInputError, MissingDataError, ParameterError

Float = NDArray[np.float64]
Int = NDArray[np.integer]

READABLE = (".vtk", ".vtp", ".vtu")
UNITS = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "um": 0.001}
_LINE, _POLYLINE = 3, 4


def read_tree(
    path: Path,
    *,
    unit: str = "mm",
    fascicle: Fascicle = Fascicle.LEFT_BUNDLE,
    root: Float | None = None,
    height: Callable[[Float], Float] | None = None,
) -> PurkinjeTree:
    """Return the network of a file, as that of svMultiPhysics (lines of two nodes).

    Parameters
    ----------
    path
        File of lines.
    unit
        Of its coordinates, a key of `UNITS`.
    fascicle
        Name of all edges where the file names none.
    root
        (3,) mm, a point near the root.
    height
        Function from points (k, 3) in mm to how near to the base they are (k,).

    Raises
    ------
    MeshInputError
        Wrong type, no lines, parts that hang nowhere, no free end.
    MissingDataError
        Nothing tells where the root is, or there is no such file.
    ParameterError
        Unknown unit.
    """
    if unit not in UNITS:
        raise ParameterError(f"unknown unit {unit!r} of a network", expected=", ".join(UNITS))
    points, edges, names, marked = _lines(path)
    points = points * UNITS[unit]
    names = np.full(len(edges), int(fascicle), np.int32) if names is None else names
    start = _root(points, edges, marked, root, height, path.name)
    tree = PurkinjeTree(
        points,
        from_root(edges, len(points), start).astype(np.int32),
        names,
        np.zeros(len(edges), bool),
        start,
    )
    if not len(tree.junctions):
        raise MeshInputError(
            "the Purkinje network has no free end to meet the muscle", where=path.name
        )
    return PurkinjeTree(points, tree.edges, names, _stem(tree), start)


def joined(left: PurkinjeTree, right: PurkinjeTree) -> PurkinjeTree:
    """Return both trees on one root, a His bundle half way between the two."""
    his = 0.5 * (left.points[left.root] + right.points[right.root])
    first, second = 1, 1 + len(left.points)
    stems = np.array([[0, first + left.root], [0, second + right.root]], np.int32)
    names = [_name(tree) for tree in (left, right)]
    return PurkinjeTree(
        np.concatenate([his[None], left.points, right.points]),
        np.concatenate([stems, left.edges + first, right.edges + second]).astype(np.int32),
        np.concatenate([names, left.fascicle, right.fascicle]).astype(np.int32),
        np.concatenate([[True, True], left.insulated, right.insulated]),
        0,
    )


def _name(tree: PurkinjeTree) -> int:
    """Return the name of the edges at the root."""
    at = (tree.edges == tree.root).any(axis=1)
    return int(tree.fascicle[at][0])


def _lines(path: Path) -> tuple[Float, Int, Int | None, Int]:
    """Return points, edges, names of edges and marked roots, duplicates merged."""
    if path.suffix.lower() not in READABLE:
        raise MeshInputError(
            f"cannot read networks of type {path.suffix!r}",
            where=path.name,
            expected=", ".join(READABLE),
        )
    if not path.is_file():
        raise MissingDataError("there is no such Purkinje network", where=path.name)
    data = pv.read(path)
    grid = data.cast_to_unstructured_grid() if isinstance(data, pv.DataSet) else None
    if grid is None or not np.isin(grid.celltypes, (_LINE, _POLYLINE)).all() or not grid.n_cells:
        raise MeshInputError(
            "the file holds no network or more than lines", where=path.name, expected="lines"
        )
    connectivity, offset = np.asarray(grid.cell_connectivity), np.asarray(grid.cell_offsets)
    cell = np.repeat(np.arange(grid.n_cells), np.diff(offset))
    inner = cell[:-1] == cell[1:]
    edges = np.column_stack([connectivity[:-1], connectivity[1:]])[inner]
    owner = cell[:-1][inner]
    points = np.asarray(grid.points, np.float64)
    if not np.isfinite(points).all():
        raise MeshInputError("the network has points that are not finite", where=path.name)
    used, edges = np.unique(edges, return_inverse=True)
    edges = edges.reshape(-1, 2)
    places, same = np.unique(points[used], axis=0, return_inverse=True)
    edges = np.sort(same.ravel()[edges], axis=1)
    _, keep = np.unique(edges, axis=0, return_index=True)
    keep = np.sort(keep[edges[keep, 0] != edges[keep, 1]])
    if not len(keep):
        raise MeshInputError("all lines of the network have no length", where=path.name)
    names = None
    if "fascicle" in grid.cell_data:
        names = np.asarray(grid.cell_data["fascicle"])[owner][keep].astype(np.int32)
        if not np.isin(names, list(Fascicle)).all():
            raise MeshInputError(
                "the array 'fascicle' has unknown numbers",
                where=path.name,
                expected=", ".join(f"{one.value} {one.name.lower()}" for one in Fascicle),
            )
    marked = np.empty(0, np.int64)
    if "root" in grid.point_data:
        marked = np.unique(same.ravel()[np.asarray(grid.point_data["root"])[used] > 0])
    return places, edges[keep], names, marked


def _root(
    points: Float,
    edges: Int,
    marked: Int,
    near: Float | None,
    height: Callable[[Float], Float] | None,
    where: str,
) -> int:
    if near is not None:
        return int(np.argmin(np.linalg.norm(points - near, axis=1)))
    if len(marked) > 1:
        raise MeshInputError(f"the network marks {len(marked)} roots", where=where, expected="one")
    if len(marked):
        return int(marked[0])
    if height is None:
        raise MissingDataError(
            "nothing says where the Purkinje network is entered",
            where=where,
            fix="mark it in a point array 'root', or give its position",
        )
    degree = np.bincount(edges.ravel(), minlength=len(points))
    ends = np.flatnonzero(degree == 1)
    ends = ends if len(ends) else np.arange(len(points))
    return int(ends[np.argmax(height(points[ends]))])


def _stem(tree: PurkinjeTree) -> NDArray[np.bool_]:
    """Tell which edges lie between the root and the first fork: the bundle."""
    after: dict[int, list[int]] = {}
    for row, start in enumerate(tree.edges[:, 0].tolist()):
        after.setdefault(start, []).append(row)
    stem = np.zeros(len(tree.edges), bool)
    here = tree.root
    while len(after.get(here, ())) == 1 and not stem[after[here][0]]:
        stem[after[here][0]] = True
        here = int(tree.edges[after[here][0], 1])
    return stem
