"""Rule-based fibres, linear in depth, without the jump of the usual implementation.

The usual rule [Bayer2012] interpolates by quaternions between an endocardial and an epicardial
frame that are already rotated by the depth-dependent angle; once these differ by more than 90
degrees the shorter way round is the wrong one and the angle jumps in mid-wall.  Here the frame
(circumferential, longitudinal, transmural) is built without any angle, and rotated once by the
angle of its depth.  Where the two ventricles join, their fibres are averaged as axes
(Σ w f fᵀ), because a fibre has no head and no tail.

Sign: positive is counter-clockwise from circumferential, seen from the epicardium with the base
up.  A healthy LV goes from about +60 degrees at the endocardium to −60 at the epicardium.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.frames import VentricularFields, smooth_step, ventricular_fields
from heart.anatomy.heart import FibreField, VentricularCoordinates
from heart.anatomy.heart_mesh import HeartMesh
from heart.core.errors import MeshInputError, NonFiniteError
from heart.core.parameters import Parameter
from heart.numerics import tetrahedra
from heart.numerics.geodesic import unit

Float = NDArray[np.float64]

ALPHA_ENDO = Parameter(
    math.radians(60.0), "rad", -math.pi / 2, math.pi / 2, "Streeter1969", "right-handed helix"
)
ALPHA_EPI = Parameter(
    math.radians(-60.0), "rad", -math.pi / 2, math.pi / 2, "Streeter1969", "left-handed helix"
)
BETA_ENDO = Parameter(
    math.radians(-65.0), "rad", -math.pi / 2, math.pi / 2, "Bayer2012", "sheet against transmural"
)
BETA_EPI = Parameter(
    math.radians(25.0), "rad", -math.pi / 2, math.pi / 2, "Bayer2012", "sheet against transmural"
)
_LIMITS = {
    "alpha_endo": ALPHA_ENDO,
    "alpha_epi": ALPHA_EPI,
    "beta_endo": BETA_ENDO,
    "beta_epi": BETA_EPI,
}


@dataclass(frozen=True)
class FibreAngles:
    """Angles at the inner and the outer surface in radians, linear in depth between.

    `alpha` turns the fibre from circumferential, `beta` the sheet from transmural, about the
    fibre.
    """

    alpha_endo: float = ALPHA_ENDO.value
    alpha_epi: float = ALPHA_EPI.value
    beta_endo: float = BETA_ENDO.value
    beta_epi: float = BETA_EPI.value

    def __post_init__(self) -> None:
        for item in fields(self):
            _LIMITS[item.name].check(getattr(self, item.name), name=item.name)


def fibres(
    mesh: HeartMesh,
    coordinates: VentricularCoordinates,
    angles: FibreAngles | None = None,
    at: Literal["cells", "nodes"] | Float = "cells",
    *,
    continuous: VentricularFields | None = None,
) -> FibreField:
    """Return fibre, sheet and normal directions.

    Parameters
    ----------
    mesh, coordinates
        The heart and its coordinates (n,).  Directions come from the continuous fields behind
        the coordinates, which do not jump where the ventricles join.
    angles
        `FibreAngles`; the defaults when None.
    at
        ``"cells"`` (centroids), ``"nodes"``, or barycentric coordinates (q, 4) of quadrature
        points, which gives q rows per cell.
    continuous
        From `ventricular_fields` when the caller has them already; solved for otherwise.

    Returns
    -------
    FibreField
        Rows (m, 3), (n, 3) or (m q, 3); orthonormal to 1e-10, right-handed.

    Raises
    ------
    MeshInputError
        The coordinates are not of this mesh.
    NonFiniteError
        A direction is not finite: the mesh is degenerate there.
    """
    if len(coordinates.transmural) != len(mesh.points):
        raise MeshInputError(
            f"{len(coordinates.transmural)} coordinates for {len(mesh.points)} nodes",
            fix="compute the coordinates of this mesh",
        )
    angles = FibreAngles() if angles is None else angles
    known = ventricular_fields(mesh) if continuous is None else continuous
    weights = np.full((1, 4), 0.25) if isinstance(at, str) else np.atleast_2d(at)

    def sample(nodal: Float) -> Float:
        if isinstance(at, str) and at == "nodes":
            return nodal
        values = np.einsum("qi,mi...->mq...", weights, nodal[mesh.cells])
        return values.reshape(-1, *nodal.shape[1:])

    def ventricle(depth: Float, height: Float) -> tuple[Float, Float]:
        outward, upward = _nodal_gradient(mesh, depth), _nodal_gradient(mesh, height)
        return _rotated(sample(outward), sample(upward), sample(depth), angles)

    left = ventricle(known.depth_lv, known.height_lv)
    if not mesh.has_rv:
        return _checked(*left)
    right = ventricle(known.depth_rv, known.height_rv)
    return _checked(*_blended(left, right, smooth_step(sample(known.chamber))))


def helix_angle(fibre: Float, outward: Float, upward: Float) -> Float:
    """Return the helix angle of fibres (k, 3) in a given local frame, (k,) in (−π/2, π/2].

    Parameters
    ----------
    fibre, outward, upward
        (k, 3) fibre, transmural direction outward and any direction with a component towards
        the base.
    """
    around, along, _ = _frame(outward, upward)
    x, y = np.sum(fibre * around, axis=1), np.sum(fibre * along, axis=1)
    flip = np.where(x < 0.0, -1.0, 1.0)
    return np.arctan2(flip * y, flip * x)


def _nodal_gradient(mesh: HeartMesh, nodal: Float) -> Float:
    gradient = tetrahedra.cell_gradients(mesh.points, mesh.cells, nodal)
    return tetrahedra.cells_to_nodes(mesh.points, mesh.cells, gradient)


def _frame(outward: Float, upward: Float) -> tuple[Float, Float, Float]:
    """Return circumferential, longitudinal and transmural unit vectors, each (k, 3).

    Where a direction vanishes or both are parallel (at the apex, and in the other ventricle's
    wall), any perpendicular one is taken: the frame is always orthonormal.
    """
    tiny = 1e-8 * max(float(np.linalg.norm(outward, axis=1).max(initial=0.0)), 1e-300)
    flat = np.linalg.norm(outward, axis=1) <= tiny
    through = unit(np.where(flat[:, None], [1.0, 0.0, 0.0], outward))
    up = unit(upward)
    along = up - np.sum(up * through, axis=1, keepdims=True) * through
    lost = np.linalg.norm(along, axis=1) < 1e-6
    axis = np.eye(3)[np.argmin(np.abs(through), axis=1)]
    spare = axis - np.sum(axis * through, axis=1, keepdims=True) * through
    along = unit(np.where(lost[:, None], spare, along))
    along = unit(along - np.sum(along * through, axis=1, keepdims=True) * through)
    return np.cross(along, through), along, through


def _rotated(
    outward: Float, upward: Float, depth: Float, angles: FibreAngles
) -> tuple[Float, Float]:
    """Return fibre and sheet (k, 3) of one ventricle: its frame rotated once by its depth."""
    around, along, through = _frame(outward, upward)
    t = depth[:, None]
    alpha = (1.0 - t) * angles.alpha_endo + t * angles.alpha_epi
    beta = (1.0 - t) * angles.beta_endo + t * angles.beta_epi
    fibre = np.cos(alpha) * around + np.sin(alpha) * along
    across = -np.sin(alpha) * around + np.cos(alpha) * along
    return fibre, np.cos(beta) * through + np.sin(beta) * across


def _blended(
    left: tuple[Float, Float], right: tuple[Float, Float], share: Float
) -> tuple[Float, Float]:
    """Average fibres and sheets as axes; `share` (k,) is 0 for left and 1 for right."""
    mixed = (share > 0.0) & (share < 1.0)
    result: list[Float] = []
    for one, other in zip(left, right, strict=True):
        whole = np.where(share[:, None] >= 1.0, other, one)
        w = share[mixed, None, None]
        tensor = (1.0 - w) * one[mixed, :, None] * one[mixed, None, :]
        tensor += w * other[mixed, :, None] * other[mixed, None, :]
        if len(result) == 1:
            fibre = result[0][mixed]
            project = np.eye(3) - fibre[:, :, None] * fibre[:, None, :]
            tensor = project @ tensor @ project
        whole[mixed] = np.linalg.eigh(tensor)[1][:, :, 2]
        result.append(whole)
    return result[0], result[1]


def _checked(fibre: Float, sheet: Float) -> FibreField:
    """Orthonormalise and refuse what is not finite."""
    fibre = unit(fibre)
    _, sheet, normal = _completed(fibre, sheet)
    if not (np.isfinite(fibre).all() and np.isfinite(sheet).all()):
        raise NonFiniteError("a fibre direction is not finite", fix="check the mesh quality")
    return FibreField(fibre=fibre, sheet=sheet, normal=normal)


def _completed(fibre: Float, sheet: Float) -> tuple[Float, Float, Float]:
    """Make `sheet` perpendicular to `fibre` and add the normal."""
    for _ in range(2):
        sheet = unit(sheet - np.sum(sheet * fibre, axis=1, keepdims=True) * fibre)
    return fibre, sheet, np.cross(fibre, sheet)
