"""How well the muscle conducts, inside and outside the cells: named sets and tensors per cell.

Along each axis a monodomain sees intra- and extracellular space in series, the harmonic
combination σ_i σ_e / (σ_i + σ_e). Values are mS/mm, which is S/m; a set in mS/cm is ten times
too large and is refused as such.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import ParameterError, UnitError
from heart.core.parameters import Parameter

Float = NDArray[np.float64]
Int = NDArray[np.integer]
Axes = tuple[float, float, float]

PARAMETERS: dict[str, Parameter] = {
    "intracellular": Parameter(0.17, "mS/mm", 1e-4, 1.2, "Niederer2011", "along the fibre"),
    "extracellular": Parameter(0.62, "mS/mm", 1e-4, 1.2, "Niederer2011", "along the fibre"),
    "surface_to_volume": Parameter(140.0, "1/mm", 20.0, 500.0, "Niederer2011", "χ"),
    "capacitance": Parameter(0.01, "uF/mm2", 0.001, 0.1, "Niederer2011", "membrane, C_m"),
}


def _check(parameter: Parameter, value: float, name: str) -> None:
    if np.isfinite(value) and parameter.high < value <= 10.0 * parameter.high:
        raise UnitError(
            f"{name} = {value:g} mS/mm is not plausible",
            expected=f"{parameter.low:g} to {parameter.high:g} mS/mm (= S/m)",
            fix=f"written in mS/cm it would be {value / 10.0:g} mS/mm: check the unit",
        )
    parameter.check(value, name=name)


class Part(Enum):
    """Which space a tensor is of."""

    MONODOMAIN = "monodomain"
    INTRACELLULAR = "intracellular"
    EXTRACELLULAR = "extracellular"
    BULK = "bulk"


@dataclass(frozen=True)
class Conductivities:
    """Conductivities in mS/mm along fibre, sheet and normal.

    Attributes
    ----------
    intra, extra
        Inside and outside the cells.

    Raises
    ------
    UnitError
        A value that looks like another unit.
    ParameterError
        A value that is not plausible.
    """

    intra: Axes
    extra: Axes

    def __post_init__(self) -> None:
        for space in ("intra", "extra"):
            parameter = PARAMETERS[f"{space}cellular"]
            for axis, value in zip(("fibre", "sheet", "normal"), getattr(self, space), strict=True):
                _check(parameter, value, f"{space}cellular conductivity along the {axis}")

    @property
    def monodomain(self) -> Axes:
        """Harmonic combination along each axis, as a monodomain has it."""
        fibre, sheet, normal = (
            i * e / (i + e) for i, e in zip(self.intra, self.extra, strict=True)
        )
        return fibre, sheet, normal

    @property
    def bulk(self) -> Axes:
        """Sum of both spaces along each axis."""
        fibre, sheet, normal = (i + e for i, e in zip(self.intra, self.extra, strict=True))
        return fibre, sheet, normal

    def scaled(self, fibre: float, sheet: float, normal: float) -> Conductivities:
        """Return the set with both spaces multiplied axis by axis, as velocity tuning does."""
        factors = (fibre, sheet, normal)
        intra = tuple(f * v for f, v in zip(factors, self.intra, strict=True))
        extra = tuple(f * v for f, v in zip(factors, self.extra, strict=True))
        return Conductivities((intra[0], intra[1], intra[2]), (extra[0], extra[1], extra[2]))

    def along(self, part: Part) -> Axes:
        """Return the three conductivities of `part`."""
        return {
            Part.MONODOMAIN: self.monodomain,
            Part.INTRACELLULAR: self.intra,
            Part.EXTRACELLULAR: self.extra,
            Part.BULK: self.bulk,
        }[part]


@dataclass(frozen=True)
class ConductivitySet:
    """A named literature set: the values, where they are from and when to use them."""

    conductivities: Conductivities
    source: str
    note: str


REGISTRY: dict[str, ConductivitySet] = {
    "niederer2011": ConductivitySet(
        Conductivities((0.17, 0.019, 0.019), (0.62, 0.24, 0.24)),
        "Niederer2011",
        "transversely isotropic, of the N-version benchmark; 0.61 and 0.22 mm/ms with tt2006",
    ),
    "clerc1976": ConductivitySet(
        Conductivities((0.174, 0.0193, 0.0193), (0.625, 0.236, 0.236)),
        "Clerc1976",
        "calf trabeculae, transversely isotropic; recalled from the paper",
    ),
    "roberts1982": ConductivitySet(
        Conductivities((0.34, 0.060, 0.060), (0.12, 0.080, 0.080)),
        "Roberts1982",
        "dog epicardium, transversely isotropic; recalled from the paper",
    ),
    "potse2006": ConductivitySet(
        Conductivities((0.3, 0.03, 0.03), (0.3, 0.12, 0.12)),
        "Potse2006",
        "human ventricles in a torso, transversely isotropic; recalled from the paper",
    ),
    "hooks2007": ConductivitySet(
        Conductivities((0.263, 0.0263, 0.008), (0.263, 0.245, 0.1087)),
        "Hooks2007",
        "pig, laminar sheets: three different axes; recalled from the paper",
    ),
}


def tensors(
    axes: Float,
    sets: Conductivities | Sequence[Conductivities],
    of_cell: Int | None = None,
    part: Part = Part.MONODOMAIN,
) -> Float:
    """Return the conductivity tensor of each cell, (m, 3, 3) in mS/mm.

    Parameters
    ----------
    axes
        (m, 3, 3) unit vectors, rows fibre, sheet and normal.
    sets
        One set, or several that `of_cell` chooses from.
    of_cell
        (m,) index into `sets`.
    part
        Which space.

    Raises
    ------
    ParameterError
        The axes of a cell are not orthonormal.
    """
    axes = np.asarray(axes, np.float64)
    off = np.abs(np.einsum("mai,mbi->mab", axes, axes) - np.eye(3)).max(axis=(1, 2), initial=0.0)
    if not np.all(off < 1e-6):
        worst = int(np.argmax(np.nan_to_num(off, nan=np.inf)))
        raise ParameterError(
            f"fibre, sheet and normal of cell {worst} are off by {off[worst]:.2g}",
            expected="three orthonormal axes",
        )
    listed = [sets] if isinstance(sets, Conductivities) else list(sets)
    table = np.array([one.along(part) for one in listed])
    index = np.zeros(len(axes), np.int64) if of_cell is None else np.asarray(of_cell)
    result: Float = np.einsum("ma,mai,maj->mij", table[index], axes, axes)
    return 0.5 * (result + result.transpose(0, 2, 1))
