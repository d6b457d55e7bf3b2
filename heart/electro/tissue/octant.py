"""How fast waves spread in all directions at once, on the kind of mesh that a heart has.

A plane wave along an axis says nothing of those between the axes, and where a front is as thin as
an edge these differ by several per cent. From the corner of a box whose faces are planes of
symmetry a wave spreads in every direction; one simulation gives the three speeds that describe
all of them best, and how much later than the eikonal wave it set out. They are the speeds that a
map of a spreading wave would show and that an eikonal engine takes for all fronts: the slowness of
a curved front is in them, so that plane waves are 2 to 3 % faster.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray
from scipy.optimize import least_squares

from heart.anatomy.block import Grain, block
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

VERSION = 4
# In edges along the slowest axis: the box, what is fired, and the shell that is measured.
REACH, FIRED, BEFORE, AFTER = 13.0, 3.0, 3.0, 2.0
AMPLITUDE, DURATION = 50.0, 2.0
THRESHOLD = -40.0
UNIT = 0.01, 100.0
FEWEST = 50


@dataclass(frozen=True)
class Spread:
    """What was measured.

    Attributes
    ----------
    speeds
        (3,) mm/ms along fibre, sheet and normal that describe all directions best.
    latency
        ms between onset of the stimulus and the start of an eikonal wave that arrives with it.
    scatter
        Standard deviation in ms of what the three speeds do not describe.
    """

    speeds: Float
    latency: float
    scatter: float


def spread(
    cell: CellModel,
    scheme: Scheme,
    edge_length: float,
    diffusivity: Float,
    expected: Float,
    grain: Grain,
) -> Spread:
    """Return the speeds of a wave that spreads from a corner.

    Parameters
    ----------
    cell, scheme
        As in the heart; the cells start from the model's initial state.
    edge_length
        Mean edge of the heart's tetrahedra in mm.
    diffusivity
        (3,) σ/(χ C_m) along fibre, sheet and normal in mm²/ms.
    expected
        (3,) speeds wanted along them in mm/ms; they set the shape of the box.
    grain
        Kind of the heart's mesh.

    Raises
    ------
    NonPhysicalError
        No wave travels.
    """
    wanted = np.asarray(expected, np.float64)
    pace = edge_length / float(wanted.min())
    points, cells = block(REACH * wanted / wanted.min(), grain)
    points = edge_length * points
    time = np.linalg.norm(points / wanted, axis=1)
    fired, last = FIRED * pace, float((points.max(axis=0) / wanted).min())
    shell = (time >= fired + BEFORE * pace) & (time <= last - AFTER * pace)
    arrival = _arrival(cell, scheme, points, cells, diffusivity, time <= fired, shell, last)
    if np.isnan(arrival[shell]).any() or int(shell.sum()) < FEWEST:
        raise NonPhysicalError(
            f"no wave spreads in a block of {edge_length:g} mm edges",
            expected=f"about {wanted.min():g} to {wanted.max():g} mm/ms",
            fix="use a finer mesh, a larger conductivity, or the reaction-eikonal engine",
        )
    square, late = (points[shell] / wanted) ** 2, arrival[shell] + fired

    def gap(guess: Float) -> Float:
        result: Float = np.sqrt(square @ np.exp(-2.0 * guess[:3])) + guess[3] - late
        return result

    found = least_squares(gap, np.zeros(4))
    return Spread(wanted * np.exp(found.x[:3]), float(found.x[3]), float(np.std(found.fun)))


def _arrival(
    cell: CellModel,
    scheme: Scheme,
    points: Float,
    cells: Int,
    diffusivity: Float,
    fired: NDArray[np.bool_],
    shell: NDArray[np.bool_],
    duration: float,
) -> Float:
    """Return the activation (n,) in ms; NaN where there is none."""
    model = MonodomainModel(
        CellLayout((cell,), np.zeros(len(points), np.int64), {}),
        np.tile(np.diag(diffusivity), (len(cells), 1, 1)),
        surface_to_volume=UNIT[1],
        capacitance=UNIT[0],
    )
    stimulus = TissueStimulus(
        np.flatnonzero(fired), 0.0, DURATION, AMPLITUDE, name="stimulus of the block"
    )
    # The block is small: every rank computes it alone and gets the same answer.
    space = TissueSpace(points, cells, comm=MPI.COMM_SELF)
    problem, first = Monodomain(space, model, scheme, (stimulus,)), ActivationRecorder(THRESHOLD)
    arrival = np.full(len(points), np.nan)
    end = 10.0 + 2.0 * duration
    while np.isnan(arrival[shell]).any() and problem.time < end:
        problem.run(min(problem.time + 0.1 * end, end), observers=(first,))
        before, arrival = arrival, first.first()
        if np.array_equal(before, arrival, equal_nan=True):
            break
    return arrival
