"""Ionic current from states and voltage interpolated into elements, integrated by quadrature.

Nodal currents that are interpolated smear the upstroke over an element; states and voltage are
smooth, so interpolating these and evaluating the current from them is more accurate for the
current and makes waves on coarse meshes too fast rather than too slow [Pathmanathan2012]. It costs
four evaluations in every element, so elements whose voltage hardly varies use nodal currents.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import MPIEnvironmentError, ParameterError
from heart.electro.ionic.kernel import Cells
from heart.electro.ionic.population import CellPopulation
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

    Parameters
    ----------
    operators
        Of a space of degree 1 on one rank.
    population
        Cells at its nodes. Elements whose nodes have different models use nodal currents, since
        states of different models cannot be interpolated.
    conducting
        (m,) elements that conduct.

    Raises
    ------
    ParameterError
        Elements of degree 2.
    MPIEnvironmentError
        More than one rank: states of ghost nodes are not exchanged.
    """

    def __init__(
        self,
        operators: TissueOperators,
        population: CellPopulation,
        conducting: NDArray[np.bool_],
    ) -> None:
        space = operators.space
        if space.degree != 1:
            raise ParameterError(
                "state-variable interpolation with elements of degree 2", fix="use degree 1"
            )
        if operators.comm.size > 1:
            raise MPIEnvironmentError(
                f"state-variable interpolation on {operators.comm.size} ranks",
                fix="run on one rank, or interpolate ionic currents",
            )
        self.operators, self.population = operators, population
        place = np.full(space.nodes, -1, np.int64)
        place[operators.nodes] = np.arange(operators.rows)
        cells = place[space.cells[np.asarray(conducting, bool)]]
        corners = space.points[space.cells[np.asarray(conducting, bool)]]
        edges = corners[:, 1:] - corners[:, :1]
        self._cells, self._volumes = cells, np.abs(np.linalg.det(edges)) / 6.0
        group_of = np.empty(operators.rows, np.int64)
        self._within = np.empty(operators.rows, np.int64)
        for index, group in enumerate(population.groups):
            group_of[group.rows] = index
            self._within[group.rows] = np.arange(len(group.rows))
        kinds = group_of[cells]
        self._kind = np.where((kinds == kinds[:, :1]).all(axis=1), kinds[:, 0], -1)
        self._scratch: list[Cells] = [group.cells.kernel.allocate(0) for group in population.groups]

    def __call__(self, voltage: Float, out: Float) -> None:
        """Write ∫ I φ in mm3 A/F to the rows of `out`."""
        rows = self.operators.rows
        nodal = self.population.ionic_current(voltage[:rows])
        corner_volts = voltage[self._cells]
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
                at_points = self._evaluate(index, self._cells[chosen], corner_volts[chosen])
                load[chosen] = (at_points @ POINTS) * (self._volumes[chosen, None] / 4.0)
        out[:rows] = np.bincount(self._cells.ravel(), load.ravel(), minlength=rows)

    def _evaluate(self, index: int, cells: Int, volts: Float) -> Float:
        """Return the current at the four points of each element, (k, 4)."""
        group = self.population.groups[index]
        count = 4 * len(cells)
        scratch = self._scratch[index]
        if scratch.states.shape[1] < count:
            scratch = group.cells.kernel.allocate(2 * count)
            self._scratch[index] = scratch
        scratch.n = count
        nodes = self._within[cells]
        states, varying = group.cells.states, group.cells.varying
        for row in range(1, len(states)):
            scratch.states[row, :count] = (states[row][nodes] @ POINTS.T).ravel()
        scratch.states[0, :count] = (volts @ POINTS.T).ravel()
        for row in range(len(varying)):
            scratch.varying[row, :count] = (varying[row][nodes] @ POINTS.T).ravel()
        scratch.parameters[:] = group.cells.parameters
        return scratch.ionic_current().reshape(-1, 4)
