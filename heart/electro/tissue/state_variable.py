"""Ionic current from states and voltage interpolated into elements, integrated by quadrature.

Nodal currents that are interpolated smear the upstroke over an element; states and voltage are
smooth, so interpolating these and evaluating the current from them is more accurate for the
current and makes waves on coarse meshes too fast rather than too slow [Pathmanathan2012]. It costs
four evaluations in every element, so elements whose voltage hardly varies use nodal currents.
"""

from __future__ import annotations

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from heart.core.errors import ParameterError
from heart.electro.ionic.kernel import Cells
from heart.electro.ionic.population import CellPopulation
from heart.electro.tissue.halo import Halo
from heart.electro.tissue.operators import TissueOperators

Float = NDArray[np.float64]
Int = NDArray[np.integer]

_A, _B = (5.0 + 3.0 * np.sqrt(5.0)) / 20.0, (5.0 - np.sqrt(5.0)) / 20.0
POINTS: Float = np.full((4, 4), _B) + (_A - _B) * np.eye(4)
"""Barycentric coordinates of the four points of the rule of degree 2; equal weights."""

UNIFORM = 0.1
"""mV: elements whose nodal voltages differ by less use nodal currents."""


class StateVariableLoad:
    """∫ I(V_h, u_h) φ for P1 elements, by a rule of degree 2.

    A rank integrates over all elements that its nodes touch, in the same order as one rank would;
    what it needs to know of the nodes of others is fetched once per evaluation.

    Parameters
    ----------
    operators
        Of a space of degree 1.
    population
        Cells at its nodes. Elements whose nodes have different models use nodal currents, since
        states of different models cannot be interpolated.
    conducting
        (m,) elements that conduct.

    Raises
    ------
    ParameterError
        Elements of degree 2.
    """

    def __init__(
        self,
        operators: TissueOperators,
        population: CellPopulation,
        conducting: NDArray[np.bool_],
    ) -> None:
        space, rows = operators.space, operators.rows
        if space.degree != 1:
            raise ParameterError(
                "state-variable interpolation with elements of degree 2", fix="use degree 1"
            )
        self.operators, self.population = operators, population
        place = np.full(space.nodes, -1, np.int64)
        place[operators.nodes] = np.arange(rows)
        elements = space.cells[np.asarray(conducting, bool)]
        elements = elements[(place[elements] >= 0).any(axis=1)]
        ghosts = np.unique(elements[place[elements] < 0])
        self._halo = _halo(operators, ghosts)
        place[ghosts] = rows + np.arange(len(ghosts))
        self._cells = place[elements]
        corners = space.points[elements]
        edges = corners[:, 1:] - corners[:, :1]
        self._volumes = np.abs(np.linalg.det(edges)) / 6.0
        self._group_of = np.empty(rows, np.int64)
        self._within = np.zeros(rows + len(ghosts), np.int64)
        model_of = np.asarray(population.layout.of_node)
        group_of_model = np.full(len(population.layout.models), -1)
        for index, group in enumerate(population.groups):
            self._group_of[group.rows] = index
            self._within[group.rows] = np.arange(len(group.rows))
            group_of_model[model_of[operators.nodes[group.rows[0]]]] = index
        kinds = group_of_model[model_of[elements]]
        self._kind = np.where((kinds == kinds[:, :1]).all(axis=1), kinds[:, 0], -1)
        self._scratch: list[Cells] = [group.cells.kernel.allocate(0) for group in population.groups]
        tables = [len(group.cells.states) + len(group.cells.varying) for group in population.groups]
        self._width = 1 + int(operators.comm.allreduce(max(tables, default=0), op=MPI.MAX))

    def __call__(self, voltage: Float, out: Float) -> None:
        """Write ∫ I φ in mm3 A/F to the rows of `out`; collective."""
        rows = self.operators.rows
        nodal, volts = self.population.ionic_current(voltage[:rows]), voltage[:rows]
        ghosts = self._halo.fetch(self._told(nodal, volts))
        if len(ghosts):
            nodal = np.concatenate([nodal, ghosts[:, 0]])
            volts = np.concatenate([volts, ghosts[:, 1]])
        corner_volts = volts[self._cells]
        varied = np.ptp(corner_volts, axis=1) > UNIFORM
        load = np.zeros((len(self._cells), 4))
        plain = ~varied | (self._kind < 0)
        currents = nodal[self._cells[plain]]
        # The consistent mass of an element: volume / 20 × (sum of the nodal values + own).
        load[plain] = (currents.sum(axis=1, keepdims=True) + currents) * (
            self._volumes[plain, None] / 20.0
        )
        for index in range(len(self.population.groups)):
            chosen = np.flatnonzero(varied & (self._kind == index))
            if len(chosen):
                corners = corner_volts[chosen]
                at_points = self._evaluate(index, self._cells[chosen], corners, ghosts)
                load[chosen] = (at_points @ POINTS) * (self._volumes[chosen, None] / 4.0)
        sums = np.bincount(self._cells.ravel(), load.ravel(), minlength=len(volts))
        out[:rows] = sums[:rows]

    def _told(self, nodal: Float, volts: Float) -> Float:
        """Return what other ranks have to know: current, voltage, states, parameters of nodes."""
        sent = self._halo.sent
        table = np.zeros((len(sent), self._width))
        for index, group in enumerate(self.population.groups):
            mine = np.flatnonzero(self._group_of[sent] == index)
            if len(mine):
                column = self._within[sent[mine]]
                states, varying = group.cells.states[:, column], group.cells.varying[:, column]
                known = np.concatenate([states, varying]).T
                table[mine, 1 : 1 + known.shape[1]] = known
        table[:, 0], table[:, 1] = nodal[sent], volts[sent]
        return table

    def _evaluate(self, index: int, cells: Int, volts: Float, ghosts: Float) -> Float:
        """Return the current at the four points of each element, (k, 4)."""
        group = self.population.groups[index]
        count = 4 * len(cells)
        scratch = self._scratch[index]
        if scratch.states.shape[1] < count:
            scratch = group.cells.kernel.allocate(2 * count)
            self._scratch[index] = scratch
        scratch.n = count
        nodes, states, varying = self._within[cells], group.cells.states, group.cells.varying
        foreign = np.nonzero(cells >= self.operators.rows)
        told = ghosts[cells[foreign] - self.operators.rows]

        def at_points(values: Float, column: int) -> Float:
            corners = values[nodes]
            corners[foreign] = told[:, column]
            return (corners @ POINTS.T).ravel()

        for row in range(1, len(states)):
            scratch.states[row, :count] = at_points(states[row], 1 + row)
        scratch.states[0, :count] = (volts @ POINTS.T).ravel()
        for row in range(len(varying)):
            scratch.varying[row, :count] = at_points(varying[row], 1 + len(states) + row)
        scratch.parameters[:] = group.cells.parameters
        return scratch.ionic_current().reshape(-1, 4)


def _halo(operators: TissueOperators, ghosts: Int) -> Halo:
    """Agree on who tells whom of the nodes `ghosts` (global indices) of others; collective."""
    comm, nodes = operators.comm, operators.nodes
    owner = operators.gather(np.full(operators.rows, float(comm.rank)), -1.0).astype(np.int64)
    place = operators.gather(np.arange(len(nodes), dtype=np.float64), -1.0).astype(np.int64)
    return Halo(comm, owner[ghosts], place[ghosts], operators.rows)
