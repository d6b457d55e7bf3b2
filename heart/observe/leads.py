"""The standard 12 leads as one matrix on the 10 electrode potentials.

Einthoven, Goldberger and Wilson leads are linear combinations whose rows sum to zero, so the
reference of the potentials drops out and I + III = II holds to round-off by construction.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ELECTRODES = ("LA", "RA", "LL", "RL", "V1", "V2", "V3", "V4", "V5", "V6")
LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
INDEPENDENT = (0, 1, 6, 7, 8, 9, 10, 11)


def _lead_matrix() -> NDArray[np.float64]:
    left_arm, right_arm, left_leg = np.eye(10)[:3]
    wilson = (left_arm + right_arm + left_leg) / 3.0
    limbs = [left_arm - right_arm, left_leg - right_arm, left_leg - left_arm]
    augmented = [
        right_arm - (left_arm + left_leg) / 2.0,
        left_arm - (right_arm + left_leg) / 2.0,
        left_leg - (left_arm + right_arm) / 2.0,
    ]
    chest = [row - wilson for row in np.eye(10)[4:]]
    return np.array(limbs + augmented + chest)


LEAD_MATRIX = _lead_matrix()
"""(12, 10): leads = LEAD_MATRIX @ electrode potentials, in the orders LEADS and ELECTRODES."""

EXPANSION = LEAD_MATRIX @ np.linalg.pinv(LEAD_MATRIX[list(INDEPENDENT)])
EXPANSION.setflags(write=False)
LEAD_MATRIX.setflags(write=False)
"""EXPANSION (12, 8) gives all leads from the independent ones: I, II, V1 … V6."""
