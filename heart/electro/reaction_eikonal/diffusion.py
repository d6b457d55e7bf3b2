"""Diffusion of the potential between the cells: what smooths repolarisation.

On a mesh this coarse diffusion is not stiff, so a lumped explicit step with a few stages is all
that is needed: no solve, no reduction over ranks. The stages are those of the Runge–Kutta–Legendre
family [Meyer2014], whose stable step grows with the square of their number and which, unlike
Chebyshev stages without damping, bring no new extrema. Rows belong to ranks in contiguous ranges
of the mesh's space-filling order and each row is summed in the same order on any number of ranks,
so that results do not depend on it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from mpi4py import MPI
from numba import njit
from numpy.typing import NDArray

from heart.core.errors import ParameterError
from heart.numerics.eikonal import EikonalMesh
from heart.numerics.eikonal.threads import in_chunks

Float = NDArray[np.float64]
Int = NDArray[np.int32]

_MOST_STAGES = 12


@dataclass(frozen=True)
class Halo:
    """Which values a rank sends to and receives from each other one.

    Attributes
    ----------
    send, receive
        Own numbers of nodes, ordered by rank.
    send_counts, receive_counts
        (ranks,) how many of them go to or come from each.
    """

    send: Int
    receive: Int
    send_counts: NDArray[np.int32]
    receive_counts: NDArray[np.int32]


class Diffusion:
    """dV/dt = div(D grad V) on the conducting cells of a mesh, lumped, on a rank's own rows.

    Parameters
    ----------
    mesh
        Topology; its node order is used.
    diffusivity
        (m, 3, 3) mm2/ms for each of the caller's cells.
    comm
        Ranks that share the rows.
    """

    def __init__(self, mesh: EikonalMesh, diffusivity: Float, comm: MPI.Intracomm) -> None:
        tensor = np.ascontiguousarray(diffusivity, np.float64)
        if tensor.shape != (mesh.cell_count, 3, 3):
            raise ParameterError(
                f"diffusivity has shape {tensor.shape}",
                where="reaction-eikonal",
                expected=f"({mesh.cell_count}, 3, 3)",
            )
        n = len(mesh.points)
        self.comm = comm
        bounds = [n * rank // comm.size for rank in range(comm.size + 1)]
        self.first, self.last = bounds[comm.rank], bounds[comm.rank + 1]
        self.start, self.column = _pattern(
            mesh.cells, mesh.star_start, mesh.star, self.first, self.last
        )
        self.mass = np.zeros(n)
        self.rate = np.zeros(len(self.column))
        _assemble(
            mesh.points,
            mesh.cells,
            mesh.cell_row,
            tensor,
            self.first,
            self.last,
            self.start,
            self.column,
            self.rate,
            self.mass,
        )
        _scale(self.first, self.start, self.rate, self.mass)
        self.fastest = float(
            comm.allreduce(_gershgorin(self.start, self.rate), op=MPI.MAX)
        )
        self._halo = _halo(self.column, np.asarray(bounds), comm) if comm.size > 1 else None
        self._work = np.empty((2, n))

    def stages(self, dt: float) -> int:
        """Return how many stages a stable step of `dt` ms takes."""
        count = max(1, math.ceil(0.5 * (math.sqrt(1.0 + 4.0 * dt * self.fastest) - 1.0)))
        if count > _MOST_STAGES:
            raise ParameterError(
                f"a step of {dt:g} ms takes {count} stages of diffusion",
                where="reaction-eikonal",
                expected=f"at most {_MOST_STAGES}, that is a step of at most "
                f"{(_MOST_STAGES**2 + _MOST_STAGES) / self.fastest:.3g} ms",
                fix="take a shorter step, or remesh: the smallest cells set it",
            )
        return count

    def step(self, voltage: Float, dt: float, stages: int) -> None:
        """Advance `voltage` (n,) mV by `dt` ms in place, on the rank's own rows."""
        older, newer = voltage, self._work[0]
        share = 2.0 * dt / (stages * (stages + 1))
        self.exchange(voltage)
        self._stage(voltage, voltage, newer, 1.0, 0.0, share)
        for j in range(2, stages + 1):
            self.exchange(newer)
            # Nothing but the row itself is read of the oldest stage, so it can be overwritten.
            into = self._work[1] if older is voltage else older
            factor = (2.0 * j - 1.0) / j
            self._stage(newer, older, into, factor, (1.0 - j) / j, factor * share)
            older, newer = newer, into
        voltage[self.first : self.last] = newer[self.first : self.last]

    def _stage(
        self, at: Float, before: Float, out: Float, mu: float, nu: float, tau: float
    ) -> None:
        first, start, column, rate = self.first, self.start, self.column, self.rate

        def rows(begin: int, end: int) -> None:
            _multiply(first, begin, end, start, column, rate, at, before, out, mu, nu, tau)

        in_chunks(rows, self.last - first)

    def exchange(self, values: Float) -> None:
        """Fetch what other ranks own of the neighbours of the rank's rows."""
        if self._halo is None:
            return
        halo = self._halo
        got = np.empty(len(halo.receive))
        self.comm.Alltoallv(
            [np.ascontiguousarray(values[halo.send]), halo.send_counts],
            [got, halo.receive_counts],
        )
        values[halo.receive] = got

    def share(self, values: NDArray[Any]) -> None:
        """Make an array (n,) of which each rank has its own rows whole on all ranks."""
        if self.comm.size == 1:
            return
        own = np.ascontiguousarray(values[self.first : self.last])
        counts = np.array(self.comm.allgather(len(own)))
        self.comm.Allgatherv(own, [values, counts])


def _halo(column: Int, bounds: NDArray[np.int64], comm: MPI.Intracomm) -> Halo:
    first, last = bounds[comm.rank], bounds[comm.rank + 1]
    needed = np.unique(column)
    needed = needed[(needed < first) | (needed >= last)].astype(np.int32)
    owner = np.searchsorted(bounds, needed, side="right") - 1
    asked = [needed[owner == rank] for rank in range(comm.size)]
    send = comm.alltoall(asked)
    return Halo(
        send=np.concatenate(send).astype(np.int32),
        receive=needed,
        send_counts=np.array([len(part) for part in send], np.int32),
        receive_counts=np.array([len(part) for part in asked], np.int32),
    )


@njit(cache=True, nogil=True)
def _pattern(
    cells: NDArray[np.int32],
    star_start: NDArray[np.int32],
    star: NDArray[np.int32],
    first: int,
    last: int,
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return CSR of the neighbours of each row, itself included, ascending."""
    start = np.zeros(last - first + 1, np.int64)
    column = np.empty(0, np.int32)
    for sweep in range(2):
        for v in range(first, last):
            around = np.empty(4 * (star_start[v + 1] - star_start[v]), np.int32)
            k = 0
            for e in range(star_start[v], star_start[v + 1]):
                for corner in range(4):
                    around[k] = cells[star[e] >> 2, corner]
                    k += 1
            around.sort()
            count = 0
            for e in range(k):
                if e == 0 or around[e] != around[e - 1]:
                    if sweep == 1:
                        column[start[v - first] + count] = around[e]
                    count += 1
            if sweep == 0:
                start[v - first + 1] = start[v - first] + count
        if sweep == 0:
            column = np.empty(start[-1], np.int32)
    return start, column


@njit(cache=True, nogil=True, error_model="numpy")
def _assemble(
    points: NDArray[np.float64],
    cells: NDArray[np.int32],
    cell_row: NDArray[np.int64],
    tensor: NDArray[np.float64],
    first: int,
    last: int,
    start: NDArray[np.int64],
    column: NDArray[np.int32],
    rate: NDArray[np.float64],
    mass: NDArray[np.float64],
) -> None:
    sides = np.empty((3, 3))
    normal = np.empty((4, 3))
    flux = np.empty(3)
    for c in range(cells.shape[0]):
        for k in range(3):
            for j in range(3):
                sides[k, j] = points[cells[c, k + 1], j] - points[cells[c, 0], j]
        normal[0, :] = 0.0
        for k in range(3):
            a = sides[(k + 1) % 3]
            b = sides[(k + 2) % 3]
            normal[k + 1, 0] = a[1] * b[2] - a[2] * b[1]
            normal[k + 1, 1] = a[2] * b[0] - a[0] * b[2]
            normal[k + 1, 2] = a[0] * b[1] - a[1] * b[0]
            for j in range(3):
                normal[0, j] -= normal[k + 1, j]
        six = abs((sides[0] * normal[1]).sum())
        d = tensor[cell_row[c]]
        for a in range(4):
            v = cells[c, a]
            mass[v] += six / 24.0
            if v < first or v >= last:
                continue
            for j in range(3):
                flux[j] = (d[j] * normal[a]).sum()
            for b in range(4):
                low = start[v - first]
                high = start[v - first + 1]
                while high - low > 1:
                    middle = (low + high) // 2
                    if column[middle] <= cells[c, b]:
                        low = middle
                    else:
                        high = middle
                # gradients are normals / six, the volume is six / 6
                rate[low] -= (flux * normal[b]).sum() / (6.0 * six)


@njit(cache=True, nogil=True)
def _scale(
    first: int,
    start: NDArray[np.int64],
    rate: NDArray[np.float64],
    mass: NDArray[np.float64],
) -> None:
    for r in range(start.size - 1):
        for e in range(start[r], start[r + 1]):
            rate[e] /= mass[first + r]


@njit(cache=True, nogil=True)
def _gershgorin(start: NDArray[np.int64], rate: NDArray[np.float64]) -> float:
    most = 0.0
    for r in range(start.size - 1):
        total = 0.0
        for e in range(start[r], start[r + 1]):
            total += abs(rate[e])
        most = max(most, total)
    return most


@njit(cache=True, nogil=True, fastmath={"contract"})
def _multiply(
    first: int,
    begin: int,
    end: int,
    start: NDArray[np.int64],
    column: NDArray[np.int32],
    rate: NDArray[np.float64],
    at: NDArray[np.float64],
    before: NDArray[np.float64],
    out: NDArray[np.float64],
    mu: float,
    nu: float,
    tau: float,
) -> None:
    for r in range(begin, end):
        total = 0.0
        for e in range(start[r], start[r + 1]):
            total += rate[e] * at[column[e]]
        v = first + r
        out[v] = mu * at[v] + nu * before[v] + tau * total
