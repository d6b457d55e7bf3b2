"""A strand of tissue with the mesh size of a heart: how fast waves really travel on that mesh.

On a mesh as coarse as a heart's the discrete wave is slower (lumped mass) or faster (consistent
mass) than the equation's, by tens of per cent at 1 mm. A plane wave in a strand of irregular
tetrahedra with the same mean edge measures it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from heart.core.errors import NonPhysicalError
from heart.electro.ionic.model import CellModel
from heart.electro.ionic.population import CellLayout
from heart.electro.tissue.model import MonodomainModel
from heart.electro.tissue.monodomain import Monodomain
from heart.electro.tissue.observer import ActivationRecorder
from heart.electro.tissue.scheme import Scheme
from heart.electro.tissue.space import TissueSpace
from heart.electro.tissue.stimulus import TissueStimulus
from heart.numerics import tetrahedra

Float = NDArray[np.float64]
Int = NDArray[np.integer]

SHORTEST = 12.0
EDGES_BEFORE = 10
EDGES_MEASURED = 14
AFTER = 4
WIDTH = 5.0
"""Width of the strand in edges: its ragged sides must not be all that the wave sees."""

JITTER = 0.08
DEAD = -60.0
"""mV; a strand that is below it everywhere, or whose wave stands still, is blocked."""

MEAN_EDGE = 0.94
"""Mean edge of the jittered lattice over the side of its cubes, before rescaling."""


def strand(edge_length: float, length: float) -> tuple[Float, Int]:
    """Return points and cells of an irregular strand along x with the given mean edge.

    A body-centred lattice, moved by chance and turned so that no row of nodes lies along the
    wave, joined by Delaunay's rule. Structured tetrahedra would not do: on their axes a lumped
    wave is a chain of finite differences, much slower than on a heart's mesh of the same size.
    """
    rng = np.random.default_rng(0)
    side = edge_length / MEAN_EDGE
    half = 0.5 * np.array([length, WIDTH * edge_length, WIDTH * edge_length])
    reach = int(np.ceil((np.linalg.norm(half) + 3.0 * side) / side))
    steps = np.arange(-reach, reach + 1)
    corners = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    lattice = side * np.concatenate([corners, corners + 0.5]).astype(float)
    turned = lattice @ _turn().T
    near = (np.abs(turned) <= half + 2.5 * side).all(axis=1)
    cloud = turned[near] + rng.normal(0.0, JITTER * side, (int(near.sum()), 3))
    joined = np.asarray(Delaunay(cloud).simplices, np.int64)
    inside = (np.abs(cloud[joined].mean(axis=1)) <= half).all(axis=1)
    nodes, index = np.unique(_oriented(cloud, joined[inside]), return_inverse=True)
    cells: Int = index.reshape(-1, 4)
    points = cloud[nodes]
    ends = points[tetrahedra.edges(cells)]
    scale = edge_length / float(np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1).mean())
    points = (points - points.min(axis=0)) * scale
    return points, cells


def _turn() -> Float:
    """Return a rotation with no axis near a lattice direction."""
    first = np.array([0.8, 0.5, 0.33])
    frame = np.linalg.qr(np.column_stack([first, [0.1, 0.9, -0.4], [0.3, -0.2, 0.9]]))[0]
    return np.asarray(frame.T)


def _oriented(points: Float, cells: Int) -> Int:
    """Return the cells with positive volume, flat ones left out."""
    volume = tetrahedra.volumes(points, cells)
    cells = np.where((volume < 0.0)[:, None], cells[:, [0, 2, 1, 3]], cells)
    typical = float(np.median(np.abs(volume)))
    return np.asarray(cells[np.abs(volume) > 0.02 * typical])


def plane_wave_speed(
    cell: CellModel,
    scheme: Scheme,
    edge_length: float,
    diffusivity: Sequence[float],
    *,
    expected: float = 0.6,
) -> float:
    """Return the speed in mm/ms of a plane wave on a strand.

    The tensor matters, not only its entry along the strand: on edges as long as a wave front is
    thick, a wave across the fibre leaks along it and runs up to half faster than in an isotropic
    strand, and one along the fibre is 12 % slower (1.4 mm, consistent mass).

    Parameters
    ----------
    cell
        Model of every node; it starts from the model's initial state.
    scheme
        Numerics, as they will be used in the heart.
    edge_length
        Mean edge of the tetrahedra in mm.
    diffusivity
        (3,) σ/(χ C_m) along the strand and along the two axes across it, in mm²/ms.
    expected
        Rough speed, for the length of the simulation only.

    Raises
    ------
    NonPhysicalError
        The wave does not travel: the mesh is too coarse for it, or the tissue conducts too badly.
    """
    length = max(SHORTEST, (EDGES_BEFORE + EDGES_MEASURED + AFTER) * edge_length)
    points, cells = strand(edge_length, length)
    # The strand is small: every rank computes it alone and gets the same answer.
    space = TissueSpace(points, cells, comm=MPI.COMM_SELF)
    tensor = np.tile(np.diag(np.asarray(diffusivity, float)), (len(cells), 1, 1))
    model = MonodomainModel(
        CellLayout((cell,), np.zeros(len(points), np.int64), {}),
        tensor,
        surface_to_volume=100.0,
        capacitance=0.01,
    )
    start = np.flatnonzero(points[:, 0] <= max(1.5, 2.5 * edge_length))
    stimulus = TissueStimulus(start, 0.0, 2.0, 60.0, name="stimulus of the strand")
    problem = Monodomain(space, model, scheme, (stimulus,))
    first = ActivationRecorder()
    end = points[:, 0].max()
    begin = max(EDGES_BEFORE * edge_length, 0.35 * end)
    inside = (points[:, 0] >= begin - 1e-9) & (points[:, 0] <= end - AFTER * edge_length + 1e-9)
    arrival = np.full(len(points), np.nan)
    last = 8.0 + 2.0 * length / expected
    while np.isnan(arrival[inside]).any() and problem.time < last:
        problem.run(min(problem.time + 0.1 * last, last), observers=(first,))
        before, arrival = arrival, first.first()
        if problem.local_voltage.max() < DEAD or np.array_equal(before, arrival, equal_nan=True):
            break
    if np.isnan(arrival[inside]).any():
        raise NonPhysicalError(
            f"no wave travels along a strand of {edge_length:g} mm edges",
            expected=f"about {expected:g} mm/ms",
            fix="use a finer mesh, a larger conductivity, or the reaction-eikonal engine",
        )
    slope = np.polyfit(points[inside, 0], arrival[inside], 1)[0]
    return float(1.0 / slope)
