"""Conductivities that give the wanted speeds on a mesh of given size, found once and cached.

What a clinic measures, and what an eikonal model is given, are speeds; what a reaction–diffusion
model needs are conductivities; between them stand the cell model, the scheme and the mesh size.
As in openCARP's tuneCV, speed goes roughly with the square root of conductivity. But not of one:
on a heart's mesh a wave across the fibre is carried in part by the conductivity along it, so each
strand has the whole tensor, and the three axes are solved for together. Where the kind of the
mesh is known, a block of that kind takes the strand's place and all directions count
(`heart.electro.tissue.octant`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.block import Grain
from heart.core.cache import cached_arrays, content_hash
from heart.core.errors import NonlinearSolveError, NonPhysicalError, ParameterError
from heart.core.parameters import Parameter
from heart.core.progress import Telemetry, silent
from heart.electro.ionic.model import CellModel
from heart.electro.tissue import octant
from heart.electro.tissue.conductivity import Axes, Conductivities
from heart.electro.tissue.octant import spread
from heart.electro.tissue.scheme import Scheme
from heart.electro.tissue.strand import plane_wave_speed

Float = NDArray[np.float64]
Int = NDArray[np.integer]

VERSION = 4
TOLERANCE = Parameter(0.005, "1", 1e-4, 0.1, "assumed", "error of the speed at which tuning stops")
MOST = 24
SQUARE_ROOT = 0.5
LARGEST_CHANGE = 1.0
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
        What they give on the strand or in the block, mm/ms.
    strands
        Strands or blocks simulated; 0 when the answer was cached.
    latency
        ms from the onset of a stimulus to the start of the eikonal wave that arrives with the
        spreading one; 0 where it was not measured, on a strand.
    """

    factors: Axes
    monodomain: Axes
    speeds: Axes
    strands: int
    latency: float = 0.0

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
    grain: Grain | None = None,
    tolerance: float = TOLERANCE.value,
    telemetry: Telemetry | None = None,
) -> Tuned:
    """Scale conductivities until waves have the target speeds on a mesh of this size.

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
    grain
        Kind of the heart's mesh: waves that spread in a block of it, in all directions. None:
        plane waves along the axes, on strands of an irregular lattice.
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
        VERSION, cell.hash, numerics, edge_length, speeds, base.monodomain, scale, tolerance,
        *(() if grain is None else (repr(grain), octant.VERSION)),
    )  # fmt: skip
    ran: list[int] = []

    def make() -> dict[str, Float]:
        diffusivity = np.array(base.monodomain) / scale
        wanted, latency = np.array(speeds), list[float]()
        mesh: _Strands | _Blocks
        if grain is None:
            mesh = _Strands(cell, scheme, edge_length, wanted, diffusivity)
        else:
            mesh = _Blocks(cell, scheme, edge_length, wanted, diffusivity, grain, latency)
        factors, found, strands = _search(mesh, tolerance, telemetry or silent())
        ran.append(strands)
        return {"factors": factors, "speeds": found, "latency": np.array(latency[-1:] or [0.0])}

    stored = cached_arrays("tuning", key, make)
    return Tuned(
        _axes(stored["factors"]),
        _axes(stored["factors"] * np.array(base.monodomain)),
        _axes(stored["speeds"]),
        ran[0] if ran else 0,
        float(stored["latency"][0]),
    )


def _axes(values: Float) -> Axes:
    return (float(values[0]), float(values[1]), float(values[2]))


@dataclass(frozen=True)
class _Strands:
    """Waves along each axis of a tensor; equal axes are simulated once."""

    cell: CellModel
    scheme: Scheme
    edge: float
    wanted: Float
    diffusivity: Float

    @property
    def distinct(self) -> Int:
        """For each axis the first that is its equal."""
        pairs = np.column_stack([self.wanted, self.diffusivity])
        _, first, index = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
        same: Int = first[index.reshape(-1)]
        return same

    def speeds(self, factors: Float) -> Float:
        """Return the speed along each axis; NaN where no wave travels."""
        tensor, found = factors * self.diffusivity, np.full(3, np.nan)
        for axis in np.unique(self.distinct):
            turned = np.roll(tensor, -axis)
            try:
                found[axis] = plane_wave_speed(
                    self.cell, self.scheme, self.edge, turned.tolist(),
                    expected=float(self.wanted[axis]),
                )  # fmt: skip
            except NonPhysicalError:
                continue
        return found[self.distinct]


@dataclass(frozen=True)
class _Blocks:
    """Waves that spread in a block of the heart's kind of mesh; `latency` hears of each."""

    cell: CellModel
    scheme: Scheme
    edge: float
    wanted: Float
    diffusivity: Float
    grain: Grain
    latency: list[float]

    @property
    def distinct(self) -> Int:
        """Each axis for itself: one simulation has them all."""
        return np.arange(3)

    def speeds(self, factors: Float) -> Float:
        """Return the speed along each axis; NaN where no wave spreads."""
        try:
            found = spread(
                self.cell, self.scheme, self.edge, factors * self.diffusivity, self.wanted,
                self.grain,
            )  # fmt: skip
        except NonPhysicalError:
            return np.full(3, np.nan)
        self.latency.append(found.latency)
        return found.speeds


def _search(
    strands: _Strands | _Blocks, tolerance: float, telemetry: Telemetry
) -> tuple[Float, Float, int]:
    """Return factors (3,), speeds (3,) and the number of strands.

    Broyden's method on logarithms. The three axes are found together because each speed depends
    on all three conductivities.
    """
    wanted, same = strands.wanted, strands.distinct
    axes = np.unique(same)
    # Muscle of 0.0953 mm²/ms conducts at about 0.61 mm/ms; from there up until waves travel.
    factors = TYPICAL * (wanted / 0.61) ** 2 / strands.diffusivity
    slope = SQUARE_ROOT * np.eye(len(axes))
    speeds = np.full(3, np.nan)
    before: tuple[Float, Float] | None = None
    with telemetry.step("Tuning conduction velocity", float(MOST)) as step:
        for count in range(1, MOST + 1):
            speeds = strands.speeds(factors)
            step.advance(1.0)
            if np.isnan(speeds).any():
                if before is None:
                    factors = factors * np.where(np.isnan(speeds), 1.8, 1.3)
                else:
                    factors = np.sqrt(factors * np.exp(before[0])[np.searchsorted(axes, same)])
                continue
            error = np.log(speeds / wanted)
            if np.abs(error).max() <= tolerance:
                return factors, speeds, count * len(axes)
            now = np.log(factors)[axes]
            if before is not None:
                moved, changed = now - before[0], error[axes] - before[1]
                slope += np.outer(changed - slope @ moved, moved) / (moved @ moved)
            before = (now, error[axes])
            change = np.linalg.solve(slope, -error[axes])
            change *= min(1.0, LARGEST_CHANGE / np.abs(change).max())
            factors = np.exp(now + change)[np.searchsorted(axes, same)]
    raise NonlinearSolveError(
        f"no conductivities found for {_text(wanted)} mm/ms on edges of {strands.edge:g} mm",
        where=f"last speeds {_text(speeds)} at {_text(factors)} times the given set",
        fix="choose a set nearer to the wanted speeds, or a finer mesh",
    )


def _text(values: Float) -> str:
    return ", ".join(f"{value:.3g}" for value in values)
