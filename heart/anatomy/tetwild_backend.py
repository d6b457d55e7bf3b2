"""Tetrahedra by fTetWild (MPL-2): permissive licence, and accepts surfaces that gmsh refuses.

It does not keep the surface but stays within an envelope of it, here 5 % of the edge length. Two
runs do not give the same mesh bit by bit (its random numbers cannot be seeded); the cache does.
"""

from __future__ import annotations

import contextlib
import tempfile

import numpy as np
import pytetwild
from numpy.typing import NDArray

from heart.core.errors import MeshingError

Float = NDArray[np.float64]
Int = NDArray[np.integer]

ENVELOPE = 0.05


def fill(points: Float, triangles: Int, edge: float) -> tuple[Float, Int]:
    """Fill a closed surface; see `tetrahedralise.Tetrahedraliser`.

    Raises
    ------
    MeshingError
        fTetWild fails.
    """
    diagonal = float(np.linalg.norm(np.ptp(points, axis=0)))
    # It leaves a file in the working folder, whose owner did not ask for one.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        try:
            nodes, cells = pytetwild.tetrahedralize(
                np.ascontiguousarray(points, np.float64),
                np.ascontiguousarray(triangles, np.int32),
                edge_length_fac=edge / diagonal,
                epsilon=ENVELOPE * edge / diagonal,
                optimize=True,
                num_threads=1,
                quiet=True,
            )[:2]
        except RuntimeError as error:
            raise MeshingError(f"fTetWild could not fill the surface ({error})") from error
    return np.asarray(nodes, np.float64), np.asarray(cells, np.int32)
