"""Deformation of each cell from displacements of the replicated mesh: plain arrays, any rank count.

At the centre of a cell F = (Σ xₐ ⊗ ∇Nₐ)(Σ Xₐ ⊗ ∇Nₐ)⁻¹, with the shape functions of the element
that was solved, so that curved cells and quadratic displacements are taken as they are.
"""

from __future__ import annotations

import basix
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int = NDArray[np.integer]

CENTRE = np.full((1, 3), 0.25)


def gradients(nodes: Float, cells: Int, displacement: Float) -> Float:
    """Return the deformation gradient at the centre of each cell.

    Parameters
    ----------
    nodes
        (N, 3) mm.
    cells
        (m, 4) or (m, 10) in basix' order.
    displacement
        (N, 3) mm; only the vertices count where `cells` has four columns.

    Returns
    -------
    ndarray
        (m, 3, 3)
    """
    slopes = _slopes(1 if cells.shape[1] == 4 else 2)
    before = np.einsum("maj,ak->mjk", nodes[cells], slopes)
    after = np.einsum("maj,ak->mjk", (nodes + displacement)[cells], slopes)
    return np.asarray(after @ np.linalg.inv(before))


def _slopes(degree: int) -> Float:
    """Return the gradients of the shape functions at the centre, (nodes, 3)."""
    element = basix.create_element(
        basix.ElementFamily.P,
        basix.CellType.tetrahedron,
        degree,
        basix.LagrangeVariant.gll_warped,
    )
    table = element.tabulate(1, CENTRE)
    return np.asarray(table[1:, 0, :, 0].T)


def stretch(gradient: Float, direction: Float) -> Float:
    """Return |F a| (m,) for unit vectors (m, 3)."""
    return np.asarray(np.linalg.norm(np.einsum("mij,mj->mi", gradient, direction), axis=1))


def strain(gradient: Float, direction: Float) -> Float:
    """Return the Green–Lagrange strain a·E a (m,) along unit vectors (m, 3)."""
    return np.asarray(0.5 * (stretch(gradient, direction) ** 2 - 1.0))
