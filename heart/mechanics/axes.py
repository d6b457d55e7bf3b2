"""Fibre, sheet and sheet-normal of the reference configuration, as the laws see them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import MeshInputError
from heart.mechanics.kinematics import Expression

Float = NDArray[np.float64]

TOLERANCE = 1e-8


@dataclass(frozen=True)
class Axes:
    """UFL unit vectors f₀, s₀, n₀: constants, or functions per cell or quadrature point."""

    fibre: Expression
    sheet: Expression
    normal: Expression


def check_axes(fibre: Float, sheet: Float, normal: Float) -> None:
    """Refuse axes that are not orthonormal, naming the first cell at fault.

    Parameters
    ----------
    fibre, sheet, normal
        (m, 3) per cell.

    Raises
    ------
    MeshInputError
        An axis is not finite, zero, not of unit length, or not perpendicular to another.
    """
    axes = {"fibre": fibre, "sheet": sheet, "normal": normal}
    for name, field in axes.items():
        _refuse(~np.isfinite(field).all(axis=1), f"{name} is not finite")
        length = np.linalg.norm(field, axis=1)
        _refuse(length < TOLERANCE, f"{name} is zero")
        _refuse(np.abs(length - 1.0) > TOLERANCE, f"{name} is not of unit length")
    for first, second in (("fibre", "sheet"), ("fibre", "normal"), ("sheet", "normal")):
        cosine = np.einsum("mi,mi->m", axes[first], axes[second])
        _refuse(np.abs(cosine) > TOLERANCE, f"{first} and {second} are not perpendicular")


def _refuse(wrong: NDArray[np.bool_], what: str) -> None:
    if wrong.any():
        cells = np.flatnonzero(wrong)
        more = ", …" if len(cells) > 5 else ""
        raise MeshInputError(
            f"{what} in {len(cells)} cells",
            where=f"cells {', '.join(map(str, cells[:5]))}{more}",
            expected="three perpendicular unit vectors in each cell",
            fix="compute the fibres again, or normalise them before import",
        )
