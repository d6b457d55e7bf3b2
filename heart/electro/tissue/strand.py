"""A strand of tissue with the mesh size of a heart: how fast waves really travel on that mesh.

On a grid as coarse as a heart's the discrete wave is slower (lumped mass) or faster (consistent
mass) than the equation's, by tens of per cent at 1 mm. A plane wave in a strand of the same
element size measures it: structured tetrahedra whose nodes are as dense as the heart's.
"""

from __future__ import annotations

import itertools

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from heart.core.errors import NonPhysicalError
from heart.electro.ionic.model import CellModel
from heart.electro.ionic.population import CellLayout
from heart.electro.tissue.model import MonodomainModel
from heart.electro.tissue.monodomain import Monodomain
from heart.electro.tissue.observer import ActivationRecorder
from heart.electro.tissue.scheme import Scheme
from heart.electro.tissue.space import TissueSpace
from heart.electro.tissue.stimulus import TissueStimulus

Float = NDArray[np.float64]
Int = NDArray[np.integer]

DENSITY = 2.0 ** (-1.0 / 6.0)
"""Grid spacing with the node density of equilateral tetrahedra of unit edge, √2 per edge³."""

SHORTEST = 12.0
CELLS_BEFORE = 10
CELLS_MEASURED = 14
AFTER = 4


def strand(spacing: float, length: float) -> tuple[Float, Int]:
    """Return points and cells of a strand two grid cells wide along x, six tetrahedra per cube."""
    counts = (max(4, round(length / spacing)), 2, 2)
    axes = [np.arange(n + 1) * spacing for n in counts]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    strides = np.array([(counts[1] + 1) * (counts[2] + 1), counts[2] + 1, 1])
    corner = np.stack(np.meshgrid(*map(np.arange, counts), indexing="ij"), -1).reshape(-1, 3)
    base = corner @ strides
    cells = []
    for order in itertools.permutations(range(3)):
        path = [base + sum(strides[list(order[:k])]) for k in range(4)]
        even = np.linalg.det(np.eye(3)[list(order)]) > 0
        cells.append(np.stack(path if even else [path[0], path[2], path[1], path[3]], axis=1))
    return points, np.concatenate(cells)


def plane_wave_speed(
    cell: CellModel,
    scheme: Scheme,
    spacing: float,
    diffusivity: float,
    *,
    expected: float = 0.6,
) -> float:
    """Return the speed in mm/ms of a plane wave on a strand.

    Parameters
    ----------
    cell
        Model of every node; it starts from the model's initial state.
    scheme
        Numerics, as they will be used in the heart.
    spacing
        Distance of grid nodes in mm.
    diffusivity
        σ/(χ C_m) along the strand in mm²/ms.
    expected
        Rough speed, for the length of the simulation only.

    Raises
    ------
    NonPhysicalError
        The wave does not travel: the mesh is too coarse for it, or the tissue conducts too badly.
    """
    length = max(SHORTEST, (CELLS_BEFORE + CELLS_MEASURED + AFTER) * spacing)
    points, cells = strand(spacing, length)
    # The strand is small: every rank computes it alone and gets the same answer.
    space = TissueSpace(points, cells, comm=MPI.COMM_SELF)
    unit = np.tile(np.eye(3), (len(cells), 1, 1))
    model = MonodomainModel(
        CellLayout((cell,), np.zeros(len(points), np.int64), {}),
        diffusivity * unit,
        surface_to_volume=100.0,
        capacitance=0.01,
    )
    start = np.flatnonzero(points[:, 0] <= max(1.5, 2.5 * spacing))
    stimulus = TissueStimulus(start, 0.0, 2.0, 60.0, name="stimulus of the strand")
    problem = Monodomain(space, model, scheme, (stimulus,))
    first = ActivationRecorder()
    end = points[:, 0].max()
    begin = max(CELLS_BEFORE * spacing, 0.35 * end)
    inside = (points[:, 0] >= begin - 1e-9) & (points[:, 0] <= end - AFTER * spacing + 1e-9)
    arrival = np.full(len(points), np.nan)
    last = 8.0 + 2.0 * length / expected
    while np.isnan(arrival[inside]).any() and problem.time < last:
        problem.run(min(problem.time + 0.1 * last, last), observers=(first,))
        arrival = first.first()
    if np.isnan(arrival[inside]).any():
        raise NonPhysicalError(
            f"no wave travels along a strand of {spacing:g} mm grid spacing",
            expected=f"about {expected:g} mm/ms",
            fix="use a finer mesh, a larger conductivity, or the reaction-eikonal engine",
        )
    slope = np.polyfit(points[inside, 0], arrival[inside], 1)[0]
    return float(1.0 / slope)
