"""The eikonal problem of a piece of muscle that has no fast endocardium."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.heart_mesh import Tissue
from heart.electro.activation import BORDER
from heart.numerics.eikonal import (
    EikonalMesh,
    FibreMetric,
    Lengths,
    tetrahedron_lengths,
    triangle_lengths,
)
from heart.study.electro.body import Muscle


def wave_of(
    muscle: Muscle,
    speed: tuple[float, float, float],
    conducting: NDArray[np.bool_],
    factor: float = 1.0,
) -> tuple[EikonalMesh, Lengths]:
    """Return mesh and lengths for `heart.numerics.eikonal.solve`; slower in the border of a scar.

    Parameters
    ----------
    muscle
        Cells, fibres and tissue.
    speed
        mm/ms along fibre, sheet and normal.
    conducting
        (m,) cells through which the wave runs.
    factor
        On all three.
    """
    mesh, fibres = muscle.mesh, muscle.fibres
    topology = EikonalMesh.from_cells(mesh.points, mesh.cells, conducting=conducting)
    speeds = factor * np.tile(np.array(speed), (len(mesh.cells), 1))
    speeds[mesh.tissue == Tissue.BORDER] *= BORDER.value
    metric = FibreMetric(fibres.fibre, speeds, fibres.sheet)
    return topology, Lengths(tetrahedron_lengths(topology, metric), triangle_lengths(topology, 0.0))
