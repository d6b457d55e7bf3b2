"""Whether a pacing electrode excites the muscle it touches.

An electrode cannot excite what is not excitable. The muscle within a few millimetres of the tip
decides: mostly scar core, and the site does not capture; a good part scar or border zone, and it
captures late, because the wave has to find its way out. The rule is coarse and says so in each
site's note; a site that does not capture is reported, never dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.heart_mesh import HeartMesh, Tissue
from heart.core.parameters import Parameter
from heart.numerics import tetrahedra

Float = NDArray[np.float64]

PARAMETERS: dict[str, Parameter] = {
    "radius": Parameter(5.0, "mm", 1.0, 15.0, "assumed", "muscle that decides about capture"),
    "core_limit": Parameter(0.5, "1", 0.0, 1.0, "assumed", "more scar core: no capture"),
    "slow_limit": Parameter(0.2, "1", 0.0, 1.0, "assumed", "more scar or border: late exit"),
    "exit_delay_low": Parameter(20.0, "ms", 0.0, 100.0, "assumed", "at the slow limit"),
    "exit_delay_high": Parameter(40.0, "ms", 0.0, 100.0, "assumed", "at the core limit"),
    "off_surface": Parameter(5.0, "mm", 0.0, 20.0, "assumed", "farther from the wall: refused"),
    "patch_radius": Parameter(2.5, "mm", 0.5, 10.0, "assumed", "muscle excited at once; 2 to 3"),
}


@dataclass(frozen=True)
class Capture:
    """What an electrode does to the muscle around it.

    Attributes
    ----------
    captured
        Whether it excites the muscle.
    core_fraction, scar_fraction
        Share of the muscle around the tip that is scar core; core or border zone.
    exit_delay
        ms between the stimulus and the wave leaving the patch.
    note
        The same in words; empty for healthy muscle.
    """

    captured: bool
    core_fraction: float
    scar_fraction: float
    exit_delay: float
    note: str


def assess(
    mesh: HeartMesh, points: Float, *, radius: float = PARAMETERS["radius"].value
) -> list[Capture]:
    """Judge capture at electrode tips.

    Parameters
    ----------
    mesh
        The heart; its `tissue` says what is scar.
    points
        (k, 3) mm.
    radius
        mm around the tip that counts.

    Returns
    -------
    list
        One `Capture` for each point.
    """
    points = np.atleast_2d(points)
    centres = mesh.points[mesh.cells].mean(axis=1)
    volume = tetrahedra.volumes(mesh.points, mesh.cells)
    if not (mesh.tissue != Tissue.HEALTHY).any():
        return [Capture(True, 0.0, 0.0, 0.0, "")] * len(points)
    core = np.where(mesh.tissue == Tissue.CORE, volume, 0.0)
    abnormal = np.where(mesh.tissue != Tissue.HEALTHY, volume, 0.0)
    result = []
    for point in points:
        distance = np.linalg.norm(centres - point, axis=1)
        near = distance <= max(radius, float(distance.min()))
        total = float(volume[near].sum())
        result.append(rule(float(core[near].sum()) / total, float(abnormal[near].sum()) / total))
    return result


def rule(core: float, abnormal: float) -> Capture:
    """Return the outcome for a share `core` of scar core and `abnormal` of core or border zone."""
    limit, slow = PARAMETERS["core_limit"].value, PARAMETERS["slow_limit"].value
    if core > limit:
        note = f"no capture: {100 * core:.0f} % of the muscle at the tip is scar core"
        return Capture(False, core, abnormal, 0.0, note)
    if abnormal < slow:
        return Capture(True, core, abnormal, 0.0, "")
    low, high = PARAMETERS["exit_delay_low"].value, PARAMETERS["exit_delay_high"].value
    delay = low + (high - low) * min((abnormal - slow) / max(limit - slow, 1e-12), 1.0)
    note = f"captures {delay:.0f} ms late: {100 * abnormal:.0f} % scar or border zone at the tip"
    return Capture(True, core, abnormal, delay, note)
