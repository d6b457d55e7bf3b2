"""What a fit of the passive law found, as plain data for numbers, tables and figures."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heart.mechanics.klotz import KlotzCurve

Float = NDArray[np.float64]


@dataclass(frozen=True)
class FittedParameter:
    """A parameter of the law: where the fit began and ended, and its plausible range."""

    name: str
    unit: str
    start: float
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class FittedLaw:
    """A law fitted to a filling curve, with its reference.

    Attributes
    ----------
    law
        Its name.
    factors
        On the stiffnesses and exponents of the start, by name.
    parameters
        Those that were changed; of the first entry where they differ between places.
    pressures, volumes, targets
        (k,) kPa and mm³: of the left ventricle, and on the curve.
    rest
        Volume of the reference, mm³.
    klotz
        The curve, with its own volume at rest.
    steps, curves
        Steps of the fit, and filling curves computed in all.
    """

    law: str
    factors: Mapping[str, float]
    parameters: tuple[FittedParameter, ...]
    pressures: Float
    volumes: Float
    targets: Float
    rest: float
    klotz: KlotzCurve
    steps: int
    curves: int

    @property
    def errors(self) -> Float:
        """Relative errors of the volumes, (k,)."""
        return np.asarray(self.volumes / self.targets - 1.0)

    @property
    def worst(self) -> int:
        """Index of the largest error."""
        return int(np.argmax(np.abs(self.errors)))


def fit_quantities(fitted: FittedLaw) -> dict[str, tuple[float, str]]:
    """Return {name: (value, unit)} for qoi.json; names begin with ``fit``."""
    found: dict[str, tuple[float, str]] = {}
    for one in fitted.parameters:
        name = f"fit.{one.name}"
        found[name] = (one.value, one.unit)
        found |= {
            f"{name}.{part}": (getattr(one, part), one.unit) for part in ("start", "low", "high")
        }
    found |= {f"fit.factor.{name}": (value, "1") for name, value in fitted.factors.items()}
    found["fit.error.worst"] = (float(np.abs(fitted.errors).max()), "1")
    found["fit.error.rms"] = (float(np.sqrt(np.mean(fitted.errors**2))), "1")
    found["fit.error.pressure"] = (float(fitted.pressures[fitted.worst]), "kPa")
    found["fit.rest.volume"] = (fitted.rest, "mm3")
    found["fit.klotz.rest.volume"] = (fitted.klotz.rest, "mm3")
    found["fit.klotz.thirty.volume"] = (fitted.klotz.thirty, "mm3")
    found["fit.steps"] = (fitted.steps, "1")
    found["fit.curves"] = (fitted.curves, "1")
    return found


def write_curve(fitted: FittedLaw, path: Path) -> Path:
    """Write the fitted filling curve beside the other, from rest on, with units in its head."""
    rows: list[list[Any]] = [["lv_pressure_kPa", "lv_volume_mm3", "klotz_volume_mm3", "error"]]
    first = (0.0, fitted.rest, fitted.klotz.rest, fitted.rest / fitted.klotz.rest - 1.0)
    table = np.column_stack([fitted.pressures, fitted.volumes, fitted.targets, fitted.errors])
    rows += [[f"{value:.8g}" for value in row] for row in np.vstack([first, table])]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(rows)
    return path
