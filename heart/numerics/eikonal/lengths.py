"""Squared edge lengths in the conduction metric: all that the solver knows about the material.

Redone for every member of an ensemble, so it is one compiled pass over the cells.  A row holds the
four node numbers and the six lengths of a cell in 64 bytes, one cache line, because the march
reads both together.  The top three bits of a node number tell which angles at that corner are
obtuse in the metric: only there can a later node improve an earlier one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from heart.core.errors import ParameterError
from heart.numerics.eikonal.mesh import EikonalMesh
from heart.numerics.eikonal.threads import in_chunks

_NO_TRIANGLES = np.empty((0, 3))


@dataclass(frozen=True)
class FibreMetric:
    """Conduction velocities along material axes.

    Attributes
    ----------
    fibres : (m, 3)
        Unit vectors along the fibre, one per cell of the caller's mesh.
    speeds : (3,) or (m, 3), mm/ms
        Velocities along fibre, sheet and normal; a cell with a speed that is not positive and
        finite does not conduct.
    sheets : (m, 3), optional
        Unit vectors in the sheet.  Without them velocity is the same in all directions across the
        fibre, and the last two speeds have to agree.
    """

    fibres: ArrayLike
    speeds: ArrayLike
    sheets: ArrayLike | None = None


@dataclass(frozen=True)
class Lengths:
    """Squared edge lengths, squared time, of cells and sheet triangles of one mesh.

    Attributes
    ----------
    tets : (m, 8) float64
        From `tetrahedron_lengths`: packed node numbers, then edges 01 02 03 12 13 23.
    triangles : (k, 3) float64
        From `triangle_lengths`: edges 01 12 20; inf where the sheet does not conduct.
    """

    tets: NDArray[np.float64]
    triangles: NDArray[np.float64]

    @property
    def edges(self) -> NDArray[np.float64]:
        """Squared lengths (m, 6) of edges 01 02 03 12 13 23; inf where a cell does not conduct."""
        return self.tets[:, 2:]

    @property
    def names(self) -> NDArray[np.uint32]:
        """Packed node numbers (m, 4)."""
        return self.tets.view(np.uint32)[:, :4]


@njit(cache=True, nogil=True)
def _fill(
    points: NDArray[np.float64],
    cells: NDArray[np.int32],
    row: NDArray[np.int64],
    first: int,
    last: int,
    tensor: NDArray[np.float64],
    f: NDArray[np.float64],
    s: NDArray[np.float64],
    speeds: NDArray[np.float64],
    two: bool,
    out: NDArray[np.float64],
    names: NDArray[np.int32],
) -> None:
    edge = np.empty(6)
    m = np.empty((3, 3))
    for c in range(first, last):
        r = row[c]
        good = True
        if tensor.shape[0] > 0:
            k = r if tensor.shape[0] > 1 else 0
            for i in range(3):
                for j in range(3):
                    m[i, j] = tensor[k, i, j]
                    good &= np.isfinite(m[i, j])
        else:
            k = r if speeds.shape[0] > 1 else 0
            for j in range(3):
                good &= speeds[k, j] > 0.0 and speeds[k, j] < np.inf
            if good:
                af = 1.0 / speeds[k, 0] ** 2
                an = 1.0 / speeds[k, 2] ** 2
                as_ = 1.0 / speeds[k, 1] ** 2
                if two:
                    for i in range(3):
                        for j in range(3):
                            m[i, j] = (af - an) * f[r, i] * f[r, j] + (an if i == j else 0.0)
                else:
                    # The normal is crossed out, not read, so that metric and axes cannot disagree.
                    n0 = f[r, 1] * s[r, 2] - f[r, 2] * s[r, 1]
                    n1 = f[r, 2] * s[r, 0] - f[r, 0] * s[r, 2]
                    n2 = f[r, 0] * s[r, 1] - f[r, 1] * s[r, 0]
                    normal = (n0, n1, n2)
                    for i in range(3):
                        for j in range(3):
                            m[i, j] = (
                                af * f[r, i] * f[r, j]
                                + as_ * s[r, i] * s[r, j]
                                + an * normal[i] * normal[j]
                            )
        e = 0
        for a in range(3):
            for b in range(a + 1, 4):
                x = points[cells[c, b], 0] - points[cells[c, a], 0]
                y = points[cells[c, b], 1] - points[cells[c, a], 1]
                z = points[cells[c, b], 2] - points[cells[c, a], 2]
                value = (
                    m[0, 0] * x * x
                    + m[1, 1] * y * y
                    + m[2, 2] * z * z
                    + 2.0 * (m[0, 1] * x * y + m[0, 2] * x * z + m[1, 2] * y * z)
                )
                edge[e] = value if good else np.inf
                good &= value > 0.0
                e += 1
        if not good:
            edge[:] = np.inf
        for j in range(6):
            out[c, 2 + j] = edge[j]
        bits0 = bits1 = bits2 = bits3 = 0
        if good:
            bits0 = _obtuse(edge[0], edge[1], edge[2], edge[3], edge[4], edge[5])
            bits1 = _obtuse(edge[0], edge[3], edge[4], edge[1], edge[2], edge[5])
            bits2 = _obtuse(edge[1], edge[3], edge[5], edge[0], edge[2], edge[4])
            bits3 = _obtuse(edge[2], edge[4], edge[5], edge[0], edge[1], edge[3])
        names[c, 0] = np.int32(cells[c, 0] | (bits0 << 29))
        names[c, 1] = np.int32(cells[c, 1] | (bits1 << 29))
        names[c, 2] = np.int32(cells[c, 2] | (bits2 << 29))
        names[c, 3] = np.int32(cells[c, 3] | (bits3 << 29))


@njit(cache=True, nogil=True)
def _obtuse(da: float, db: float, dc: float, ab: float, ac: float, bc: float) -> int:
    bits = 1 if da + db < ab else 0
    bits |= 2 if da + dc < ac else 0
    bits |= 4 if db + dc < bc else 0
    return bits


def tetrahedron_lengths(mesh: EikonalMesh, metric: FibreMetric | ArrayLike) -> NDArray[np.float64]:
    """Return the packed squared edge lengths of the conducting cells.

    Parameters
    ----------
    mesh : EikonalMesh
        The topology.
    metric : FibreMetric, (3, 3) or (cell count, 3, 3)
        Velocities along axes, or inverse squared-velocity tensors (ms^2/mm^2), one for all cells
        or one for each of the caller's cells.

    Returns
    -------
    ndarray (m, 8) float64
        For `Lengths.tets`.

    Raises
    ------
    ParameterError
        Shapes that do not fit the mesh; sheet and normal speeds that differ without sheet axes.
    """
    count = mesh.cell_count
    tensor, none = np.empty((0, 3, 3)), np.empty((0, 3))
    fibres = sheets = none
    speeds = np.ones((1, 3))
    two = False
    if isinstance(metric, FibreMetric):
        two = metric.sheets is None
        fibres = np.ascontiguousarray(metric.fibres, np.float64)
        sheets = none if two else np.ascontiguousarray(metric.sheets, np.float64)
        speeds = np.ascontiguousarray(metric.speeds, np.float64).reshape(-1, 3)
        if fibres.shape != (count, 3) or not (two or sheets.shape == (count, 3)):
            raise ParameterError("fibre axes do not fit the mesh", expected=f"({count}, 3)")
        if len(speeds) not in (1, count):
            raise ParameterError(
                f"{len(speeds)} rows of speeds", expected=f"one, or one for each of {count} cells"
            )
        if two and not np.array_equal(speeds[:, 1], speeds[:, 2], equal_nan=True):
            raise ParameterError(
                "sheet and normal speeds differ but no sheet axes are given",
                fix="give FibreMetric.sheets",
            )
    else:
        tensor = np.ascontiguousarray(metric, np.float64).reshape(-1, 3, 3)
        if len(tensor) not in (1, count):
            raise ParameterError(f"{len(tensor)} tensors", expected=f"one or {count}")
    rows = len(mesh.cells)
    raw = np.empty(8 * rows + 8)
    skip = (-raw.ctypes.data // 8) % 8
    out = raw[skip : skip + 8 * rows].reshape(rows, 8)
    names = out.view(np.int32)[:, :4]

    def fill(first: int, last: int) -> None:
        _fill(
            mesh.points,
            mesh.cells,
            mesh.cell_row,
            first,
            last,
            tensor,
            fibres,
            sheets,
            speeds,
            two,
            out,
            names,
        )

    in_chunks(fill, rows)
    return out


def triangle_lengths(mesh: EikonalMesh, speed: ArrayLike) -> NDArray[np.float64]:
    """Return the squared edge lengths of the fast sheet.

    Parameters
    ----------
    mesh : EikonalMesh
        The topology, with sheets.
    speed : float or (triangle count,), mm/ms
        Isotropic velocity in each of the caller's triangles; 0 or NaN takes one out.

    Returns
    -------
    ndarray (k, 3) float64
        For `Lengths.triangles`.

    Raises
    ------
    ParameterError
        A number of speeds that does not fit the mesh.
    """
    given = np.asarray(speed, np.float64)
    if given.shape not in ((), (mesh.triangle_count,)):
        raise ParameterError(
            f"sheet speed has shape {given.shape}", expected=f"one or {mesh.triangle_count} values"
        )
    if not len(mesh.triangles):
        return _NO_TRIANGLES
    rows = np.broadcast_to(given, (mesh.triangle_count,))[mesh.triangle_row]
    active = np.isfinite(rows) & (rows > 0.0)
    slow = np.full(len(rows), np.inf)
    slow[active] = rows[active] ** -2.0
    corners = mesh.points[mesh.triangles]
    sides = np.roll(corners, -1, axis=1) - corners
    return np.ascontiguousarray(np.einsum("kij,kij->ki", sides, sides) * slow[:, None])
