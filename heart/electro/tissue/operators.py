"""Mass and stiffness of a tissue, assembled once; every step is then products with vectors.

Cells that do not conduct (scar) are left out of both integrals: the tissue ends there and no
current crosses. A node that has only such cells around it is no unknown at all; it keeps no state
and no rank computes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import ufl
from dolfinx import fem
from mpi4py import MPI
from numpy.typing import NDArray

from heart.core.errors import MeshInputError, ParameterError
from heart.electro.tissue.halo import Halo
from heart.electro.tissue.slices import Pattern, Real, pattern, product
from heart.electro.tissue.space import TissueSpace
from heart.numerics.eikonal.mesh import along_curve

Float = NDArray[np.float64]
Int = NDArray[np.integer]


@dataclass(frozen=True)
class TissueOperators:
    """The rows of this rank of mass and stiffness over the nodes that conduct.

    Vectors hold the `rows` unknowns, padding to a multiple of eight, and the ghosts; `vector`
    makes one.

    Attributes
    ----------
    space
        Where the nodes are.
    nodes
        (n,) global index of each unknown of this rank.
    pattern
        Columns of the rows.
    mass, stiffness
        Off-diagonal entries, in mm3 and mm3 times the unit of the tensor per mm2.
    lumped
        (padded,) row sums of the mass in mm3; 1 in the padding.
    halo
        Ghosts of the vectors.
    """

    space: TissueSpace
    nodes: Int
    pattern: Pattern
    mass: Real
    stiffness: Real
    lumped: Float
    halo: Halo

    @property
    def rows(self) -> int:
        """Number of unknowns of this rank."""
        return len(self.nodes)

    @property
    def comm(self) -> MPI.Intracomm:
        """The ranks that share the tissue."""
        return self.space.comm

    def vector(self, values: Float | None = None) -> Float:
        """Return a vector: zero, or from a global array (nodes,)."""
        result = np.zeros(self.pattern.padded + self.halo.ghosts)
        if values is not None:
            result[: self.rows] = np.asarray(values, np.float64)[self.nodes]
        return result

    def gather(self, values: Float, elsewhere: float = np.nan) -> Float:
        """Return the rows of a vector as one global array (nodes,), equal on all ranks."""
        return self.space.gather(self.nodes, values[: self.rows], elsewhere)

    def apply(self, values: Real, sums: Float, x: Float, out: Float) -> None:
        """Write the product with a matrix of this pattern; fills the ghosts of `x`. Collective."""
        self.halo.update(x)
        product(self.pattern.starts, self.pattern.columns, values, sums, x, out)

    def diagonal(self, values: Real, sums: Float) -> Float:
        """Return the diagonal that `values` with row sums `sums` has, (padded,)."""
        off = np.add.reduceat(
            np.concatenate([values, np.zeros((1, values.shape[1]), values.dtype)]).astype(float),
            np.minimum(self.pattern.starts[:-1], len(values)),
            axis=0,
        )
        off[np.diff(self.pattern.starts.astype(np.int64)) == 0] = 0.0
        return sums - off.ravel()

    def stiffest_rate(self) -> float:
        """Return a bound of the largest eigenvalue of (lumped mass)⁻¹ stiffness, in 1/ms.

        By Gershgorin's circles, so that it is safe and the same on any number of ranks.
        """
        zero = np.zeros(self.pattern.padded)
        radius = self.diagonal(-np.abs(self.stiffness), zero)
        local = float((2.0 * radius / self.lumped)[: self.rows].max(initial=0.0))
        return float(self.comm.allreduce(local, op=MPI.MAX))

    def matrices(self) -> tuple[Any, Any]:
        """Return mass and stiffness of all ranks as sparse matrices (nodes, nodes); collective.

        For tests and small studies: every rank holds everything.
        """
        import scipy.sparse

        column = self.vector()
        column[: self.rows] = self.nodes
        self.halo.update(column)
        rows = np.arange(self.pattern.padded).reshape(-1, self.pattern.columns.shape[1])
        starts = self.pattern.starts.astype(np.int64)
        widths = starts[1:] - starts[:-1]
        row = np.repeat(rows, widths, axis=0)
        other = self.pattern.columns
        keep = other != row
        result = []
        for values, sums in ((self.mass, self.lumped), (self.stiffness, 0.0 * self.lumped)):
            here = (
                np.concatenate([values[keep], self.diagonal(values, sums)[: self.rows]]),
                np.concatenate([self.nodes[row[keep]], self.nodes]),
                np.concatenate([column[other[keep]].astype(int), self.nodes]),
            )
            parts = self.comm.allgather(here)
            data, i, j = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
            shape = (self.space.nodes, self.space.nodes)
            result.append(scipy.sparse.csr_matrix((data, (i, j)), shape=shape))
        return result[0], result[1]


def assemble(
    space: TissueSpace,
    tensors: Float,
    conducting: NDArray[np.bool_] | None = None,
    *,
    single: bool = True,
) -> TissueOperators:
    """Return mass ∫ u v and stiffness ∫ D∇u·∇v over the cells that conduct; collective.

    Parameters
    ----------
    space
        Nodes and cells.
    tensors
        (m, 3, 3) of each cell, e.g. diffusivities in mm2/ms; symmetric, positive where it conducts.
    conducting
        (m,) whether a cell conducts; all by default.
    single
        Keep off-diagonal entries in single precision (relative 6e-8; row sums stay exact).

    Raises
    ------
    ParameterError
        A tensor of a conducting cell is not symmetric positive definite.
    MeshInputError
        No cell conducts.
    """
    count = len(space.cells)
    conducts = np.ones(count, bool) if conducting is None else np.asarray(conducting, bool)
    _check(space, np.asarray(tensors), conducts)
    u, v = ufl.TrialFunction(space.space), ufl.TestFunction(space.space)
    inside = space.cell_function(conducts)
    sigma = space.cell_function(np.where(conducts[:, None, None], tensors, 0.0))
    degree = space.degree
    mass = _assembled(inside * u * v * space.measure(2 * degree))
    stiffness = _assembled(
        ufl.inner(ufl.dot(sigma, ufl.grad(u)), ufl.grad(v)) * space.measure(2 * (degree - 1))
    )
    return _kept(space, mass, stiffness, np.float32 if single else np.float64)


def _check(space: TissueSpace, tensors: Float, conducts: NDArray[np.bool_]) -> None:
    if tensors.shape != (len(conducts), 3, 3):
        raise ParameterError(
            f"conductivity of shape {tensors.shape}", expected=f"({len(conducts)}, 3, 3)"
        )
    if not conducts.any():
        raise MeshInputError("no cell of the tissue conducts", fix="check the scar")
    local = space.global_cells[conducts[space.global_cells]]
    mine = tensors[local]
    lowest = np.full(len(mine), -np.inf)
    finite = np.isfinite(mine).all(axis=(1, 2))
    even = np.abs(mine - mine.transpose(0, 2, 1)).max(axis=(1, 2), initial=0.0) < 1e-9 * np.abs(
        mine
    ).max(axis=(1, 2), initial=0.0)
    usable = finite & even
    lowest[usable] = np.linalg.eigvalsh(mine[usable])[:, 0]
    bad = local[lowest <= 0.0]
    first = space.comm.allreduce(int(bad.min()) if len(bad) else len(conducts), op=MPI.MIN)
    if first < len(conducts):
        raise ParameterError(
            f"conductivity of cell {first} is not symmetric and positive",
            expected="three positive conductivities along orthonormal axes",
            fix="check the fibres of that cell, or mark it as not conducting",
        )


def _assembled(form: Any) -> Any:
    matrix = fem.assemble_matrix(fem.form(form))
    matrix.scatter_reverse()
    return matrix


def _kept(
    space: TissueSpace, mass: Any, stiffness: Any, dtype: type[np.floating]
) -> TissueOperators:
    """Take the owned rows out of dolfinx's matrices, without nodes that do not conduct."""
    owned, comm = space.owned, space.comm
    starts = np.asarray(mass.indptr[: owned + 1], np.int64)
    columns = np.asarray(mass.indices[: starts[-1]], np.int64)
    m = np.asarray(mass.data[: starts[-1]])
    k = np.asarray(stiffness.data[: starts[-1]])
    rows = np.repeat(np.arange(owned), np.diff(starts))
    sums = np.bincount(rows, m, minlength=owned)
    active = np.bincount(rows, np.where(rows == columns, m, 0.0), minlength=owned) > 0.0
    nodes, place = _along(space, active)
    keep = (rows != columns) & ((m != 0.0) | (k != 0.0))
    rows, columns, m, k = rows[keep], columns[keep], m[keep], k[keep]

    index_map = mass.index_map(1)
    ghost = np.unique(columns[columns >= owned]) - owned
    owners = np.asarray(index_map.owners, np.int64)[ghost]
    first = np.array(comm.allgather(index_map.local_range[0]))
    theirs = np.asarray(index_map.ghosts, np.int64)[ghost] - first[owners]
    positions = _translate(comm, owners, theirs, place)
    count = int(active.sum())
    new = np.empty(len(columns), np.int64)
    here = columns < owned
    new[here] = place[columns[here]]
    new[~here] = count + np.searchsorted(ghost + owned, columns[~here])
    sort = np.argsort(place[rows], kind="stable")
    m, k = m[sort], k[sort]
    shape = pattern(place[rows[sort]], new[sort], count)
    lumped = np.ones(shape.padded)
    lumped[place[active]] = sums[active]
    return TissueOperators(
        space=space,
        nodes=nodes,
        pattern=shape,
        mass=shape.store(m, dtype),
        stiffness=shape.store(k, dtype),
        lumped=lumped,
        halo=Halo(comm, owners, positions, shape.padded),
    )


def _along(space: TissueSpace, active: NDArray[np.bool_]) -> tuple[Int, Int]:
    """Return this rank's unknowns along a curve, and the place of each owned node among them.

    Eight rows that are neighbours in space make a slice that a wave is in or is not.
    """
    owned = np.flatnonzero(active)
    nodes = space.global_nodes[owned]
    order = np.argsort(along_curve(space.points[nodes], space.points), kind="stable")
    place = np.full(len(active), -1, np.int64)
    place[owned[order]] = np.arange(len(order))
    return nodes[order], place


def _translate(comm: MPI.Intracomm, owners: Int, theirs: Int, place: Int) -> Int:
    """Ask each owner for the new place of its nodes, in the order of `theirs`."""
    asked = comm.alltoall([theirs[owners == rank] for rank in range(comm.size)])
    answers = comm.alltoall([place[nodes] for nodes in asked])
    positions = np.empty(len(theirs), np.int64)
    for rank in range(comm.size):
        positions[owners == rank] = answers[rank]
    return positions
