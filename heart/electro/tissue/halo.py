"""What neighbouring ranks have to tell each other before a matrix product: values of ghost nodes.

The rows of a rank reach nodes that other ranks own. Who needs which of them is agreed once; each
exchange is then one neighbourhood collective with buffers that are kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int = NDArray[np.integer]


class Halo:
    """Values of ghost nodes: behind the rank's own in the same array, or in a table of their own.

    Parameters
    ----------
    comm
        All ranks that share the tissue.
    owners
        (g,) rank that owns each ghost.
    positions
        (g,) place of each ghost in its owner's array.
    first
        Where ghosts begin in the arrays that `update` is given.

    Attributes
    ----------
    ghosts
        Number of ghosts g.
    sent
        (s,) places of this rank's nodes that others want, once for each that does.
    """

    def __init__(self, comm: MPI.Intracomm, owners: Int, positions: Int, first: int) -> None:
        self.comm, self.ghosts = comm, len(owners)
        order = np.argsort(owners, kind="stable")
        wanted = [positions[order][owners[order] == rank] for rank in range(comm.size)]
        asked = comm.alltoall(wanted) if comm.size > 1 else [np.zeros(0, np.int64)]
        self.sent: Int = np.concatenate(asked).astype(np.int64)
        self._slots: Int = first + order
        self._order = order
        self._graph: Any = None
        if comm.size > 1:
            sources = [rank for rank in range(comm.size) if len(wanted[rank])]
            targets = [rank for rank in range(comm.size) if len(asked[rank])]
            self._graph = comm.Create_dist_graph_adjacent(sources, targets)
            self._out = np.empty(len(self.sent))
            self._in = np.empty(self.ghosts)
            self._out_counts = [len(asked[rank]) for rank in targets]
            self._in_counts = [len(wanted[rank]) for rank in sources]

    def update(self, values: Float) -> None:
        """Fill the ghosts of `values` from their owners; collective."""
        if self._graph is None:
            return
        np.take(values, self.sent, out=self._out)
        self._graph.Neighbor_alltoallv([self._out, self._out_counts], [self._in, self._in_counts])
        values[self._slots] = self._in

    def fetch(self, table: Float) -> Float:
        """Return (g, k) values of the ghosts for those (s, k) of the nodes `sent`; collective."""
        width = table.shape[1]
        if self._graph is None:
            return np.zeros((0, width))
        received = np.empty((self.ghosts, width))
        self._graph.Neighbor_alltoallv(
            [np.ascontiguousarray(table), [width * count for count in self._out_counts]],
            [received, [width * count for count in self._in_counts]],
        )
        result = np.empty_like(received)
        result[self._order] = received
        return result
