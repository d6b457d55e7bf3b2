"""Positions of the ten electrodes, where they come from, and how they may be wrong.

Electrode placement is one of the larger sources of error of a 12-lead ECG, so jitter along the
skin belongs to the data type and not to a study.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heart.core import units
from heart.core.errors import MissingDataError, ParameterError
from heart.core.parameters import Parameter
from heart.observe.leads import ELECTRODES

Float = NDArray[np.float64]

JITTER = Parameter(
    10.0, "mm", 0.0, 40.0, "assumed", "standard deviation of an electrode along the skin per axis"
)


@dataclass(frozen=True)
class Electrodes:
    """Ten electrodes on the skin.

    Attributes
    ----------
    positions
        (10, 3) mm RAS, in the order `heart.observe.leads.ELECTRODES`.
    source
        Where they come from, for the report.
    """

    positions: Float
    source: str = "given"

    def __post_init__(self) -> None:
        if self.positions.shape != (10, 3) or not np.isfinite(self.positions).all():
            raise MissingDataError(
                f"electrode positions have shape {self.positions.shape} or are not finite",
                expected=f"10 points in the order {', '.join(ELECTRODES)}",
            )

    def moved(self, rotation: Float, translation: Float) -> Electrodes:
        """Return the electrodes after x → rotation x + translation."""
        return Electrodes(self.positions @ rotation.T + translation, self.source)

    def jittered(
        self, generator: np.random.Generator, deviation: float = JITTER.value
    ) -> Electrodes:
        """Return electrodes displaced by independent normal errors of `deviation` mm per axis.

        The lead field projects them back onto the skin.
        """
        JITTER.check(deviation, name="electrode jitter")
        shift = generator.normal(0.0, deviation, (10, 3)) if deviation > 0.0 else np.zeros((10, 3))
        return Electrodes(self.positions + shift, f"{self.source}, jitter {deviation:g} mm")


def read_csv(path: Path, unit: str) -> Electrodes:
    """Read electrodes from a CSV file.

    Parameters
    ----------
    path
        Ten rows ``x, y, z`` in the order of `ELECTRODES`, or rows ``name, x, y, z`` in any order.
        A header row and lines that begin with ``#`` are skipped.
    unit
        Unit of the numbers, e.g. ``"cm"``: a CSV file does not carry it.

    Raises
    ------
    MissingDataError
        An electrode is missing, named twice, or a row is not three numbers.
    UnitError
        `unit` is not a length.
    ParameterError
        The electrodes lie so near or so far apart that the unit must be wrong.
    """
    scale = units.parse(f"1 {unit}", "mm", where=path.name)
    named: dict[str, list[float]] = {}
    with path.open(newline="", encoding="utf-8") as stream:
        for number, row in enumerate(csv.reader(stream), 1):
            cells = [cell.strip() for cell in row if cell.strip()]
            if not cells or cells[0].startswith("#"):
                continue
            name = cells[0].upper() if len(cells) == 4 else ""
            try:
                xyz = [float(cell) for cell in cells[-3:]]
            except ValueError:
                if not named:
                    continue
                xyz = []
            if not name and len(cells) == 3 and len(named) < len(ELECTRODES):
                name = ELECTRODES[len(named)]
            if len(xyz) != 3 or name not in ELECTRODES or name in named:
                raise MissingDataError(
                    f"cannot use the row {','.join(row)!r}",
                    where=f"{path.name}:{number}",
                    expected=f"[name,] x, y, z for each of {', '.join(ELECTRODES)}, once",
                )
            named[name] = xyz
    missing = [name for name in ELECTRODES if name not in named]
    if missing:
        raise MissingDataError(f"electrodes {', '.join(missing)} are missing", where=path.name)
    positions = scale * np.array([named[name] for name in ELECTRODES])
    extent = float(np.linalg.norm(np.ptp(positions, axis=0)))
    if not 150.0 <= extent <= 1500.0:
        raise ParameterError(
            f"electrodes span {extent:.3g} mm",
            where=path.name,
            expected="150 to 1500 mm",
            fix=f"check that the numbers are in {unit}",
        )
    return Electrodes(positions, f"read from {path.name}")
