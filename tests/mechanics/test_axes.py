"""Axes that are no axes are refused, with the cells at fault."""

from __future__ import annotations

import numpy as np
import pytest

from heart.core.errors import MeshInputError
from heart.mechanics.axes import check_axes


def frame() -> list[np.ndarray]:
    """Six cells with the coordinate axes."""
    return [np.tile(row, (6, 1)) for row in np.eye(3)]


def test_orthonormal_axes_pass() -> None:
    """Turned ones too."""
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    check_axes(*(axis @ turn for axis in frame()))


@pytest.mark.parametrize(
    ("value", "match"),
    [
        ((np.nan, 0.0, 0.0), "fibre is not finite"),
        ((0.0, 0.0, 0.0), "fibre is zero"),
        ((2.0, 0.0, 0.0), "fibre is not of unit length"),
        ((0.6, 0.8, 0.0), "fibre and sheet are not perpendicular"),
    ],
)
def test_wrong_fibre_names_its_cell(value: tuple[float, ...], match: str) -> None:
    """The apex is where fibres go wrong: the message says which cell."""
    axes = frame()
    axes[0][4] = value
    with pytest.raises(MeshInputError, match=f"cells 4: {match}"):
        check_axes(*axes)
