"""Surfaces that users bring: files to one closed, tagged surface in millimetres."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyvista as pv
from numpy.typing import NDArray

from heart.anatomy.case import Case, RegionArray, SurfaceSource
from heart.anatomy.heart_mesh import Boundary
from heart.anatomy.stitch import Part, stitched
from heart.anatomy.surface import Surface
from heart.anatomy.surface_checks import (
    check_closed,
    check_crossings,
    check_finite,
    check_manifold,
    check_oriented,
    check_surface,
)
from heart.core.errors import MeshInputError, UsageError

Int = NDArray[np.integer]

READABLE = (".stl", ".ply", ".vtp", ".vtk", ".obj")
NEEDED = (Boundary.EPI, Boundary.LV_ENDO)


def read_surface(case: Case) -> tuple[Surface, list[str]]:
    """Return the closed surface of a case and what was changed to close it.

    Parameters
    ----------
    case
        With a `SurfaceSource`: one file with a region array, or one file per part.

    Raises
    ------
    MeshInputError
        A file cannot be read, or the surface is open, inverted, non-manifold or crosses itself,
        or names no epicardium, no LV endocardium, or nothing that opens the cavity.
    """
    if not isinstance(case.source, SurfaceSource):
        raise UsageError(f"case {case.name} has no surfaces")
    source = case.source.surfaces
    if source.file is not None and source.regions is not None:
        mesh = _read(case.file(source.file))
        points = np.asarray(mesh.points, np.float64) * source.millimetres
        triangles = np.asarray(mesh.regular_faces, np.int64)
        check_surface(points, triangles, where=source.file)
        surface = Surface(points, triangles, facet_tags(mesh, source.regions, source.file))
        changes: list[str] = []
    else:
        parts = []
        for role, name in sorted((source.files or {}).items()):
            mesh = _read(case.file(name))
            points = np.asarray(mesh.points, np.float64) * source.millimetres
            triangles = np.asarray(mesh.regular_faces, np.int64)
            check_finite(points, triangles, where=name)
            tags = np.full(len(triangles), Boundary[role.upper()], np.int32)
            parts.append(Part(name, points, triangles, tags))
        surface, changes = stitched(parts)
        check_manifold(surface.points, surface.triangles)
        check_closed(surface.points, surface.triangles)
        check_oriented(surface.points, surface.triangles)
        check_crossings(surface.points, surface.triangles)
    _check_names(surface.tags)
    return surface, changes


def _read(path: Path) -> pv.PolyData:
    if path.suffix.lower() not in READABLE:
        raise MeshInputError(
            f"cannot read surfaces of type {path.suffix!r}",
            where=path.name,
            expected=", ".join(READABLE),
        )
    mesh = pv.read(path)
    if not isinstance(mesh, pv.PolyData):
        raise MeshInputError("the file holds no surface", where=path.name, expected="triangles")
    if path.suffix.lower() == ".stl":
        # STL repeats the corners of every triangle.
        mesh = mesh.clean()
    return mesh if mesh.is_all_triangles else mesh.triangulate()


def facet_tags(mesh: pv.PolyData, regions: RegionArray, where: str) -> Int:
    """Return the boundary of each triangle from a point or cell array of the user.

    Where the array is on points, a triangle takes the value of most of its corners, and the base
    or a ring where they all differ.

    Raises
    ------
    MeshInputError
        There is no such array, or it holds a value that `values` does not name.
    """
    on_cells = regions.array in mesh.cell_data
    if not on_cells and regions.array not in mesh.point_data:
        raise MeshInputError(
            f"there is no array {regions.array!r}",
            where=where,
            expected=f"one of the arrays {', '.join(sorted(mesh.array_names)) or '(none)'}",
        )
    values = np.asarray((mesh.cell_data if on_cells else mesh.point_data)[regions.array])
    meaning = {value: Boundary[role.upper()] for role, value in regions.values.items()}
    unknown = sorted(set(np.unique(values).tolist()) - set(meaning))
    if unknown:
        raise MeshInputError(
            f"{regions.array} has the value {unknown[0]:g} that `values` does not name",
            where=where,
            expected=", ".join(f"{v} {b.name.lower()}" for v, b in sorted(meaning.items())),
        )
    tags = np.zeros(len(values), np.int32)
    for value, boundary in meaning.items():
        tags[values == value] = boundary
    if on_cells:
        return tags
    corner = tags[np.asarray(mesh.regular_faces)]
    corner.sort(axis=1)
    middle: Int = corner[:, 1]
    distinct = (corner[:, 0] != middle) & (middle != corner[:, 2])
    return np.where(distinct, corner[:, 2], middle)


def _check_names(tags: Int) -> None:
    missing = [b.name.lower() for b in NEEDED if not (tags == b).any()]
    if missing:
        raise MeshInputError(
            f"the surface names no {' and no '.join(missing)}",
            expected="epi, lv_endo, and base or valve rings",
            fix="name the parts in case.yaml",
        )
    if not (tags > Boundary.RV_ENDO).any():
        raise MeshInputError(
            "the surface names no base and no valve ring", fix="name the base in case.yaml"
        )
