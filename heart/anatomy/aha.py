"""The 17 segments of the American Heart Association, from ventricular coordinates [Cerqueira2002].

Sectors are thirds of the septum and of the free wall between the RV insertions, so that they
follow the anatomy and not the axes of the image.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heart.anatomy.heart import VentricularCoordinates
from heart.core.parameters import Parameter

Int = NDArray[np.int32]

SEGMENT_NAMES: dict[int, str] = {
    0: "right ventricle",
    1: "basal anterior",
    2: "basal anteroseptal",
    3: "basal inferoseptal",
    4: "basal inferior",
    5: "basal inferolateral",
    6: "basal anterolateral",
    7: "mid anterior",
    8: "mid anteroseptal",
    9: "mid inferoseptal",
    10: "mid inferior",
    11: "mid inferolateral",
    12: "mid anterolateral",
    13: "apical anterior",
    14: "apical septal",
    15: "apical inferior",
    16: "apical lateral",
    17: "apex",
}

CAP = Parameter(
    0.08,
    "1",
    0.0,
    0.3,
    "assumed",
    "segment 17 is the wall below the cavity's tip; a tenth of the long axis less the wall's bend",
)
BASAL = Parameter(2.0 / 3.0, "1", 0.5, 0.9, "Cerqueira2002", "thirds of the long axis")
MID = Parameter(1.0 / 3.0, "1", 0.1, 0.5, "Cerqueira2002", "thirds of the long axis")

_SIXTHS = np.array([1, 6, 5, 4, 3, 2])
_QUARTERS = np.array([14, 13, 16, 15])
_SEPTUM_STARTS = 5.0 / 6.0 - 1.0 / 8.0


def segment_at(apicobasal: ArrayLike, rotational: ArrayLike, chamber: ArrayLike) -> Int:
    """Return the segment of each position, 1 to 17, and 0 in the RV free wall.

    Apical segments are four equal sectors, the septal one centred on the septum.
    """
    height = np.asarray(apicobasal, np.float64)
    turn = np.mod(np.asarray(rotational, np.float64), 1.0)
    sixth = _SIXTHS[np.minimum((6.0 * turn).astype(int), 5)]
    quarter = np.mod(turn - _SEPTUM_STARTS, 1.0)
    apical = _QUARTERS[np.minimum((4.0 * quarter).astype(int), 3)]
    segment = np.where(height >= BASAL.value, sixth, sixth + 6)
    segment = np.where(height < MID.value, apical, segment)
    segment = np.where(height < CAP.value, 17, segment)
    return np.where(np.asarray(chamber) > 0, 0, segment).astype(np.int32)


def segments(coordinates: VentricularCoordinates) -> Int:
    """Return the segment of every node, (n,), see `segment_at`."""
    return segment_at(coordinates.apicobasal, coordinates.rotational, coordinates.chamber)
