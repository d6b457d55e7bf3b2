"""The slab of the N-version benchmark [Niederer2011] in the tissue engine, and one run of it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heart.electro.ionic.population import CellLayout
from heart.electro.ionic.registry import cell_model
from heart.electro.tissue.conductivity import REGISTRY, tensors
from heart.electro.tissue.model import MonodomainModel
from heart.electro.tissue.monodomain import Monodomain
from heart.electro.tissue.observer import ActivationRecorder
from heart.electro.tissue.scheme import Scheme
from heart.electro.tissue.space import TissueSpace
from heart.electro.tissue.stimulus import TissueStimulus, amplitude
from heart.numerics import tetrahedra
from heart.study.verification.niederer2011_limit import CUBE, CURRENT, DURATION, PROBES, SIZE
from heart.study.verification.niederer2011_tensor import share

Float = NDArray[np.float64]
Int = NDArray[np.integer]
Triple = tuple[float, float, float]


def problem(
    steps: Triple, scheme: Scheme, *, size: Triple = SIZE, degree: int = 1, shared: bool = False
) -> Monodomain:
    """Return the slab on a grid of boxes of `steps` mm, six tetrahedra each.

    Parameters
    ----------
    steps
        Edges of the boxes along and across the fibre (x, y, z).
    scheme
        Numerics.
    size
        Of the slab in mm; a smaller one for tests.
    degree
        Of the elements.
    shared
        Give nodes on the faces of the stimulated cube that part of the current which their own
        box has in it, so that the charge does not depend on the grid (0.2 ms at P8 with 0.1 mm);
        otherwise nodes on the faces get all of it, as in the published runs.
    """
    points, cells = grid(size, steps)
    space = TissueSpace(points, cells, degree)
    axes = np.tile(np.eye(3), (len(cells), 1, 1))
    layout = CellLayout((cell_model("tt2006_epi", "niederer2011"),), np.zeros(space.nodes, int))
    model = MonodomainModel(layout, tensors(axes, REGISTRY["niederer2011"].conductivities))
    full = amplitude(CURRENT, model.surface_to_volume, model.capacitance)
    part = (space.points <= CUBE + 1e-9).all(axis=1).astype(float)
    if shared:
        boxes = zip(space.points.T, steps, strict=True)
        part = np.prod([share(x, step / degree, CUBE) for x, step in boxes], axis=0)
    part = part.round(9)
    stimuli = [
        TissueStimulus(
            np.flatnonzero(part == value), 0.0, DURATION, float(value) * full, name="corner cube"
        )
        for value in np.unique(part[part > 0.0])
    ]
    return Monodomain(space, model, scheme, stimuli)


def grid(size: Triple, steps: Triple) -> tuple[Float, Int]:
    """Return points and cells of a box: Kuhn's six tetrahedra per box, diagonals parallel."""
    counts = [round(length / step) for length, step in zip(size, steps, strict=True)]
    lines = [np.linspace(0.0, s, c + 1) for s, c in zip(size, counts, strict=True)]
    points = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1).reshape(-1, 3)
    index = np.arange(len(points)).reshape([c + 1 for c in counts])
    corner = index[:-1, :-1, :-1].ravel()
    stride = np.array([index[1, 0, 0], index[0, 1, 0], index[0, 0, 1]])
    cells = [
        np.stack([corner, *(corner + jump for jump in np.cumsum(stride[list(order)]))], axis=1)
        for order in itertools.permutations(range(3))
    ]
    return points, tetrahedra.oriented(points, np.concatenate(cells))


@dataclass(frozen=True)
class Case:
    """One run of the matrix: its grid, its scheme, how long it has to last, and its stimulus."""

    steps: Triple
    scheme: Scheme
    until: float
    shared: bool = False

    def probes(self) -> dict[str, float]:
        """Return the activation of the nine points in ms; NaN where the wave has not been."""
        tissue = problem(self.steps, self.scheme, shared=self.shared)
        recorder = ActivationRecorder()
        tissue.run(self.until, observers=[recorder])
        times = recorder.first()
        points = tissue.space.points
        return {
            name: float(times[np.argmin(np.linalg.norm(points - place, axis=1))])
            for name, place in PROBES.items()
        }
