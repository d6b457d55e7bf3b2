"""The fast endocardium in a monodomain: a surface that conducts better, inside the first elements.

An eikonal model lets a wave run along the triangles of the endocardium at a speed of its own. A
monodomain has no such surface. Here the tetrahedra with a face on the endocardium conduct better
along that face: their fourth corner sees the gradient across the wall only, so that the better
conduction joins the nodes of the surface to each other and nothing else, however coarse the mesh.
Across the wall they conduct as the muscle does.

The muscle below drains such a layer, so that its conductivity cannot be tuned on a strand of its
own: it is found on a block of muscle with a flat, fast face, for the speed along that face.
"""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from heart.core.cache import cached_arrays, content_hash
from heart.core.errors import NonlinearSolveError, NonPhysicalError
from heart.core.parameters import Parameter
from heart.electro.ionic.model import CellModel
from heart.electro.ionic.population import CellLayout
from heart.electro.tissue.model import MonodomainModel
from heart.electro.tissue.monodomain import Monodomain
from heart.electro.tissue.observer import ActivationRecorder
from heart.electro.tissue.scheme import Scheme
from heart.electro.tissue.space import TissueSpace
from heart.electro.tissue.stimulus import TissueStimulus
from heart.electro.tissue.strand import MEAN_EDGE
from heart.numerics import tetrahedra

Float = NDArray[np.float64]
Int = NDArray[np.integer]

VERSION = 1
TOLERANCE = Parameter(0.02, "1", 1e-3, 0.1, "assumed", "error of the speed at which tuning stops")
MOST = 12
# Of the block in edges: what the wave crosses before it is measured and while it is, behind it,
# and how wide and deep the muscle is.
BEFORE, MEASURED, AFTER, WIDTH, DEPTH = 8, 12, 4, 4, 4
JITTER = 0.08
# Nodes of the muscle keep this many edges off the face.
CLEAR = 0.5
UNIT = 0.01, 100.0


def on_sheet(cells: Int, faces: Int) -> tuple[Int, Int]:
    """Return the cells (k,) that have one of the triangles `faces` (f, 3), and which (k,)."""
    key = np.sort(faces, axis=1)
    sides = np.sort(cells[:, [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]], axis=2).reshape(-1, 3)
    base = int(cells.max()) + 1
    wanted, given = _number(key, base), _number(sides, base)
    order = np.argsort(wanted)
    place = np.clip(np.searchsorted(wanted[order], given), 0, max(len(wanted) - 1, 0))
    hit = wanted[order][place] == given if len(wanted) else np.zeros(len(given), np.bool_)
    return np.flatnonzero(hit) // 4, order[place[hit]]


def with_sheet(tensor: Float, points: Float, cells: Int, faces: Int, along: Float) -> Float:
    """Return conductivities (m, 3, 3) with a fast surface.

    Parameters
    ----------
    tensor
        (m, 3, 3) of the muscle, mS/mm.
    points, cells
        Mesh.
    faces
        (f, 3) triangles of the surface.
    along
        (f,) conductivity along each; where it is below that of the muscle the muscle's is kept.
    """
    result = np.array(tensor, np.float64)
    rows, face = on_sheet(cells, faces)
    normal = tetrahedra.face_normals(points, faces)[face]
    normal = normal / np.linalg.norm(normal, axis=1, keepdims=True)
    across = np.einsum("ki,kj->kij", normal, normal)
    plane = np.eye(3) - across
    own = result[rows]
    through = np.einsum("ki,kij,kj->k", normal, own, normal)
    fast = along[face]
    stronger = fast > 0.5 * (np.trace(own, axis1=1, axis2=2) - through)
    made = fast[:, None, None] * plane + through[:, None, None] * across
    # A cell in a corner has two faces on the surface: fast in both planes, so in all directions.
    twice = np.bincount(rows, minlength=len(cells))[rows] > 1
    made[twice] = fast[twice, None, None] * np.eye(3)
    result[rows[stronger]] = made[stronger]
    return result


def tune_sheet(
    cell: CellModel,
    scheme: Scheme,
    edge_length: float,
    wanted: float,
    muscle: tuple[float, float],
) -> tuple[float, float]:
    """Return the diffusivity along a fast surface in mm²/ms and the speed that it gives.

    Parameters
    ----------
    cell, scheme, edge_length
        As they are in the heart.
    wanted
        Speed along the surface in mm/ms.
    muscle
        Diffusivities of the muscle below in mm²/ms, along the surface and across it.

    Raises
    ------
    NonPhysicalError
        No wave travels.
    NonlinearSolveError
        The speed could not be reached.
    """
    numerics = [(item.name, repr(getattr(scheme, item.name))) for item in fields(scheme)]
    key = content_hash(
        "sheet", VERSION, cell.hash, numerics, edge_length, wanted, muscle, TOLERANCE.value
    )

    def make() -> dict[str, Float]:
        factor, speed = _search(cell, scheme, edge_length, wanted, muscle)
        return {"found": np.array([factor, speed])}

    found = cached_arrays("tuning", key, make)["found"]
    return float(found[0]), float(found[1])


def surface_speed(
    cell: CellModel,
    scheme: Scheme,
    edge_length: float,
    fast: float,
    muscle: tuple[float, float],
    expected: float,
) -> float:
    """Return the speed in mm/ms of a wave along the fast face of a block of muscle."""
    points, cells = block(edge_length)
    faces = flat_faces(points, cells)
    own = np.tile(np.diag([muscle[0], muscle[0], muscle[1]]), (len(cells), 1, 1))
    model = MonodomainModel(
        CellLayout((cell,), np.zeros(len(points), np.int64), {}),
        with_sheet(own, points, cells, faces, np.full(len(faces), fast)),
        surface_to_volume=UNIT[1],
        capacitance=UNIT[0],
    )
    start = np.flatnonzero(points[:, 0] <= 2.5 * edge_length)
    stimulus = TissueStimulus(start, 0.0, 2.0, 60.0, name="stimulus of the block")
    # The block is small: every rank computes it alone and gets the same answer.
    space = TissueSpace(points, cells, comm=MPI.COMM_SELF)
    problem, first = Monodomain(space, model, scheme, (stimulus,)), ActivationRecorder()
    nodes = np.unique(faces)
    x = points[nodes, 0]
    inside = (x >= BEFORE * edge_length) & (x <= (BEFORE + MEASURED) * edge_length)
    measured = nodes[inside]
    last = 10.0 + 2.5 * (BEFORE + MEASURED + AFTER) * edge_length / expected
    arrival = np.full(len(points), np.nan)
    while np.isnan(arrival[measured]).any() and problem.time < last:
        problem.run(min(problem.time + 0.1 * last, last), observers=(first,))
        arrival = first.first()
    if np.isnan(arrival[measured]).any():
        raise NonPhysicalError(
            f"no wave travels along a fast surface on edges of {edge_length:g} mm",
            expected=f"about {expected:g} mm/ms",
            fix="use a finer mesh or the reaction-eikonal engine",
        )
    return float(1.0 / np.polyfit(points[measured, 0], arrival[measured], 1)[0])


def block(edge_length: float) -> tuple[Float, Int]:
    """Return points and cells of an irregular block whose face z = 0 is flat."""
    rng = np.random.default_rng(0)
    size = edge_length * np.array([BEFORE + MEASURED + AFTER, WIDTH, DEPTH])
    side, margin = edge_length / MEAN_EDGE, 3
    across = math.ceil((size[0] + size[1]) / edge_length) + 2 * margin
    wide, deep = np.arange(-across, across + 1), np.arange(-1, DEPTH + 2 * margin)
    axes = (wide, wide, deep)
    corners = side * np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    lattice = np.concatenate([corners, corners + 0.5 * side]) @ _turned(0.4).T
    lattice += rng.normal(0.0, JITTER * side, lattice.shape)
    lattice = lattice[lattice[:, 2] > CLEAR * edge_length]
    u, v = np.meshgrid(wide, wide, indexing="ij")
    rows = [(u + 0.5 * (v % 2)).ravel(), math.sqrt(0.75) * v.ravel(), np.zeros(u.size)]
    flat = edge_length * np.column_stack(rows) @ _turned(0.3).T
    flat[:, :2] += rng.normal(0.0, JITTER * edge_length, (len(flat), 2))
    cloud = np.concatenate([flat, lattice])
    reach = 2.5 * side
    cloud = cloud[((cloud > -reach) & (cloud < size + reach)).all(axis=1)]
    cells = np.asarray(Delaunay(cloud).simplices, np.int64)
    centre = cloud[cells].mean(axis=1)
    cells = cells[((centre > 0.0) & (centre < size)).all(axis=1)]
    volume = tetrahedra.volumes(cloud, cells)
    cells = np.where((volume < 0.0)[:, None], cells[:, [0, 2, 1, 3]], cells)
    cells = cells[np.abs(volume) > 0.02 * float(np.median(np.abs(volume)))]
    nodes, index = np.unique(cells, return_inverse=True)
    points, cells = cloud[nodes], index.reshape(cells.shape)
    ends = points[tetrahedra.edges(cells)]
    mean = float(np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1).mean())
    return points * (edge_length / mean), cells


def _turned(angle: float) -> Float:
    """Return a rotation about z: no row of nodes is to lie along the wave."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def flat_faces(points: Float, cells: Int) -> Int:
    """Return the triangles (f, 3) of a block that lie in z = 0."""
    faces, _ = tetrahedra.boundary_faces(cells)
    return np.asarray(faces[(np.abs(points[faces][:, :, 2]) < 1e-9).all(axis=1)])


def _search(
    cell: CellModel,
    scheme: Scheme,
    edge_length: float,
    wanted: float,
    muscle: tuple[float, float],
) -> tuple[float, float]:
    """Return diffusivity and speed: a secant step on logarithms, as for the muscle."""
    value = 3.0 * muscle[0] * max(1.0, (wanted / 0.6) ** 2)
    speed, seen = math.nan, list[tuple[float, float]]()
    for _ in range(MOST):
        speed = surface_speed(cell, scheme, edge_length, value, muscle, wanted)
        if abs(speed / wanted - 1.0) <= TOLERANCE.value:
            return value, speed
        seen.append((math.log(value), math.log(speed / wanted)))
        slope = 0.6
        if len(seen) > 1:
            (x0, y0), (x1, y1) = seen[-2:]
            slope = min(max((y1 - y0) / (x1 - x0), 0.2), 2.0) if x1 != x0 else slope
        value *= math.exp(-seen[-1][1] / slope)
        if value <= muscle[0]:
            return muscle[0], surface_speed(cell, scheme, edge_length, 0.0, muscle, wanted)
    raise NonlinearSolveError(
        f"no conductivity found for {wanted:g} mm/ms along a surface on edges of "
        f"{edge_length:g} mm",
        where=f"last speed {speed:.4g} mm/ms",
        fix="use a finer mesh or the reaction-eikonal engine",
    )


def _number(triples: Int, base: int) -> NDArray[np.int64]:
    """Return one number for each sorted triple; exact up to two million nodes."""
    wide = triples.astype(np.int64)
    return np.asarray((wide[:, 0] * base + wide[:, 1]) * base + wide[:, 2])
