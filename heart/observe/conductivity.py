"""Electrical conductivities of heart and torso: one set, each value with its range and source.

The intracellular tensor makes the source, the bulk values make the volume conductor. The bulk of
muscle is anisotropic too: with an isotropic one the part of the wave that runs along the fibres
would be exaggerated against the part that crosses the wall.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.heart_mesh import Tissue
from heart.core.parameters import Parameter

Float = NDArray[np.float64]

PARAMETERS: dict[str, Parameter] = {
    "intracellular_fibre": Parameter(
        0.3, "mS/mm", 0.05, 0.6, "Potse2006", "along the fibre; recalled from the paper"
    ),
    "intracellular_cross": Parameter(
        0.03, "mS/mm", 0.005, 0.2, "Potse2006", "across the fibre; recalled from the paper"
    ),
    "extracellular_fibre": Parameter(
        0.3, "mS/mm", 0.05, 1.0, "Potse2006", "along the fibre; recalled from the paper"
    ),
    "extracellular_cross": Parameter(
        0.12, "mS/mm", 0.02, 0.6, "Potse2006", "across the fibre; recalled from the paper"
    ),
    "blood": Parameter(0.6, "mS/mm", 0.3, 1.0, "Potse2006", "cavities; recalled from the paper"),
    "lung": Parameter(0.05, "mS/mm", 0.02, 0.2, "Potse2006", "inflated; recalled from the paper"),
    "torso": Parameter(0.22, "mS/mm", 0.1, 0.4, "assumed", "all other tissue as one bulk"),
}


@dataclass(frozen=True)
class Conductivities:
    """Conductivities in mS/mm (= S/m); see `PARAMETERS` for meaning, range and source."""

    intracellular_fibre: float = PARAMETERS["intracellular_fibre"].value
    intracellular_cross: float = PARAMETERS["intracellular_cross"].value
    extracellular_fibre: float = PARAMETERS["extracellular_fibre"].value
    extracellular_cross: float = PARAMETERS["extracellular_cross"].value
    blood: float = PARAMETERS["blood"].value
    lung: float = PARAMETERS["lung"].value
    torso: float = PARAMETERS["torso"].value

    def __post_init__(self) -> None:
        for item in fields(self):
            PARAMETERS[item.name].check(getattr(self, item.name), name=f"conductivity.{item.name}")

    @property
    def muscle(self) -> float:
        """Isotropic bulk of intra- and extracellular space: a third of the tensor's trace."""
        along = self.intracellular_fibre + self.extracellular_fibre
        across = self.intracellular_cross + self.extracellular_cross
        return (along + 2.0 * across) / 3.0

    @property
    def contrast(self) -> float:
        """Bulk conductivity of muscle along the fibre less that across it."""
        along = self.intracellular_fibre + self.extracellular_fibre
        return along - self.intracellular_cross - self.extracellular_cross

    def intracellular(self, fibre: Float, tissue: NDArray[np.integer] | None = None) -> Float:
        """Return σ_i per cell, (m, 3, 3), for unit fibres (m, 3); zero in the scar's core."""
        across = self.intracellular_cross * np.eye(3)
        along = self.intracellular_fibre - self.intracellular_cross
        tensor = across + along * np.einsum("mi,mj->mij", fibre, fibre)
        if tissue is not None:
            tensor[np.asarray(tissue) == Tissue.CORE] = 0.0
        return tensor
