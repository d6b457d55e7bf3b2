"""The extracellular potential that a membrane voltage makes: one elliptic problem, solved often.

The matrix never changes, so multigrid is set up once, and each solve starts from the potential of
the solve before. Currents from electrodes add fields that depend on nothing else: each is solved
for once, as the field of its full current, and scaled by how much of it is on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import ufl
from dolfinx import fem, la
from dolfinx.fem import petsc as fem_petsc
from mpi4py import MPI
from numpy.typing import NDArray

from heart.core.errors import ParameterError
from heart.electro.tissue.bidomain_model import BidomainModel
from heart.electro.tissue.operators import TissueOperators, assemble
from heart.electro.tissue.shock import ExtracellularStimulus
from heart.electro.tissue.space import TissueSpace
from heart.numerics import profiles, tetrahedra
from heart.numerics.ksp import LinearSolver

Float = NDArray[np.float64]
Int = NDArray[np.integer]

PROFILE = "bidomain_gamg"


class ExtracellularPotential:
    """Solve ∇·(σ_i + σ_e)∇φ = −∇·σ_i∇V − I_e for φ, insulated at the surface of the mesh.

    Potentials are arrays of this rank's `nodes`, which other than those of the voltage include
    scar and bath.

    Parameters
    ----------
    space
        Nodes and cells.
    model
        Conductivities.
    ground
        Global nodes at 0 mV; None: the mean over the volume is zero.
    stimuli
        Currents from electrodes.
    operators
        Those of `model.intracellular` where a problem has them already.
    profile
        Of solvers/, for the linear systems.

    Attributes
    ----------
    nodes
        (n,) global index of each value of this rank.
    within
        (rows,) which of these are unknowns of the voltage.
    iterations, solves
        Counted since the beginning.

    Raises
    ------
    ParameterError
        Model and space do not fit, ground of no node, or a current that has no way back.
    """

    def __init__(
        self,
        space: TissueSpace,
        model: BidomainModel,
        *,
        ground: Int | None = None,
        stimuli: Sequence[ExtracellularStimulus] = (),
        operators: TissueOperators | None = None,
        profile: str = PROFILE,
    ) -> None:
        if len(model.extra) != len(space.cells):
            raise ParameterError(
                f"conductivity of {len(model.extra)} cells for {len(space.cells)} cells"
            )
        self.space, self.stimuli = space, tuple(stimuli)
        self.operators = operators or assemble(
            space, model.intracellular.diffusivity, model.conducting, single=False
        )
        self.nodes: Int = space.global_nodes[: space.owned]
        place = np.full(space.nodes, -1, np.int64)
        place[self.nodes] = np.arange(space.owned)
        self.within: Int = place[self.operators.nodes]
        self.iterations = self.solves = 0
        # The operators have conductivities over χ C_m.
        self._scale = model.surface_to_volume * model.capacitance
        self._ground = None if ground is None else place[_grounded(ground, space.nodes)]
        if self._ground is not None:
            self._ground = self._ground[self._ground >= 0]
        self._volumes = self._integrals()
        self._total = float(space.comm.allreduce(self._volumes.sum(), op=MPI.SUM))
        self._solver = LinearSolver(
            self._matrix(model.bulk), profiles.load(profile), nullspace=ground is None
        )
        self._rhs, self._solution = (fem_petsc.create_vector(space.space) for _ in range(2))
        self._voltage, self._image = self.operators.vector(), self.operators.vector()
        self._zero = np.broadcast_to(0.0, self.operators.lumped.shape)
        self._fields = [self._field(one) for one in self.stimuli]

    def respond(self, voltage: Float, potential: Float) -> None:
        """Solve for the potential that a voltage makes, without currents from electrodes.

        Collective.

        Parameters
        ----------
        voltage
            (rows,) mV of the unknowns of the operators.
        potential
            (n,) mV: the start, overwritten by the solution.
        """
        rows = self.operators.rows
        self._voltage[:rows] = voltage[:rows]
        self.operators.apply(self.operators.stiffness, self._zero, self._voltage, self._image)
        source = np.zeros(len(self.nodes))
        source[self.within] = -self._scale * self._image[:rows]
        self._solve(source, potential)

    def impose(self, begin: float, end: float, potential: Float) -> bool:
        """Add the mean field of the electrodes between two times; return whether any is on."""
        shares = [one.share(begin, end) for one in self.stimuli]
        for share, field in zip(shares, self._fields, strict=True):
            if share:
                potential += share * field
        return any(shares)

    def lead(self, source: Float) -> Float:
        """Return the weights (nodes,) of the voltage in ``source · φ``, by reciprocity. Collective.

        Parameters
        ----------
        source
            (nodes,) weights of the potential, equal on all ranks.
        """
        field, mine = np.zeros(len(self.nodes)), source[self.nodes]
        if self._ground is None:
            # The mean is zero, so taking its share away changes nothing but balances the current.
            mine = mine - source.sum() * self._volumes / self._total
        self._solve(mine, field)
        rows = self.operators.rows
        self._voltage[:rows] = field[self.within]
        self.operators.apply(self.operators.stiffness, self._zero, self._voltage, self._image)
        return self.operators.gather(-self._scale * self._image, 0.0)

    def gather(self, values: Float) -> Float:
        """Return values of this rank's nodes as one array (nodes,) on all ranks. Collective."""
        return self.space.gather(self.nodes, values)

    def _solve(self, source: Float, potential: Float) -> None:
        if self._ground is not None:
            source[self._ground] = 0.0
        self._rhs.array[:] = source
        if self._rhs.norm() == 0.0:
            potential[:] = 0.0
            return
        self._solution.array[:] = potential
        outcome = self._solver.solve(self._rhs, self._solution)
        potential[:] = self._solution.array
        if self._ground is None:
            mean = self.space.comm.allreduce(self._volumes @ potential, op=MPI.SUM) / self._total
            potential -= mean
        self.iterations += outcome.iterations
        self.solves += 1

    def _field(self, stimulus: ExtracellularStimulus) -> Float:
        """Return the potential of a stimulus that is on, (n,) mV."""
        if stimulus.anode is None and self._ground is None:
            raise ParameterError(
                f"current of {stimulus.name} has no way back",
                expected="an anode, or grounded nodes",
            )
        volumes = tetrahedra.volumes(self.space.points, self.space.cells)
        width = self.space.connectivity.shape[1]
        sizes = np.bincount(
            self.space.connectivity.ravel(), np.repeat(volumes, width), minlength=self.space.nodes
        )
        field = np.zeros(len(self.nodes))
        self._solve(stimulus.source(sizes)[self.nodes], field)
        return field

    def _integrals(self) -> Float:
        """Return ∫ φ_i of this rank's nodes in mm3."""
        test = ufl.TestFunction(self.space.space)
        one = fem.assemble_vector(fem.form(test * self.space.measure(self.space.degree)))
        one.scatter_reverse(la.InsertMode.add)
        return np.array(one.array[: self.space.owned])

    def _matrix(self, bulk: Float) -> Any:
        space = self.space
        u, v = ufl.TrialFunction(space.space), ufl.TestFunction(space.space)
        flux = ufl.dot(space.cell_function(bulk), ufl.grad(u))
        form = ufl.inner(flux, ufl.grad(v)) * space.measure(2 * (space.degree - 1))
        matrix = fem_petsc.assemble_matrix(fem.form(form))
        matrix.assemble()
        if self._ground is not None:
            diagonal = matrix.getDiagonal()
            first, _ = matrix.getOwnershipRange()
            rows = np.asarray(first + self._ground, np.int32)
            matrix.zeroRowsColumns(rows, diagonal.sum() / diagonal.getSize())
            diagonal.destroy()
        return matrix


def _grounded(nodes: Int, total: int) -> Int:
    found = np.unique(np.asarray(nodes))
    if not found.size or found.dtype.kind not in "iu" or found[0] < 0 or found[-1] >= total:
        raise ParameterError(
            "ground is no node of the mesh", expected=f"at least one of the nodes 0 to {total - 1}"
        )
    return found
