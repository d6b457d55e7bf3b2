"""What the tissue is made of: which cell at which node, how it conducts, what is scar."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import ParameterError
from heart.electro.tissue.conductivity import PARAMETERS

if TYPE_CHECKING:
    from heart.electro.ionic.population import CellLayout

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MonodomainModel:
    """The equation χ (C_m ∂V/∂t + I_ion) = ∇·σ∇V + I_stim on a mesh.

    Attributes
    ----------
    layout
        Cell model of each node; None where a problem brings its own reaction.
    conductivity
        (m, 3, 3) in mS/mm, harmonic combination of intra- and extracellular space.
    surface_to_volume
        χ in 1/mm.
    capacitance
        C_m in uF/mm2.
    conducting
        (m,) false in scar; all by default.
    """

    layout: CellLayout | None
    conductivity: Float
    surface_to_volume: float = PARAMETERS["surface_to_volume"].value
    capacitance: float = PARAMETERS["capacitance"].value
    conducting: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))

    def __post_init__(self) -> None:
        for name in ("surface_to_volume", "capacitance"):
            PARAMETERS[name].check(getattr(self, name), name=name)
        conductivity = np.asarray(self.conductivity, np.float64)
        if conductivity.ndim != 3 or conductivity.shape[1:] != (3, 3):
            raise ParameterError(
                f"conductivity of shape {conductivity.shape}", expected="(cells, 3, 3)"
            )
        conducting = np.asarray(self.conducting, bool)
        if not conducting.size:
            conducting = np.ones(len(conductivity), bool)
        if conducting.shape != (len(conductivity),):
            raise ParameterError(
                f"{conducting.size} marks of conducting cells",
                expected=f"{len(conductivity)}, one for each cell",
            )
        object.__setattr__(self, "conductivity", conductivity)
        object.__setattr__(self, "conducting", conducting)

    @property
    def diffusivity(self) -> Float:
        """σ / (χ C_m), (m, 3, 3) in mm2/ms."""
        return self.conductivity / (self.surface_to_volume * self.capacitance)
