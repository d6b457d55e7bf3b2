"""Surfaces that bound no body: one line, exit code 12, with the number of faults and the place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import pyvista as pv

from heart.anatomy.build import build_mesh
from heart.anatomy.case import load_case
from heart.anatomy.surface_checks import check_surface, crossings
from heart.core.errors import HeartError, MeshInputError

CASE = """
name: cup
source:
  surfaces:
    file: cup.ply
    unit: mm
    regions: {array: part, values: {epi: 1, lv_endo: 2, base: 3}}
"""


def cup() -> pv.PolyData:
    """A cup of two nested half spheres with a flat rim; `part` says which is which."""
    outer = pv.Sphere(radius=30, theta_resolution=24, phi_resolution=24)
    points, triangles = np.asarray(outer.points, float), outer.regular_faces
    return pv.PolyData.from_regular_faces(points, triangles)


def write(folder: Path, mesh: pv.PolyData, text: str = CASE, name: str = "cup.vtp") -> Path:
    mesh.save(folder / name)
    (folder / "case.yaml").write_text(text.replace("cup.ply", name))
    return folder


def holed() -> pv.PolyData:
    mesh = cup()
    return pv.PolyData.from_regular_faces(mesh.points, mesh.regular_faces[5:])


def inverted() -> pv.PolyData:
    mesh = cup()
    return pv.PolyData.from_regular_faces(mesh.points, mesh.regular_faces[:, ::-1])


def one_turned() -> pv.PolyData:
    mesh = cup()
    faces = np.array(mesh.regular_faces)
    faces[100] = faces[100, ::-1]
    return pv.PolyData.from_regular_faces(mesh.points, faces)


def finned() -> pv.PolyData:
    mesh = cup()
    points = np.vstack([mesh.points, [[50.0, 0.0, 0.0]]])
    a, b = mesh.regular_faces[200][:2]
    faces = np.vstack([mesh.regular_faces, [[a, b, len(points) - 1]]])
    return pv.PolyData.from_regular_faces(points, faces)


def crossing() -> pv.PolyData:
    mesh = cup()
    second = np.asarray(mesh.points) + np.array([40.0, 3.0, 1.0])
    faces = np.vstack([mesh.regular_faces, mesh.regular_faces + mesh.n_points])
    return pv.PolyData.from_regular_faces(np.vstack([mesh.points, second]), faces)


def not_a_number() -> pv.PolyData:
    mesh = cup()
    points = np.array(mesh.points)
    points[7] = np.nan
    return pv.PolyData.from_regular_faces(points, mesh.regular_faces)


FAULTS = {
    "open": (holed, "the surface is open"),
    "inverted": (inverted, "inside out"),
    "turned": (one_turned, "opposite orientation"),
    "non-manifold": (finned, "more than two triangles"),
    "self-intersecting": (crossing, "pass through each other"),
    "not finite": (not_a_number, "not finite"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faulty_surfaces_are_refused(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each fault ends with exit code 12 and one line; nothing is cached."""
    make, message = FAULTS[fault]
    monkeypatch.setenv("HEART_CACHE", str(tmp_path / "cache"))
    mesh = make()
    mesh.cell_data["part"] = np.ones(mesh.n_cells, np.int32)
    case = load_case(write(tmp_path, mesh))
    with pytest.raises(MeshInputError, match=message) as caught:
        build_mesh(case, 3.0)
    assert caught.value.exit_code == 12
    assert "\n" not in caught.value.line()
    assert not list((tmp_path / "cache").rglob("*.npz"))


def test_good_sphere_passes():
    """The checks accept a closed sphere: none of them cries wolf."""
    mesh = cup()
    check_surface(np.asarray(mesh.points, float), mesh.regular_faces)


def test_crossings_are_placed():
    """The pairs that are named do cross: they lie where the two spheres meet."""
    mesh = crossing()
    points, triangles = np.asarray(mesh.points, float), mesh.regular_faces
    pairs = crossings(points, triangles)
    middle = points[triangles[pairs].reshape(len(pairs), -1)].mean(axis=1)
    assert len(pairs) > 20
    assert np.abs(np.linalg.norm(middle, axis=1) - 30).max() < 4.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CASE.replace("array: part", "array: parts"), "no array 'parts'"),
        (CASE.replace("lv_endo: 2", "lv_endo: 5"), "does not name"),
        (
            CASE.replace("{epi: 1, lv_endo: 2, base: 3}", "{epi: 1, base: 2, mitral: 3}"),
            "no lv_endo",
        ),
        (CASE.replace("base: 3", "rv_endo: 3"), "no base and no valve ring"),
    ],
)
def test_unnamed_parts_are_refused(text: str, message: str, tmp_path: Path) -> None:
    """A surface whose parts are not named cannot become a heart; the line says what is missing."""
    mesh = cup()
    mesh.cell_data["part"] = 1 + np.arange(mesh.n_cells) % 3
    with pytest.raises(MeshInputError, match=message):
        build_mesh(load_case(write(tmp_path, mesh, text)), 3.0)


def test_unreadable_type_is_refused(tmp_path: Path) -> None:
    """A text file is not a surface."""
    (tmp_path / "cup.txt").write_text("solid")
    (tmp_path / "case.yaml").write_text(CASE.replace("cup.ply", "cup.txt"))
    with pytest.raises(HeartError, match=r"\.txt") as caught:
        build_mesh(load_case(tmp_path), 3.0)
    assert caught.value.exit_code == 12
