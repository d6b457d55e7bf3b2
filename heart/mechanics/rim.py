"""The rim of an inner surface: where the cavity is open, and the lid that closes it.

The lid is the cone of straight lines from the rim to the mean of its nodes, so that it moves with
the rim however the base deforms. Its part of the cavity's volume is a function of the rim's nodes
alone, on all ranks. Where these are is read from the mesh at each call, because unloading moves it;
how much each counts in the mean stays as it was at first, so that one shape has one volume. A rim
that is no closed loop, or borders on anything but the base, is a hole in the wall or a wrong tag:
then there is no volume, and that is an error.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import basix
import numpy as np
from dolfinx.mesh import exterior_facet_indices
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from heart.core.errors import MeshInputError
from heart.mechanics.space import FACETS, MechanicsSpace

Float = NDArray[np.float64]
Int = NDArray[np.int64]

UNTAGGED = 0
SIMPSON = np.array([1.0, 4.0, 1.0]) / 6.0
CROSSING = {
    2: np.array([[0.0, 0.5], [-0.5, 0.0]]),
    3: np.array([[0.0, 2.0, -0.5], [-2.0, 0.0, 2.0], [0.5, -2.0, 0.0]]) / 3.0,
}
"""Per edge, w_ij = ½ ∫ (φ_i φ_j' − φ_j φ_i') dt of its nodes: vector area = ½ Σ w_ij x_i × x_j."""


class Rim:
    """Edges where an inner surface ends, with the lids over their loops.

    Parameters
    ----------
    space
        Mesh and tags; the nodes are those of its displacement.
    boundary
        Tag of the inner surface.
    base
        Tags that the rim may border on.

    Attributes
    ----------
    loops
        How many closed loops there are; none for a cavity inside the mesh.

    Raises
    ------
    MeshInputError
        Cavity not closed: the rim has an end, branches, or borders on another surface.
    """

    def __init__(self, space: MechanicsSpace, boundary: int, base: Collection[int]) -> None:
        self._comm, self._boundary = space.comm, int(boundary)
        displacement = space.displacement
        function_space, dofs = displacement.collapse() if space.mixed else (displacement, None)
        self._layout = function_space.dofmap.index_map
        self._dofs = None if dofs is None else np.asarray(dofs, np.int64).ravel()
        edges, tags, centres = _edges(space, function_space)
        rows = space.comm.allgather((edges, tags, centres))
        edges, tags, centres = (np.concatenate(part) for part in zip(*rows, strict=True))
        chosen, neighbours = _rim(edges, tags, int(boundary))
        self._check_neighbours(neighbours, centres[chosen], base)
        edges = edges[chosen]
        self.nodes: Int = np.unique(edges)
        self._edges = np.searchsorted(self.nodes, edges)
        self.loops, self._loop = self._number(centres[chosen])
        low, high = self._layout.local_range
        self._here = np.flatnonzero((self.nodes >= low) & (self.nodes < high))
        self._local = self.nodes[self._here] - low
        self._geometry = space.mesh.geometry
        self._around, self._shares = _on_geometry(space.mesh, function_space, self._local)
        self._weights = self._averages()

    def _check_neighbours(self, tags: Int, centres: Float, base: Collection[int]) -> None:
        wrong = ~np.isin(tags, list(base))
        if wrong.any():
            at = int(np.argmax(wrong))
            x, y, z = centres[at]
            other = "no tag" if tags[at] == UNTAGGED else f"tag {tags[at]}"
            raise MeshInputError(
                f"cavity behind boundary {self._boundary} is not closed: {int(wrong.sum())} of "
                f"{len(tags)} edges of its rim border on {other}",
                where=f"({x:.1f}, {y:.1f}, {z:.1f}) mm",
                expected=f"tags of the base: {', '.join(map(str, sorted(map(int, base))))}",
                fix="tag the base, and close holes in the wall",
            )

    def _number(self, centres: Float) -> tuple[int, Int]:
        """Return the number of loops and the loop of each edge."""
        ends = self._edges[:, [0, -1]]
        count = len(self.nodes)
        degree = np.bincount(ends.ravel(), minlength=count)
        branching = (degree != 2) & (degree != 0)
        if branching.any():
            bad = np.isin(ends, np.flatnonzero(branching)).any(axis=1)
            x, y, z = centres[int(np.argmax(bad))]
            raise MeshInputError(
                f"cavity behind boundary {self._boundary} is not closed: its rim ends or branches "
                f"at {int(branching.sum())} nodes",
                where=f"({x:.1f}, {y:.1f}, {z:.1f}) mm",
                expected="closed loops",
                fix="correct the tags of the inner surface",
            )
        if not len(ends):
            return 0, np.zeros(0, np.int64)
        graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(count, count))
        _, part = connected_components(graph, directed=False)
        used, loop = np.unique(part[ends[:, 0]], return_inverse=True)
        return len(used), loop.astype(np.int64)

    def _averages(self) -> Float:
        """Return what each node counts in the apex of each loop's lid, (loops, nodes)."""
        points = self.gather(self._places())
        chord = np.linalg.norm(points[self._edges[:, -1]] - points[self._edges[:, 0]], axis=1)
        share = SIMPSON if self._edges.shape[1] == 3 else np.full(2, 0.5)
        weights = np.zeros((self.loops, len(self.nodes)))
        for position, part in enumerate(share):
            np.add.at(weights, (self._loop, self._edges[:, position]), part * chord)
        return weights / weights.sum(axis=1, keepdims=True)

    def gather(self, own: Float) -> Float:
        """Return (nodes, 3) on all ranks from the values at this rank's nodes. Collective."""
        everything = np.zeros((len(self.nodes), 3))
        everything[self._here] = own
        return np.asarray(self._comm.allreduce(everything))

    def positions(self, state: Any) -> Float:
        """Return where the nodes are, (nodes, 3), with the displacement of `state`. Collective."""
        return self.gather(self._places() + state.x.array[self.unknowns()])

    def _places(self) -> Float:
        """Return where this rank's nodes are on the mesh as it is now, (k, 3)."""
        return np.asarray(np.einsum("kn,kni->ki", self._shares, self._geometry.x[self._around]))

    def unknowns(self) -> Int:
        """Return the local numbers (k, 3) of the unknowns of this rank's nodes."""
        blocked = 3 * self._local[:, None] + np.arange(3)
        return np.asarray(blocked if self._dofs is None else self._dofs[blocked])

    def own(self, everything: Float) -> Float:
        """Return the rows of this rank's nodes."""
        return np.asarray(everything[self._here])

    def lids(self, positions: Float) -> tuple[float, Float]:
        """Return the lids' part of the volume, and its derivative by the positions (nodes, 3).

        A cone about its apex c has the part c·A/3 of the volume about the origin, A the vector
        area of the loop.
        """
        apex = self._weights @ positions
        crossing = CROSSING[self._edges.shape[1]] if len(self._edges) else np.zeros((2, 2))
        at = positions[self._edges]
        across = np.einsum("ij,njk->nik", crossing, at)
        area = np.zeros((self.loops, 3))
        np.add.at(area, self._loop, 0.5 * np.cross(at, across).sum(axis=1))
        slope = self._weights.T @ area / 3.0
        np.add.at(slope, self._edges, np.cross(across, apex[self._loop][:, None, :]) / 3.0)
        return float((apex * area).sum() / 3.0), slope


def _edges(space: MechanicsSpace, function_space: Any) -> tuple[Int, Int, Float]:
    """Return the edges of all outer facets of owned cells: nodes, tag, and middle.

    They run so that the facet is on their left, seen from outside of the muscle.
    """
    mesh, topology = space.mesh, space.mesh.topology
    topology.create_connectivity(FACETS, 3)
    topology.create_connectivity(3, FACETS)
    outer = exterior_facet_indices(topology)
    cells = topology.connectivity(FACETS, 3).array[topology.connectivity(FACETS, 3).offsets[outer]]
    mine = cells < topology.index_map(3).size_local
    outer, cells = outer[mine], cells[mine]
    of_cell = topology.connectivity(3, FACETS).array.reshape(-1, _facets(mesh))[cells]
    local = np.argmax(of_cell == outer[:, None], axis=1)
    tag_of = np.full(
        topology.index_map(FACETS).size_local + topology.index_map(FACETS).num_ghosts,
        UNTAGGED,
        np.int64,
    )
    tag_of[space.facets.indices] = space.facets.values
    tags = tag_of[outer]
    table = _facet_edges(mesh, function_space)
    nodes = np.asarray(function_space.dofmap.list)[cells]
    count, width = table.shape[1:]
    found = np.take_along_axis(nodes, table[local].reshape(len(cells), -1), axis=1)
    found = found.reshape(len(cells), count, width)
    points = function_space.tabulate_dof_coordinates()
    corners = points[nodes[:, : _corners(mesh)]]
    start, end = points[found[..., 0]], points[found[..., -1]]
    middle = 0.5 * (start + end).mean(axis=1)
    outward = middle - corners.mean(axis=1)
    turn = np.cross(outward[:, None], end - start)
    backward = np.einsum("fek,fek->fe", turn, middle[:, None] - start) < 0.0
    found[backward] = found[backward][:, ::-1]
    numbers = space_numbers(function_space, found.ravel()).reshape(-1, width)
    return numbers, tags.repeat(count), (0.5 * (start + end)).reshape(-1, 3)


def _on_geometry(mesh: Any, function_space: Any, nodes: Int) -> tuple[Int, Float]:
    """Return the nodes of the geometry (k, n) around `nodes` (k,), and their shares in each."""
    cells = np.asarray(function_space.dofmap.list)
    known, first = np.unique(cells, return_index=True)
    at = first[np.searchsorted(known, nodes)]
    cell, position = at // cells.shape[1], at % cells.shape[1]
    element = mesh.ufl_domain().ufl_coordinate_element().sub_elements[0]
    points = np.asarray(function_space.element.interpolation_points, np.float64)
    shares = element.tabulate(0, points)[0]
    return np.asarray(mesh.geometry.dofmaps[0], np.int64)[cell], np.asarray(shares[position])


def space_numbers(function_space: Any, nodes: Int) -> Int:
    """Return the numbers over all ranks of local nodes."""
    layout = function_space.dofmap.index_map
    return np.asarray(layout.local_to_global(nodes.astype(np.int32)), np.int64)


def _facets(mesh: Any) -> int:
    return len(basix.topology(mesh.basix_cell())[2])


def _corners(mesh: Any) -> int:
    return len(basix.topology(mesh.basix_cell())[0])


def _facet_edges(mesh: Any, function_space: Any) -> Int:
    """Return (facets, edges of a facet, nodes of an edge) in numbers of a cell's nodes."""
    topology = basix.topology(mesh.basix_cell())
    layout = function_space.dofmap.dof_layout
    table = []
    for facet in topology[2]:
        rows = [
            [pair[0], *layout.entity_dofs(1, number), pair[1]]
            for number, pair in enumerate(topology[1])
            if set(pair) <= set(facet)
        ]
        table.append(rows)
    return np.asarray(table, np.int64)


def _rim(edges: Int, tags: Int, boundary: int) -> tuple[Int, Int]:
    """Return the edges with `boundary` on one side only, and the tag on their other side."""
    if not len(edges):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    ends = np.sort(edges[:, [0, -1]], axis=1)
    keys = ends[:, 0] * (edges.max() + 1) + ends[:, 1]
    _, key = np.unique(keys, return_inverse=True)
    inside = tags == boundary
    once = np.bincount(key, weights=inside) == 1
    chosen = np.flatnonzero(inside & once[key])
    other = np.full(key.max() + 1, UNTAGGED, np.int64)
    other[key[~inside]] = tags[~inside]
    return chosen, other[key[chosen]]
