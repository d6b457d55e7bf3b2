"""Pseudo-bidomain: an observer that notes φ_e of a monodomain wave at points and everywhere.

Recovering the extracellular potential from a monodomain voltage is what is called pseudo-bidomain:
the wave is that of the monodomain, the potential that of a bidomain around it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse
from mpi4py import MPI
from numpy.typing import NDArray

from heart.core.errors import ParameterError
from heart.electro.tissue.extracellular import ExtracellularPotential
from heart.electro.tissue.observer import Tissue
from heart.electro.tissue.space import EDGES, TissueSpace

Float = NDArray[np.float64]
Int = NDArray[np.integer]
Write = Callable[[float, Float], None]

OUTSIDE = 1e-6
"""Barycentric coordinates down to minus this are inside."""

_MOMENT = 1e-6


def weights_at(space: TissueSpace, positions: Float) -> scipy.sparse.csr_matrix:
    """Return the matrix (k, nodes) that interpolates nodal values to `positions` (k, 3).

    Raises
    ------
    ParameterError
        A position outside the mesh; says how far from its nearest node.
    """
    where = np.atleast_2d(np.asarray(positions, np.float64))
    if where.ndim != 2 or where.shape[1] != 3 or not np.isfinite(where).all():
        raise ParameterError("electrode positions are not k points of three finite numbers")
    corners = space.points[space.cells]
    inverse = np.linalg.inv((corners[:, 1:] - corners[:, :1]).transpose(0, 2, 1))
    width = space.connectivity.shape[1]
    nodes, values = np.zeros((len(where), width), np.int64), np.zeros((len(where), width))
    for k, position in enumerate(where):
        inner = np.einsum("mij,mj->mi", inverse, position - corners[:, 0])
        lowest = np.minimum(inner.min(axis=1), 1.0 - inner.sum(axis=1))
        cell = int(np.argmax(lowest))
        if not lowest[cell] >= -OUTSIDE:
            near = np.linalg.norm(space.points - position, axis=1).min()
            raise ParameterError(
                f"electrode {k} at ({', '.join(f'{c:g}' for c in position)}) mm is outside",
                expected=f"a point of the tissue or bath; the nearest node is {near:.2f} mm away",
                fix="move it, or use electrograms of an infinite bath",
            )
        share = np.concatenate([[1.0 - inner[cell].sum()], inner[cell]])
        nodes[k] = space.connectivity[cell]
        values[k] = share if space.degree == 1 else _quadratic(share)
    entries = (values.ravel(), (np.repeat(np.arange(len(where)), width), nodes.ravel()))
    return scipy.sparse.csr_matrix(entries, shape=(len(where), space.nodes))


def _quadratic(share: Float) -> Float:
    middles = 4.0 * share[EDGES[:, 0]] * share[EDGES[:, 1]]
    return np.concatenate([share * (2.0 * share - 1.0), middles])


def lead_weights(potential: ExtracellularPotential, positions: Float) -> Float:
    """Return the weights (k, nodes) with which the voltage makes φ_e at `positions`, on all ranks.

    By reciprocity one row is −σ_i∇ψ·∇ integrated, with ψ the potential of a unit current into that
    point; a sample then costs a product and no solve. Better than `PseudoBidomain` where there are
    more samples than points and no fields are wanted.

    Parameters
    ----------
    potential
        Solves; its ground is the reference of the signals, else their mean over the volume is.
    positions
        (k, 3) mm inside the mesh.

    Raises
    ------
    ParameterError
        A position outside the mesh.
    """
    sources = weights_at(potential.space, positions).toarray()
    return np.array([potential.lead(source) for source in sources]).reshape(sources.shape)


class PseudoBidomain:
    """Observer that recovers φ_e from the voltage every so often.

    It watches a `Monodomain` of the same mesh and scar, or a `Bidomain`.

    Parameters
    ----------
    potential
        Solves for the potential; its electrodes' fields are included.
    every
        ms between looks; None for each step.
    electrodes
        (k, 3) mm: points at which it is noted.
    keep
        Whether to keep whole fields.
    write
        Told time and potential (nodes,), on all ranks, at each look.

    Raises
    ------
    ParameterError
        An electrode outside the mesh, or when it watches a problem of other nodes.
    """

    def __init__(
        self,
        potential: ExtracellularPotential,
        *,
        every: float | None = 1.0,
        electrodes: Float | None = None,
        keep: bool = False,
        write: Write | None = None,
    ) -> None:
        self.potential, self.every = potential, every
        self._keep, self._write = keep, write
        whole = weights_at(potential.space, np.zeros((0, 3)) if electrodes is None else electrodes)
        self._weights = whole[:, potential.nodes]
        self._response = np.zeros(len(potential.nodes))
        self._times: list[float] = []
        self._samples: list[Float] = []
        self._fields: list[Float] = []

    def observe(self, time: float, voltage: Float, problem: Tissue) -> None:
        """Recover the potential at `time`, once. Collective."""
        if self._times and time <= self._times[-1] + _MOMENT:
            return
        if not self._times:
            self._same(problem)
        self.potential.respond(voltage, self._response)
        total = self._response.copy()
        self.potential.impose(time - _MOMENT, time, total)
        self._times.append(time)
        sample = self._weights @ total
        if problem.comm.size > 1:
            problem.comm.Allreduce(MPI.IN_PLACE, sample, op=MPI.SUM)
        self._samples.append(sample)
        if self._keep or self._write is not None:
            field = self.potential.gather(total)
            if self._keep:
                self._fields.append(field)
            if self._write is not None:
                self._write(time, field)

    def finish(self) -> None:
        """Nothing to close."""

    @property
    def times(self) -> Float:
        """(T,) ms."""
        return np.array(self._times)

    @property
    def signals(self) -> Float:
        """(k, T) mV against ground, or against the mean where there is none."""
        return np.array(self._samples).reshape(len(self._samples), -1).T

    @property
    def fields(self) -> Float:
        """(T, nodes) mV, equal on all ranks; none without `keep`."""
        return np.array(self._fields).reshape(len(self._fields), -1)

    def _same(self, problem: Tissue) -> None:
        same = np.array_equal(problem.nodes, self.potential.operators.nodes)
        if not problem.comm.allreduce(same, op=MPI.LAND):
            raise ParameterError(
                "extracellular potential and watched problem have different unknowns",
                fix="use the same space and the same conducting cells for both",
            )
