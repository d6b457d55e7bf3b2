"""Both meshers behind one interface: the same demands on each, so that either may be chosen."""

from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import pytest
import pyvista as pv

from heart.anatomy import tetrahedralise
from heart.anatomy.heart_mesh import Boundary
from heart.anatomy.surface import Surface
from heart.core.errors import MeshingError, UsageError
from heart.numerics import tetrahedra

BACKENDS = sorted(tetrahedralise.BACKENDS)


@pytest.fixture(scope="module")
def ball() -> Surface:
    """A ball of 12 mm with two named halves."""
    sphere = pv.Icosphere(radius=12.0, nsub=3)
    points, triangles = np.asarray(sphere.points, float), np.asarray(sphere.regular_faces)
    top = points[triangles].mean(axis=1)[:, 2] > 0
    return Surface(points, triangles, np.where(top, Boundary.BASE, Boundary.EPI))


@pytest.mark.parametrize("name", BACKENDS)
def test_volume_quality_and_names(ball: Surface, name: str):
    """Each mesher fills the ball, keeps its names, and leaves no flat cell."""
    points, cells, facets, tags = tetrahedralise.tetrahedralised(
        ball, 2.0, tetrahedralise.backend(name)
    )
    volume = tetrahedra.volumes(points, cells)
    assert (volume > 0).all()
    assert volume.sum() == pytest.approx(4 / 3 * np.pi * 12.0**3, rel=0.03)
    ratio = tetrahedra.radius_ratios(points, cells)
    assert ratio.min() > 0.05
    assert ratio.mean() > 0.6
    height = points[facets].mean(axis=1)[:, 2]
    clear = np.abs(height) > 2.0
    assert ((tags == Boundary.BASE) == (height > 0))[clear].all()


def test_same_surface_same_mesh(ball: Surface):
    """Hashes of results rest on this: gmsh gives the same arrays each time, bit by bit."""
    mesher = tetrahedralise.backend("gmsh")
    first, second = (mesher(ball.points, ball.triangles, 2.5) for _ in range(2))
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])


def test_gmsh_keeps_the_surface(ball: Surface):
    """Outer facets are the given triangles, so that names need no guess."""
    points, _, facets, _ = tetrahedralise.tetrahedralised(ball, 2.0, tetrahedralise.backend("gmsh"))
    assert len(facets) == len(ball.triangles)
    outer = points[np.unique(facets)]
    assert {tuple(p) for p in outer.round(9)} == {tuple(p) for p in ball.points.round(9)}


def test_gmsh_leaves_the_signals_alone(ball: Surface):
    """A mesher that takes over Ctrl-C would keep a run from stopping cleanly."""
    before = signal.getsignal(signal.SIGINT)
    tetrahedralise.backend("gmsh")(ball.points, ball.triangles, 4.0)
    assert signal.getsignal(signal.SIGINT) is before


def test_tetwild_leaves_the_working_folder_alone(
    ball: Surface, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It writes its surface where it runs; a user's folder is not the place."""
    monkeypatch.chdir(tmp_path)
    tetrahedralise.backend("tetwild")(ball.points, ball.triangles, 4.0)
    assert Path.cwd() == tmp_path
    assert not list(tmp_path.iterdir())


def test_unknown_mesher():
    """A misspelt backend is a usage error that names the right ones."""
    with pytest.raises(UsageError, match="gmsh or tetwild"):
        tetrahedralise.backend("gmhs")


def test_open_surface_is_a_meshing_error(ball: Surface):
    """gmsh fills an open surface somehow; what it returns then is not the body that was meant."""
    holed = Surface(ball.points, ball.triangles[10:], ball.tags[10:])
    with pytest.raises(MeshingError, match="not closed"):
        tetrahedralise.tetrahedralised(holed, 2.0, tetrahedralise.backend("gmsh"))


def test_failures_of_gmsh_are_ours(ball: Surface):
    """gmsh raises bare exceptions; they must not reach the user as a traceback."""
    crossing = np.concatenate([ball.points, ball.points + np.array([5.0, 1.0, 0.3])])
    triangles = np.concatenate([ball.triangles, ball.triangles + len(ball.points)])
    with pytest.raises(MeshingError, match="could not fill"):
        tetrahedralise.backend("gmsh")(crossing, triangles, 2.0)
