"""What a bidomain is made of: cells, and how well each of the two spaces conducts.

Intracellular space is where cells are; extracellular space is everywhere, also in scar. Cells of
the mesh that are marked as not conducting therefore still carry extracellular current: scar with
the conductivity of connective tissue, or a bath.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import ParameterError
from heart.electro.tissue.conductivity import PARAMETERS
from heart.electro.tissue.model import MonodomainModel

if TYPE_CHECKING:
    from heart.electro.ionic.population import CellLayout

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BidomainModel:
    """χ (C_m ∂V/∂t + I_ion) = ∇·σ_i∇(V + φ_e) and ∇·(σ_i + σ_e)∇φ_e = −∇·σ_i∇V − I_e.

    Attributes
    ----------
    layout
        Cell model of each node; None where a problem brings its own reaction.
    intra, extra
        (m, 3, 3) in mS/mm; the first is not used where nothing conducts.
    surface_to_volume
        χ in 1/mm.
    capacitance
        C_m in uF/mm2.
    conducting
        (m,) whether a cell of the mesh has living cells; all by default.

    Raises
    ------
    ParameterError
        Arrays that do not fit, or an extracellular tensor that is not symmetric and positive.
    """

    layout: CellLayout | None
    intra: Float
    extra: Float
    surface_to_volume: float = PARAMETERS["surface_to_volume"].value
    capacitance: float = PARAMETERS["capacitance"].value
    conducting: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))

    def __post_init__(self) -> None:
        inside = MonodomainModel(
            self.layout, self.intra, self.surface_to_volume, self.capacitance, self.conducting
        )
        extra = np.asarray(self.extra, np.float64)
        if extra.shape != inside.conductivity.shape:
            raise ParameterError(
                f"extracellular conductivity of shape {extra.shape}",
                expected=f"{inside.conductivity.shape}, as the intracellular one",
            )
        _check(extra)
        object.__setattr__(self, "intra", inside.conductivity)
        object.__setattr__(self, "extra", extra)
        object.__setattr__(self, "conducting", inside.conducting)

    @property
    def intracellular(self) -> MonodomainModel:
        """The cells with the intracellular conductivity alone."""
        return self._with(self.intra)

    @property
    def monodomain(self) -> MonodomainModel:
        """The monodomain with both spaces in series, σ_i (σ_i + σ_e)⁻¹ σ_e.

        It is the same problem where the two tensors are proportional and no current is given into
        extracellular space.
        """
        series = self.intra @ np.linalg.solve(self.intra + self.extra, self.extra)
        return self._with(0.5 * (series + series.transpose(0, 2, 1)))

    @property
    def bulk(self) -> Float:
        """σ_i + σ_e, σ_e alone where nothing conducts: (m, 3, 3) in mS/mm."""
        return self.extra + np.where(self.conducting[:, None, None], self.intra, 0.0)

    def _with(self, conductivity: Float) -> MonodomainModel:
        return MonodomainModel(
            self.layout, conductivity, self.surface_to_volume, self.capacitance, self.conducting
        )


def _check(extra: Float) -> None:
    size = np.abs(extra).max(axis=(1, 2), initial=0.0)
    even = np.abs(extra - extra.transpose(0, 2, 1)).max(axis=(1, 2), initial=0.0) <= 1e-9 * size
    lowest = np.full(len(extra), -np.inf)
    usable = np.isfinite(size) & even
    lowest[usable] = np.linalg.eigvalsh(extra[usable])[:, 0]
    bad = np.flatnonzero(~(lowest > 0.0))
    if len(bad):
        raise ParameterError(
            f"extracellular conductivity of cell {bad[0]} is not symmetric and positive",
            expected="three positive conductivities along orthonormal axes, in scar too",
        )
