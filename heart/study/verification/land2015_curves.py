"""Load curves and lines of [Land2015] against tables: how far ours are off, in the worst point.

The tables come from other codes and finer meshes (`refdata/SOURCES.md`). Ours are compared where
we have them, at our load steps and nodes, with a cubic through the table; a motion is judged by
its share of the whole motion in the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from heart.study.verification.land2015_shapes import (
    ENDO_APEX,
    EPI_APEX,
    MIDDLE_LONG,
    Nodes,
    Ventricle,
)

Float = NDArray[np.float64]

FOLDER = Path(__file__).parent / "refdata"
REST_VOLUME = 2492.13
OFF_AXIS = 2.0


@dataclass(frozen=True)
class Off:
    """The largest difference from a table, and the largest motion in the table."""

    largest: float
    travel: float

    @property
    def share(self) -> float:
        """Difference as a share of the motion."""
        return self.largest / self.travel


@dataclass(frozen=True)
class Curves:
    """Load curves of the apices (mm) and the cavity (mm³)."""

    endo: Off
    epi: Off
    volume: Off


@dataclass(frozen=True)
class Midline:
    """The deformed mid-wall in its meridional plane (mm), and its twist about the axis (degrees).

    Attributes
    ----------
    place, off_axis
        Of all nodes, and of those from 2 mm off the axis on: fibres of problem 3 meet in the pole,
        where each mesh gives something else.
    twist
        From 2 mm off the axis on; on it there is none.
    """

    place: Off
    off_axis: Off
    twist: Off


def table(name: str) -> Float:
    """Return a reference table (rows, columns)."""
    return np.loadtxt(FOLDER / f"land2015_{name}.csv", delimiter=",", skiprows=1)


def load_curves(problem: int, ours: Ventricle) -> Curves:
    """Return how far the load curves of problem 2 or 3 are off, from the first row of its table."""
    rows = table(f"p{problem}_loadcurve")
    fraction = rows[:, 0] / rows[-1, 0]
    inside = (ours.load >= fraction[0] - 1e-9) & (ours.load <= fraction[-1] + 1e-9)

    def off(values: Float, column: int, rest: float) -> Off:
        reference = CubicSpline(fraction, rows[:, column])(ours.load[inside])
        travel = np.abs(rows[:, column] - rest).max()
        return Off(float(np.abs(values[inside] - reference).max()), float(travel))

    return Curves(
        off(ours.endo, 2, ENDO_APEX), off(ours.epi, 3, EPI_APEX), off(ours.volume, 4, REST_VOLUME)
    )


def midline(problem: int, middle: Nodes) -> Midline:
    """Return how far the nodes of the mid-wall are off, all around the axis."""
    R, Z, r, z, twist = table(f"p{problem}_midline").T
    along = np.arccos(-Z / MIDDLE_LONG)
    at = np.arccos(np.clip(-middle.reference[:, 2] / MIDDLE_LONG, -1.0, 1.0))
    at = np.minimum(at, along[-1])
    expected = np.column_stack([CubicSpline(along, column)(at) for column in (r, z)])
    found = np.column_stack([_radius(middle.deformed), middle.deformed[:, 2]])
    distance = np.linalg.norm(found - expected, axis=1)
    travel = float(np.hypot(r - R, z - Z).max())
    away = _radius(middle.reference) >= OFF_AXIS
    turned = twist_degrees(middle)[away] - CubicSpline(along, twist)(at[away])
    return Midline(
        Off(float(distance.max()), travel),
        Off(float(distance[away].max()), travel),
        Off(float(np.abs(turned).max()), float(np.abs(twist[R >= OFF_AXIS]).max())),
    )


def twist_degrees(nodes: Nodes) -> Float:
    """Return the angle (n,) by which nodes turn, counterclockwise as seen from the apex.

    The fibres of problem 3 are a right-handed helix at the endocardium and a left-handed one at
    the epicardium, whose longer lever turns the apex counterclockwise seen from there, that is
    backwards about +z. The table counts that as positive.
    """
    before, after = (x[:, 0] + 1j * x[:, 1] for x in (nodes.reference, nodes.deformed))
    return np.rad2deg(np.angle(before * after.conj()))


def beam_line(line: Nodes) -> Off:
    """Return how far the line (X, 0.5, 0.5) of the beam is off in its plane."""
    X, x, z = table("p1_line").T
    at = line.reference[:, 0]
    expected = np.column_stack([CubicSpline(X, column)(at) for column in (x, z)])
    off = np.linalg.norm(line.deformed[:, [0, 2]] - expected, axis=1)
    return Off(float(off.max()), float(np.hypot(x - X, z - 0.5).max()))


def _radius(points: Float) -> Float:
    return np.hypot(points[:, 0], points[:, 1])
