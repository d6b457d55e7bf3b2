"""The bidomain problem: voltage and extracellular potential, with currents from electrodes.

It is a `Monodomain` of the intracellular space whose diffusion steps are replaced by coupled ones,
so that running, watching, checking, saving and restoring are the same and are written once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from heart.core.errors import CheckpointError, ParameterError
from heart.core.progress import Telemetry
from heart.electro.tissue.bidomain_model import BidomainModel
from heart.electro.tissue.coupling import CoupledDiffusion, Coupling
from heart.electro.tissue.extracellular import ExtracellularPotential
from heart.electro.tissue.implicit import ImplicitDiffusion
from heart.electro.tissue.monodomain import Monodomain
from heart.electro.tissue.observer import Observer
from heart.electro.tissue.reaction import Reaction
from heart.electro.tissue.scheme import Diffusion, Scheme
from heart.electro.tissue.shock import ExtracellularStimulus
from heart.electro.tissue.space import TissueSpace
from heart.electro.tissue.stepping import SplitStepper, Stepper
from heart.electro.tissue.stimulus import TissueStimulus

Float = NDArray[np.float64]
Int = NDArray[np.integer]
Arrays = dict[str, NDArray[Any]]

_KEYS = ("extracellular.now", "extracellular.before", "extracellular.dt")
_MOMENT = 1e-6


class Bidomain:
    """Reaction and diffusion in two spaces.

    Parameters
    ----------
    space
        Nodes and cells.
    model
        Cells and conductivities.
    scheme
        Numerics: Strang or Godunov splitting with an implicit diffusion step.
    stimuli
        Currents across the membrane.
    shocks
        Currents from electrodes in extracellular space.
    ground
        Global nodes at 0 mV; None: the extracellular potential has zero mean.
    coupling
        Passes per step.
    reaction
        Makes the cells at given nodes; by default the population of the model's layout.

    Attributes
    ----------
    tissue
        The problem of the voltage, whose diffusion steps are coupled ones.
    potential
        The elliptic problem.

    Raises
    ------
    ParameterError
        Model, space and scheme do not fit, or a stimulus reaches nothing.
    """

    def __init__(
        self,
        space: TissueSpace,
        model: BidomainModel,
        scheme: Scheme,
        stimuli: Sequence[TissueStimulus] = (),
        shocks: Sequence[ExtracellularStimulus] = (),
        *,
        ground: Int | None = None,
        coupling: Coupling | None = None,
        reaction: Callable[[Int], Reaction] | None = None,
    ) -> None:
        self.model, self.scheme = model, scheme
        self.tissue = Monodomain(space, model.intracellular, scheme, stimuli, reaction=reaction)
        stepper = self.tissue.stepper
        solver = stepper.diffusion.solver if isinstance(stepper, SplitStepper) else None
        if not isinstance(stepper, SplitStepper) or not isinstance(solver, ImplicitDiffusion):
            raise ParameterError(
                f"bidomain with {scheme.splitting.value} splitting, {scheme.diffusion.value}"
                f"{', multirate' if scheme.multirate else ''}",
                expected="strang or godunov, implicit_euler or crank_nicolson, one rate",
                fix="use the profile electro/accurate",
            )
        operators = self.tissue.operators
        self.potential = ExtracellularPotential(
            space, model, ground=ground, stimuli=shocks, operators=operators
        )
        implicit = 1.0 if scheme.diffusion is Diffusion.IMPLICIT_EULER else 0.5
        self._coupled = CoupledDiffusion(
            operators, solver, self.potential, implicit, coupling or Coupling()
        )
        stepper.coupled = self._coupled

    @property
    def space(self) -> TissueSpace:
        """Nodes and cells."""
        return self.tissue.space

    @property
    def comm(self) -> MPI.Intracomm:
        """The ranks that share the tissue."""
        return self.tissue.comm

    @property
    def nodes(self) -> Int:
        """(n,) global index of each unknown of the voltage on this rank."""
        return self.tissue.nodes

    @property
    def time(self) -> float:
        """Present time in ms."""
        return self.tissue.time

    @property
    def stepper(self) -> Stepper:
        """What advances voltage, potential and cells."""
        return self.tissue.stepper

    @property
    def reaction(self) -> Reaction:
        """The cells."""
        return self.tissue.reaction

    @property
    def local_voltage(self) -> Float:
        """(n,) mV of this rank's unknowns: a view, not to be changed."""
        return self.tissue.local_voltage

    @property
    def last_good(self) -> Arrays | None:
        """Voltage and states of the last test of the fields that passed. Collective."""
        return self.tissue.last_good

    def gather(self, values: Float, elsewhere: float = np.nan) -> Float:
        """Return values (n,) or (n, k) of this rank's unknowns as a global array. Collective."""
        return self.tissue.gather(values, elsewhere)

    def voltage(self, elsewhere: float = np.nan) -> Float:
        """Return the voltage of all nodes (nodes,) in mV on every rank. Collective."""
        return self.tissue.voltage(elsewhere)

    def extracellular(self) -> Float:
        """Return φ_e of all nodes (nodes,) in mV at the present time, on every rank. Collective."""
        potential = self._coupled.now.copy()
        self.potential.respond(self.local_voltage, potential)
        self.potential.impose(self.time - _MOMENT, self.time, potential)
        return self.potential.gather(potential)

    def run(
        self,
        until: float,
        *,
        observers: Sequence[Observer] = (),
        telemetry: Telemetry | None = None,
    ) -> None:
        """Advance to `until` ms as `Monodomain.run` does. Collective.

        `PseudoBidomain(problem.potential)` is the observer of the extracellular potential.
        """
        self.tissue.run(until, observers=observers, telemetry=telemetry)

    def snapshot(self) -> Arrays:
        """Return the state in the global order of nodes, with the potentials of the last steps.

        Collective. The potentials are NaN before there are any.
        """
        coupled, result = self._coupled, self.tissue.snapshot()
        for name, values, needed in zip(_KEYS, (coupled.now, coupled.before), (1, 2), strict=False):
            known = values if coupled.known >= needed else np.full(len(values), np.nan)
            result[name] = self.potential.gather(known)
        result[_KEYS[2]] = np.array(coupled.dt)
        return result

    def restore(self, snapshot: Mapping[str, NDArray[Any]]) -> None:
        """Continue from a snapshot of a bidomain or a monodomain, made with any number of ranks.

        Raises
        ------
        CheckpointError
            It is of another mesh or other cells.
        """
        self.tissue.restore({key: snapshot[key] for key in snapshot if key not in _KEYS})
        if not all(key in snapshot for key in _KEYS):
            return
        now, before = (np.asarray(snapshot[key]) for key in _KEYS[:2])
        if not len(now) == len(before) == self.space.nodes:
            raise CheckpointError(
                f"snapshot has {len(now)} nodes in {_KEYS[0]}", expected=f"{self.space.nodes}"
            )
        coupled, mine = self._coupled, self.potential.nodes
        coupled.now, coupled.before = (np.nan_to_num(values[mine]) for values in (now, before))
        coupled.known = int(np.isfinite(now).all()) + int(np.isfinite(before).all())
        coupled.dt = float(snapshot[_KEYS[2]])
