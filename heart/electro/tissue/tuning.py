"""Conductivities that give the wanted speeds on a mesh of given size, found once and cached.

What a clinic measures, and what an eikonal model is given, are speeds; what a reaction–diffusion
model needs are conductivities; between them stand the cell model, the scheme and the mesh size.
As in openCARP's tuneCV, speed goes with the square root of conductivity, so σ ← σ (v/v_h)² settles
in a few strands; a secant step on the logarithms takes the last error away.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from heart.core.cache import cached_arrays, content_hash
from heart.core.errors import NonlinearSolveError, NonPhysicalError, ParameterError
from heart.core.parameters import Parameter
from heart.core.progress import Telemetry, silent
from heart.electro.ionic.model import CellModel
from heart.electro.tissue.conductivity import Axes, Conductivities
from heart.electro.tissue.scheme import Scheme
from heart.electro.tissue.strand import plane_wave_speed

Float = NDArray[np.float64]

VERSION = 2
TOLERANCE = Parameter(0.005, "1", 1e-4, 0.1, "assumed", "error of the speed at which tuning stops")
MOST = 16
TYPICAL = 0.0953
SPEED = Parameter(0.6, "mm/ms", 0.02, 4.0, "assumed", "speed of a plane wave in muscle")


@dataclass(frozen=True)
class Tuned:
    """What was found. Tuned conductivities carry the mesh's error and are no material property.

    Attributes
    ----------
    factors
        By which the given set is multiplied along fibre, sheet and normal.
    monodomain
        The conductivities that result, mS/mm.
    speeds
        What they give on the strand, mm/ms.
    strands
        Strands simulated; 0 when the answer was cached.
    """

    factors: Axes
    monodomain: Axes
    speeds: Axes
    strands: int

    def tensors(self, axes: Float) -> Float:
        """Return σ per cell, (m, 3, 3) mS/mm, for unit vectors (m, 3, 3) in rows."""
        result: Float = np.einsum("a,mai,maj->mij", np.array(self.monodomain), axes, axes)
        return result


def tune(
    cell: CellModel,
    scheme: Scheme,
    edge_length: float,
    target: Sequence[float],
    base: Conductivities,
    *,
    surface_to_volume: float,
    capacitance: float,
    tolerance: float = TOLERANCE.value,
    telemetry: Telemetry | None = None,
) -> Tuned:
    """Scale conductivities until plane waves have the target speeds on a mesh of this size.

    Parameters
    ----------
    cell
        Model of the muscle.
    scheme
        Numerics as they will be used.
    edge_length
        Mean edge of the heart's tetrahedra in mm.
    target
        Speeds along fibre, sheet and normal, mm/ms.
    base
        Set whose ratio of intra- to extracellular conductivity is kept.
    surface_to_volume, capacitance
        χ in 1/mm and C_m in uF/mm².
    tolerance
        Largest relative error of a speed.
    telemetry
        Hears of progress.

    Raises
    ------
    NonPhysicalError
        No wave travels on such a mesh.
    NonlinearSolveError
        The speed could not be reached.
    """
    speeds = tuple(SPEED.check(float(v), name="target speed") for v in target)
    if len(speeds) != 3:
        raise ParameterError(f"{len(speeds)} target speeds", expected="fibre, sheet, normal")
    TOLERANCE.check(tolerance, name="tolerance of the tuning")
    scale = surface_to_volume * capacitance
    numerics = [(item.name, repr(getattr(scheme, item.name))) for item in fields(scheme)]
    key = content_hash(
        VERSION, cell.hash, numerics, edge_length, speeds, base.monodomain, scale, tolerance
    )
    ran: list[int] = []

    def make() -> dict[str, Float]:
        found: dict[tuple[float, float], tuple[float, float, int]] = {}
        with (telemetry or silent()).step("Tuning conduction velocity", 3.0) as step:
            for wanted, sigma in zip(speeds, base.monodomain, strict=True):
                if (wanted, sigma) not in found:
                    found[wanted, sigma] = _search(
                        cell, scheme, edge_length, wanted, sigma / scale, tolerance
                    )
                step.advance(1.0)
        ran.append(sum(item[2] for item in found.values()))
        rows = [found[w, s] for w, s in zip(speeds, base.monodomain, strict=True)]
        return {
            "factors": np.array([row[0] for row in rows]),
            "speeds": np.array([row[1] for row in rows]),
        }

    stored = cached_arrays("tuning", key, make)
    return Tuned(
        _axes(stored["factors"]),
        _axes(stored["factors"] * np.array(base.monodomain)),
        _axes(stored["speeds"]),
        ran[0] if ran else 0,
    )


def _axes(values: Float) -> Axes:
    return (float(values[0]), float(values[1]), float(values[2]))


def _search(
    cell: CellModel,
    scheme: Scheme,
    edge_length: float,
    wanted: float,
    diffusivity: float,
    tolerance: float,
) -> tuple[float, float, int]:
    """Return factor, speed and number of strands for one axis."""
    # Muscle of 0.0953 mm²/ms conducts at about 0.61 mm/ms; from there up until a wave travels.
    factor, speed = TYPICAL * (wanted / 0.61) ** 2 / diffusivity, math.nan
    below = 0.0
    seen: list[tuple[float, float]] = []
    for count in range(1, MOST + 1):
        try:
            speed = plane_wave_speed(
                cell, scheme, edge_length, diffusivity * factor, expected=wanted
            )
        except NonPhysicalError:
            if count > MOST // 2:
                raise
            below = factor
            factor *= 1.8 if not seen else math.sqrt(math.exp(seen[-1][0]) / factor)
            continue
        if abs(speed / wanted - 1.0) <= tolerance:
            return factor, speed, count
        seen.append((math.log(factor), math.log(speed / wanted)))
        slope = 0.5
        if len(seen) > 1:
            (x0, y0), (x1, y1) = seen[-2:]
            slope = min(max((y1 - y0) / (x1 - x0), 0.2), 5.0) if x1 != x0 else slope
        factor *= math.exp(-seen[-1][1] / slope)
        if factor <= below:
            factor = math.sqrt(below * math.exp(seen[-1][0]))
    raise NonlinearSolveError(
        f"no conductivity found for {wanted:g} mm/ms on edges of {edge_length:g} mm",
        where=f"last speed {speed:.4g} mm/ms at {factor:.4g} times the given set",
        fix="choose a set nearer to the wanted speeds, or a finer mesh",
    )
