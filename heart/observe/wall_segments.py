"""Where in the ventricle a cell is: AHA segment, and the directions in which it is measured.

Labels and directions belong to cells of the reference configuration. The directions are those
that the fibres are turned from, so that a fibre of angle 0 and the circumferential direction are
the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.aha import SEGMENT_NAMES, segment_at
from heart.anatomy.fibres import FibreAngles, fibres
from heart.anatomy.frames import VentricularFields
from heart.anatomy.heart import VentricularCoordinates
from heart.anatomy.heart_mesh import HeartMesh
from heart.core.errors import MeshInputError
from heart.observe.wall_points import WallPoints, sums_by_label

Float = NDArray[np.float64]
Int = NDArray[np.integer]

COUNT = len(SEGMENT_NAMES)


@dataclass(frozen=True)
class Directions:
    """Unit vectors per cell, each (m, 3).

    Attributes
    ----------
    circumferential, longitudinal, radial
        Around the long axis, from apex to base along the wall, and outward through it. The sign
        of a direction does not enter a normal strain.
    fibre, cross_fibre
        The fibre, and the direction across it in the plane of the wall.
    """

    circumferential: Float
    longitudinal: Float
    radial: Float
    fibre: Float
    cross_fibre: Float


def cell_segments(coordinates: VentricularCoordinates, cells: Int) -> Int:
    """Return the AHA segment of each cell (m,), 0 in the RV free wall.

    The rotational coordinate is averaged over the nodes of a cell as an angle, because it jumps
    from 1 to 0 at the anterior insertion.

    Parameters
    ----------
    coordinates
        Per node (n,).
    cells
        (m, 4) or (m, 10) nodes of each cell; the first four are its vertices.
    """
    corners = np.asarray(cells)[:, :4]
    turn = np.exp(2j * np.pi * coordinates.rotational[corners]).mean(axis=1)
    rotational = np.mod(np.angle(turn) / (2.0 * np.pi), 1.0)
    chamber = np.where(coordinates.chamber[corners].mean(axis=1) > 0.0, 1, -1)
    found: Int = segment_at(coordinates.apicobasal[corners].mean(axis=1), rotational, chamber)
    return found


def heart_directions(
    mesh: HeartMesh,
    coordinates: VentricularCoordinates,
    fibre: Float,
    continuous: VentricularFields | None = None,
) -> Directions:
    """Return the directions of every cell of a heart.

    Parameters
    ----------
    mesh, coordinates
        The heart.
    fibre
        (m, 3) per cell.
    continuous
        From `ventricular_fields` when the caller has them already.
    """
    frame = fibres(
        mesh, coordinates, FibreAngles(0.0, 0.0, 0.0, 0.0), "cells", continuous=continuous
    )
    return _completed(frame.fibre, frame.normal, frame.sheet, fibre)


def axial_directions(outward: Float, up: Float, fibre: Float | None = None) -> Directions:
    """Return the directions of a body of revolution, where the outward normal is known.

    Parameters
    ----------
    outward
        (m, 3) normals of the surfaces of constant depth, of any length.
    up
        (3,) from apex to base.
    fibre
        (m, 3); circumferential by default.

    Raises
    ------
    MeshInputError
        An outward normal is parallel to the axis: there is no circumferential direction.
    """
    around = np.cross(np.asarray(up, float), outward)
    length = np.linalg.norm(around, axis=1)
    if (length <= 1e-12 * np.linalg.norm(outward, axis=1)).any():
        cell = int(np.argmin(length))
        raise MeshInputError(
            "no circumferential direction on the long axis",
            where=f"cell {cell}",
            fix="leave the cells on the axis out, or turn the mesh off it",
        )
    around /= length[:, None]
    radial = outward / np.linalg.norm(outward, axis=1, keepdims=True)
    along = np.cross(radial, around)
    return _completed(around, along, radial, around if fibre is None else fibre)


def _completed(around: Float, along: Float, radial: Float, fibre: Float) -> Directions:
    across = np.cross(radial, fibre)
    length = np.linalg.norm(across, axis=1, keepdims=True)
    # A fibre straight through the wall has no direction across it in the wall's plane.
    across = np.where(length > 1e-9, across / np.maximum(length, 1e-9), along)
    return Directions(around, along, radial, fibre, across)


def segment_means(points: WallPoints, labels: Int, values: Float) -> dict[int, Float]:
    """Return the volume-weighted mean of values (m, q, …) in each segment. Collective.

    Parameters
    ----------
    points
        Their volumes are the weights.
    labels
        (m,) segment of each of this rank's cells.

    Returns
    -------
    dict
        By segment number, without those that have no cell.
    """
    sizes = points.volume.sum(axis=1)
    weighted = np.einsum("mq,mq...->m...", points.volume, values)
    comm = points.space.comm
    volume = sums_by_label(comm, labels, sizes, COUNT)
    total = sums_by_label(comm, labels, weighted, COUNT)
    return {k: total[k] / volume[k] for k in range(COUNT) if volume[k] > 0.0}
